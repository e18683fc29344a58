"""The address that a collector listens on, and the store that its URL names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.collector.server import Listen, bind, parse_listen, url_of
from bootstrap.collector.store_sqlite import SqliteStore
from bootstrap.collector.stores import store_of
from bootstrap.errors import CollectorError, UsageError


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:8080", Listen("127.0.0.1", 8080)),
        ("localhost:0", Listen("localhost", 0)),
        ("[::1]:8443", Listen("::1", 8443)),
    ],
)
def test_an_address_to_listen_on(text: str, listen: Listen) -> None:
    assert parse_listen(text) == listen
    assert listen.is_loopback


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "host:", "host:x", "host:65536", "::1:80", "[::1]", "[host]:80", "h:²"]
)
def test_an_impossible_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not HOST:PORT"):
        parse_listen(text)


def test_port_0_is_shown_as_the_port_it_became() -> None:
    with bind(Listen("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        assert port > 0
        assert url_of(bound, Listen("127.0.0.1", 0), is_tls=True) == f"https://127.0.0.1:{port}"
        assert url_of(bound, Listen("::1", 0), is_tls=False) == f"http://[::1]:{port}"


def test_a_port_in_use_is_reported() -> None:
    with bind(Listen("127.0.0.1", 0)) as bound:
        bound.listen()
        with pytest.raises(CollectorError, match=r"cannot listen on 127\.0\.0\.1:[0-9]+: Address already in use"):
            bind(Listen("127.0.0.1", bound.getsockname()[1]))


def test_a_sqlite_url_is_a_path(tmp_path: Path) -> None:
    store = store_of(f"sqlite:///{tmp_path}/c.db")
    assert isinstance(store, SqliteStore)
    assert store._path == tmp_path / "c.db"


def test_a_path_with_a_slash_too_few_is_explained() -> None:
    with pytest.raises(UsageError) as caught:
        store_of("sqlite:///no-such-folder/c.db")
    assert (
        caught.value.hint
        == "three slashes begin a relative path; a path from the root takes four: sqlite:////no-such-folder/c.db"
    )


@pytest.mark.parametrize("url", ["", "c.db", "sqlite://c.db", "sqlite:///", "mysql://x/y"])
def test_an_unknown_store_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is neither sqlite:///PATH nor postgresql://"):
        store_of(url)
