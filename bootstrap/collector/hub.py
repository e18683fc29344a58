"""Wakes those who wait for a server or a deploy to change. One loop, no disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from bootstrap.collector.store import Key


class Watch:
    """One waiter's mailbox: what has changed since it last looked. A set, so that a slow reader costs nothing more."""

    def __init__(self) -> None:
        self._changed: set[Key] = set()
        self._bell = asyncio.Event()

    def ring(self, key: Key | None) -> None:
        """Tell this waiter; without a key it is only woken."""
        if key is not None:
            self._changed.add(key)
        self._bell.set()

    async def next(self, timeout_s: float) -> set[Key]:
        """What has changed, at once or after at most timeout_s; empty when nothing did or the collector stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._bell.wait()
        self._bell.clear()
        changed, self._changed = self._changed, set()
        return changed


class Hub:
    """Who waits for what. closing: the collector stops, so every wait ends now."""

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
            if not self._watches[topic]:
                del self._watches[topic]

    def changed(self, keys: Iterable[Key]) -> None:
        """Called by the store after a commit."""
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
