"""One line of the tables of leftovers that `seal` looks for by place.

A place is a pattern inside the root; `~` stands for the home of every account. Unless `means` says otherwise, a place
means regular files that are not empty: the link `.bash_history -> /dev/null` is no history.
"""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.image.finding import Cleaning

# Values of Leftover.means.
FILE, ANY, FILLED, BELOW = "file", "any", "filled", "below"
LISTED, REMOVE, EMPTY, FILES = Cleaning.LISTED, Cleaning.REMOVE, Cleaning.EMPTY, Cleaning.FILES
LINES = Cleaning.LINES


@dataclass(frozen=True)
class Leftover:
    """One line of the table. subject, reason, fix, clean: as in a Finding.

    means: FILE, a regular file that is not empty; ANY, whatever is there; FILLED, a folder with files in it, reported
    as one; BELOW, each file below a folder. holds, unless: a pattern that its content must, or must not match. but:
    names that are left alone. through: a link counts as the file that it leads to. lines: a pattern of the lines that
    --clean takes out, where clean is LINES. product, source: the product that makes it, and the page of the product's
    own documents (or the file of its source) that says so.
    """

    code: str
    places: tuple[str, ...]
    subject: str
    reason: str
    fix: str
    clean: Cleaning = REMOVE
    means: str = FILE
    holds: bytes | None = None
    unless: bytes | None = None
    but: tuple[str, ...] = ()
    warning: bool = False
    through: bool = False
    lines: bytes | None = None
    product: str = ""
    source: str = ""


def in_home(*names: str) -> tuple[str, ...]:
    """The places of files in every home."""
    return tuple(f"~/{name}" for name in names)
