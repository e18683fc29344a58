"""Programs of a trial: found, named when they are missing, and ended when they take too long."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.trial import programs


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_FOLDERS", str(tmp_path))


@pytest.mark.usefixtures("nothing")
def test_missing_programs_are_named_all_at_once_with_their_packages() -> None:
    with pytest.raises(UsageError) as error:
        programs.need(["qemu-system-x86_64", "qemu-img", "debugfs", "mkfs.ext4"])
    assert error.value.message == (
        "qemu-system-x86_64 and qemu-img and debugfs and mkfs.ext4 are missing on this machine"
    )
    assert error.value.hint == "apt-get install e2fsprogs qemu-system-x86 qemu-utils"
    with pytest.raises(UsageError, match=r"^zstd is missing on this machine$"):
        programs.run("zstd", "-d")


def test_a_program_outside_the_path_of_users_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "debugfs"
    program.write_text("#!/bin/sh\nprintf 'hello %s' \"$1\"; cat; echo oops >&2\n")
    program.chmod(0o755)
    monkeypatch.setattr(programs, "_FOLDERS", str(tmp_path))
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setitem(programs.PACKAGES, "debugfs", "e2fsprogs")
    assert programs.run("debugfs", "you", data=b"!") in (b"hello you!",)


def test_a_program_that_fails_or_takes_too_long_is_an_error_with_its_words() -> None:
    with pytest.raises(programs.ProgramError, match=r"^sh ended with 3: oops$"):
        programs.run("sh", "-c", "echo oops >&2; exit 3")
    with pytest.raises(programs.ProgramError, match="it has not ended after 0 s"):
        programs.run("sleep", "1000", timeout_s=0.2)


def test_every_declared_package_has_its_program_where_it_is_installed() -> None:
    for program, package in programs.PACKAGES.items():
        path = programs.path_of(program)
        if path is not None and Path("/var/lib/dpkg/info").exists() and program != "busybox":
            real = os.path.realpath(path)
            names = [real, real.removeprefix("/usr"), path]
            owners = [
                subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True).stdout for name in names
            ]
            assert any(owner.startswith(f"{package}:") for owner in owners), (program, owners)
