"""The running program's own files in a root, which `seal --clean` must not remove under its own feet.

A zipapp is the exception: it is one file, nobody else uses what it has unpacked, and at the end all of it is in memory.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from bootstrap.image.finding import Cleaning, Finding

RUN_ELSEWHERE = "run this program from elsewhere: it lies there, so --clean leaves that alone"
GOES_LAST = "the running zipapp is there, or its unpacked files: --clean removes them when nothing else is left"

PACKAGE = Path(__file__).parents[1]


class Running:
    """The places of this very program in a root. root: as this process sees it; homes: folders of accounts in it.

    folders: needed with all that is in them; places: these, and the two files that were started; last: of a zipapp.
    """

    def __init__(self, root: str, homes: list[str]) -> None:
        site, zipapp = PACKAGE.parent, _zipapp()
        # The folder of the package also holds its libraries. It does not count as a whole where it is a home or the
        # root, as in a checkout: other things are there, too.
        whole = {PACKAGE} if _inside(root, site) in (None, "/", *homes) else {PACKAGE, site}
        whole = set() if zipapp else whole
        # In a virtual environment the libraries and the interpreter are below its prefix.
        if sys.prefix != sys.base_prefix:
            whole.add(Path(sys.prefix))
        started = {Path(path) for path in (sys.argv[0], sys.executable) if path} - zipapp
        self.folders = _all_inside(root, whole)
        self.places = self.folders | _all_inside(root, started)
        self.last = _all_inside(root, zipapp)

    def is_in(self, path: str) -> bool:
        """Whether removing what is at a path of the root would take a part of the program away."""
        is_above = any(_is_at(place, path) for place in self.places)
        return is_above or any(_is_at(path, folder) for folder in self.folders)

    def goes_last(self, path: str) -> bool:
        """Whether that part may be removed once nothing more has to be imported."""
        return any(_is_at(place, path) or _is_at(path, place) for place in self.last)

    def spared(self, finding: Finding) -> Finding:
        """The same finding; if --clean would remove a part of the program, it is listed only, or goes last."""
        if finding.clean is Cleaning.LISTED:
            return finding
        if self.is_in(finding.path):
            return replace(finding, clean=Cleaning.LISTED, fix=RUN_ELSEWHERE)
        return replace(finding, fix=GOES_LAST) if self.goes_last(finding.path) else finding


def _zipapp() -> set[Path]:
    """The zipapp that runs, and the folder that it has unpacked itself to: see release/start.py. Else nothing."""
    build, site = sys.modules.get("initialrunner_made"), PACKAGE.parent
    if build is None or site.name != f"pyz-{build.DIGEST[:24]}":
        return set()
    return {site, Path(sys.argv[0])}


def _all_inside(root: str, paths: set[Path]) -> set[str]:
    return {inside for path in paths if (inside := _inside(root, path)) is not None}


def _inside(root: str, path: Path) -> str | None:
    """A path of this machine as one inside the root; None when it lies elsewhere, or is not there."""
    real = os.path.realpath(path)
    if not os.path.exists(real) or not _is_at(real, root):  # noqa: PTH110 - False where one may not look
        return None
    return "/" + real[len(root.rstrip("/")) :].lstrip("/")


def _is_at(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")
