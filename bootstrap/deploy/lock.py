"""The right to change the pools of a deploy as locks on this machine, for those who have no collector."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from bootstrap.client.wording import plain
from bootstrap.deploy.lease import Taken
from bootstrap.deploy.stopping import Lost
from bootstrap.errors import UsageError

MAX_WORDS = 1000


class LocalLease:
    """See `protocols.Lease`. Locks of several pools on this machine, each on a file in `folder`: all, or none.

    The kernel gives a lock back when its process ends, however it ends, so no lock is ever left behind.
    """

    def __init__(self, folder: Path, pools: Iterable[str], holder: str) -> None:
        self._folder, self._holder = folder, holder
        self._pools = sorted(set(pools))
        self._handles: dict[str, int] = {}

    def take(self) -> None:
        """Take the locks of all pools, or keep them. Raises Taken with the holder, or UsageError, and then has none."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for pool in self._pools:
                if pool not in self._handles:
                    self._handles[pool] = self._lock(pool)
        except OSError as error:
            self.release()
            raise UsageError(f"no lock can be made in {self._folder}: {error.strerror}") from error
        except BaseException:
            self.release()
            raise

    def check(self) -> None:
        """Return if all locks are ours. Raises Lost with the holder."""
        if len(self._handles) < len(self._pools):
            raise Lost("the right to change the pools was given back, or was never taken")
        for pool, handle in self._handles.items():
            if not _is_file_of(handle, self._path(pool)):
                holder = self._words(pool)
                name = f"another deployer has it: {holder}" if holder else "its file was removed"
                raise Lost(f"the right to change pool {pool} was lost: {name}", holder)

    def keep(self) -> None:
        """Do nothing: a lock does not end by itself."""

    def release(self) -> None:
        """Give all locks back."""
        handles, self._handles = self._handles, {}
        for handle in handles.values():
            # The file stays: to remove it would give two deployers a file each.
            os.ftruncate(handle, 0)
            os.close(handle)

    def _lock(self, pool: str) -> int:
        while True:
            handle = os.open(self._path(pool), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                holder = self._patient_words(pool)
                raise Taken(f"pool {pool} is held by {holder or 'another process on this machine'}", holder) from None
            if _is_file_of(handle, self._path(pool)):
                break
            # The file was removed between the two calls, so nobody else would see this lock.
            os.close(handle)
        os.ftruncate(handle, 0)
        os.pwrite(handle, self._holder.encode(), 0)
        return handle

    def _patient_words(self, pool: str) -> str | None:
        # A holder writes its words only after it has the lock.
        for _ in range(20):
            holder = self._words(pool)
            if holder is not None:
                return holder
            time.sleep(0.01)
        return None

    def _words(self, pool: str) -> str | None:
        """The words of the holder in the file of a pool."""
        try:
            return plain(self._path(pool).read_bytes()[:MAX_WORDS].decode("utf-8", "replace")) or None
        except OSError:
            return None

    def _path(self, pool: str) -> Path:
        return self._folder / f"{quote(pool, safe='')}.lock"


def _is_file_of(handle: int, path: Path) -> bool:
    """Whether an open file is the one that has this path now."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
