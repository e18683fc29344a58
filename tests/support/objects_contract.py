"""The behaviours of every place that `bootstrap publish` puts objects to. A place brings a bench, and runs all of them:

@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
def test_the_place_does_what_every_place_does(behaviour: Behaviour, bench: ObjectsBench, tmp_path: Path) -> None:
    behaviour(bench, tmp_path)
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from bootstrap.publish.objects import Objects, PublishError, Unfit

SMALL = b"one\ntwo\n"
# More than a place keeps in memory.
LARGE_BYTES = 20 << 20
STRANGE = ("a b", "a+b", "a%20b", "a&b=c", "a?b#c", "ümläut", "quote'\"", "deep/er/name", "a~b,c;d:e@f!g$h(i)")


class ObjectsBench(Protocol):
    """A place for one test. is_tried: whether its URLs are tried before they are handed out."""

    is_tried: bool

    def objects(self) -> Objects:
        """The place, empty for the first call of a test; the same place for each other call."""


Behaviour = Callable[[ObjectsBench, Path], None]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fetched(url: str) -> bytes:
    """The content at a URL, by the program that hosts use."""
    done = subprocess.run(["curl", "-gsSf", "-m60", "-K-"], input=f'url="{url}"\n'.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def soon() -> int:
    """An end of URLs, at a full hour as `publish` has it."""
    return (int(time.time()) // 3600 + 2) * 3600


def large(folder: Path) -> Path:
    """A file that nothing compresses."""
    path = folder / "large"
    path.write_bytes(hashlib.shake_128(b"large").digest(LARGE_BYTES))
    return path


def a_missing_object_has_no_digest(bench: ObjectsBench, _: Path) -> None:
    assert bench.objects().digest("missing") is None
    assert list(bench.objects().listing()) == []


def an_object_is_read_as_it_was_put(bench: ObjectsBench, _: Path) -> None:
    bench.objects().put("one", SMALL, sha256(SMALL))
    objects = bench.objects()
    assert objects.digest("one") == sha256(SMALL)
    assert b"".join(objects.read("one")) == SMALL
    assert fetched(objects.url("one", soon())) == SMALL


def an_empty_object_is_one_too(bench: ObjectsBench, tmp_path: Path) -> None:
    objects, path = bench.objects(), tmp_path / "empty"
    path.touch()
    objects.put("bytes", b"", sha256(b""))
    objects.put("file", path, sha256(b""))
    assert [objects.digest(name) for name in ("bytes", "file")] == [sha256(b"")] * 2
    assert b"".join(objects.read("file")) == fetched(objects.url("file", soon())) == b""


def a_large_file_arrives_whole(bench: ObjectsBench, tmp_path: Path) -> None:
    objects, path = bench.objects(), large(tmp_path)
    digest = sha256(path.read_bytes())
    objects.put("large", path, digest)
    assert objects.digest("large") == digest
    blocks = list(objects.read("large"))
    assert sha256(b"".join(blocks)) == digest
    assert max(map(len, blocks)) <= 1 << 20, "a large object must not be held in memory"
    assert [(entry.name, entry.size) for entry in objects.listing()] == [("large", LARGE_BYTES)]
    assert sha256(fetched(objects.url("large", soon()))) == digest


def other_content_than_was_named_leaves_no_object(bench: ObjectsBench, tmp_path: Path) -> None:
    objects, path = bench.objects(), large(tmp_path)
    small = tmp_path / "small"
    small.write_bytes(SMALL)
    for content in (SMALL, small, path):
        with pytest.raises(PublishError, match=f"and {sha256(b'else')} was to be published"):
            objects.put("object", content, sha256(b"else"))
    assert objects.digest("object") is None
    assert list(objects.listing()) == []


def a_file_that_cannot_be_read_is_named(bench: ObjectsBench, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=f"{tmp_path}/gone cannot be read: No such file or directory"):
        bench.objects().put("gone", tmp_path / "gone", sha256(SMALL))


def an_object_is_replaced_by_another(bench: ObjectsBench, _: Path) -> None:
    objects = bench.objects()
    objects.put("one", SMALL, sha256(SMALL))
    objects.put("one", b"new", sha256(b"new"))
    assert (objects.digest("one"), b"".join(objects.read("one"))) == (sha256(b"new"), b"new")


def a_listing_has_the_order_of_the_names(bench: ObjectsBench, _: Path) -> None:
    objects = bench.objects()
    names = ["b/2", "a", "b-1", "b/10", "ä", "Z"]
    for name in names:
        objects.put(name, name.encode(), sha256(name.encode()))
    listed = list(objects.listing())
    assert [entry.name for entry in listed] == sorted(names, key=os.fsencode)
    for entry in listed:
        content = entry.name.encode()
        assert (entry.size, entry.md5) == (len(content), hashlib.md5(content).hexdigest())
    assert [entry.name for entry in objects.listing("b/")] == ["b/10", "b/2"]


def an_object_that_is_removed_is_gone(bench: ObjectsBench, _: Path) -> None:
    objects = bench.objects()
    for name in ("deep/er/one", "deep/two"):
        objects.put(name, SMALL, sha256(SMALL))
    for _ in range(2):
        objects.remove("deep/er/one")
        assert objects.digest("deep/er/one") is None
    assert [entry.name for entry in objects.listing()] == ["deep/two"]
    # An object may have the name of what was the folder of another.
    objects.put("deep/er", SMALL, sha256(SMALL))
    assert objects.digest("deep/er") == sha256(SMALL)


def names_with_marks_and_letters_of_all_kinds_are_fetched(bench: ObjectsBench, _: Path) -> None:
    objects = bench.objects()
    objects.check(STRANGE)
    for name in STRANGE:
        content = name.encode()
        objects.put(name, content, sha256(content))
        assert objects.digest(name) == sha256(content)
        assert fetched(objects.url(name, soon())) == content
    assert {entry.name for entry in objects.listing()} == set(STRANGE)


def names_that_it_cannot_hold_are_refused_all_at_once(bench: ObjectsBench, _: Path) -> None:
    bad = ["", "/a", "a//b", "../a", "a/./b", "x" * 1025, "é" * 513, "\udcff"]
    with pytest.raises(Unfit) as refused:
        bench.objects().check(["good", *bad])
    for name, problem in zip(bad, refused.value.problems, strict=True):
        assert f"named {name!r}: " in problem.message
        assert problem.hint


def a_url_of_nothing_is_not_handed_out(bench: ObjectsBench, _: Path) -> None:
    if bench.is_tried:
        with pytest.raises(PublishError):
            bench.objects().url("missing", soon())


def a_url_is_the_same_within_its_hour_and_as_long_as_the_untried_one(bench: ObjectsBench, _: Path) -> None:
    objects, expires = bench.objects(), soon()
    objects.put("one", SMALL, sha256(SMALL))
    url = objects.url("one", expires)
    if int(time.time()) % 3600 < 3590:
        time.sleep(1.1)  # a signature names the second that it was made in
        assert bench.objects().url("one", expires) == url
    assert len(objects.untried_url("one", expires)) == len(url)


def its_place_names_no_credential(bench: ObjectsBench, _: Path) -> None:
    place = bench.objects().place
    assert place and "?" not in place and "@" not in place


CONTRACT: tuple[Behaviour, ...] = (
    a_missing_object_has_no_digest,
    an_object_is_read_as_it_was_put,
    an_empty_object_is_one_too,
    a_large_file_arrives_whole,
    other_content_than_was_named_leaves_no_object,
    a_file_that_cannot_be_read_is_named,
    an_object_is_replaced_by_another,
    a_listing_has_the_order_of_the_names,
    an_object_that_is_removed_is_gone,
    names_with_marks_and_letters_of_all_kinds_are_fetched,
    names_that_it_cannot_hold_are_refused_all_at_once,
    a_url_of_nothing_is_not_handed_out,
    a_url_is_the_same_within_its_hour_and_as_long_as_the_untried_one,
    its_place_names_no_credential,
)


def name_of(behaviour: Behaviour) -> str:
    return getattr(behaviour, "__name__", str(behaviour)).replace("_", " ")
