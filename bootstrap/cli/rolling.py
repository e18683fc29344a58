"""Runs a prepared roll-out on a terminal, in a log or for a program, and prints how it ended."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bootstrap.deploy.observers import Observer
    from bootstrap.deploy.progress import Record
    from bootstrap.deploy.roll import Ending
    from bootstrap.deploy.start import Prepared

INTERRUPTED = 130


@dataclass(frozen=True)
class Ways:
    """How to show a roll-out. file: the deploy file as the user named it, for the commands that come next."""

    as_json: bool
    file: str


def to_stderr(line: str) -> None:
    """Print a line about something that takes long."""
    click.echo(line, err=True)


def print_plan(work: Prepared, *, as_json: bool, dry_run: bool) -> None:
    """Print what would be done: as the result of a dry run, or before the question on a terminal."""
    from bootstrap.cli.main import print_warnings
    from bootstrap.deploy import forecast
    from bootstrap.deploy.observers import json_line

    if not as_json:
        print_warnings(work.deploy_file.warnings)
    if dry_run and as_json:
        click.echo(json_line(forecast.as_json(work.plan, work.cloud.facts, work.sizes, leave_old=work.leave_old)))
    elif not as_json:
        stream = sys.stdout if dry_run else sys.stderr
        lines = forecast.forecast(work.plan, work.cloud.facts, work.sizes, dry_run=dry_run, leave_old=work.leave_old)
        if stream.isatty():
            columns = shutil.get_terminal_size().columns
            lines = [text for line in lines for text in forecast.wrapped(line, columns)]
        click.echo("\n".join(lines), file=stream)


def watch(work: Prepared, ways: Ways, act: Callable[[Callable[[Record], None]], Ending] | None = None) -> int:
    """Run it and show each step; print the summary; return the exit code. act: in place of the work's own `run`."""
    from bootstrap.deploy import observers
    from bootstrap.deploy.stopping import Left, Lost

    watcher = observers.choose(
        work.plan, as_json=ways.as_json, out=sys.stdout, err=sys.stderr, now=work.cloud.outside.now
    )
    for record in work.records:
        watcher.progress.take(record)
    watcher.start()
    try:
        ending = (act or work.run)(watcher.take)
    except Left:
        watcher.stop()
        return _print_left(work, ways)
    except Lost as lost:
        watcher.stop()
        lost.hint = lost.hint or f"nothing more is changed; `bootstrap deploys {work.plan.deploy_id}` shows what was"
        raise
    finally:
        watcher.stop()
    return _print_end(watcher, ending, ways)


def _print_left(work: Prepared, ways: Ways) -> int:
    """Print the line that goes on, after the second Ctrl-C."""
    from bootstrap.deploy import summary
    from bootstrap.deploy.observers import json_line

    deploy_id = work.plan.deploy_id
    if ways.as_json:
        facts = {"type": "left", "deploy": deploy_id, "code": INTERRUPTED, "next": f"bootstrap resume {deploy_id}"}
        click.echo(json_line(facts))
    click.echo("\n".join(summary.left_lines(deploy_id)), err=True)
    return INTERRUPTED


def _print_end(watcher: Observer, ending: Ending, ways: Ways) -> int:
    """Print the summary. With --json it is the last line."""
    from bootstrap.deploy import summary
    from bootstrap.deploy.observers import json_line

    reason = ending.lines[0] if ending.lines and not ending.lines[0].startswith("owed: ") else None
    if ways.as_json:
        click.echo(json_line(summary.as_json(watcher.progress, ending.code, reason)))
    else:
        click.echo("\n".join(summary.summary(watcher.progress, ending.code, ways.file, reason=reason)))
    return int(ending.code)
