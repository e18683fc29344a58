"""The runner texts in memory: a crowd asks the store once, strangers cost it nothing, and uses are noted seldom."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_shelf import MemoryShelf
from whole_bundles import text_of

from bootstrap.collector import texts as module
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.shelf import Swept
from bootstrap.collector.texts import Texts

NOW = 5000.0
OWN, OLD = text_of("own"), text_of("old")


class Watched(MemoryShelf):
    """Counts the questions. each answer comes a moment later, as that of a store does; fails: the methods that fail."""

    def __init__(self) -> None:
        self.own_of_last_sweep: str | None = None
        self.now, self.asked, self.fails = NOW, Counter[str](), set[str]()
        super().__init__(set, lambda: self.now)

    async def _count(self, name: str) -> None:
        self.asked[name] += 1
        await asyncio.sleep(0.01)
        if name in self.fails:
            raise Refusal("unavailable", "the store is down", retry_after_s=5)

    async def texts(self) -> set[str]:
        await self._count("texts")
        return await super().texts()

    async def text(self, sha256: str) -> bytes | None:
        await self._count("text")
        return await super().text(sha256)

    async def sweep(self, own: str | None, unused_s: float) -> Swept:
        self.own_of_last_sweep = own
        return await super().sweep(own, unused_s)

    async def use_text(self, sha256: str) -> None:
        await self._count("use_text")
        await super().use_text(sha256)


Story = Callable[[Texts, Watched], Awaitable[Any]]


def run(story: Story, own: bytes | None = OWN[1]) -> Any:
    """Run a story over a shelf that holds the old text."""

    async def whole() -> Any:
        shelf = Watched()
        shelf._texts[OLD[0]] = (OLD[1], NOW)
        texts = Texts(shelf, own, lambda: shelf.now)
        try:
            return await story(texts, shelf)
        finally:
            await texts.settle()

    return asyncio.run(whole())


def test_the_own_text_is_there_before_the_store_is_asked() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        return texts.own, await texts.get(OWN[0]), shelf.asked["text"], shelf.asked["texts"]

    assert run(story) == (OWN[0], OWN[1], 0, 0)


def test_a_crowd_asks_the_store_once() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        answers = await asyncio.gather(*(texts.get(OLD[0]) for _ in range(400)))
        later = await asyncio.gather(*(texts.get(OLD[0]) for _ in range(400)))
        await texts.settle()
        return {*answers, *later}, shelf.asked

    assert run(story) == ({OLD[1]}, {"texts": 1, "text": 1, "use_text": 1})


def test_strangers_cost_the_store_one_question_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        unknown = [f"{number:064x}" for number in range(500)]
        answers = await asyncio.gather(*map(texts.get, unknown))
        asked = dict(shelf.asked)
        # After the second, another replica's upload is seen.
        shelf._texts[unknown[3]] = text_of("late")[1], NOW
        before = await texts.get(unknown[3])
        monkeypatch.setattr(module, "LIST_S", 0.0)
        await texts.get(unknown[3])
        return set(answers), asked, before, shelf.asked["text"]

    assert run(story) == ({None}, {"texts": 1}, None, 1)


def test_a_text_that_is_damaged_in_the_store_is_not_served() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        shelf._texts[OLD[0]] = (OLD[1][:-1] + b"?", NOW)
        return await texts.get(OLD[0])

    assert run(story) is None


def test_a_text_that_another_collector_has_removed_is_gone() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        await texts.get("0" * 64)
        del shelf._texts[OLD[0]]
        return await texts.get(OLD[0]), await texts.get(OLD[0]), shelf.asked["text"]

    assert run(story) == (None, None, 1)


def test_a_use_is_noted_at_most_once_an_hour() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        await texts.keep_own()
        counts = []
        for now in (NOW + 3599, NOW + 3600, NOW + 3700, NOW + 7199, NOW + 7200):
            shelf.now = now
            await texts.get(OWN[0])
            await texts.settle()
            counts.append((await used_at(shelf, OWN[0]), shelf.asked["use_text"]))
        return counts

    assert run(story) == [
        (NOW, 1),
        (NOW + 3600, 2),
        (NOW + 3600, 2),
        (NOW + 3600, 2),
        (NOW + 7200, 3),
    ]


async def used_at(shelf: Watched, sha256: str) -> float:
    return shelf._texts[sha256][1]


def test_a_use_that_could_not_be_stored_is_stored_a_minute_later_and_the_host_has_its_text() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        shelf.fails = {"use_text"}
        counts = []
        for now in (NOW + 4000, NOW + 4059, NOW + 4060):
            shelf.now = now
            assert await texts.get(OLD[0]) == OLD[1]
            await texts.settle()
            counts.append(shelf.asked["use_text"])
        return counts

    assert run(story) == [1, 1, 2]


def test_a_store_that_is_down_refuses_only_what_is_not_in_memory() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        shelf.fails = {"texts", "text"}
        answers = await asyncio.gather(texts.get(OWN[0]), texts.get(OLD[0]), texts.get(OLD[0]), return_exceptions=True)
        shelf.fails = set()
        return [getattr(answer, "status", answer) for answer in answers], await texts.get(OLD[0])

    assert run(story) == ([OWN[1], 503, 503], OLD[1])


def test_memory_is_bounded_and_the_own_text_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMORY_BYTES", 4 * len(OWN[1]))

    async def story(texts: Texts, shelf: Watched) -> Any:
        others = [text_of(f"{number:03d}") for number in range(10)]
        for other in others:
            assert await texts.keep(*other)
        contents = [await texts.get(other[0]) for other in others]
        return contents == [content for _, content in others], shelf.asked["text"] > 0, await texts.get(OWN[0])

    assert run(story) == (True, True, OWN[1])


def test_a_sweep_forgets_what_it_removes_and_keeps_the_own_text() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        await texts.get(OLD[0])
        await texts.settle()
        shelf.now = NOW + module.UNUSED_TEXT_S
        swept = await texts.sweep()
        return swept.texts, await texts.get(OLD[0]), await texts.get(OWN[0]), set(shelf._texts)

    assert run(story) == ((OLD[0],), None, OWN[1], {OWN[0]})


def test_a_text_that_the_sweep_may_not_take_is_the_own_one() -> None:
    """A replica of another version sweeps a moment after its own text was stored; nothing was used since."""

    async def story(texts: Texts, shelf: Watched) -> Any:
        await texts.keep_own()
        shelf.own_of_last_sweep = "none"
        await texts.sweep()
        return shelf.own_of_last_sweep

    assert run(story) == OWN[0]


def test_a_collector_without_a_text_of_its_own_serves_the_others() -> None:
    async def story(texts: Texts, shelf: Watched) -> Any:
        await texts.keep_own()
        return texts.own, await texts.get(OLD[0])

    assert run(story, None) == (None, OLD[1])
