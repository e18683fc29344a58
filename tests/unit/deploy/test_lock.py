"""The right to change pools by files on this machine, whose locks end with their process."""

from __future__ import annotations

import fcntl
import re
import subprocess
from pathlib import Path

import pytest
from lease_contract import LeaseContract, MakeLease, started

from bootstrap.deploy.lease import Taken
from bootstrap.deploy.lock import LocalLease
from bootstrap.deploy.stopping import Lost
from bootstrap.errors import UsageError


@pytest.fixture
def pools() -> tuple[str, str]:
    # Not in the order of the alphabet: it must not matter.
    return "shop.web", "shop.db"


class TestLocalLease(LeaseContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> MakeLease:
        return lambda pools, holder: LocalLease(tmp_path / "leases", pools, holder)


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    with started("local", str(tmp_path / "leases"), "shop.web", str(tmp_path / "calls")) as process:
        try:
            other = LocalLease(tmp_path / "leases", ["shop.web"], "b")
            with pytest.raises(Taken, match=r"^pool shop\.web is held by the paused one$"):
                other.take()
        finally:
            process.kill()
            process.wait()
        other.take()
        other.check()


def test_a_lock_whose_file_was_removed_is_lost(tmp_path: Path) -> None:
    lease, other = LocalLease(tmp_path, ["p"], "a"), LocalLease(tmp_path, ["p"], "b")
    lease.take()
    (tmp_path / "p.lock").unlink()
    with pytest.raises(Lost, match="its file was removed"):
        lease.check()
    other.take()
    with pytest.raises(Lost, match="another deployer has it: b") as caught:
        lease.check()
    assert caught.value.holder == "b"


def test_a_file_that_is_removed_while_it_is_locked_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else would see a lock on a file that has no name any more."""
    path, real, removals = tmp_path / "p.lock", fcntl.flock, iter([True])

    def flock(handle: int, how: int) -> None:
        if next(removals, False):
            path.unlink()
        real(handle, how)

    monkeypatch.setattr("bootstrap.deploy.lock.fcntl.flock", flock)
    lease, other = LocalLease(tmp_path, ["p"], "a"), LocalLease(tmp_path, ["p"], "b")
    lease.take()
    lease.check()
    with pytest.raises(Taken, match="is held by a"):
        other.take()


def test_the_file_of_a_lock_is_private_and_holds_the_holder_while_it_is_held(tmp_path: Path) -> None:
    lease = LocalLease(tmp_path / "leases", ["p"], "a@one")
    lease.take()
    path = tmp_path / "leases/p.lock"
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("a@one", 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    lease.release()
    assert path.read_text() == ""


def test_a_child_of_the_deployer_does_not_keep_the_lock(tmp_path: Path) -> None:
    lease, other = LocalLease(tmp_path, ["p"], "a"), LocalLease(tmp_path, ["p"], "b")
    lease.take()
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        try:
            lease.release()
            other.take()
        finally:
            child.kill()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=re.escape(f"no lock can be made in {tmp_path}/file/leases: Not a directory")):
        LocalLease(tmp_path / "file/leases", ["p"], "a").take()


def test_a_lock_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "p.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(UsageError, match="no lock can be made"):
        LocalLease(tmp_path, ["p"], "a").take()
    assert (tmp_path / "precious").read_text() == "precious"
