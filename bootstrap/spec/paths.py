"""Finds paths that two parts of a spec would write, and paths that are the runner's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from bootstrap.errors import Problem, Where

# The runner writes these itself: a file of a spec there would undo its work, or be undone by it.
OWN = (
    "/etc/cron.d/initialrunner",
    "/etc/initialrunner",
    "/var/lib/initialrunner",
    "/usr/local/sbin/initialrunner",
    "/run/initialrunner.lock",
)
RC_LOCAL = "/etc/rc.local"


@dataclass(frozen=True)
class Claim:
    """A path, and the key of the spec that takes it (`files[0]` or `wait_for[0]`)."""

    key: str
    path: str
    where: Where

    @property
    def is_file(self) -> bool:
        """Whether the path is written; otherwise it is waited for."""
        return self.key.startswith("files")


def clashes(paths: Sequence[Claim], rc_local: str | None) -> Iterator[Problem]:
    """Every problem that such paths have with each other. rc_local: words for the part that writes /etc/rc.local."""
    writers = {RC_LOCAL: rc_local} if rc_local else {}
    for claim in paths:
        place = f"{claim.key}.path"
        if claim.path in writers:
            message = f"{place}: {writers[claim.path]} already writes {claim.path}"
            yield Problem("spec.duplicate-path", message, claim.where, "remove one of them")
        writers.setdefault(claim.path, claim.key)
        if any(claim.path == reserved or claim.path.startswith(reserved + "/") for reserved in OWN):
            message = f"{place}: {claim.path} belongs to the runner"
            yield Problem("spec.reserved", message, claim.where, "choose another path")
    # Whether a path of `wait_for` will be a file or a folder is not known here, so only written files count.
    written = {claim.path for claim in paths if claim.is_file}
    for claim in paths:
        # The same name cannot be a file and the folder of another file.
        above = next((str(p) for p in PurePosixPath(claim.path).parents if str(p) in written), None)
        if claim.is_file and above:
            message = f"{claim.key}.path: {claim.path} is below {above}, which {writers[above]} makes a file"
            yield Problem("spec.path", message, claim.where, "choose another path")
