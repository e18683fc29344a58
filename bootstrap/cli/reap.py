"""`bootstrap reap`: deletes what a deploy has left behind, by the marks of the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import FileOptions, confirm, file_options, json_option, need_answer, yes_option
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.deploy.file import DeployFile
    from bootstrap.deploy.reaping import Reaping


@click.command()
@click.argument("deploy_id", metavar="[ID]", required=False)
@click.option("--dry-run", is_flag=True, help="Print what would be deleted and why, and change nothing.")
@file_options
@json_option("Print each step as one line of JSON, and a summary as the last line.")
@yes_option
def command(deploy_id: str | None, dry_run: bool, named: FileOptions, as_json: bool, yes: bool) -> int:
    """Delete what deploy ID, or the newest one, has left behind.

    A deploy that has come through leaves the servers that it replaced; any other one leaves its own. Which of the two
    it is, the marks of the servers and the pools say: no state of this machine is needed. What would be deleted is
    printed with the reason, and asked about. A server without our marks is never touched, whatever its name is.

    With --file, give the --set and --values of the deploy again: they may say how many servers a tier has.

    \b
    Exit codes:
      0    nothing is left
      2    no server carries the marks of such a deploy
      4    somebody else deploys to the same pools, or the cloud cannot be asked
      5    a deploy that had not come through was taken back
      7    something is owed still
      130  stopped by Ctrl-C
    """
    if not dry_run:
        need_answer(yes=yes)
    deploy_file = named.load() or _kept_file(deploy_id)
    return reap(deploy_id, deploy_file, as_json=as_json, yes=yes, dry_run=dry_run)


def reap(deploy_id: str | None, deploy_file: DeployFile, *, as_json: bool, yes: bool, dry_run: bool) -> int:
    """Do the work of the verb, which `resume --file` does too."""
    from bootstrap.cli.rolling import Ways, to_stderr, watch
    from bootstrap.deploy.reaping import by_marks
    from bootstrap.state_dir import state_path

    with by_marks(deploy_file, state_path(""), deploy_id, dry_run=dry_run, show=to_stderr) as reaping:
        _print(reaping, as_json=as_json)
        if dry_run or not reaping.goes or not confirm(_question(reaping), yes=yes):
            return 0
        return watch(reaping.work, Ways(as_json, deploy_file.file), reaping.run)


def _kept_file(deploy_id: str | None) -> DeployFile:
    """Load the deploy file that was kept for a deploy, or for the newest one. Raises UsageError."""
    from bootstrap.deploy.state import Deploys
    from bootstrap.state_dir import state_path

    deploys = Deploys(state_path("deploys"))
    if deploy_id is not None:
        return deploys.find(deploy_id).sources().load()
    newest = next(iter(deploys.all()), None)
    if newest is None:
        raise UsageError("this machine has made no deploy", hint="name the deploy file: `bootstrap reap --file FILE`")
    return newest.sources().load()


def _question(reaping: Reaping) -> str:
    number = len(reaping.goes)
    return f"Delete {number} server{'' if number == 1 else 's'}?"


def _print(reaping: Reaping, *, as_json: bool) -> None:
    """Print what would be deleted and why."""
    from bootstrap.client.wording import plain
    from bootstrap.deploy.observers import json_line

    deploy_id = reaping.work.plan.deploy_id
    if as_json:
        goes = [{"server": name, "why": why} for name, why in reaping.goes]
        click.echo(json_line({"type": "reap", "deploy": deploy_id, "reason": reaping.reason, "goes": goes}))
        return
    click.echo(plain(reaping.reason))
    for name, why in reaping.goes:
        click.echo(plain(f"  deletes {name}: {why}"))
    if not reaping.goes:
        click.echo("  nothing is to be deleted")
