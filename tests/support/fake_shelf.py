"""A shelf in memory, of the store in memory. It passes the shelves' own tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bootstrap.collector.shelf import UNFINISHED_S, Swept, cut_off, judge_room, judge_text
from bootstrap.collector.store import Clock, Ref


@dataclass
class _Bundle:
    size: int
    expires: int
    begun_at: float
    whole: bool = False
    blocks: dict[int, bytes] = field(default_factory=dict)


class MemoryShelf:
    """See `bootstrap.collector.shelf.Shelf`. deploys: the ids of those that the store keeps."""

    def __init__(self, deploys: Callable[[], set[str]], clock: Clock) -> None:
        self._deploys, self._clock = deploys, clock
        self._texts: dict[str, tuple[bytes, float]] = {}
        self._bundles: dict[str, _Bundle] = {}
        self.refs: set[Ref] = set()

    async def texts(self) -> set[str]:
        return set(self._texts)

    async def text(self, sha256: str) -> bytes | None:
        return self._texts.get(sha256, (None,))[0]

    async def keep_text(self, sha256: str, content: bytes, most: int | None) -> bool:
        is_new = sha256 not in self._texts
        if is_new:
            judge_text(len(self._texts), most)
            self._texts[sha256] = (content, self._clock())
        await self.use_text(sha256)
        return is_new

    async def use_text(self, sha256: str) -> None:
        if sha256 in self._texts:
            content, used_at = self._texts[sha256]
            self._texts[sha256] = (content, max(used_at, self._clock()))

    async def begin_bundle(self, sha256: str, size: int, expires: int, room: int) -> bool:
        bundle = self._bundles.get(sha256)
        if bundle is None:
            if self._used() + size > room:
                self._remove_ended()
            judge_room(size, self._used(), room, min((b.expires for b in self._bundles.values()), default=None))
            bundle = self._bundles[sha256] = _Bundle(size, expires, self._clock())
        bundle.expires, bundle.begun_at = max(bundle.expires, expires), self._clock()
        return bundle.whole

    async def keep_block(self, sha256: str, number: int, content: bytes) -> None:
        if sha256 in self._bundles:
            self._bundles[sha256].blocks.setdefault(number, content)

    async def end_bundle(self, sha256: str) -> None:
        bundle = self._bundles.get(sha256)
        if bundle is None or sum(map(len, bundle.blocks.values())) != bundle.size:
            raise cut_off()
        bundle.whole = True

    async def bundle(self, sha256: str) -> tuple[int, bytes] | None:
        bundle = self._bundles.get(sha256)
        return (bundle.size, bundle.blocks[0]) if bundle is not None and bundle.whole else None

    async def block(self, sha256: str, number: int) -> bytes | None:
        bundle = self._bundles.get(sha256)
        return bundle.blocks.get(number) if bundle is not None else None

    async def sweep(self, own: str | None, unused_s: float) -> Swept:
        deploys = self._deploys()
        self.refs = {(sha256, deploy_id) for sha256, deploy_id in self.refs if deploy_id in deploys}
        needed = {sha256 for sha256, _ in self.refs} | {own}
        oldest = self._clock() - unused_s
        texts = [name for name, (_, used_at) in self._texts.items() if name not in needed and used_at <= oldest]
        for name in texts:
            del self._texts[name]
        return Swept(tuple(texts), self._remove_ended())

    def _used(self) -> int:
        return sum(bundle.size for bundle in self._bundles.values())

    def _remove_ended(self) -> int:
        now = self._clock()
        ended = [
            name
            for name, bundle in self._bundles.items()
            if bundle.expires <= now or (not bundle.whole and bundle.begun_at <= now - UNFINISHED_S)
        ]
        for name in ended:
            del self._bundles[name]
        return len(ended)
