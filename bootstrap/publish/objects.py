"""The seam between `bootstrap publish` and the places that it publishes to: Swift, S3, a folder, a collector.

Every place passes the same contract tests (tests/support/objects_contract.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bootstrap.errors import BootstrapError, ExitCode, Problem

# The blocks that content is read and written in.
BLOCK_BYTES = 1 << 20


class PublishError(BootstrapError):
    """The object store refuses, does not answer, or could not be reached by the hosts."""

    exit_code = ExitCode.REFUSED
    code = "publish"


class Unfit(PublishError):
    """Names that a place cannot hold, all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


@dataclass(frozen=True)
class Listed:
    """One object of a listing. size: bytes; md5: hex, None where the place has none (S3's objects of several parts)."""

    name: str
    size: int
    md5: str | None


class Objects(Protocol):
    """The objects below one place: a container, a bucket and prefix, a folder. Names are relative to it.

    Every call raises PublishError with what was refused, and what to do. A call that got no answer, 429 or 5xx is tried
    again a bounded number of times before that. Once one object has been put, threads may call at the same time.
    """

    @property
    def place(self) -> str:
        """The place for messages and the manifest, without any credential: s3://bucket/prefix, swift://container."""

    def check(self, names: Iterable[str]) -> None:
        """Refuse, without the network, every name that the place cannot hold, all at once. Raises Unfit."""

    def digest(self, name: str) -> str | None:
        """Return the SHA-256 (hex) that an object was put with, "" if it has no note of it, None if it is missing."""

    def put(self, name: str, content: bytes | Path, sha256: str) -> None:
        """Put an object and have the place check it: what arrives otherwise leaves no object. A Path is streamed."""

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the content of an object in blocks."""

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        """Yield every object whose name begins so, in the order of the names."""

    def remove(self, name: str) -> None:
        """Remove an object. One that is missing counts as removed."""

    def url(self, name: str, expires: int) -> str:
        """Return the URL that hosts fetch an object from, tried once. expires: seconds since 1970."""

    def untried_url(self, name: str, expires: int) -> str:
        """Return a URL of the same length without asking the place, for a dry run. It may not work."""
