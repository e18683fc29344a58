"""Judges the text of a cron.d file as Debian's cron (3.0pl1) does, before a server is paid for.

`parse` reads a file as the daemon does: it accepts the same files, and its refusal is the line that the daemon logs
before it ignores the whole file. `judge` names every problem at once, and adds texts that cron accepts although people
do not mean them. tests/integration/test_crontab_real_cron.py compares both with the daemon.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.errors import Problem, SpecError, Where
from bootstrap.payload.cronread import Entry, Fault, as_bytes, as_text, read
from bootstrap.payload.refused import Refused

# valid_name() of database.c has this rule. Files with other names are ignored without a message.
NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Crontab:
    """A file as cron reads it. refusal: its log message ("bad minute") when it ignores the whole file, else None."""

    entries: tuple[Entry, ...]
    refusal: str | None = None


def parse(text: str | bytes) -> Crontab:
    """Read a cron.d file as the daemon does, the existence of users aside. It stops where the daemon stops."""
    entries = []
    for item in read(as_bytes(text)):
        if isinstance(item, Entry):
            entries.append(item)
        elif item.log:
            # One bad line makes the daemon drop all entries, those above it too.
            return Crontab((), item.log)
    return Crontab(tuple(entries))


def judge(text: str | bytes, name: str = "initialrunner", *, mode: int = 0o644, file: str = "") -> list[Problem]:
    """Return the problems of a cron.d file, in the order of the file; none when cron will do what the file says.

    name, mode: of the file under /etc/cron.d; file: its name in messages. A problem is a warning where it depends on
    the server. Users are not looked up, since the machine that judges is not the one that runs.
    """
    return list(_judged(as_bytes(text), name, mode, file))


# The servers of a fleet have the same entry but for the digest, so one verdict serves them all.
@functools.lru_cache(maxsize=8)
def _judged(data: bytes, name: str, mode: int, file: str) -> tuple[Problem, ...]:
    place = file or f"/etc/cron.d/{name}"
    faults = list(_file_faults(data))
    # These three would be a fault of every line, so they are named once and taken out before the lines are judged.
    clean = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\0", b"?")
    problems = [_problem(fault, data, place) for fault in faults]
    items = list(read(clean, go_on=True))
    problems += [_problem(item, clean, place) for item in items if isinstance(item, Fault)]
    problems.sort(key=lambda problem: (problem.where.line, problem.where.column) if problem.where else (0, 0))
    if not items and not problems:
        problems = [
            Problem(
                "payload.cron-nothing",
                "the file has no entry: cron accepts it and starts nothing",
                Where(place, 1, 1),
            )
        ]
    return (*_name_problems(name, mode, place), *problems)


def require(text: str | bytes, name: str = "initialrunner", *, template: str | None = None) -> list[Problem]:
    """Return the warnings. Raises PayloadError for errors in our text, SpecError for those in the user's template."""
    problems = judge(text, name, file=template or "")
    if any(problem.severity == "error" for problem in problems):
        raise SpecError(problems) if template else Refused(problems)
    return problems


def _file_faults(data: bytes) -> Iterator[Fault]:
    if data.startswith(b"\xef\xbb\xbf"):
        yield Fault(
            0,
            1,
            "bom",
            "the file begins with a byte order mark, which cron takes for text",
            "save it as UTF-8 without BOM",
        )
    if b"\r\n" in data:
        at = data.index(b"\r\n")
        lines = data.count(b"\r\n")
        message = f"{lines} line{'s end' if lines > 1 else ' ends'} in CR LF: cron hands the CR to the command"
        yield Fault(at, 1, "cr", message, "end lines with LF only")
    if b"\0" in data:
        yield Fault(data.index(b"\0"), 1, "nul", "the file holds a NUL byte, at which cron ends the line", "remove it")


def _name_problems(name: str, mode: int, place: str) -> list[Problem]:
    problems = []
    if not NAME.fullmatch(name):
        message = f"cron ignores /etc/cron.d/{name} without a message: the name may hold only A-Z a-z 0-9 _ -"
        problems.append(Problem("payload.cron-name", message, hint="remove the dot or the suffix"))
    if mode & 0o022:
        message = f"cron ignores {place} with mode {mode:04o}: group or others may write it"
        problems.append(Problem("payload.cron-mode", message, hint="give it mode 0644"))
    return problems


def _problem(fault: Fault, data: bytes, file: str) -> Problem:
    # Columns count characters, as editors do; faults count bytes, as cron does.
    begin = data.rfind(b"\n", 0, fault.at) + 1
    end = data.find(b"\n", fault.at)
    source = as_text(data[begin : len(data) if end < 0 else end]).rstrip("\r")
    line = data.count(b"\n", 0, fault.at) + 1
    column = len(as_text(data[begin : fault.at])) + 1
    where = Where(file, line, column, source, max(1, fault.width))
    return Problem(f"payload.cron-{fault.code}", fault.message, where, fault.hint, fault.severity)
