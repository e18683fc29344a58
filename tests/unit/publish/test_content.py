"""The content of an object: a file is read only while it is one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from bootstrap.publish import store
from bootstrap.publish.content import blocks, digests, opened, read_small
from bootstrap.publish.objects import PublishError

READS: dict[str, Callable[[Path], object]] = {
    "small": read_small,
    "blocks": lambda path: list(blocks(path)),
    "digests": lambda path: digests("x", path, "0" * 64),
    "sent": lambda path: store.call(requests.Session(), "PUT", "http://127.0.0.1:1/", {}, path),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "gone"])
def test_what_has_come_into_the_place_of_a_file_is_neither_read_nor_waited_for(
    tmp_path: Path, kind: str, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "file"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(PublishError, match=r"file (is no file any more|cannot be read: )"):
        read(path)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_bytes(b"x" * 3)
    assert digests("x", path, hashlib.sha256(b"xxx").hexdigest()) == b"xxx"
    with opened(path) as file:
        assert file.read() == b"xxx"


def test_a_missing_file_of_authorities_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PAUSES_S", ())
    session = requests.Session()
    session.verify = str(tmp_path / "none.pem")
    with pytest.raises(PublishError, match="does not answer: OSError"):
        store.call(session, "GET", "https://127.0.0.1:1/", {})
