"""`bootstrap bake`: puts the runner into an image, without a payload; clones take one at their first boot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import json_option
from bootstrap.cli.root_argument import RootFolder
from bootstrap.errors import UsageError
from bootstrap.runner.defaults import BAKED

if TYPE_CHECKING:
    from bootstrap.image.bake import Baked, Change


@click.command()
@click.argument("root", type=RootFolder(path_type=Path))
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="S",
    help="Where a clone looks for its bundle: files (the default), config-drive, nocloud, cloud-init, openstack[=URL] "
    "or ec2[=URL]. May be given several times; the first source that has a bundle is taken.",
)
@click.option(
    "--trigger",
    type=click.Choice(("auto", "cron", "systemd", "both")),
    default="auto",
    show_default=True,
    help="What starts the runner; auto: cron and systemd, as far as the image has them.",
)
@click.option(
    "--allowed-signers",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take only bundles that one of these keys has signed. FILE is an allowed signers file of ssh-keygen.",
)
@click.option(
    "--cloud-init-deadline",
    default=f"{BAKED['cloud_init_deadline_s'] // 60}m",
    show_default=True,
    metavar="DURATION",
    help="How long a clone waits for cloud-init, if it is enabled.",
)
@click.option("--host-keys", is_flag=True, help="Let a clone make the ssh host keys that it lacks, before sshd starts.")
@click.option("--remove", is_flag=True, help="Remove everything that bake has put into the image.")
@json_option()
def command(
    root: Path,
    sources: tuple[str, ...],
    trigger: str,
    allowed_signers: Path | None,
    cloud_init_deadline: str,
    host_keys: bool,
    remove: bool,
    as_json: bool,
) -> None:
    """Put the runner, without a payload, into the root directory ROOT: a mounted image, a chroot, or / in a Packer run.

    At its first boot a clone takes the first whole bundle that one of its sources has. A machine that was baked as /
    takes none itself; only its clones do. Baking again with other options replaces the earlier ones. Links are never
    followed out of ROOT. If the runner could not run in the image, nothing is written, all reasons are listed, and the
    exit code is 4.
    """
    import json

    import bootstrap
    from bootstrap.cli.main import print_warnings
    from bootstrap.image import bake
    from bootstrap.spec.types import duration

    if remove:
        # An option that has no effect is probably a mistake.
        if sources or allowed_signers or trigger != "auto" or host_keys:
            raise UsageError("--remove takes everything out", hint="no other option goes with it")
        # The paths are the same whatever was baked, so no option has to be repeated.
        changes = bake.remove(root)
        if as_json:
            click.echo(json.dumps({"root": str(root), "changes": [vars(change) for change in changes]}, indent=1))
        else:
            click.echo(table(changes) if changes else f"bake has put nothing into {root}")
        return
    try:
        deadline_s = duration(cloud_init_deadline)
    except ValueError as error:
        raise UsageError(
            f"--cloud-init-deadline {cloud_init_deadline!r} is not a duration", hint="write 10m"
        ) from error
    settings = bake.Settings(
        sources or ("files",),
        trigger,
        _read_signers(allowed_signers),
        deadline_s,
        bootstrap.__version__,
        str(allowed_signers),
        host_keys,
    )
    baked = bake.bake(root, settings)
    if as_json:
        facts = {"root": str(root), "trigger": baked.trigger, "python": baked.python, "sources": baked.sources}
        changes_made = [vars(change) for change in baked.changes]
        click.echo(json.dumps({**facts, "changes": changes_made, "notes": baked.notes}, indent=1))
        return
    click.echo(summary(root, baked))
    print_warnings((), baked.notes)


def _read_signers(file: Path | None) -> bytes | None:
    """Return the content of the file of --allowed-signers; None without one. Raises UsageError."""
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def summary(root: Path, baked: Baked) -> str:
    """Return the table of changes, and one line on what starts the runner and where it looks for its bundle."""
    sources = f"at boot it looks for a bundle in: {', '.join(baked.sources)}"
    return f"{table(baked.changes)}\n{root}: trigger {baked.trigger}, {baked.python}; {sources}"


def table(changes: tuple[Change, ...]) -> str:
    """Return a line for each changed file: what was done, its size in bytes, its path."""
    return "\n".join(
        f"{change.did:<8} {'' if change.size is None else format(change.size, ','):>7}  {change.path}"
        for change in changes
    )
