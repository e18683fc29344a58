"""`bootstrap resume`: goes on with a deploy that was killed, left or interrupted, or takes it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import (
    FileOptions,
    confirm,
    file_options,
    json_option,
    need_answer,
    secret_option,
    yes_option,
)
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.deploy.roll import Deployer, Ending

REASON = "`resume --rollback` was asked for"


@click.command()
@click.argument("deploy_id", metavar="[ID]", required=False)
@click.option("--rollback", is_flag=True, help="Take the deploy back instead of going on.")
@file_options
@secret_option
@json_option("Print each step as one line of JSON, and a summary as the last line.")
@yes_option
def command(
    deploy_id: str | None, rollback: bool, named: FileOptions, secret_file: Path | None, as_json: bool, yes: bool
) -> int:
    """Go on with deploy ID, or with the newest one that has not ended.

    Its plan, journal and sources are read from this machine, so changes to the deploy file since then change nothing.
    Where this machine has no state of the deploy, as after a CI job whose disk is gone, name the deploy file: the marks
    of the servers say what the deploy has made, and it is taken back, or finished if all its new servers serve.

    \b
    Exit codes:
      0    done, or there was nothing left to do
      2    there is no such deploy
      4    somebody else deploys to the same pools
      5    taken back, since a server failed, or on request
      6    taken back, since a deadline passed
      7    something is owed: `bootstrap reap` removes it
      130  stopped by Ctrl-C
    """
    from bootstrap.cli.rolling import Ways, to_stderr, watch
    from bootstrap.deploy import start
    from bootstrap.deploy.state import Deploys
    from bootstrap.state_dir import state_path

    if named.file is not None:
        need_answer(yes=yes)
    deploy_file = named.load()
    if deploy_file is not None:
        from bootstrap.cli.reap import reap

        return reap(deploy_id, deploy_file, as_json=as_json, yes=yes, dry_run=False)
    deploys = Deploys(state_path(start.DEPLOYS))
    folder = deploys.find(deploy_id) if deploy_id else deploys.unended()
    if folder is None:
        raise UsageError(
            "every deploy of this machine has ended",
            hint="`bootstrap deploys` lists them; for one of another machine: `bootstrap resume --file FILE`",
        )
    # An id says what to do; without one the newest deploy is only a guess.
    is_sure = yes or deploy_id is not None
    need_answer(yes=is_sure)
    with start.resumed(folder, state_path(""), secret_file, show=to_stderr) as work:
        question = f"{'Take back' if rollback else 'Go on with'} deploy {folder.deploy_id} of {work.plan.name}?"
        if not confirm(question, yes=is_sure):
            return 0
        if not as_json:
            verb = "is taken back" if rollback else "goes on"
            to_stderr(f"deploy {folder.deploy_id} of {work.plan.name} {verb}")

        def act(deployer: Deployer) -> Ending:
            return deployer.roll_back(REASON) if rollback else deployer.deploy()

        return watch(work, Ways(as_json, work.deploy_file.file), lambda observe: work.run(observe, act))
