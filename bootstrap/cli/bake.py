"""`bootstrap bake`: puts the runner into an image, without a payload, to take one at a clone's first boot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.roots import RootFolder
from bootstrap.runner.defaults import BAKED

if TYPE_CHECKING:
    from bootstrap.image.bake import Baked, Change


@click.command(short_help="Put the runner into an image, to take a bundle at first boot.")
@click.argument("root", type=RootFolder(path_type=Path))
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="S",
    help="Where a clone looks for its bundle, in this order: files (the default), config-drive, nocloud, cloud-init, "
    "openstack[=URL], ec2[=URL].",
)
@click.option(
    "--trigger",
    type=click.Choice(("auto", "cron", "systemd", "both")),
    default="auto",
    show_default=True,
    help="What starts it; auto: all that the image has.",
)
@click.option(
    "--allowed-signers",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take only bundles that one of these keys has signed; a file as ssh-keygen reads it.",
)
@click.option(
    "--cloud-init-deadline",
    default=f"{BAKED['cloud_init_deadline_s'] // 60}m",
    show_default=True,
    metavar="DURATION",
    help="How long to wait for cloud-init, where it is enabled.",
)
@click.option("--remove", is_flag=True, help="Take all of it out again.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    root: Path,
    sources: tuple[str, ...],
    trigger: str,
    allowed_signers: Path | None,
    cloud_init_deadline: str,
    remove: bool,
    as_json: bool,
) -> None:
    """Put the runner, without a payload, into the root directory ROOT: a mounted image, a chroot, or / in a Packer run.

    At its first boot a clone takes the first whole bundle that a source has; a machine baked as / takes none itself.
    Baking again with other options replaces the earlier ones. Links are never followed out of ROOT. Exit code 4, with
    all the reasons and nothing written, where it could not run there.
    """
    import json

    import bootstrap
    from bootstrap.errors import UsageError
    from bootstrap.image import bake
    from bootstrap.spec.types import duration

    if remove:
        if sources or allowed_signers or trigger != "auto":
            raise UsageError("--remove takes everything out", hint="no other option goes with it")
        changes = bake.remove(root)
        if as_json:
            click.echo(json.dumps({"root": str(root), "changes": [vars(one) for one in changes]}, indent=1))
        else:
            click.echo(table(changes) if changes else f"nothing of ours is in {root}")
        return
    try:
        deadline_s = duration(cloud_init_deadline)
    except ValueError as error:
        raise UsageError(f"--cloud-init-deadline {cloud_init_deadline!r} is no duration", hint="write 10m") from error
    signers = None
    if allowed_signers is not None:
        try:
            signers = allowed_signers.read_bytes()
        except OSError as error:
            raise UsageError(f"{allowed_signers} cannot be read: {error.strerror}") from error
    settings = bake.Settings(
        sources or ("files",), trigger, signers, deadline_s, bootstrap.__version__, str(allowed_signers)
    )
    done = bake.bake(root, settings)
    if as_json:
        facts = {"root": str(root), "trigger": done.trigger, "python": done.python, "sources": done.sources}
        changes_made = [vars(one) for one in done.changes]
        click.echo(json.dumps({**facts, "changes": changes_made, "notes": done.notes}, indent=1))
        return
    click.echo(summary(root, done))
    for note in done.notes:
        click.echo(f"note: {note}", err=True)


def summary(root: Path, done: Baked) -> str:
    """The table, and one line of what it means."""
    looks = f"at boot it looks for a bundle in: {', '.join(done.sources)}"
    return f"{table(done.changes)}\n{root}: trigger {done.trigger}, {done.python}; {looks}"


def table(changes: tuple[Change, ...]) -> str:
    """A line for each name: what was done, its size, its path."""
    return "\n".join(
        f"{one.did:<8} {'' if one.size is None else format(one.size, ','):>7}  {one.path}" for one in changes
    )
