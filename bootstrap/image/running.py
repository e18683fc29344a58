"""The running program's own place: what `seal --clean` must not pull away from under itself, as a zipapp in /tmp."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from bootstrap.image.finding import Finding, Mend

MEND = "the running program lives there, so --clean leaves it: run it from elsewhere (a zipapp: XDG_CACHE_HOME=FOLDER)"


PACKAGE = Path(__file__).parents[1]


class Running:
    """Where in a root this very program lies. root: as this process sees it; homes: folders of accounts in it."""

    def __init__(self, root: str, homes: list[str]) -> None:
        site = PACKAGE.parent
        # Libraries lie beside the package, and in a home other things too.
        whole = {PACKAGE} if _inside(root, site) in (None, "/", *homes) else {PACKAGE, site}
        if sys.prefix != sys.base_prefix:
            whole.add(Path(sys.prefix))
        named = {Path(path) for path in (sys.argv[0], sys.executable) if path}
        self.folders = {path for one in whole if (path := _inside(root, one)) is not None}
        self.places = self.folders | {path for one in named if (path := _inside(root, one)) is not None}

    def is_in(self, path: str) -> bool:
        """Whether removing what is at a path of the root would take a part of the program away."""
        return any(_is_at(place, path) for place in self.places) or any(_is_at(path, one) for one in self.folders)

    def spared(self, finding: Finding) -> Finding:
        """The same finding; what --clean would take from the program is listed only."""
        if finding.clean is Mend.LISTED or not self.is_in(finding.path):
            return finding
        return replace(finding, clean=Mend.LISTED, mend=MEND)


def _inside(root: str, path: Path) -> str | None:
    """A path of this machine as one inside the root; None when it lies elsewhere, or is not there."""
    real = os.path.realpath(path)
    if not os.path.exists(real) or not _is_at(real, root):  # noqa: PTH110 - False where one may not look
        return None
    return "/" + real[len(root.rstrip("/")) :].lstrip("/")


def _is_at(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")
