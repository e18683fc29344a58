"""`bootstrap deploy`: new servers are made and proven, put into the pools, and the old ones leave."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap.cli.options import (
    confirm,
    json_option,
    need_answer,
    secret_option,
    set_option,
    values_option,
    yes_option,
)


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything, print the plan, and change nothing.")
@set_option
@values_option
@click.option(
    "--previous", is_flag=True,
    help="Go back to the deploy before this one: its servers are swapped back while they exist, else made again.",
)
@click.option(
    "--leave-old", is_flag=True, help="End right after the swap, and keep the old servers until `bootstrap reap`."
)
@secret_option
@json_option("Print each step as one line of JSON, and a summary as the last line.")
@yes_option
def command(
    file: Path,
    dry_run: bool,
    overrides: tuple[str, ...],
    values_files: tuple[Path, ...],
    previous: bool,
    leave_old: bool,
    secret_file: Path | None,
    as_json: bool,
    yes: bool,
) -> int:
    """Replace the servers of a deploy FILE.

    Tier by tier, in the order of FILE, new servers are made. They have to report healthy, to answer a probe with this
    revision, and to be up at the balancer. Only then do the old ones drain and leave the pools; they are deleted after
    `keep_old`. If anything fails before, the new servers are deleted, and the old ones serve as before.

    What cannot work is refused before the first server is made, with all reasons at once: quota, image, network, size
    of the payload, pools, secrets.

    Ctrl-C once stops at the next step and takes everything back. Ctrl-C twice leaves everything as it is, and prints
    the `bootstrap resume` that goes on.

    \b
    Exit codes:
      0    done
      3    FILE or one of its specs is wrong
      4    refused, and nothing was changed; or somebody else deploys to the same pools
      5    taken back, since a server failed: its stage, exit code and log are printed
      6    taken back, since a deadline passed
      7    something is owed: `bootstrap reap` removes it
      130  taken back after Ctrl-C, or left after the second one
    """
    from bootstrap.cli.rolling import Ways, print_plan, watch
    from bootstrap.deploy import start
    from bootstrap.state_dir import state_path

    if not dry_run:
        need_answer(yes=yes)
    wish = start.Wish(file, overrides, values_files, secret_file, previous=previous, leave_old=leave_old)
    with start.prepared(wish, state_path(""), dry_run=dry_run) as work:
        print_plan(work, as_json=as_json, dry_run=dry_run)
        if dry_run or not confirm(f"Deploy {work.plan.name}?", yes=yes):
            return 0
        return watch(work, Ways(as_json, str(file)))
