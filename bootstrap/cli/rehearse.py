"""`bootstrap rehearse`: runs the real payload in a throwaway copy of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from bootstrap.cli.collector_options import duration


def pair(text: str) -> tuple[str, str]:
    """`PATH=VALUE`, as two texts; the `type` of an option."""
    left, equals, right = text.rpartition("=")
    if not (equals and left.startswith("/") and right):
        raise click.BadParameter(f"{text!r} has no PATH= before its value, or PATH is not absolute")
    return left, right


def late_file(text: str) -> tuple[str, float]:
    """`PATH=SECONDS`; `5`, `0.5` and `5s` will do."""
    path, wanted = pair(text)
    try:
        return path, float(wanted.removesuffix("s"))
    except ValueError:
        raise click.BadParameter(f"{wanted!r} is not a number of seconds") from None


def brought_file(text: str) -> tuple[str, bytes]:
    """`PATH=FILE`: where it goes in the copy, and the content of a file here."""
    path, file = pair(text)
    try:
        return path, Path(file).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read: {error.strerror}") from error


def octal(text: str) -> int:
    """Permission bits in octal."""
    if not re.fullmatch(r"[0-7]{3,5}", text) or int(text, 8) > 0o7777:
        raise click.BadParameter(f"{text!r} is not a mode in octal; write 0400 or 0644")
    return int(text, 8)


@click.command(short_help="Run the real payload in a throwaway copy of this machine.")
@click.argument("spec", type=click.Path(exists=True, path_type=Path))
@click.option("--server", metavar="NAME", help="The server's name.  [default: the spec's name and -1]")
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="Override one value of the spec.")
@click.option("--values", "values_files", multiple=True, type=click.Path(path_type=Path), help="A YAML file of values.")
@click.option(
    "--late", multiple=True, type=late_file, metavar="PATH=SECONDS", help="Inject it so long after the boot."
)
@click.option(
    "--bring", multiple=True, type=brought_file, metavar="PATH=FILE", help="Play the other hand of `wait_for`."
)
@click.option("--torn", is_flag=True, help="Files are there empty first and grow while the server runs.")
@click.option("--order", type=click.Choice(("given", "reverse", "random")), default="given", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of --order random.")
@click.option("--inject-mode", type=octal, default="0400", show_default=True, help="What the cloud's agent sets.")
@click.option(
    "--cron",
    type=click.Choice(("fast", "real")),
    default="fast",
    show_default=True,
    help="fast: the same cron line, a minute lasting a second; real: the installed daemon.",
)
@click.option(
    "--network",
    type=click.Choice(("none", "host")),
    default="none",
    show_default=True,
    help="none: a loopback of its own; host: this machine's network, for apt-get and the like.",
)
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A mounted image or an unpacked root file system to copy in place of this machine's disks.",
)
@click.option("--timeout", "timeout_s", type=duration, default="15m", show_default=True)
@click.option("--no-report", is_flag=True, help="No collector: the timeline is read from the journal.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Leave what was written there.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome with all events; the timeline goes to stderr.")
def command(
    spec: Path,
    overrides: tuple[str, ...],
    values_files: tuple[Path, ...],
    late: tuple[tuple[str, float], ...],
    bring: tuple[tuple[str, bytes], ...],
    no_report: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Run the real payload of SPEC in a throwaway copy of this machine and print what happened.

    SPEC is a file, or a folder holding one of the same name. The copy has its own processes, network and disks (all
    writing goes to memory); home folders are empty in it, and no stage can change this machine. Exit 0 when the server
    is healthy, 5 when a stage or a check failed, 6 when the time is over.
    """
    import json
    import os
    import signal

    from bootstrap.plan.deploy_id import new_deploy_id
    from bootstrap.rehearse import rehearsal
    from bootstrap.rehearse.timeline import verdict

    settings = rehearsal.Settings(
        spec,
        overrides=overrides,
        values_files=values_files,
        late=dict(late),
        brought=dict(bring),
        report=not no_report,
        **options,
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # cleaned up as after Ctrl-C
    outcome = rehearsal.rehearse(
        settings,
        show=lambda line: click.echo(line, err=as_json),
        warn=lambda line: click.secho(line, fg=None if os.environ.get("NO_COLOR") else "red", err=True),
        deploy_id=new_deploy_id(),
    )
    if as_json:
        click.echo(json.dumps(outcome.as_json(), indent=1))
    else:
        click.echo(verdict(outcome.server, outcome.state, outcome.took_s))
    return int(outcome.exit_code)

