"""The folder of local servers: bodies, ends that were cut short, addresses, and who holds what."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootstrap.deploy.drivers import local_settings
from bootstrap.deploy.drivers.local_store import Store
from bootstrap.deploy.faults import Broken, Busy, Exists, Gone, Quota
from bootstrap.deploy.model import Marks

MARKS = Marks("shop/web", "20270101T000000Z-abcd", 1, 1, "0123456789ab")
ROOT = Path("/srv/debian")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    settings = {"root": str(ROOT), "state": str(tmp_path / "state"), "network": "198.51.100.0/29"}
    return Store(local_settings.read(settings))


def make(store: Store, name: str) -> str:
    """Make a server: its address."""
    with store.new(name, MARKS.metadata(), ROOT) as body:
        return body.address


def test_a_body_is_what_it_was_made_with(store: Store) -> None:
    address = make(store, "a")
    body = store.body("a")
    assert (body.name, body.marks, body.address, body.root) == ("a", MARKS, address, "/srv/debian")
    assert store.names() == ["a"]


def test_a_body_without_all_marks_is_somebody_elses(store: Store) -> None:
    with store.new("a", {"initialrunner-pool": "shop/web"}, ROOT) as body:
        assert body.marks is None


@pytest.mark.parametrize("name", ["b", "../servers/a", ".old-a", "a/server.json"])
def test_what_is_not_there_is_gone(store: Store, name: str) -> None:
    make(store, "a")
    with pytest.raises(Gone):
        store.body(name)


def test_a_damaged_body_is_broken_and_says_where(store: Store) -> None:
    make(store, "a")
    path = store.folder("a") / "server.json"
    path.write_text("{")
    with pytest.raises(Broken, match=f"^{path} is damaged"):
        store.bodies()


def test_a_name_is_given_once(store: Store) -> None:
    make(store, "a")
    with pytest.raises(Exists, match="there is a server 'a' already"):
        make(store, "a")


def test_whoever_makes_a_server_holds_it(store: Store) -> None:
    with store.new("a", {}, ROOT):
        assert store.is_held("a")
        with pytest.raises(Busy, match="somebody else makes or deletes the server 'a' at this moment"), store.end("a"):
            pass
    assert not store.is_held("a")


def test_an_end_that_fails_in_the_middle_has_begun_and_goes_on_later(store: Store) -> None:
    make(store, "a")
    (store.folder("a") / "upper/etc").mkdir(parents=True)
    with pytest.raises(OSError, match="busy"), store.end("a"):
        raise OSError("the mount is busy")
    assert store.is_ending("a")
    assert store.body("a").marks == MARKS
    with store.end("a"):
        pass
    assert store.names() == []
    with pytest.raises(Gone), store.end("a"):
        pass


def test_leftovers_of_killed_deployers_are_tidied_with_the_next_server(store: Store) -> None:
    make(store, "a")
    for name in (".new-b", ".old-c"):
        (store.folder(name) / "upper").mkdir(parents=True)
    assert store.names() == ["a"]
    make(store, "b")
    assert sorted(os.listdir(store.folder("a").parent)) == ["a", "b"]


def test_the_address_that_was_used_longest_ago_comes_first(store: Store) -> None:
    assert [make(store, name) for name in "abc"] == [f"198.51.100.{last}" for last in (2, 3, 4)]
    for name in "bac":
        with store.end(name):
            pass
    assert store.free_addresses() == [f"198.51.100.{last}" for last in (5, 6, 3, 2, 4)]


def test_an_address_in_use_is_never_given(store: Store) -> None:
    assert len({make(store, name) for name in "abcde"}) == 5
    with pytest.raises(Quota) as error:
        make(store, "f")
    assert error.value.message == "198.51.100.0/29 has no free address"
    assert store.names() == list("abcde")


def test_damaged_notes_about_addresses_are_broken(store: Store, tmp_path: Path) -> None:
    make(store, "a")
    (tmp_path / "state/addresses.json").write_text("[]")
    with pytest.raises(Broken, match=r"addresses\.json is damaged"):
        make(store, "b")
