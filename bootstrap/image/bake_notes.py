"""Notes of `bake` on an image in which the runner lies well, and may yet not start on a clone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.image.judges.ostree import runner_place
from bootstrap.image.own_paths import PROGRAM
from bootstrap.image.root_writer import RootWriter
from bootstrap.image.tree import Tree
from bootstrap.image.units import CRONS, Units


def on_image(writer: RootWriter, trigger: str) -> Iterator[str]:
    """One line for each. trigger: cron, systemd or both, as baked."""
    if trigger == "cron" and _cron_sleeps(writer):
        yield "cron is installed, and nothing in the image starts it: enable it, or seal refuses the image"
    if re.search(rb"(?m)^SELINUX=enforcing", (writer.content("/etc/selinux/config") or (b"", 0))[0]):
        yield "SELinux is enforcing in the image: relabel it (touch ROOT/.autorelabel, or restorecon -R)"
    program = writer.look(PROGRAM, follow=True)
    if program is not None and program.info.st_uid:
        yield (
            f"the files belong to user {program.info.st_uid}: cron and the runner only take those of root, so give them"
            " to root before the image is used (bake as root, chown -R 0:0, tar --owner=0 --group=0)"
        )
    place = runner_place(writer)
    if place is not None:
        yield (
            f"/usr/local leads to /var, so the runner is at {place}: clones of this disk have it, but a commit of"
            " ostree does not carry it, and an update does not renew it; for a commit make /usr/local a folder of it"
        )


def _cron_sleeps(writer: RootWriter) -> bool:
    """Whether no unit, init script or run level starts a cron. False where that cannot be looked up."""
    try:
        tree = Tree(Path(writer.real_path))
    except (OSError, UsageError):
        return False
    try:
        units = Units(tree)
        return not any(units.start(name).on for name in CRONS)
    finally:
        tree.close()
