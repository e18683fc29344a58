"""A payload: the bundle and the files a create call injects with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bootstrap.runner.host import BUNDLE, STUB


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
    carrier: what travels in the place of the bundle, when its runner's text comes another way (see payload.split).
    """

    server: str
    deploy_id: str
    revision: str
    bundle: bytes = field(repr=False)
    digest: str
    files: tuple[InjectedFile, ...]
    used: dict[str, int]
    carrier: bytes | None = field(default=None, repr=False)

    @property
    def script(self) -> bytes:
        """The script that travels and starts everything: the carrier if there is one, else the bundle."""
        return self.bundle if self.carrier is None else self.carrier

    @property
    def pieces(self) -> tuple[str, ...]:
        """The paths of the bundle, in order: one, or bundle.1 and so on. That of a carrier is one file."""
        if self.carrier is not None:
            return (BUNDLE,)
        return tuple(file.path for file in self.files if re.fullmatch(re.escape(BUNDLE) + r"(\.[1-9])?", file.path))

    @property
    def brought(self) -> tuple[str, ...]:
        """The paths of the script among the files, in order: the pieces of the bundle, or the carrier."""
        return self.pieces if self.carrier is None else (STUB,)
