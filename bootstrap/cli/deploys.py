"""`bootstrap deploys`: the deploys that this machine has made, and the steps of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import json_option
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.deploy.history import Past
    from bootstrap.deploy.state import Folder


@click.command()
@click.argument("deploy_id", metavar="[ID]", required=False)
@json_option("Print a list, or every record of deploy ID, as JSON.")
def command(deploy_id: str | None, as_json: bool) -> None:
    """List the deploys of this machine, the newest first, or show each step of deploy ID.

    ID may be the end of an id, as long as it names one deploy. Deploys that another machine has made are not listed:
    the servers carry their marks, and `bootstrap reap --file FILE` finds them.

    \b
    Exit codes:
      0  printed
      2  there is no such deploy
    """
    from bootstrap.client.wording import json_text
    from bootstrap.deploy import history

    pasts = _pasts()
    if deploy_id is not None:
        past = history.choose(pasts, deploy_id)
        if past is None:
            raise UsageError(f"this machine knows no deploy {deploy_id}", hint="`bootstrap deploys` lists them")
        if as_json:
            click.echo(json_text({**past.as_json(), "records": list(past.records)}))
        else:
            click.echo("\n".join(history.timeline(past)))
    elif as_json:
        click.echo(json_text([past.as_json() for past in pasts]))
    elif not pasts:
        click.echo("this machine has made no deploy yet", err=True)
    else:
        click.echo("\n".join(history.overview(pasts)))


def _pasts() -> list[Past]:
    """Read the folders of all deploys. One that is damaged is named on stderr, and hides no other."""
    from bootstrap.deploy.history import Past
    from bootstrap.deploy.state import Deploys
    from bootstrap.state_dir import state_path

    pasts = []
    for folder in Deploys(state_path("deploys")).all():
        try:
            plan = folder.plan()
        except UsageError as error:
            click.echo(f"note: {error.message}", err=True)
            continue
        pasts.append(Past(plan, tuple(folder.records()), _file_of(folder)))
    return pasts


def _file_of(folder: Folder) -> str:
    """Return the path of the deploy file as it was kept, for the commands that come next."""
    try:
        return folder.sources().path
    except UsageError:
        return "FILE"
