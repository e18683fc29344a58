"""Pools of a HAProxy: members change by commands on its admin socket, and its file is always in step.

A reload, by whoever and whenever, has to find exactly the members: one that only the process knew would be forgotten,
and one that only the file knew would be connected to after its server is gone. Hence the order of every call:

- a member that comes, or serves again, is written first: a reload in between brings what is wanted;
- a member that drains is written last: while the process says that it serves, the file says the same;
- a member that leaves is written first: a reload in between takes it out.

Whatever is half done when this program ends is seen as draining, so that the core adds or removes it again.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bootstrap.deploy.drivers import haproxy_file, haproxy_settings, haproxy_stat
from bootstrap.deploy.drivers.haproxy_commands import Commands
from bootstrap.deploy.drivers.haproxy_file import NOWHERE, Entry, Place
from bootstrap.deploy.drivers.haproxy_process import Process
from bootstrap.deploy.drivers.haproxy_stat import NAME, Row
from bootstrap.deploy.drivers.haproxy_view import View
from bootstrap.deploy.faults import Broken, Denied, Exists, Fault, Gone, Unknown
from bootstrap.deploy.model import Member, MemberState, PoolPlan

# Each time that slots run out HAProxy is reloaded once; as many are made as there are members, so that a swap of all
# of them needs one reload, and at least so many.
FEWEST_SLOTS = 4
# Somebody else's reload that had begun before may look like ours; a later try makes another.
UNREAD = "HAProxy was reloaded, but not from `cloud.haproxy.config` as it is now"


def pool(settings: Mapping[str, Any], plan: PoolPlan) -> HaproxyPool:
    """The pool of a plan. settings: `cloud.haproxy` of the deploy file. Raises UsageError."""
    from bootstrap.deploy.drivers.haproxy_local import LocalProcess

    own = haproxy_settings.read(settings)
    return HaproxyPool(LocalProcess(own.config, own.socket, own.reload), plan, haproxy_settings.sections(own, plan))


class HaproxyPool:
    """One backend. sections: the text that makes the pool where it does not exist."""

    def __init__(self, process: Process, plan: PoolPlan, sections: str) -> None:
        self.name = plan.name
        self._process, self._plan, self._sections = process, plan, sections
        self._commands = Commands(process, plan.name)
        self._is_compared = False

    # --- reading ----------------------------------------------------------------------------------------------------

    def members(self) -> tuple[Member, ...]:
        """All members. Raises Gone, and Broken without a monitor or when file and process differ about strangers."""
        return tuple(self._view().members())

    def _view(self) -> View:
        text = self._process.read_file()
        backend, seen = haproxy_file.read(text, self.name), haproxy_stat.seen(self._process, self.name)
        if backend is None and seen is not None:
            raise Broken(f"the process has a backend {self.name} and the file has none: they must belong together")
        if backend is None or seen is None:
            raise Gone(f"HAProxy has no backend {self.name}")
        view = View(text, backend, seen)
        view.check_monitor(self.name)
        if not self._is_compared:
            view.check_strangers(self.name)
            self._is_compared = True
        return view

    # --- changing ---------------------------------------------------------------------------------------------------

    def add(self, name: str, address: str) -> None:
        """Put a server into the pool, or back. It takes sessions once its checks have succeeded."""
        address = _sayable(name, address)
        with self._process.locked():
            view = self._tidied(self._made())
            self._refuse_taken(view, name, address)
            view, entry = self._placed(view, name, address)
            before, row = view.text, view.row(entry)
            after = self._write(view, entry)
            if row is None:
                try:
                    is_made = not entry.is_slot and self._commands.make(entry, view.backend.options or ())
                except Broken:
                    # What HAProxy does not take must not stand in the file that it reads next.
                    self._process.write_file(after, before)
                    raise
                if not is_made:
                    entry, row = self._moved_into_a_slot(entry)
            self._commands.serve(entry, row)
            self._confirm(entry, lambda row: row is not None and row.endpoint == entry.endpoint and not row.is_held)

    def drain(self, member_id: str) -> None:
        """Give a member no new sessions. Raises Gone, and Denied for a member of somebody else."""
        with self._process.locked():
            view = self._tidied(self._view())
            entry = self._ours(view, member_id)
            row = view.row(entry)
            if row is not None and not row.is_off:
                self._commands.drain(entry)
                self._confirm(entry, lambda row: row is None or row.is_held)
            if entry.place is not Place.LEFT:
                self._write(view, replace(entry, place=Place.DRAINED))

    def remove(self, member_id: str) -> None:
        """Take a member out and end its sessions. Raises Gone, and Denied for a member of somebody else."""
        with self._process.locked():
            view = self._tidied(self._view())
            entry = self._ours(view, member_id)
            self._write(view, replace(entry, place=Place.LEFT))
            if view.row(entry) is not None:
                self._commands.end(entry)
                self._confirm(entry, lambda row: row is None or row.is_off)

    def _confirm(self, entry: Entry, is_done: Callable[[Row | None], bool]) -> None:
        """Look whether the process shows what it was told. Raises Unknown where another one answers by now."""
        seen = haproxy_stat.seen(self._process, self.name)
        if seen is None or not is_done(seen.rows.get(entry.server)):
            raise Unknown(f"HAProxy was reloaded while {entry.member} of {self.name} was being changed")

    def _ours(self, view: View, member_id: str) -> Entry:
        entry = view.entry(member_id)
        if entry is None and any(row.server == member_id for row in view.strangers()):
            raise Denied(f"{member_id} of {self.name} stands outside of the markers in the file: it is somebody else's")
        if entry is None:
            raise Gone(f"{self.name} has no member {member_id}")
        return entry

    def _refuse_taken(self, view: View, name: str, address: str) -> None:
        wanted, strangers = (address, self._plan.port), {row.server for row in view.strangers()}
        for member in view.members():
            is_same = name == member.name, wanted == (member.address, member.port)
            if any(is_same) and not (all(is_same) and member.name not in strangers):
                raise Exists(f"{member.name} of {self.name} has {haproxy_stat.written(member.address, member.port)}")

    def _write(self, view: View, *changed: Entry, check: bool = False) -> str:
        """Write these lines in place of those of the same servers, or below all. Return the file's text."""
        entries = {entry.server: entry for entry in (*view.backend.entries, *changed)}
        text = haproxy_file.with_entries(view.text, view.backend, tuple(entries.values()), bool(view.seen.cookie))
        if text != view.text:
            self._process.write_file(view.text, text, check=check)
        return text

    def _tidied(self, view: View) -> View:
        """The view without what earlier calls have left behind. It is written with the change that follows."""
        rows = {
            name: row for name, row in view.seen.rows.items()
            if not any(e.server == name and self._is_deleted(view, e) for e in view.backend.entries)
        }  # fmt: skip
        view = replace(view, seen=replace(view.seen, rows=rows))
        entries = tuple(entry for entry in map(partial(_settled, view), view.backend.entries) if entry)
        return replace(view, backend=replace(view.backend, entries=entries))

    def _is_deleted(self, view: View, entry: Entry) -> bool:
        """Whether the server of a member that has left, and has not gone yet, can be deleted now."""
        is_left = entry.place is Place.LEFT and not entry.is_slot and view.is_out(entry)
        return is_left and self._commands.delete(entry)

    # --- places -----------------------------------------------------------------------------------------------------

    def _placed(self, view: View, name: str, address: str) -> tuple[View, Entry]:
        """The line of a member: as it is, a new one, or a slot where HAProxy adds no server while it runs."""
        entry = view.entry(name)
        if entry is not None:
            return view, replace(entry, place=Place.SERVES)
        has_slots = any(entry.is_slot for entry in view.backend.entries)
        if not view.seen.cookie and view.backend.options is not None and not has_slots:
            return view, Entry(name, name, address, self._plan.port, Place.SERVES)
        view, slot = self._slot(view)
        return view, replace(slot, member=name, address=address, port=self._plan.port, place=Place.SERVES)

    def _slot(self, view: View) -> tuple[View, Entry]:
        """A free slot that the process has, after a reload where it has none."""
        free = view.free()
        if free is None:
            view.check_strangers(self.name)
            self._reload_with(view.text, self._write(view, *_new_slots(view), check=True))
            view = self._view()
            free = view.free()
        if free is None:
            raise Unknown(f"{UNREAD}: it has none of the slots of {self.name}")
        return view, free

    def _moved_into_a_slot(self, entry: Entry) -> tuple[Entry, Row | None]:
        """The slot of a member for which HAProxy makes no server, or which stands in a slot that it does not have."""
        view = self._view()
        others = tuple(other for other in view.backend.entries if other.server != entry.server)
        view, slot = self._slot(replace(view, backend=replace(view.backend, entries=others)))
        moved = replace(slot, member=entry.member, address=entry.address, port=entry.port, place=Place.SERVES)
        self._write(view, moved)
        return moved, view.row(moved)

    def _made(self) -> View:
        """The pool, which is made where it does not exist, in the file or in the process."""
        try:
            return self._view()
        except Gone:
            before = self._process.read_file()
        after = before
        if haproxy_file.read(before, self.name) is None:
            after = haproxy_file.with_sections(before, self.name, self._sections)
            self._process.write_file(before, after, check=True)
        self._reload_with(before, after)
        try:
            return self._view()
        except Gone:
            raise Unknown(f"{UNREAD}: it has no backend {self.name}") from None

    def _reload_with(self, before: str, after: str) -> None:
        """Let HAProxy read the file. One that it does not take would keep it from its next start, so it goes back."""
        try:
            self._process.reload()
        except Fault:
            if before != after:
                self._process.write_file(after, before)
            raise


