"""The shelf of a store: the runner texts and bundles that hosts fetch from the collector. Its interface and its bounds.

A text is public and the same for all servers of a toolkit version; a bundle belongs to one server and holds its key.
Both are named by their SHA-256. A bundle is stored in blocks, each by a transaction of its own, so that no report waits
for a large one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from bootstrap.collector.refusal import Refusal

MAX_TEXT_BYTES = 1 << 20  # a text has about 36 KB
MAX_TEXTS = 200
MAX_BUNDLE_BYTES = 16 << 20
BUNDLE_ROOM_BYTES = 1 << 30  # for all bundles together, unless `serve --bundle-room` names another number
BLOCK_BYTES = 256 << 10
# A text that no deploy refers to is removed when nobody has asked for it for so long: a template of a scaling group may
# start a server years after it was made.
UNUSED_TEXT_S = 730 * 24 * 3600.0
# An upload has ended long before; a collector that was killed meanwhile leaves its blocks behind.
UNFINISHED_S = 3600.0


@dataclass(frozen=True)
class Swept:
    """The digests of the texts that were removed, and the number of bundles."""

    texts: tuple[str, ...] = ()
    bundles: int = 0


class Shelf(Protocol):
    """Stores texts and bundles. Every method raises Refusal 503 when the store does not answer."""

    async def texts(self) -> set[str]:
        """The digests of all texts."""

    async def text(self, sha256: str) -> bytes | None:
        """One text."""

    async def keep_text(self, sha256: str, content: bytes, most: int | None) -> bool:
        """Store a text, or note that it was used now. Whether it is new.

        most: the number of texts that there may be, None for any. Raises Refusal 507 when there are so many.
        """

    async def use_text(self, sha256: str) -> None:
        """Note that a text was used now."""

    async def begin_bundle(self, sha256: str, size: int, expires: int, room: int) -> bool:
        """Reserve the room for a bundle, or prolong the one that is there. Whether it is there whole.

        expires: seconds since 1970; room: bytes that all bundles may have together. Raises Refusal 507 without room.
        """

    async def keep_block(self, sha256: str, number: int, content: bytes) -> None:
        """Store one block of a bundle."""

    async def end_bundle(self, sha256: str) -> None:
        """Let hosts have a bundle. Raises Refusal 503 unless all of its blocks are stored."""

    async def bundle(self, sha256: str) -> tuple[int, bytes] | None:
        """The size of a whole bundle and its first block."""

    async def block(self, sha256: str, number: int) -> bytes | None:
        """One block of a bundle. They count from 0."""

    async def sweep(self, own: str | None, unused_s: float) -> Swept:
        """Remove bundles that have expired, uploads that were cut off, and texts that nobody needs.

        A text is needed when it is `own`, when it was used in the last unused_s, or when a deploy in the store refers
        to it.
        """


def blocks_of(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The blocks of a bundle with their numbers."""
    for number, start in enumerate(range(0, len(content), BLOCK_BYTES)):
        yield number, content[start : start + BLOCK_BYTES]


def judge_text(count: int, most: int | None) -> None:
    """Raise Refusal 507 when the shelf holds `count` texts already and one more would be too many."""
    if most is not None and count >= most:
        raise Refusal("no_room", f"this collector keeps {count} runner texts, and no more")


def judge_room(size: int, used: int, room: int, next_end: int | None) -> None:
    """Raise Refusal 507 when a bundle does not fit beside `used` bytes. next_end: when the next of them expires."""
    if used + size <= room:
        return
    until = f"; the next of them expires at {clock_text(next_end)}" if next_end is not None else ""
    raise Refusal(
        "no_room",
        f"the bundles of this collector have {used:,} bytes, and with {size:,} more they would exceed its "
        f"{room:,} (`bootstrap serve --bundle-room`){until}",
    )


def cut_off() -> Refusal:
    """503: blocks are missing at the end of an upload, since another collector took it for one that was given up."""
    return Refusal("unavailable", "a part of the bundle was removed meanwhile; upload it again", retry_after_s=1)


def clock_text(at: float) -> str:
    """A moment for messages."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
