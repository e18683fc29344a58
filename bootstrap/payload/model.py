"""A payload: the bundle and the files a create call injects with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bootstrap.runner.host import BUNDLE


@dataclass(frozen=True)
class InjectedFile:
    """One file of a create call. mode: the final one; channels that carry no mode rely on the runner."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True)
class Payload:
    """One server's payload.

    bundle: ASCII, LF, exactly one final newline, no backslash; digest: its SHA-256 in hex.
    files: the files of an injecting channel, in order; the trigger is last, since it must not come before the bundle.
    used: the bytes of text of each part, for `show` and for refusals ({"runner": …, "plan": …, "files": …}).
    """

    server: str
    deploy_id: str
    revision: str
    bundle: bytes = field(repr=False)
    digest: str
    files: tuple[InjectedFile, ...]
    used: dict[str, int]

    @property
    def pieces(self) -> tuple[str, ...]:
        """The paths of the bundle among the files, in order: one, or bundle.1 and so on."""
        return tuple(file.path for file in self.files if re.fullmatch(re.escape(BUNDLE) + r"(\.[1-9])?", file.path))
