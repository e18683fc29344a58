"""`bootstrap wait`: waits until servers are healthy or one has failed; its exit code is a deploy's go or no-go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import CollectorOptions, collector_options, duration, json_option
from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from bootstrap.client.wait import Outcome

RESULTS = {"healthy": ExitCode.GOOD, "failed": ExitCode.FAILED, "timeout": ExitCode.TIMEOUT}


@click.command()
@click.argument("servers", nargs=-1, required=True, metavar="SERVER…|MANIFEST…")
@click.option("--deploy-id", metavar="ID", help="The roll-out to wait for; a manifest names its own.")
@click.option(
    "--count", type=click.IntRange(1), metavar="N", help="For a group ('web-*'): how many members must be healthy."
)
@click.option(
    "--failures", type=click.IntRange(0), default=0, show_default=True, metavar="N",
    help="For a group: how many members may fail.",
)
@click.option(
    "--timeout", type=duration, default="15m", show_default=True, help="How long to wait at most: 90s, 15m, 1h."
)
@collector_options
@json_option()
@click.option("--quiet", "-q", is_flag=True, help="Print no progress to stderr.")
def command(
    servers: tuple[str, ...],
    deploy_id: str | None,
    count: int | None,
    failures: int,
    timeout: float,
    collector: CollectorOptions,
    as_json: bool,
    quiet: bool,
) -> int:
    """Wait until every SERVER is healthy.

    The wait ends at once when a server fails for good, and prints its stage, exit code and the last lines of its log. A
    MANIFEST is a manifest.json (or its folder) that `bootstrap render` wrote: it names server and deploy id. The index
    of a fleet, or its folder, stands for all its servers. While the collector cannot be reached, the wait goes on.

    A SERVER without --deploy-id is waited for in its newest deploy. A result that the collector knew before the wait
    began does not count: it belongs to an earlier deploy. But a fast server may have finished its new deploy before the
    wait begins, so name its manifest, or give --deploy-id.

    A group, such as 'web-*', is many hosts with one payload: --count says how many of them must be healthy. The first
    one that fails for good ends the wait, unless --failures allows some to fail.

    \b
    Exit codes:
      0  all are healthy
      5  one has failed
      6  time ran out, or the collector was never reached
    """
    from bootstrap.client.wait import targets_of, wait
    from bootstrap.client.wording import json_text

    targets = targets_of(servers, deploy_id)
    client = collector.connect()

    def show_progress(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    def warn(line: str) -> None:
        # Printed with --quiet too: somebody has to act on it, or the wait will end in a time-out.
        click.echo(line, err=True)

    outcome = wait(client, targets, timeout, show_progress, warn=warn, count=count, failures=failures)
    if as_json:
        answer = {"result": outcome.result, "servers": outcome.servers, "why": outcome.why}
        if outcome.groups:
            answer["groups"] = outcome.groups
        click.echo(json_text(answer))
    else:
        _print(outcome, timeout)
    return RESULTS[outcome.result]


def _print(outcome: Outcome, timeout_s: float) -> None:
    """Print the state of each server to stdout, and the reasons of a failure or a time-out to stderr."""
    import time

    from bootstrap.client.wording import ago, failure, plain, progress, span

    # One moment for all servers, so that equal ages look equal.
    now = time.time()
    for group in outcome.groups:
        # The form of the lines below it: name and state, without a colon.
        click.echo(progress(group).replace(": ", " ", 1))
    for server in outcome.servers:
        state = server["state"] or "never heard of"
        earlier = f" before this wait began, in deploy {server['deploy_id']}" if "ended_before_wait" in server else ""
        click.echo(plain(f"{server['server']} {state}{earlier}"))
        if earlier:
            # The details of an earlier deploy would be read as those of the one that was waited for.
            continue
        if state == "failed":
            click.echo("\n".join(failure(server)), err=True)
        elif outcome.result == "timeout" and state != "healthy" and server.get("deploy_id"):
            report = f"last report {ago(server.get('last_seen'), now)}"
            click.echo(plain(f"{server['server']}: {state} in deploy {server['deploy_id']}, {report}"), err=True)
    # The code is that of the deployer's gate, which ends in the same way.
    if outcome.result == "timeout":
        click.echo(f"error[gate]: not healthy within {span(timeout_s)}", err=True)
        if outcome.why:
            click.echo(f"  {plain(outcome.why)}", err=True)
        elif not all(server["state"] for server in outcome.servers):
            click.echo("  next: look at the console of each server never heard of: it says what it waits for", err=True)
