"""The runner texts in memory: thousands of hosts ask for one at the same time, and the store is asked once.

A text never changes, since its name is its SHA-256. The text of this toolkit is always there.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time

from bootstrap.collector.refusal import Refusal
from bootstrap.collector.shelf import MAX_TEXTS, UNUSED_TEXT_S, Shelf, Swept
from bootstrap.collector.store import Clock

MAX_MEMORY_BYTES = 8 << 20
USE_S = 3600.0  # the last use of a text is stored at most once in this time
# Strangers may ask for any number of digests. The store is asked for the list of those that exist, and only so often.
LIST_S = 1.0
RETRY_S = 60.0
SWEEP_S = 3600.0

logger = logging.getLogger(__name__)


class Texts:
    """The texts of a shelf. own: the text of this toolkit, None where there is none."""

    def __init__(self, shelf: Shelf, own: bytes | None, clock: Clock) -> None:
        self._shelf, self._clock = shelf, clock
        self.own = None if own is None else hashlib.sha256(own).hexdigest()
        self._memory: dict[str, bytes] = {} if own is None or self.own is None else {self.own: own}
        self._listed: set[str] = set()
        self._listed_at = float("-inf")
        self._listing: asyncio.Task[None] | None = None
        self._used_at: dict[str, float] = {}
        self._reads: dict[str, asyncio.Task[bytes | None]] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def keep_own(self) -> None:
        """Store the text of this toolkit, so that it is there when a newer toolkit has taken its place."""
        if self.own is not None:
            # It has its place however many others there are.
            await self._shelf.keep_text(self.own, self._memory[self.own], None)
            self._used_at[self.own] = self._clock()

    async def keep(self, sha256: str, content: bytes) -> bool:
        """Store a text; on disk when this returns. Whether it is new. Raises Refusal 503 or 507."""
        is_new = await self._shelf.keep_text(sha256, content, MAX_TEXTS)
        self._listed.add(sha256)
        self._used_at[sha256] = self._clock()
        self._remember(sha256, content)
        return is_new

    async def get(self, sha256: str) -> bytes | None:
        """The text with this digest, None where there is none. Raises Refusal 503."""
        content = self._memory.get(sha256)
        if content is None:
            content = await self._read(sha256)
        if content is not None:
            self._note_use(sha256)
        return content

    async def sweep(self) -> Swept:
        """Remove what nobody needs from the shelf. Raises Refusal 503."""
        await self.keep_own()
        swept = await self._shelf.sweep(self.own, UNUSED_TEXT_S)
        for sha256 in swept.texts:
            self._memory.pop(sha256, None)
            self._used_at.pop(sha256, None)
            self._listed.discard(sha256)
        return swept

    async def settle(self) -> None:
        """Wait until every use that was noted is stored, or has failed."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _read(self, sha256: str) -> bytes | None:
        if not await self._is_listed(sha256):
            return None
        # Those who ask meanwhile wait for the same read.
        read = self._reads.get(sha256)
        if read is None:
            read = self._reads[sha256] = asyncio.create_task(self._shelf.text(sha256))
            read.add_done_callback(lambda _: self._reads.pop(sha256, None))
        content = await asyncio.shield(read)
        if content is None:
            # Another collector with the same store has removed it.
            self._listed.discard(sha256)
            return None
        if hashlib.sha256(content).hexdigest() != sha256:
            logger.error("runner text %s is damaged in the store and is not served", sha256)
            return None
        self._remember(sha256, content)
        return content

    async def _is_listed(self, sha256: str) -> bool:
        if sha256 not in self._listed:
            # A crowd of askers makes one question, and each of them waits for its answer.
            if self._listing is None and time.monotonic() - self._listed_at >= LIST_S:
                self._listing = asyncio.create_task(self._list())
            if self._listing is not None:
                await asyncio.shield(self._listing)
        return sha256 in self._listed

    async def _list(self) -> None:
        try:
            # Added, since one that was stored meanwhile may be missing in the answer.
            self._listed |= await self._shelf.texts()
            self._listed_at = time.monotonic()
        finally:
            self._listing = None

    def _remember(self, sha256: str, content: bytes) -> None:
        self._memory[sha256] = content
        while sum(map(len, self._memory.values())) > MAX_MEMORY_BYTES:
            oldest = next(name for name in self._memory if name != self.own)
            del self._memory[oldest]

    def _note_use(self, sha256: str) -> None:
        """Store the time of the last use, at most once an hour, after the host has its answer."""
        now = self._clock()
        if now - self._used_at.get(sha256, float("-inf")) < USE_S:
            return
        self._used_at[sha256] = now
        note = asyncio.create_task(self._store_use(sha256, now))
        # The loop keeps no reference to a task, and one without any may vanish.
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _store_use(self, sha256: str, now: float) -> None:
        try:
            await self._shelf.use_text(sha256)
        except Refusal as refusal:
            # Tried again soon, but not by each of thousands of hosts.
            self._used_at[sha256] = now - USE_S + RETRY_S
            logger.warning("runner text %s: its use was not stored: %s", sha256, refusal.message)


async def keep_sweeping(texts: Texts) -> None:
    """Remove what nobody needs from the shelf, at once and every hour, until this is cancelled."""
    while True:
        try:
            swept = await texts.sweep()
        except Refusal as refusal:
            logger.warning("sweep result=%s reason=%s", refusal.code, refusal.message)
        else:
            if swept != Swept():
                logger.info("sweep result=removed bundles=%d texts=%s", swept.bundles, ",".join(swept.texts) or "-")
        await asyncio.sleep(SWEEP_S)
