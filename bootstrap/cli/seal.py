"""`bootstrap seal`: judges an image before it is cloned, and lists why it would fail or leak."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import json_option, require_option
from bootstrap.cli.root_argument import RootFolder

if TYPE_CHECKING:
    from bootstrap.image.finding import Finding
    from bootstrap.image.seal import Sealed


@click.command()
@click.argument("root", type=RootFolder(path_type=Path))
@require_option
@click.option("--clean", is_flag=True, help="First fix what is safe to fix, then judge.")
@click.option("--clean-access", is_flag=True, help="With --clean: remove authorized_keys too.")
@click.option(
    "--allow",
    multiple=True,
    metavar="PATTERN",
    help="Accept the findings that match: a path, a code, or CODE:PATH, with * for anything.",
)
@click.option("--mount", "mounts", multiple=True, metavar="PATH", help="A mount below ROOT that belongs to the image.")
@click.option(
    "--trigger", type=click.Choice(["auto", "cron", "systemd"]), default="auto", show_default=True,
    help="What must start the runner; auto: one of the two.",
)
@click.option("--without-runner", is_flag=True, help="Do not require a baked runner: payloads bring their own.")
@click.option("--this-machine", is_flag=True, help="With --clean: allow ROOT to be the running system.")
@json_option()
def command(
    root: Path,
    require: tuple[str, ...],
    clean: bool,
    clean_access: bool,
    allow: tuple[str, ...],
    mounts: tuple[str, ...],
    trigger: str,
    without_runner: bool,
    this_machine: bool,
    as_json: bool,
) -> int:
    """Judge the image whose root file system is in the folder ROOT, before it is cloned.

    All leftovers and all missing parts are listed at once; if there are any, the exit code is 4. Nothing is written
    without --clean, no link is followed out of ROOT, and no program of the image is run.
    """
    from bootstrap.errors import ExitCode, UsageError
    from bootstrap.image.seal import seal

    # Keys have an option of their own, since they may be the only way into a clone.
    if clean_access and not clean:
        raise UsageError("--clean-access goes with --clean")
    sealed = seal(
        root,
        require=require,
        trigger=trigger,
        runner=not without_runner,
        allow=allow,
        mounts=mounts,
        clean=clean,
        access=clean_access,
        this_machine=this_machine,
    )
    click.echo(json.dumps(sealed.as_json(), indent=1) if as_json else "\n".join(_lines(sealed, cleaned=clean)))
    return ExitCode.GOOD if sealed.is_clean else ExitCode.REFUSED


def _lines(sealed: Sealed, *, cleaned: bool) -> list[str]:
    """Return the report for people: what was cleaned, then the findings, those of the same kind together.

    cleaned: whether --clean was given; without it the last line says how many findings it would fix.
    """
    from bootstrap.image.finding import Severity
    from bootstrap.image.root import shown

    lines = [f"cleaned   {shown(change.path)}: {change.did} ({change.code})" for change in sealed.cleaned]
    lines += [f"not cleaned: {reason}" for reason in sealed.failed]
    for severity in (Severity.ERROR, Severity.WARNING, Severity.ALLOWED):
        lines += _grouped(sealed.of(severity))
    lines += [f"note: --allow {text} fits no finding" for text in sealed.unused]
    errors, warnings, allowed = (len(sealed.of(severity)) for severity in Severity)
    counts = [f"{errors} finding{'' if errors == 1 else 's'}" if errors else "sealed"]
    counts += [f"{warnings} warning{'' if warnings == 1 else 's'}"] if warnings else []
    counts += [f"{allowed} allowed"] if allowed else []
    # Keys that let somebody in are not counted: --clean alone leaves them.
    cleanable = sum(finding.cleaned_by(access=False) for finding in sealed.of(Severity.ERROR))
    counts += [f"--clean fixes {cleanable}"] if cleanable and not cleaned else []
    return [*lines, f"{shown(sealed.root)}: {', '.join(counts)}"]


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
