"""The commands that change one server of a HAProxy backend, and what its answers mean."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap.deploy.drivers.haproxy_file import Entry
from bootstrap.deploy.drivers.haproxy_process import Process
from bootstrap.deploy.drivers.haproxy_stat import Row, not_understood, one_line, written
from bootstrap.deploy.faults import Fault, Unknown

# HAProxy's words for a backend or options with which it makes no server while it runs.
NEEDS_A_SLOT = ("must use a dynamic load balancing", "is not accepted for dynamic server")
# A server that has just lost its sessions is deleted in the next moments, or else by a later call.
DELETE_TRIES, DELETE_PAUSE_S = 5, 0.1


class Commands:
    """Commands about servers of one backend."""

    def __init__(self, process: Process, pool: str) -> None:
        self._process, self._pool = process, pool

    def make(self, entry: Entry, options: Sequence[str]) -> bool:
        """Make a server, in maintenance. False: HAProxy makes none for this backend while it runs. Raises Broken."""
        at = written(entry.address, entry.port)
        command = " ".join([f"add server {self._of(entry)} {at} check", *options])
        answer = self._process.ask(command).strip()
        if any(words in answer for words in NEEDS_A_SLOT):
            return False
        if answer != "New server registered.":
            raise self._refused(command, answer)
        return True

    def serve(self, entry: Entry, row: Row | None) -> None:
        """Let a server take sessions after its next good checks. row: the server as it was; None: just made."""
        if row is not None and row.endpoint != entry.endpoint:
            self._state(entry, "maint")
            self._move(entry)
        elif row is not None and not row.is_held:
            return
        elif row is not None and row.status.startswith("DRAIN") and row.check != "INI":
            # Its checks have gone on all the time.
            self._state(entry, "ready")
            return
        # HAProxy lets the checks of a server that a command has made rest until it is told otherwise.
        self._quiet(f"enable health {self._of(entry)}")
        # From maintenance HAProxy would take a server for up until a check has failed. In this order it is down until
        # its checks have succeeded, and gets no session before.
        self._state(entry, "drain")
        self._quiet(f"set server {self._of(entry)} health down")
        self._state(entry, "ready")

    def drain(self, entry: Entry) -> None:
        """Give it no new sessions."""
        self._state(entry, "drain")

    def end(self, entry: Entry) -> None:
        """Take a server out at once, end its sessions, and delete it if that is possible by now."""
        self._state(entry, "maint")
        self._quiet(f"shutdown sessions server {self._of(entry)}")
        for attempt in range(DELETE_TRIES):
            if entry.is_slot or self.delete(entry):
                return
            if attempt + 1 < DELETE_TRIES:
                self._process.pause(DELETE_PAUSE_S)

    def delete(self, entry: Entry) -> bool:
        """Whether a server in maintenance is deleted now. What keeps it is ended, for the next try."""
        answer = self._process.ask(f"del server {self._of(entry)}").strip()
        if answer in ("Server deleted.", "No such server."):
            return True
        self._process.ask(f"shutdown sessions server {self._of(entry)}")
        return False

    def _move(self, entry: Entry) -> None:
        command = f"set server {self._of(entry)} addr {entry.address} port {entry.port}"
        answer = self._process.ask(command).strip()
        if "changed" not in answer and "no need to change" not in answer:
            raise self._refused(command, answer)

    def _state(self, entry: Entry, state: str) -> None:
        self._quiet(f"set server {self._of(entry)} state {state}")

    def _quiet(self, command: str) -> None:
        """A command that is answered with nothing when it is done."""
        answer = self._process.ask(command).strip()
        if answer:
            raise self._refused(command, answer)

    def _refused(self, command: str, answer: str) -> Fault:
        if answer in ("No such server.", "No such backend."):
            return Unknown(f"HAProxy was reloaded meanwhile: it answered `{command}` with: {one_line(answer)}")
        return not_understood(command, answer)

    def _of(self, entry: Entry) -> str:
        return f"{self._pool}/{entry.server}"
