"""`bootstrap wait`: go or no-go for a deploy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.collector_options import collector_options, connect, duration
from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from bootstrap.client.wait import Outcome

RESULTS = {"healthy": ExitCode.GOOD, "failed": ExitCode.FAILED, "timeout": ExitCode.TIMEOUT}


@click.command(short_help="Wait until servers are healthy, or one has failed.")
@click.argument("servers", nargs=-1, required=True, metavar="SERVER…|MANIFEST…")
@click.option("--deploy-id", metavar="ID", help="Which roll-out is meant; a manifest names its own.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="Of a group ('web-*'): this many healthy members.")
@click.option("--failures", type=click.IntRange(0), default=0, metavar="N", help="Of a group: so many may fail.  [0]")
@click.option(
    "--timeout", type=duration, default="15m", show_default=True, help="How long to wait at most: 90s, 15m, 1h."
)
@collector_options
@click.option("--json", "as_json", is_flag=True, help="Print what is known of every server as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def command(
    servers: tuple[str, ...],
    deploy_id: str | None,
    count: int | None,
    failures: int,
    timeout: float,
    collector: str | None,
    token_file: Path | None,
    ca: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Wait until every SERVER is healthy.

    Ends at once when one fails for good, with its stage, exit code and the last lines of its log. A MANIFEST is a
    manifest.json (or its folder) that `bootstrap render` wrote: it names server and deploy id. The index of a fleet, or
    its folder, stands for all its servers. A collector that cannot be reached yet is waited for as well.

    A SERVER without --deploy-id is waited for in its newest deploy, and yesterday's healthy is never today's answer: an
    end that the collector knew before the wait began does not count. A server may be faster than the script that
    waits for it, so name the manifest.

    A group, such as 'web-*', is many hosts with one payload: --count says how many of them must be healthy. The first
    one that fails for good ends the wait, unless --failures says that some may.

    \b
    Exit codes:
      0  all are healthy
      5  one has failed
      6  not in time, or the collector was never reached
    """
    from bootstrap.client.show import json_text
    from bootstrap.client.wait import targets_of, wait

    targets = targets_of(servers, deploy_id)
    asked = connect(collector, token_file, ca)

    def tell(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    def warn(line: str) -> None:
        # Not progress: who is quiet still has to know of what will not end by itself.
        click.echo(line, err=True)

    outcome = wait(asked, targets, timeout, tell, warn=warn, count=count, failures=failures)
    if as_json:
        shown = {"result": outcome.result, "servers": outcome.servers, "why": outcome.why}
        if outcome.groups:
            shown["groups"] = outcome.groups
        click.echo(json_text(shown))
    else:
        _print(outcome, timeout)
    return RESULTS[outcome.result]


def _print(outcome: Outcome, timeout_s: float) -> None:
    import time

    from bootstrap.client.show import ago, failure, plain, progress, span

    now = time.time()
    for group in outcome.groups:
        click.echo(progress(group).replace(": ", " ", 1))
    for server in outcome.servers:
        state = server["state"] or "never heard of"
        before = f" before this wait began, in deploy {server['deploy_id']}" if "ended_before_wait" in server else ""
        click.echo(plain(f"{server['server']} {state}{before}"))
        if before:
            continue
        if state == "failed":
            click.echo("\n".join(failure(server)), err=True)
        elif outcome.result == "timeout" and state != "healthy" and server.get("deploy_id"):
            seen = ago(server.get("last_seen"), now)
            click.echo(
                plain(f"{server['server']}: {state} in deploy {server['deploy_id']}, last report {seen}"), err=True
            )
    if outcome.result == "timeout":
        click.echo(f"error[gate]: not healthy within {span(timeout_s)}", err=True)
        if outcome.why:
            click.echo(f"  {plain(outcome.why)}", err=True)
        elif not all(server["state"] for server in outcome.servers):
            click.echo("  next: the console of a server never heard of says what its bundle waits for", err=True)
