"""Programs that fail, and errors of the kernel, become faults of the closed set."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bootstrap.deploy.drivers import local_commands
from bootstrap.deploy.faults import Broken, Denied, Exists, Fault, Gone, Quota


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("RTNETLINK answers: File exists", Exists),
        ("RTNETLINK answers: Operation not permitted", Denied),
        ("mount: must be superuser to use mount", Denied),
        ("tar: x: Cannot write: No space left on device", Quota),
        ("Cannot find device \"ir0a\"", Gone),
        ("something else", Broken),
    ],
)
def test_the_words_of_a_program_decide_the_fault(words: str, kind: type[Fault]) -> None:
    with pytest.raises(Fault) as error:
        local_commands.run("sh", "-c", f"echo '{words}' >&2; echo again >&2; exit 2")
    assert type(error.value) is kind
    assert error.value.message.endswith(f": {words} again")


def test_a_program_that_says_nothing_is_broken_with_its_exit_code() -> None:
    with pytest.raises(Broken, match=r"^sh -c exit 3: exit code 3$"):
        local_commands.run("sh", "-c", "exit 3")


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "environ", {"PATH": str(tmp_path)})
    monkeypatch.setattr(local_commands, "ENVIRONMENT", {"PATH": str(tmp_path)})
    with pytest.raises(Broken, match=r"^systemd-nspawn is not on this machine: apt-get install systemd-container$"):
        local_commands.run("systemd-nspawn")
    with pytest.raises(Broken, match=r"^setsid is not on this machine: apt-get install util-linux$"):
        local_commands.launch(["setsid"], tmp_path, tmp_path / "console")


def test_a_program_gets_no_secret_of_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_TOKEN", "a-secret")
    assert "a-secret" not in local_commands.run("env")


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, Quota), (errno.EDQUOT, Quota), (errno.EACCES, Denied), (errno.EROFS, Denied), (errno.EIO, Broken)],
)
def test_the_number_of_an_error_decides_the_fault(number: int, kind: type[Fault]) -> None:
    with pytest.raises(Fault) as error, local_commands.mapped():
        raise OSError(number, os.strerror(number), "/srv/a")
    assert (type(error.value), error.value.message) == (kind, f"/srv/a: {os.strerror(number)}")
