"""Wakes those who wait for a server or a deploy to change. One loop, no disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from bootstrap.collector.store import Key


class Watch:
    """The mailbox of one waiter: the keys that have changed since its last look."""

    def __init__(self) -> None:
        # A set, not a queue: a reader that never looks costs no more than one entry for each server.
        self._changed: set[Key] = set()
        self._bell = asyncio.Event()

    def ring(self, key: Key | None) -> None:
        """Wake this waiter, and note the key that has changed, if any."""
        if key is not None:
            self._changed.add(key)
        self._bell.set()

    async def next(self, timeout_s: float) -> set[Key]:
        """The changed keys, as soon as there are any; none after timeout_s, or when the collector stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._bell.wait()
        # There is no await between these lines, so no change can fall between them.
        self._bell.clear()
        changed, self._changed = self._changed, set()
        return changed


class Hub:
    """All waiters by topic. closing: the collector stops, so every wait ends now."""

    def __init__(self) -> None:
        self._watches: dict[tuple[str, str], set[Watch]] = defaultdict(set)
        self.closing = False

    @property
    def waiting(self) -> int:
        """Number of waiters."""
        return sum(len(watches) for watches in self._watches.values())

    @contextlib.contextmanager
    def watch(self, *, server: str | None = None, deploy_id: str | None = None) -> Iterator[Watch]:
        """A mailbox for one server, else one deploy, else everything. Open it before the first look at the store."""
        topic = (
            ("server", server) if server is not None else ("deploy", deploy_id) if deploy_id is not None else ("", "")
        )
        watch = Watch()
        self._watches[topic].add(watch)
        try:
            yield watch
        finally:
            self._watches[topic].discard(watch)
            # Names of servers come from callers, so an unused topic must not stay in memory.
            if not self._watches[topic]:
                del self._watches[topic]

    def changed(self, keys: Iterable[Key]) -> None:
        """Wake those who wait for these keys. The store calls it after a commit."""
        for key in keys:
            for topic in (("server", key[0]), ("deploy", key[1]), ("", "")):
                for watch in self._watches.get(topic, ()):
                    watch.ring(key)

    def close(self) -> None:
        """End every wait: a server that stops must not hang on a long poll."""
        self.closing = True
        for watches in self._watches.values():
            for watch in watches:
                watch.ring(None)
