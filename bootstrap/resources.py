"""Finds the files that are shipped with the code: templates/, files/, cron/ and examples/.

In a wheel they live in bootstrap/_data; in a checkout (and an editable install of it) beside the package.
"""

from __future__ import annotations

import functools
from pathlib import Path

from bootstrap.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent


def path(relative: str) -> Path:
    """Return the path of a shipped file or folder ("templates/rc.local.j2"). Raises UsageError if it is missing."""
    # _data comes first: beside an installed package is site-packages, where a folder `files` may be anybody's.
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        resource = base / relative
        if resource.exists():
            return resource
    raise UsageError(f"{relative} is missing from this installation of initialrunner", hint="install the package again")


@functools.cache
def text(relative: str) -> str:
    """Return the text of a shipped file, which is UTF-8. A file is read once in a process."""
    return path(relative).read_text(encoding="utf-8")
