"""`bootstrap rehearse`: runs the real payload in a throwaway copy of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from bootstrap.cli.options import SpecOptions, duration, json_option, server_option, spec_options
from bootstrap.cli.stopping import stop_as_interrupted


def pair(text: str) -> tuple[str, str]:
    """Split `PATH=VALUE` into two texts, at the last `=`, since a path may contain one."""
    path, equals, value = text.rpartition("=")
    if not (equals and path.startswith("/") and value):
        raise click.BadParameter(f"{text!r} has no PATH= before its value, or PATH is not absolute")
    return path, value


def late_file(text: str) -> tuple[str, float]:
    """Read `PATH=SECONDS`, the `type` of --late. `5`, `0.5` and `5s` are numbers of seconds."""
    path, seconds = pair(text)
    try:
        return path, float(seconds.removesuffix("s"))
    except ValueError:
        raise click.BadParameter(f"{seconds!r} is not a number of seconds") from None


def brought_file(text: str) -> tuple[str, bytes]:
    """Read `PATH=FILE`, the `type` of --bring: a path in the copy, and the content of a file of this machine."""
    path, file = pair(text)
    try:
        return path, Path(file).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read: {error.strerror}") from error


def octal(text: str) -> int:
    """Read permission bits in octal, the `type` of --inject-mode."""
    # int() would also take a prefix, a sign and underscores.
    if not re.fullmatch(r"[0-7]{3,5}", text) or int(text, 8) > 0o7777:
        raise click.BadParameter(f"{text!r} is not a mode in octal; write 0400 or 0644")
    return int(text, 8)


@click.command()
@spec_options(must_exist=True)
@server_option
@click.option(
    "--late", multiple=True, type=late_file, metavar="PATH=SECONDS",
    help="Inject the file PATH so many seconds after the boot.",
)
@click.option(
    "--bring", multiple=True, type=brought_file, metavar="PATH=FILE",
    help="Put a copy of FILE at PATH, as the other program does that `wait_for` waits for.",
)
@click.option("--torn", is_flag=True, help="Let injected files appear empty and grow while the server runs.")
@click.option(
    "--order", type=click.Choice(("given", "reverse", "random")), default="given", show_default=True,
    help="The order in which files are injected.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The seed of --order random.")
@click.option(
    "--inject-mode", type=octal, default="0400", show_default=True,
    help="The mode that the cloud's agent gives to injected files.",
)
@click.option(
    "--cron",
    type=click.Choice(("fast", "real")),
    default="fast",
    show_default=True,
    help="fast: the same cron line, with minutes of one second; real: the cron daemon of this machine.",
)
@click.option(
    "--network",
    type=click.Choice(("none", "host")),
    default="none",
    show_default=True,
    help="none: only a loopback interface of its own; host: this machine's network, for apt-get and the like.",
)
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A mounted image or an unpacked root file system to copy in place of this machine's disks.",
)
@click.option(
    "--timeout", "timeout_s", type=duration, default="15m", show_default=True, help="How long the rehearsal may take."
)
@click.option(
    "--no-report", is_flag=True, help="Run no collector, and read the timeline from the server's journal instead."
)
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep the files that the server wrote in this folder.",
)
@json_option("Print the outcome with all events as JSON; the timeline goes to stderr.")
def command(
    inputs: SpecOptions,
    late: tuple[tuple[str, float], ...],
    bring: tuple[tuple[str, bytes], ...],
    no_report: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Run the real payload of SPEC in a throwaway copy of this machine and print what happened.

    SPEC is a file, or a folder holding one of the same name. The copy has its own processes, network and disks; all
    writing goes to memory. Home folders are empty in it, and no stage can change this machine. The exit code is 0 when
    the server is healthy, 5 when a stage or a check has failed, and 6 when time is out.
    """
    import json
    import os

    from bootstrap.client.timeline import verdict
    from bootstrap.plan.deploy_id import new_deploy_id
    from bootstrap.rehearse import rehearsal

    settings = rehearsal.Settings(
        inputs.spec,
        overrides=inputs.overrides,
        values_files=inputs.values_files,
        late=dict(late),
        brought=dict(bring),
        report=not no_report,
        **options,
    )
    # So that the copy is cleaned up.
    stop_as_interrupted()
    outcome = rehearsal.rehearse(
        settings,
        # With --json stdout is for the outcome alone.
        show=lambda line: click.echo(line, err=as_json),
        warn=lambda line: click.secho(line, fg=None if os.environ.get("NO_COLOR") else "red", err=True),
        deploy_id=new_deploy_id(),
    )
    if as_json:
        click.echo(json.dumps(outcome.as_json(), indent=1))
    else:
        click.echo(verdict(outcome.server, outcome.state, outcome.took_s))
    return int(outcome.exit_code)

