"""The conditions of units that look at files: systemd.unit(5). The others count as true."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable

from bootstrap.rehearse.standin.unitfiles import Unit


def _is_filled(path: str) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) > 0


def _is_filled_folder(path: str) -> bool:
    return os.path.isdir(path) and bool(os.listdir(path))


LOOKS: dict[str, Callable[[str], bool]] = {
    "PathExists": os.path.lexists,
    "PathExistsGlob": lambda path: bool(glob.glob(path)),
    "PathIsDirectory": os.path.isdir,
    "FileNotEmpty": _is_filled,
    "DirectoryNotEmpty": _is_filled_folder,
    "FileIsExecutable": lambda path: os.path.isfile(path) and os.access(path, os.X_OK),
}


def unmet(unit: Unit, word: str) -> str:
    """The first condition (word: "Condition" or "Assert") that is not met, as it stands in the unit; "" for none.

    Of those with a `|` one is enough.
    """
    either: list[tuple[str, bool]] = []
    for key, look in LOOKS.items():
        for value in unit.all("Unit", word + key):
            # `!` negates a condition; `|` makes it one of several of which one is enough.
            path = value.lstrip("|!")
            holds = look(path) != ("!" in value[: len(value) - len(path)])
            if value.startswith("|"):
                either.append((f"{word}{key}={value}", holds))
            elif not holds:
                return f"{word}{key}={value}"
    return "" if not either or any(holds for _, holds in either) else either[0][0]
