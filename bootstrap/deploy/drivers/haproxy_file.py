"""The members of a pool in HAProxy's configuration file: lines of ours between two markers, and all others as they are.

    # initialrunner: the lines up to the end are written by `bootstrap deploy`
    server shop-web-1-abcd 192.0.2.7:8080 check # serves
    server shop-web-2-abcd 192.0.2.8:8080 check disabled # drained
    # left shop-web-1-aaaa 192.0.2.5:8080
    server slot-1 192.0.2.9:8080 check cookie slot-1 # serves shop-web-3-abcd
    server slot-2 127.0.0.1:9 check cookie slot-2 disabled # free
    # initialrunner: end

A slot is a server whose name stays while members come and go, where HAProxy adds no server while it runs.
The line of a member that has left stays until HAProxy is seen to have deleted its server, so that its server is known
as ours when HAProxy is stopped, or this program killed, in between.
"""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootstrap.deploy.drivers.haproxy_stat import NAME, endpoint, written
from bootstrap.deploy.faults import Broken

BEGIN = "# initialrunner: the lines up to the end are written by `bootstrap deploy`"
END = "# initialrunner: end"
INDENT = "    "
# Where a free slot points: HAProxy wants an address, and a disabled server is not connected to.
NOWHERE = ("127.0.0.1", 9)
SECTIONS = {
    "global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "mailers", "resolvers", "cache",
    "program", "http-errors", "ring", "log-forward", "fcgi-app", "crt-store", "traces", "log-profile", "acme",
}  # fmt: skip
LINE = re.compile(
    rf"server (?P<server>{NAME.pattern}) (?P<at>\S+) check(?: cookie \S+)?(?: disabled)?"
    rf" # (?P<place>serves|drained|left|free)(?: (?P<member>{NAME.pattern}))?"
)
LEFT = re.compile(rf"# left (?P<server>{NAME.pattern}) (?P<at>\S+)")
# Options of `default-server` that mean nothing for a server with an address, or that `check` replaces.
NEEDLESS = {"check": 0, "enabled": 0, "no-check": 0, "init-addr": 1, "resolvers": 1, "resolve-prefer": 1}
NEEDLESS |= {"resolve-opts": 1, "resolve-net": 1}
SAYABLE = re.compile(r"[\w.,:/()%=+@-]+")


class Place(enum.Enum):
    """The place of a member in the pool, as the file has it. A slot may be free."""

    SERVES = "serves"
    DRAINED = "drained"
    LEFT = "left"
    FREE = "free"


@dataclass(frozen=True)
class Entry:
    """One line of ours. server: the name that HAProxy has for it; member: None, a free slot."""

    server: str
    member: str | None
    address: str
    port: int
    place: Place
    is_slot: bool = False

    @property
    def endpoint(self) -> tuple[str, int]:
        """Its address and port."""
        return self.address, self.port

    def text(self, has_cookie: bool) -> str:
        """The line as it stands in the file. has_cookie: clients stay at the server that a cookie names."""
        at = written(self.address, self.port)
        if self.place is Place.LEFT and not self.is_slot:
            return f"# left {self.server} {at}"
        cookie = f" cookie {self.server}" if has_cookie and self.is_slot else ""
        off = "" if self.place is Place.SERVES else " disabled"
        member = f" {self.member}" if self.is_slot and self.member else ""
        return f"server {self.server} {at} check{cookie}{off} # {self.place.value}{member}"


@dataclass(frozen=True)
class Backend:
    """A pool in the file. first, end: the line after its head, and the one after its last line, from 0.

    marks: the numbers of the two marker lines; others: the servers of other people, with their address and port where
    the file says them; options: those of `default-server` as a command takes them, None: no command can.
    """

    first: int
    end: int
    marks: tuple[int, int] | None
    entries: tuple[Entry, ...]
    others: dict[str, tuple[str, int] | None]
    options: tuple[str, ...] | None


def read(text: str, pool: str) -> Backend | None:
    """The backend or listen section of this name; None: there is none. Raises Broken with the number of the line."""
    lines = text.split("\n")
    heads = [(number, words) for number, words in _worded(lines) if words[0] in SECTIONS]
    found = [n for n, (_, words) in enumerate(heads) if words[0] in ("backend", "listen") and words[1:2] == [pool]]
    if len(found) > 1:
        numbers = " and ".join(str(heads[n][0] + 1) for n in found)
        raise Broken(f"the file has the backend {pool} twice, in lines {numbers}: it can have it once")
    if not found:
        return None
    place = found[0]
    first, end = heads[place][0] + 1, heads[place + 1][0] if place + 1 < len(heads) else len(lines)
    marks = _marks(lines, first, end, pool)
    inside = range(marks[0] + 1, marks[1]) if marks else range(0)
    theirs = [(n, words) for n, words in _worded(lines, first, end) if n not in inside]
    defaults = [words for part in _inherited(heads, place) for _, words in _worded(lines, *part)]
    return Backend(
        first,
        end,
        marks,
        tuple(_entry(lines[number], number) for number in inside if lines[number].strip()),
        dict(pair for number, words in theirs for pair in _servers(words, number)),
        _options([*defaults, *(words for _, words in theirs)], pool),
    )


