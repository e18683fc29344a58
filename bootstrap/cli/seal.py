"""`bootstrap seal`: refuses an image that would fail or leak, with the list of why."""

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
@click.option("--clean", "mend", is_flag=True, help="Mend what is safe to mend, then judge.")
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
    mend: bool,
    access: bool,
    allow: tuple[str, ...],
    mounts: tuple[str, ...],
    trigger: str,
    without_runner: bool,
    this_machine: bool,
    as_json: bool,
) -> int:
    """Judge the image whose root file system is in the folder ROOT, before it is cloned.

    All that is left over and all that is missing is listed at once; with findings the exit code is 4. Nothing is
    written without --clean, no link leads out of ROOT, and no program of the image is run.
    """
    from bootstrap.errors import ExitCode, UsageError
    from bootstrap.image.seal import seal

    if access and not mend:
        raise UsageError("--clean-access goes with --clean")
    sealed = seal(
        root,
        require=require,
        trigger=trigger,
        runner=not without_runner,
        allow=allow,
        mounts=mounts,
        mend=mend,
        access=access,
        this_machine=this_machine,
    )
    click.echo(json.dumps(sealed.as_json(), indent=1) if as_json else "\n".join(_lines(sealed, mend=mend)))
    return ExitCode.GOOD if sealed.is_clean else ExitCode.REFUSED


def _lines(sealed: Sealed, *, mend: bool) -> list[str]:
    """For people: what was done, then what is found, the same kind together."""
    from bootstrap.image.finding import Severity
    from bootstrap.image.root import shown

    lines = [f"cleaned   {shown(one.path)}: {one.did} ({one.code})" for one in sealed.cleaned]
    lines += [f"not cleaned: {reason}" for reason in sealed.failed]
    for severity in (Severity.ERROR, Severity.WARNING, Severity.ALLOWED):
        lines += _grouped(sealed.of(severity))
    lines += [f"note: --allow {text} met nothing" for text in sealed.unused]
    errors, warnings, allowed = (len(sealed.of(severity)) for severity in Severity)
    told = [f"{errors} finding{'' if errors == 1 else 's'}" if errors else "sealed"]
    told += [f"{warnings} warning{'' if warnings == 1 else 's'}"] if warnings else []
    told += [f"{allowed} allowed"] if allowed else []
    mendable = sum(one.cleaned_by(access=False) for one in sealed.of(Severity.ERROR))
    told += [f"--clean mends {mendable}"] if mendable and not mend else []
    return [*lines, f"{shown(sealed.root)}: {', '.join(told)}"]


def _grouped(findings: list[Finding]) -> list[str]:
    """One head for each kind, then its paths."""
    from bootstrap.image.finding import Mend
    from bootstrap.image.root import shown

    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.code, finding.why, finding.mend), []).append(finding)
    lines = []
    for (code, why, mend), group in groups.items():
        lines.append(f"{group[0].severity.value}[{code}]: {why}")
        for one in group:
            by = "" if one.linked or one.clean is Mend.LISTED else f"  (--clean: {one.clean.value})"
            by = "  (--clean-access)" if one.clean is Mend.ACCESS and by else by
            lines.append(f"  {shown(one.path)}: {shown(one.what)}{by}" if one.path else f"  {shown(one.what)}")
        lines.append(f"  mend: {shown(mend)}")
    return lines
