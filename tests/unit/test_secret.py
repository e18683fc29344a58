"""The deployer's secret: made once, private, and never shown."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.secret import make_secret, read_secret, read_secret_if_named


def test_a_secret_is_32_private_bytes(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    before = os.umask(0)
    try:
        secret = make_secret(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(secret) == 32
    assert read_secret(path) == secret
    assert make_secret(tmp_path / "other") != secret


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("precious")
    with pytest.raises(UsageError, match="secret exists already"):
        make_secret(path)
    assert path.read_text() == "precious"
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="link exists already"):
        make_secret(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be made: No such file or directory"):
        make_secret(tmp_path / "no" / "secret")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_secret_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    make_secret(path)
    path.chmod(mode)
    with pytest.raises(UsageError, match=rf"\(mode {mode:04o}\)") as caught:
        read_secret(path)
    assert caught.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize(
    "text", ["", "hunter2", base64.b64encode(b"x" * 31).decode(), base64.b64encode(b"x" * 33).decode(), "é" * 44]
)
def test_what_is_no_secret_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    for read in (lambda: read_secret(path), lambda: read_secret()):
        monkeypatch.setenv("BOOTSTRAP_SECRET", text or " ")
        with pytest.raises(UsageError, match="does not hold 32 bytes in base64") as caught:
            read()
        assert not text or text not in str(caught.value) + str(caught.value.hint)


def test_a_file_outweighs_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = b"y" * 32
    monkeypatch.setenv("BOOTSTRAP_SECRET", base64.b64encode(other).decode() + "\n")
    secret = make_secret(tmp_path / "secret")
    assert read_secret(tmp_path / "secret") == secret
    assert read_secret() == read_secret_if_named() == other


def test_no_secret_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOTSTRAP_SECRET", raising=False)
    assert read_secret_if_named() is None
    with pytest.raises(UsageError, match="no secret is given"):
        read_secret()


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file") as missing:
        read_secret(tmp_path / "none")
    assert missing.value.hint and missing.value.hint.startswith("`bootstrap secret FILE` makes one")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_secret(tmp_path)
