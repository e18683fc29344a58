"""Paths that two things would write, or that are the runner's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from bootstrap.errors import Problem, Where

# The runner's own places: a file of a spec there would fight it.
OWN = (
    "/etc/cron.d/initialrunner",
    "/etc/initialrunner",
    "/var/lib/initialrunner",
    "/usr/local/sbin/initialrunner",
    "/run/initialrunner.lock",
)
RC_LOCAL = "/etc/rc.local"


@dataclass(frozen=True)
class Taken:
    """A path and who takes it. what: `files[0]` or `wait_for[0]`."""

    what: str
    path: str
    where: Where

    @property
    def is_file(self) -> bool:
        """Whether it is written, not waited for."""
        return self.what.startswith("files")


def clashes(paths: Sequence[Taken], rc_local: str | None) -> Iterator[Problem]:
    """Every problem that such paths have with each other. rc_local: the words for what writes /etc/rc.local, if any."""
    taken = {RC_LOCAL: rc_local} if rc_local else {}
    for one in paths:
        place = f"{one.what}.path"
        if one.path in taken:
            message = f"{place}: {one.path} is written by {taken[one.path]} already"
            yield Problem("spec.duplicate-path", message, one.where, "take one out")
        taken.setdefault(one.path, one.what)
        if any(one.path == own or one.path.startswith(own + "/") for own in OWN):
            message = f"{place}: {one.path} belongs to the runner"
            yield Problem("spec.reserved", message, one.where, "choose another path")
    written = {one.path for one in paths if one.is_file}
    for one in paths:
        # A folder of that name would have to be there as well.
        above = next((str(p) for p in PurePosixPath(one.path).parents if str(p) in written), None)
        if one.is_file and above:
            message = f"{one.what}.path: {one.path} lies in {above}, which is a file by {taken[above]}"
            yield Problem("spec.path", message, one.where, "choose another path")