def _worded(lines: Sequence[str], first: int = 0, end: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """The lines that say something, with their numbers, as words without quotes and comments."""
    for number, line in enumerate(lines[first:end], first):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            text = line.strip()[:80]
            raise Broken(f"line {number + 1} of the file has an open quote or an open backslash: {text!r}") from None
        if words:
            yield number, words


def _marks(lines: Sequence[str], first: int, end: int, pool: str) -> tuple[int, int] | None:
    """The numbers of the marker lines of one section."""
    begins = [number for number in range(first, end) if lines[number].strip() == BEGIN]
    ends = [number for number in range(first, end) if lines[number].strip() == END]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        numbers = ", ".join(str(number + 1) for number in sorted([*begins, *ends]))
        raise Broken(
            f"the markers of the backend {pool} are damaged (lines {numbers}): it needs one {BEGIN!r} and, below it, "
            f"one {END!r}"
        )
    return begins[0], ends[0]


def _entry(line: str, number: int) -> Entry:
    """A line between the markers."""
    text = line.strip()
    match = LINE.fullmatch(text) or LEFT.fullmatch(text)
    at = endpoint(match["at"]) if match else None
    if match is None or at is None:
        raise Broken(
            f"line {number + 1} of the file is not one that `bootstrap deploy` writes, but stands between its markers; "
            f"move it above or below them: {text[:80]!r}"
        )
    fields = match.groupdict()
    place, server = Place(fields.get("place") or "left"), fields["server"]
    is_slot = bool(fields.get("member")) or place is Place.FREE
    member = fields.get("member") if is_slot else server
    return Entry(server, member, *at, place, is_slot)


def _servers(words: Sequence[str], number: int) -> Iterator[tuple[str, tuple[str, int] | None]]:
    """The servers that a line of somebody else makes."""
    if words[0] == "server" and len(words) > 2:
        yield words[1], endpoint(words[2])
    elif words[0] == "server-template" and len(words) > 3:
        match = re.fullmatch(r"(?:(\d{1,5})-)?(\d{1,5})", words[2])
        if match is None:
            raise Broken(f"line {number + 1} of the file makes servers, but their number is not clear: {words[2]!r}")
        for count in range(int(match[1] or 1), int(match[2]) + 1):
            yield f"{words[1]}{count}", None


def _inherited(heads: Sequence[tuple[int, list[str]]], place: int) -> Iterator[tuple[int, int]]:
    """The lines of the defaults sections that hold for a section: the one it names, or the last before it."""
    words = heads[place][1]
    name = words[words.index("from") + 1 :][:1] if "from" in words[1:] else []
    if words[0] == "defaults" and not name:
        return
    before = [n for n in range(place) if heads[n][1][0] == "defaults" and (not name or heads[n][1][1:2] == name)]
    if before:
        yield from _inherited(heads, before[-1])
        yield heads[before[-1]][0] + 1, heads[before[-1] + 1][0]


def _options(lines: Sequence[Sequence[str]], pool: str) -> tuple[str, ...] | None:
    """The options of all `default-server` lines, which HAProxy does not apply to a server that a command adds."""
    words = [word for line in lines if line[0] == "default-server" for word in line[1:]]
    if "disabled" in words:
        raise Broken(f"the backend {pool} has `default-server disabled`: no member would serve after a reload")
    options: list[str] = []
    while words:
        word = words.pop(0)
        if word in NEEDLESS:
            del words[: NEEDLESS[word]]
        else:
            options.append(word)
    return tuple(options) if all(SAYABLE.fullmatch(word) for word in options) else None


def with_entries(text: str, backend: Backend, entries: Sequence[Entry], has_cookie: bool) -> str:
    """The text with these lines of ours. Markers are made at the end of the section where there are none."""
    lines = text.split("\n")
    # A file with the line ends of another system keeps them.
    tail = "\r" if lines[0].endswith("\r") else ""
    block = [INDENT + line + tail for line in (BEGIN, *(entry.text(has_cookie) for entry in entries), END)]
    if backend.marks:
        lines[backend.marks[0] : backend.marks[1] + 1] = block
        return "\n".join(lines)
    last = max((number for number, _ in _worded(lines, backend.first, backend.end)), default=backend.first - 1)
    lines[last + 1 : last + 1] = block
    # The file's last line ends too, or HAProxy calls the file cut short.
    return "\n".join(lines) + ("" if lines[-1] == "" else "\n")


def with_sections(text: str, pool: str, sections: str) -> str:
    """The text with new sections at its end, among them the backend, which gets its markers."""
    text += ("" if text.endswith("\n") or not text else "\n") + sections
    backend = read(text, pool)
    if backend is None:
        raise Broken(f"HAProxy takes no backend with the name {pool!r}")
    return with_entries(text, backend, (), has_cookie=False)
