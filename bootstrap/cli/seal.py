"""`bootstrap seal`: refuses an image that would fail or leak, with the list of reasons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.roots import RootFolder

if TYPE_CHECKING:
    from bootstrap.image.finding import Finding
    from bootstrap.image.seal import Sealed


@click.command(short_help="Refuse an image that would fail or leak.")
@click.argument("root", type=RootFolder(path_type=Path))
@click.option("--require", multiple=True, metavar="UNIT", help="A unit that must be started at boot, as nova-agent.")
@click.option("--clean", is_flag=True, help="Remove or empty what is safe to, then judge.")
@click.option("--clean-access", "access", is_flag=True, help="With --clean: remove authorized_keys too.")
@click.option(
    "--allow",
    multiple=True,
    metavar="PATTERN",
    help="Accept findings: a path, a code, or CODE:PATH, with * for anything.",
)
@click.option("--mount", "mounts", multiple=True, metavar="PATH", help="A mount below ROOT that belongs to the image.")
@click.option(
    "--trigger", type=click.Choice(["auto", "cron", "systemd"]), default="auto", help="What must start the runner."
)
@click.option("--without-runner", is_flag=True, help="No runner is baked in: payloads bring it.")
@click.option("--this-machine", is_flag=True, help="With --clean: ROOT may be the running system.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    root: Path,
    require: tuple[str, ...],
    clean: bool,
    access: bool,
    allow: tuple[str, ...],
    mounts: tuple[str, ...],
    trigger: str,
    without_runner: bool,
    this_machine: bool,
    as_json: bool,
) -> int:
    """Judge the image whose root file system is in the folder ROOT, before it is cloned.

    All leftovers and all that is missing are listed at once; with findings the exit code is 4. Nothing is written
    without --clean, no link leads out of ROOT, and no program of the image is run.
    """
    from bootstrap.errors import ExitCode, UsageError
    from bootstrap.image.seal import seal

    if access and not clean:
        raise UsageError("--clean-access goes with --clean")
    sealed = seal(
        root,
        require=require,
        trigger=trigger,
        runner=not without_runner,
        allow=allow,
        mounts=mounts,
        clean=clean,
        access=access,
        this_machine=this_machine,
    )
    click.echo(json.dumps(sealed.as_json(), indent=1) if as_json else "\n".join(_lines(sealed, clean=clean)))
    return ExitCode.GOOD if sealed.is_clean else ExitCode.REFUSED


def _lines(sealed: Sealed, *, clean: bool) -> list[str]:
    """The report for people: the actions of --clean, then the findings, then one line of totals."""
    from bootstrap.image.finding import Severity
    from bootstrap.image.root import shown

    lines = [f"cleaned   {shown(action.path)}: {action.did} ({action.code})" for action in sealed.cleaned]
    lines += [f"not cleaned: {failure}" for failure in sealed.failed]
    for severity in (Severity.ERROR, Severity.WARNING, Severity.ALLOWED):
        lines += _grouped(sealed.of(severity))
    lines += [f"note: --allow {pattern} fits no finding" for pattern in sealed.unused]
    errors, warnings, allowed = (len(sealed.of(severity)) for severity in Severity)
    totals = [f"{errors} finding{'' if errors == 1 else 's'}" if errors else "sealed"]
    totals += [f"{warnings} warning{'' if warnings == 1 else 's'}"] if warnings else []
    totals += [f"{allowed} allowed"] if allowed else []
    fixable = sum(finding.cleaned_by(access=False) for finding in sealed.of(Severity.ERROR))
    totals += [f"--clean fixes {fixable}"] if fixable and not clean else []
    return [*lines, f"{shown(sealed.root)}: {', '.join(totals)}"]


def _grouped(findings: list[Finding]) -> list[str]:
    """The findings, those of one kind together: the first with its reason, the others below it, then their fix."""
    from bootstrap.image.root import shown

    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        fix = f"{shown(finding.fix)}{_by_clean(finding)}"
        groups.setdefault((finding.code, finding.reason, fix), []).append(finding)
    lines = []
    for (code, reason, fix), (first, *others) in groups.items():
        lines.append(f"{first.severity.value}[{code}]: {_subject(first)}; {reason}")
        lines += [f"  also: {_subject(finding)}" for finding in others]
        lines.append(f"  fix: {fix}")
    return lines


def _by_clean(finding: Finding) -> str:
    """The action of --clean, as it stands behind the fix; "" if it leaves the finding alone."""
    from bootstrap.image.finding import Cleaning

    if finding.clean is Cleaning.ACCESS and not finding.linked:
        return "  (--clean-access: removed)"
    return f"  (--clean: {finding.clean.value})" if finding.cleaned_by(access=False) else ""


def _subject(finding: Finding) -> str:
    from bootstrap.image.root import shown

    return f"{shown(finding.path)}: {shown(finding.subject)}" if finding.path else shown(finding.subject)
