"""The running program's own place: what `seal --clean` must not pull away from under itself.

A zipapp is the exception: it is one file, what it has unpacked is nobody else's, and at the end all of it is in memory.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from bootstrap.image.finding import Finding, Mend

MEND = "the running program lives there, so --clean leaves it: run it from elsewhere"
LAST = "the running zipapp is there, or what it has unpacked: --clean removes that when nothing else is left"

PACKAGE = Path(__file__).parents[1]


class Running:
    """Where in a root this very program lies. root: as this process sees it; homes: folders of accounts in it."""

    def __init__(self, root: str, homes: list[str]) -> None:
        site, own = PACKAGE.parent, _zipapp()
        # Libraries lie beside the package, and in a home other things too.
        whole = {PACKAGE} if _inside(root, site) in (None, "/", *homes) else {PACKAGE, site}
        whole = set() if own else whole
        if sys.prefix != sys.base_prefix:
            whole.add(Path(sys.prefix))
        named = {Path(path) for path in (sys.argv[0], sys.executable) if path} - own
        self.folders = {path for one in whole if (path := _inside(root, one)) is not None}
        self.places = self.folders | {path for one in named if (path := _inside(root, one)) is not None}
        self.last = {path for one in own if (path := _inside(root, one)) is not None}

    def is_in(self, path: str) -> bool:
        """Whether removing what is at a path of the root would take a part of the program away."""
        return any(_is_at(place, path) for place in self.places) or any(_is_at(path, one) for one in self.folders)

    def goes_last(self, path: str) -> bool:
        """Whether it would take a part away that may go when nothing more is to be imported."""
        return any(_is_at(place, path) or _is_at(path, place) for place in self.last)

    def spared(self, finding: Finding) -> Finding:
        """The same finding; what --clean would take from the program is listed only, or goes last."""
        if finding.clean is Mend.LISTED:
            return finding
        if self.is_in(finding.path):
            return replace(finding, clean=Mend.LISTED, mend=MEND)
        return replace(finding, mend=LAST) if self.goes_last(finding.path) else finding


def _zipapp() -> set[Path]:
    """The zipapp that runs, and the folder that it has unpacked itself to: see release/start.py. Else nothing."""
    made, site = sys.modules.get("initialrunner_made"), PACKAGE.parent
    if made is None or site.name != f"pyz-{made.DIGEST[:24]}":
        return set()
    return {site, Path(sys.argv[0])}


def _inside(root: str, path: Path) -> str | None:
    """A path of this machine as one inside the root; None when it lies elsewhere, or is not there."""
    real = os.path.realpath(path)
    if not os.path.exists(real) or not _is_at(real, root):  # noqa: PTH110 - False where one may not look
        return None
    return "/" + real[len(root.rstrip("/")) :].lstrip("/")


def _is_at(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")
