"""Reports that the collector refuses: why nothing is heard of a server that may be at work all the same."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable

from bootstrap.client.collector import Collector
from bootstrap.client.show import plain

PAUSE_S = 3.0  # between two questions: hosts try again with growing pauses
MAX_SENTENCES = 10


class Refused:
    """Asks the collector whom it refused, while somebody is waited for of whom nothing was heard; says each once."""

    def __init__(self, collector: Collector, warn: Callable[[str], None]) -> None:
        self._collector, self._warn = collector, warn
        self._asked_at = float("-inf")
        self._sentences: dict[str, None] = {}

    def look(self, unheard: list[tuple[str, str | None]]) -> None:
        """unheard: (server or group, deploy id or None). What is said is a stranger's claim, and so only a hint."""
        if not unheard or time.monotonic() - self._asked_at < PAUSE_S:
            return
        self._asked_at = time.monotonic()
        for report in self._collector.refused():
            server, deploy_id = report["server"], report["deploy_id"]
            if any(fnmatch.fnmatchcase(server, name) and of in (None, deploy_id) for name, of in unheard):
                sentence = f"the collector refuses the reports of {server} (deploy {deploy_id}): {report['message']}"
                self._say(plain(sentence))

    def _say(self, sentence: str) -> None:
        if sentence not in self._sentences and len(self._sentences) < MAX_SENTENCES:
            self._sentences[sentence] = None
            self._warn(sentence)

    def sentences(self) -> list[str]:
        """What has been said."""
        return list(self._sentences)
