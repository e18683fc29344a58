"""Reports that the collector refuses: a reason why nothing is heard of a server that may well be at work."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable

from bootstrap.client.collector import Collector
from bootstrap.client.wording import plain

PAUSE_S = 3.0  # between two questions: hosts try again with growing pauses
MAX_SENTENCES = 10


class Refused:
    """Asks the collector whose reports it refuses, as long as nothing is heard of a server; warns of each once."""

    def __init__(self, collector: Collector, warn: Callable[[str], None]) -> None:
        self._collector, self._warn = collector, warn
        self._asked_at = float("-inf")
        self._sentences: dict[str, None] = {}

    def update(self, unheard: list[tuple[str, str | None]]) -> None:
        """Ask, unless it was done just now, and warn. unheard: (server or group, deploy id or None).

        A refused report proves nothing about its sender: the warning is a hint, and never ends the wait.
        """
        if not unheard or time.monotonic() - self._asked_at < PAUSE_S:
            return
        self._asked_at = time.monotonic()
        for report in self._collector.refused():
            server, deploy_id = report["server"], report["deploy_id"]
            if any(fnmatch.fnmatchcase(server, name) and deploy in (None, deploy_id) for name, deploy in unheard):
                sentence = f"the collector refuses the reports of {server} (deploy {deploy_id}): {report['message']}"
                self._warn_once(plain(sentence))

    def _warn_once(self, sentence: str) -> None:
        # Anybody can send reports under invented names, so the number of warnings is limited.
        if sentence not in self._sentences and len(self._sentences) < MAX_SENTENCES:
            self._sentences[sentence] = None
            self._warn(sentence)

    def sentences(self) -> list[str]:
        """Return all warnings so far."""
        return list(self._sentences)
