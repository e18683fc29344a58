"""Facts of a run that are in no event: the reason why it cannot go on, and the logs to read when health has failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import HostError
from bootstrap.rehearse.copy import Copy
from bootstrap.rehearse.standin.places import log_of
from bootstrap.runner.host import STATE
from bootstrap.runner.tick.run import STUCK

# Each look is two questions to the copy's first process; asked at every poll they would slow the payload down.
_LOOK_S = 0.5
_TAIL_BYTES = 4096


class Clues:
    """Looks into one copy. secrets: values that are replaced by stars in every text."""

    def __init__(self, copy: Copy, secrets: Iterable[str] = ()) -> None:
        self._copy, self._secrets = copy, tuple(secrets)
        self._last_reason, self._next_look = "", 0.0

    def stuck(self, journal: Sequence[Mapping[str, Any]]) -> str:
        """The reason why the runner cannot go on, once for each; "" when it can, or when its journal has the reason."""
        if time.monotonic() < self._next_look:
            return ""
        self._next_look = time.monotonic() + _LOOK_S
        # The second file is on another disk: the runner writes it when the first disk is full.
        reason = next(filter(None, (self._text(path).strip() for path in STUCK)), "")
        sentences = [str(event.get("for")) for event in journal[-1:] if event.get("type") == "waiting"]
        if reason == self._last_reason or any(reason in sentence for sentence in sentences):
            return ""
        self._last_reason = reason
        is_whole = not reason or reason.startswith("cannot go on")
        return reason if is_whole else f"cannot go on yet: {reason}"

    def logs(self, journal: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        """(name, end of its log) for each suspect when health has failed: every_boot entries, then a unit."""
        failed = [event for event in journal if event.get("type") == "health" and not event.get("ok")]
        if not failed:
            return
        for entry in (event for event in journal if event.get("type") == "every_boot" and not event.get("exit_code")):
            # An entry that failed was printed with its last lines. One that succeeded may have started a program that
            # failed later.
            yield str(entry.get("name")), self._end_of(f"{STATE}/logs/{entry.get('name')}.log")
        kind, _, name = str(failed[-1].get("check")).partition(" ")
        if kind == "unit":
            yield name, self._end_of(log_of(name))

    def _end_of(self, path: str) -> str:
        text = self._text(path)
        for secret in self._secrets:
            text = text.replace(secret, "*" * len(secret))
        # A terminal must not obey what a payload wrote into its log.
        characters = (c if c.isprintable() or c in "\n\t\r" else f"\\x{ord(c):02x}" for c in text[-_TAIL_BYTES:])
        return "".join(characters)

    def _text(self, path: str) -> str:
        try:
            return (self._copy.read(path) or b"").decode("utf-8", "backslashreplace")
        except HostError:
            # A payload may have put anything there, a folder or a pipe for example.
            return ""