def _settled(view: View, entry: Entry) -> Entry | None:
    """A line as it has to be from now on; None: nobody needs it any more."""
    row = view.row(entry)
    if entry.place is Place.LEFT and view.is_out(entry):
        free = Entry(entry.server, None, *NOWHERE, Place.FREE, is_slot=True)
        return free if entry.is_slot else entry if row else None
    if entry.place is Place.DRAINED and row is not None and row.state is MemberState.UP:
        # A reload that had read the file before has brought it back.
        return replace(entry, place=Place.SERVES)
    return entry


def _new_slots(view: View) -> list[Entry]:
    """Free slots for the file, unless it has some that the process has not read yet."""
    entries = view.backend.entries
    if any(entry.place is Place.FREE for entry in entries):
        return []
    count = max(FEWEST_SLOTS, len(entries))
    taken = view.seen.rows.keys() | {entry.server for entry in entries}
    names = [name for n in range(1, len(taken) + count + 1) if (name := f"slot-{n}") not in taken]
    return [Entry(name, None, *NOWHERE, Place.FREE, is_slot=True) for name in names[:count]]


def _sayable(name: str, address: str) -> str:
    """The address as HAProxy prints it. Raises Broken for what HAProxy does not take, or takes for something else."""
    if not NAME.fullmatch(name):
        raise Broken(f"HAProxy takes no member with the name {name!r}: letters, digits and _ . : - are possible")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise Broken(f"a member of HAProxy needs an IP address, not {address!r}") from None
