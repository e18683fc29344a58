"""`bootstrap status`: what the collector knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bootstrap.cli.collector_options import collector_options, connect

PATIENCE_S = 5.0


@click.command(short_help="Show what the collector knows of the servers.")
@click.argument("servers", nargs=-1, metavar="[SERVER…]")
@click.option("--deploy-id", metavar="ID", help="Servers of this roll-out; else each in its newest one.")
@collector_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(
    servers: tuple[str, ...],
    deploy_id: str | None,
    collector: str | None,
    token_file: Path | None,
    ca: Path | None,
    as_json: bool,
) -> None:
    """Show every server, or all about each SERVER: its stages, attempts, exit codes and times, and why it failed.

    Of a group, such as 'web-*', its members are listed.
    """
    from functools import partial

    from bootstrap.client.collector import patiently
    from bootstrap.client.show import details, json_text, overview
    from bootstrap.errors import UsageError

    asked = connect(collector, token_file, ca)
    if not servers:
        known = patiently(lambda: asked.servers(deploy_id), PATIENCE_S)
        if as_json:
            click.echo(json_text(known))
        elif known:
            click.echo("\n".join(_paint(line) for line in overview(known)))
        else:
            click.echo("no server has reported yet", err=True)
        return
    found: list[dict[str, Any]] = []
    unknown = []
    for name in servers:
        if name.endswith("*"):
            members = patiently(partial(asked.servers, deploy_id, group=name), PATIENCE_S)
        else:
            members = [one for one in [patiently(partial(asked.server, name, deploy_id), PATIENCE_S)] if one]
        found += members
        unknown += [] if members else [name]
    if unknown:
        where = f" in deploy {deploy_id}" if deploy_id else ""
        hint = "`bootstrap status` lists those that have reported"
        raise UsageError(f"nothing has been heard of {', '.join(unknown)}{where}", hint=hint)
    if as_json:
        click.echo(json_text(found))
    elif any(name.endswith("*") for name in servers):
        click.echo("\n".join(_paint(line) for line in overview(found)))
    else:
        click.echo("\n\n".join(_paint("\n".join(details(server))) for server in found))


def _paint(text: str) -> str:
    """States in colour. click leaves the codes out when stdout is no terminal."""
    import os
    import re

    from bootstrap.client.show import COLOURS

    if os.environ.get("NO_COLOR"):
        return text
    words = "|".join(COLOURS)
    # Only as a column of its own: a word of a log stays as it is.
    return re.sub(rf"(?<=  )({words})(?=\s|$)", lambda m: click.style(m[1], fg=COLOURS[m[1]]), text)
