"""`bootstrap simulate`: the deployer runs against worlds of faults, each of which a seed makes again to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.options import json_option
from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from bootstrap.deploy.simulate.seeds import Summary


@click.command()
@click.option(
    "--seeds", type=click.IntRange(1), default=1000, show_default=True, metavar="N", help="How many worlds to try."
)
@click.option(
    "--first", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="The seed of the first world."
)
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Run this one world, and print its whole story.")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="How many processes to use.  [default: one for each processor]"
)
@json_option()
def command(seeds: int, first: int, seed: int | None, jobs: int | None, as_json: bool) -> int:
    """Run the deployer of this program against simulated clouds that lose answers, refuse calls and kill it.

    No cloud is needed, and nothing outside this process changes. After each step the rules are judged: members up are
    never fewer than the floor, only marked servers are changed, nothing is left over. A world that breaks a rule is
    named by its seed, and --seed shows it again, byte for byte.

    \b
    Exit codes:
      0  no rule was broken
      5  a rule was broken
    """
    if seed is not None:
        return _one(seed, as_json)
    import os
    import time

    from bootstrap.deploy.simulate.seeds import run_many

    begun = time.monotonic()
    # The processors that this process may use: a container may have fewer than the machine.
    summary = run_many(first, seeds, jobs or len(os.sched_getaffinity(0)), _progress(seeds))
    took_s = time.monotonic() - begun
    broken = summary.first_broken
    if as_json:
        import json

        facts: dict[str, Any] = {**vars(summary), "took_s": round(took_s, 1)}
        facts["first_broken"] = {"seed": broken[0], "rule": broken[1]} if broken else None
        click.echo(json.dumps(facts))
    else:
        counts = f"{summary.seeds:,} seeds, {summary.calls:,} calls, {summary.kills:,} kills"
        click.echo(f"{counts}: {summary.broken:,} broken ({took_s:.0f} s)")
        if broken:
            click.echo(f"  seed {broken[0]}: {broken[1]}\n  next: `bootstrap simulate --seed {broken[0]}`")
    return ExitCode.FAILED if broken else ExitCode.GOOD


def _one(seed: int, as_json: bool) -> int:
    """Run one world, and print its story."""
    from bootstrap.deploy.simulate.seeds import run

    story = run(seed)
    if as_json:
        import json

        facts = {"seed": seed, "calls": story.calls, "kills": story.kills, "exit_codes": story.endings}
        click.echo(json.dumps({**facts, "broken": story.broken, "story": story.lines}))
    else:
        click.echo(story.text, nl=False)
    return ExitCode.FAILED if story.broken else ExitCode.GOOD


def _progress(seeds: int) -> Any:
    """Return what shows how far it is, on a terminal alone."""
    import sys

    def show(summary: Summary) -> None:
        click.echo(f"\r{summary.seeds:,} of {seeds:,} seeds, {summary.broken:,} broken ", err=True, nl=False)
        if summary.seeds == seeds:
            # The line is taken away again, since the result says the same.
            click.echo("\r" + " " * 60 + "\r", err=True, nl=False)

    return show if sys.stderr.isatty() else lambda summary: None
