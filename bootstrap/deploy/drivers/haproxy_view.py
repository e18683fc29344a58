"""A pool as its file and its process have it at one moment, and what of it belongs to whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bootstrap.deploy.drivers import haproxy_stat
from bootstrap.deploy.drivers.haproxy_file import Backend, Entry, Place
from bootstrap.deploy.drivers.haproxy_stat import Row, Seen
from bootstrap.deploy.faults import Broken
from bootstrap.deploy.model import Member, MemberState


@dataclass(frozen=True)
class View:
    """The backend in the file, whose whole text this is, and in the process."""

    text: str
    backend: Backend
    seen: Seen

    def members(self) -> Iterator[Member]:
        """Those of other people, then ours. One of ours that the process does not have, or has elsewhere, drains."""
        for row in self.strangers():
            yield Member(row.server, row.server, *row.endpoint, row.state, row.sessions)
        for entry in self.backend.entries:
            if not self.is_out(entry):
                own, name = self.row(entry), entry.member or entry.server
                is_there = own is not None and own.endpoint == entry.endpoint
                state, sessions = (own.state, own.sessions) if own and is_there else (MemberState.DRAINING, 0)
                yield Member(name, name, *entry.endpoint, state, sessions)

    def row(self, entry: Entry) -> Row | None:
        """The server of a line, as the process has it."""
        return self.seen.rows.get(entry.server)

    def entry(self, member: str) -> Entry | None:
        """The line of a member. One of a member that has left counts while the process lets it serve."""
        entries = [entry for entry in self.backend.entries if entry.member == member and not self.is_out(entry)]
        return min(entries, key=lambda entry: entry.place is Place.LEFT, default=None)

    def free(self) -> Entry | None:
        """A free slot that the process has."""
        return next((e for e in self.backend.entries if e.place is Place.FREE and self.row(e) is not None), None)

    def is_out(self, entry: Entry) -> bool:
        """Whether nobody is a member by this line: it is free, or its member has left the process too."""
        row = self.row(entry)
        return entry.place is Place.FREE or (entry.place is Place.LEFT and (row is None or row.is_off))

    def strangers(self) -> list[Row]:
        """The servers of other people."""
        own = {entry.server for entry in self.backend.entries}
        return [row for row in self.seen.rows.values() if row.server not in own]

    def check_monitor(self, pool: str) -> None:
        """Raise Broken where HAProxy does not check somebody."""
        without = [row.server for row in self.seen.rows.values() if row.state is MemberState.UNKNOWN]
        if without:
            raise Broken(
                f"{pool} has no monitor: HAProxy does not check {', '.join(without)}, so nobody knows whether they "
                "serve; put `check` into their lines, or into `default-server`"
            )

    def check_strangers(self, pool: str) -> None:
        """Raise Broken where a reload would change members of other people."""
        file, process = self.backend.others, {row.server: row.endpoint for row in self.strangers()}
        if file.keys() != process.keys() or any(at and at != process[name] for name, at in file.items()):
            raise Broken(
                f"the file says that {pool} has {_listed(file)}, the process says {_listed(process)}: "
                "reload HAProxy, or mend the file, so that they agree"
            )


def _listed(servers: Mapping[str, tuple[str, int] | None]) -> str:
    texts = [f"{name} {haproxy_stat.written(*at)}" if at else name for name, at in sorted(servers.items())]
    return ", ".join(texts) or "no server"
