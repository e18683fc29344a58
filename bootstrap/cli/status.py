"""`bootstrap status`: prints the servers as the collector knows them."""

from __future__ import annotations

import click

from bootstrap.cli.options import CollectorOptions, collector_options, json_option


@click.command()
@click.argument("servers", nargs=-1, metavar="[SERVER…]")
@click.option("--deploy-id", metavar="ID", help="Show servers in this roll-out.  [default: each in its newest one]")
@collector_options
@json_option()
def command(
    servers: tuple[str, ...],
    deploy_id: str | None,
    collector: CollectorOptions,
    as_json: bool,
) -> None:
    """List every server, or show the details of each SERVER: stages, attempts, exit codes, times, reason of a failure.

    For a group, such as 'web-*', its members are listed.
    """
    from bootstrap.client.status import every, named
    from bootstrap.client.wording import details, json_text, overview

    client = collector.connect()
    entries = named(client, [(name, deploy_id) for name in servers]) if servers else every(client, deploy_id)
    # Details of a group would be many pages; its members get a line each.
    is_list = not servers or any(name.endswith("*") for name in servers)
    if as_json:
        click.echo(json_text(entries))
    elif not entries:
        click.echo("no server has reported yet", err=True)
    elif is_list:
        click.echo("\n".join(_paint(line) for line in overview(entries)))
    else:
        click.echo("\n\n".join(_paint("\n".join(details(server))) for server in entries))


def _paint(text: str) -> str:
    """Colour the states in a text. click leaves the codes out when stdout is not a terminal."""
    import os
    import re

    from bootstrap.client.wording import COLOURS

    if os.environ.get("NO_COLOR"):
        return text
    # The texts come from client/wording.py, which knows nothing of colours.
    words = "|".join(COLOURS)
    # A state is coloured only as a column of its own; the same word in the line of a log stays as it is.
    return re.sub(rf"(?<=  )({words})(?=\s|$)", lambda m: click.style(m[1], fg=COLOURS[m[1]]), text)
