"""The folder of all local servers: a body for each, durably written before anything else of it exists.

STATE/lock                  held while a server or an address is chosen
STATE/addresses.json        when each address was last given or given back, as a count
STATE/servers/NAME/         one server
    server.json             its body: name, metadata, address, root
    deleting                there from the beginning of its end
    lock                    held by whoever makes or deletes it
    pid, console            of its process
    root, upper, work       its file system: an overlay
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.deploy import durable
from bootstrap.deploy.drivers.local_settings import Settings, link_name
from bootstrap.deploy.faults import Broken, Busy, Exists, Gone, Quota
from bootstrap.deploy.model import Marks

_BODY, _DELETING, _LOCK, _ADDRESSES = "server.json", "deleting", "lock", "addresses.json"
# Names of folders with a dot are not servers: not yet, or no longer.
_NEW, _OLD = ".new-", ".old-"


@dataclass(frozen=True)
class Body:
    """A server as its own file describes it. root: the Debian that it started from."""

    name: str
    metadata: Mapping[str, str]
    address: str
    root: str

    @property
    def marks(self) -> Marks | None:
        """Our marks in its metadata, None when they are not all there."""
        return Marks.read(self.metadata)


class Store:
    """The servers of one state folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._servers = settings.state / "servers"

    def folder(self, name: str) -> Path:
        """The folder of a server, whether it exists or not."""
        return self._servers / name

    def names(self) -> list[str]:
        """The names of all servers, ours or not."""
        try:
            return sorted(entry.name for entry in self._servers.iterdir() if not entry.name.startswith("."))
        except FileNotFoundError:
            return []

    def body(self, name: str) -> Body:
        """The body of a server as it is on disk now. Raises Gone."""
        # A server's id comes from outside: it must not lead to another folder.
        if "/" in name or name.startswith("."):
            raise Gone(f"there is no server {name!r}")
        try:
            fields = json.loads((self.folder(name) / _BODY).read_text(encoding="utf-8"))
            return Body(str(fields["name"]), dict(fields["metadata"]), str(fields["address"]), str(fields["root"]))
        except (FileNotFoundError, NotADirectoryError):
            raise Gone(f"there is no server {name!r} in {self._servers}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise Broken(f"{self.folder(name) / _BODY} is damaged: {error!r}") from error

    def bodies(self) -> list[Body]:
        """The bodies of all servers. One that goes meanwhile is left out."""
        bodies = []
        for name in self.names():
            with contextlib.suppress(Gone):
                bodies.append(self.body(name))
        return bodies

    # --- the beginning and the end of a server ----------------------------------------------------------------------

    @contextlib.contextmanager
    def new(self, name: str, metadata: Mapping[str, str], root: Path) -> Iterator[Body]:
        """A new server with an address of its own, held while the block makes it. Raises Exists, Quota."""
        with self._held():
            if self.folder(name).exists():
                raise Exists(f"there is a server {name!r} already in {self._servers}")
            body = Body(name, metadata, self._take_address(), str(root))
            draft = self._servers / f"{_NEW}{name}"
            draft.mkdir()
            lock = _lock(draft / _LOCK)
            try:
                durable.replace(draft / _BODY, (json.dumps(vars(body), indent=1) + "\n").encode())
                draft.rename(self.folder(name))
                durable.sync_folder(self._servers)
            except BaseException:
                os.close(lock)
                raise
        try:
            yield body
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def end(self, name: str) -> Iterator[Body]:
        """A server whose end begins, or goes on; the block takes down what it has, then its folder goes.

        Raises Gone, and Busy while somebody else makes or deletes it.
        """
        body = self.body(name)
        folder = self.folder(name)
        try:
            lock = _lock(folder / _LOCK)
        except FileNotFoundError:
            raise Gone(f"there is no server {name!r}") from None
        except BlockingIOError:
            raise Busy(f"somebody else makes or deletes the server {name!r} at this moment") from None
        try:
            # Whoever held the lock before may have ended it.
            self.body(name)
            durable.replace(folder / _DELETING, b"")
            yield body
            self.discard(body)
        finally:
            os.close(lock)

    def discard(self, body: Body) -> None:
        """Forget a server of which nothing is left but its folder. The caller holds it."""
        with self._held():
            self._stamp(body.address)
        self._remove(body.name)

    def is_ending(self, name: str) -> bool:
        """Whether the end of a server has begun."""
        return (self.folder(name) / _DELETING).exists()

    def is_held(self, name: str) -> bool:
        """Whether somebody makes or deletes it at this moment."""
        try:
            os.close(_lock(self.folder(name) / _LOCK))
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def _remove(self, name: str) -> None:
        """Remove the folder of a server; its body last, so that it is found as long as anything is left."""
        folder = self.folder(name)
        for entry in folder.iterdir():
            if entry.name in (_BODY, _DELETING, _LOCK):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        aside = self._servers / f"{_OLD}{name}"
        folder.rename(aside)
        durable.sync_folder(self._servers)
        # Another deployer may tidy it away at the same time.
        shutil.rmtree(aside, ignore_errors=True)

    # --- addresses --------------------------------------------------------------------------------------------------

    def free_addresses(self) -> list[str]:
        """The addresses that no server has, the least recently used first: a late answer is for the one before."""
        in_use, used = {body.address for body in self.bodies()}, self._used()
        # Another state folder may have servers on this network.
        links = {name for _, name in socket.if_nameindex()}
        free = [a for a in self._settings.addresses() if a not in in_use and link_name(a) not in links]
        return sorted(free, key=lambda address: used.get(address, 0))

    def _take_address(self) -> str:
        """Choose an address. The caller holds the lock."""
        free = self.free_addresses()
        if not free:
            raise Quota(f"{self._settings.network} has no free address", "addresses", 0, 1)
        self._stamp(free[0])
        return free[0]

    def _used(self) -> dict[str, int]:
        """{address: count when it was last given or given back}."""
        try:
            return {str(k): int(v) for k, v in json.loads(self._addresses.read_text(encoding="utf-8")).items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError) as error:
            raise Broken(f"{self._addresses} is damaged: {error!r}; remove it") from error

    def _stamp(self, address: str) -> None:
        used = self._used()
        stamps = {**used, address: max(used.values(), default=0) + 1}
        durable.replace(self._addresses, (json.dumps(stamps) + "\n").encode())

    @property
    def _addresses(self) -> Path:
        return self._settings.state / _ADDRESSES

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the lock of the whole folder, which is made, and is free of what killed deployers left half done."""
        self._servers.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _lock(self._settings.state / _LOCK, wait=True)
        try:
            for leftover in (*self._servers.glob(f"{_NEW}*"), *self._servers.glob(f"{_OLD}*")):
                shutil.rmtree(leftover, ignore_errors=True)
            yield
        finally:
            os.close(lock)


def _lock(path: Path, *, wait: bool = False) -> int:
    """A descriptor that holds the kernel's lock of a file; it ends with the process. Raises BlockingIOError."""
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if path.parent.exists() else 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
