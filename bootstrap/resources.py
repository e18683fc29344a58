"""Finds what is shipped beside the code: templates/, files/ and cron/.

In a wheel they live in bootstrap/_data; in a checkout (and an editable install of it) beside the package.
"""

from __future__ import annotations

import functools
from pathlib import Path

from bootstrap.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent


def path(relative: str) -> Path:
    """The file or folder `relative` ("templates/rc.local.j2"). Raises UsageError when the installation lacks it."""
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        found = base / relative
        if found.exists():
            return found
    raise UsageError(f"{relative} is missing from this installation of initialrunner", hint="install the package again")


@functools.cache
def text(relative: str) -> str:
    """The text of a shipped file, UTF-8."""
    return path(relative).read_text(encoding="utf-8")
