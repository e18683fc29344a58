"""Reads a cron.d file as Debian's cron daemon (3.0pl1) reads it: the same stream of bytes, field by field.

Rules: entry.c, env.c, misc.c, user.c and do_command.c of that version with Debian's patches. Everything odd here is
odd there: a NUL ends a string, numbers are read as far as they go, an empty setting without quotes is not a setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# cron.h: MAX_COMMAND 1000 leaves room for 998 bytes (999 could be a cut one), MAX_ENVSTR 1000 for 998 likewise.
COMMAND_MAX_BYTES = 998
SETTING_MAX_BYTES = 998
LINES_MAX = 10_003

NICKNAMES = ("reboot", "yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

_SPACE = b" \t\n\v\f\r"
_DIGITS = b"0123456789"
_ALNUM = _DIGITS + b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Wide on purpose: a directory service may know names that useradd would refuse.
_USER = re.compile(r"(?!\d+$)[A-Za-z0-9_][A-Za-z0-9_.@\\$-]*")


@dataclass(frozen=True)
class Field:
    """One of the five time fields. word: what cron logs after "bad"; names count from low."""

    word: str
    code: str
    low: int
    high: int
    names: tuple[str, ...] = ()


FIELDS = (
    Field("minute", "minute", 0, 59),
    Field("hour", "hour", 0, 23),
    Field("day-of-month", "day", 1, 31),
    Field("month", "month", 1, 12, MONTHS),
    Field("day-of-week", "weekday", 0, 7, DAYS),
)


@dataclass(frozen=True)
class Entry:
    """One line that cron runs. schedule: as written; command: what the shell gets; stdin: what follows a bare `%`."""

    line: int
    schedule: str
    user: str
    command: str
    stdin: str | None
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Fault:
    """A remark on a place. log: cron's own words when this makes it ignore the file, else None."""

    at: int
    width: int
    code: str
    message: str
    hint: str
    log: str | None = None
    severity: str = "error"


class Bad(Exception):
    """The daemon stops reading here."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Reader:
    """The daemon's character stream. A NUL ends every string it reads, as strchr() finds it in any set."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def peek(self) -> int:
        return self.data[self.at] if self.at < len(self.data) else -1

    def skip(self, wanted: bytes) -> None:
        while self.peek() != -1 and self.peek() in wanted:
            self.at += 1

    def until(self, ends: bytes) -> tuple[bytes, bool]:
        """Text up to one of ends, which is eaten; False when the file ended first."""
        start = self.at
        found = re.compile(b"[%s\0]" % ends).search(self.data, start)
        self.at = found.end() if found else len(self.data)
        return self.data[start : found.start() if found else self.at], bool(found)

    def comments(self) -> None:
        while self.at < len(self.data):
            self.skip(b" \t")
            if self.peek() not in (ord("\n"), ord("#")):
                return
            end = self.data.find(b"\n", self.at)
            self.at = len(self.data) if end < 0 else end + 1


def setting(line: bytes) -> tuple[str, str] | None:
    """NAME and VALUE when cron takes the line for an environment setting, else None: then it must be an entry.

    Unlike a shell, cron takes neither an empty value without quotes nor text after a closing quote.
    """
    found = re.fullmatch(
        rb"""(?:(['"])(?P<quoted>(?:(?!\1)[^=])*)\1|(?P<plain>[^'"\s=][^\s=]*))?[ \t\r\v\f]*=[ \t\r\v\f]*"""
        rb"""(?:(['"])(?P<inside>(?:(?!\4).)*)\4[ \t\r\v\f]*|(?P<value>[^'"\s].*))""",
        line[:SETTING_MAX_BYTES],
        re.DOTALL,
    )
    if not found:
        return None
    name = found["quoted"] if found["quoted"] is not None else found["plain"] or b""
    value = found["inside"].rstrip(_SPACE) if found["inside"] is not None else found["value"].rstrip(_SPACE)
    if len(value) >= 2 and value[:1] in b"'\"" and value[-1:] == value[:1]:
        value = value[1:-1]
    return as_text(name), as_text(value)


def shell_command(command: bytes) -> tuple[bytes, bytes | None]:
    r"""What the shell gets and what it reads on stdin: `\%` is `%`, `\\` is `\`, a bare `%` ends the command."""
    # A backslash before anything else stays, and so does what it stands before.
    before = re.match(rb"(?:[^%\\]|\\.|\\$)*", command, re.DOTALL)
    end = before.end() if before else 0
    text = re.sub(rb"\\([%\\])", rb"\1", command[:end])
    return text, command[end + 1 :] if end < len(command) else None


def read(data: bytes, *, go_on: bool = False) -> Iterator[Entry | Fault]:
    """Entries and faults in the order of the file; the first fault with a log is where the daemon stops.

    go_on: take up the next line after such a fault, so that people see all of them.
    """
    reader = Reader(data)
    environment: dict[str, str] = {}
    while True:
        reader.comments()
        start = reader.at
        line, ended = reader.until(b"\n")
        if not ended:
            if line:
                message = "the last line has no newline at its end: cron ignores the whole file"
                log = "Missing newline before EOF, this crontab file will be ignored"
                yield Fault(len(data), 1, "newline", message, "end the file with a newline", log)
            return
        found = setting(line)
        try:
            if found:
                environment[found[0]] = found[1]
                if len(line) > SETTING_MAX_BYTES:
                    message = f"a setting of {len(line)} bytes: cron cuts it after {SETTING_MAX_BYTES}, in silence"
                    yield Fault(start, len(line), "setting", message, "shorten it")
            else:
                reader.at = start
                yield from _entry(reader, environment)
            if data.count(b"\n", 0, reader.at) > LINES_MAX:
                message = f"the file has more than {LINES_MAX} lines: cron ignores all of it"
                log = "crontab must not be longer than 10000 lines, this crontab file will be ignored"
                raise Bad(Fault(start, 1, "lines", message, "shorten it", log))
        except Bad as bad:
            yield _hinted(bad.fault, data, start)
            if not go_on or bad.fault.code == "lines":
                return
            end = data.find(b"\n", start)
            reader.at = len(data) if end < 0 else end + 1


def _entry(reader: Reader, environment: dict[str, str]) -> Iterator[Entry | Fault]:
    start = reader.at
    if reader.peek() == ord("@"):
        word, _ = reader.until(b" \t\n")
        reader.at = start + len(word)
        if word[1:] not in [nickname.encode() for nickname in NICKNAMES]:
            known = ", ".join(f"@{nickname}" for nickname in NICKNAMES)
            message = f"{_quote(word)} is no time that cron knows: it ignores the whole file"
            raise Bad(Fault(start, len(word), "nickname", message, f"one of {known}", "bad time specifier"))
    else:
        for field in FIELDS:
            yield from _list(reader, field)
    schedule = as_text(reader.data[start : reader.at]).strip()
    reader.skip(b" \t")
    user_at = reader.at
    user, ended = reader.until(b" \t")
    if not ended or b"\n" in user:
        # The daemon reads on over the line's end, so what it logs depends on what comes after.
        log = "bad username" if ended else "bad command"
        length = len(user.split(b"\n")[0])
        message = "the line ends before its command: cron ignores the whole file"
        hint = "write: TIME USER COMMAND; files in /etc/cron.d have a user field"
        raise Bad(Fault(user_at, length, "user", message, hint, log))
    if not _USER.fullmatch(as_text(user)):
        message = f"{_quote(user)} is not a user name: cron ignores the whole file"
        hint = "files in /etc/cron.d have a user field before the command"
        raise Bad(Fault(user_at, len(user), "user", message, hint, "bad username"))
    if user != b"root":
        message = f"runs as {_quote(user)}: cron ignores the whole file on a server without that user"
        yield Fault(user_at, len(user), "user", message, "root is always there", severity="warning")
    command_at = reader.at
    command, ended = reader.until(b"\n")
    yield from _command_faults(command, command_at, ended)
    line = reader.data.count(b"\n", 0, start) + 1
    text, stdin = shell_command(command)
    yield Entry(
        line,
        schedule,
        as_text(user),
        as_text(text),
        None if stdin is None else as_text(stdin),
        tuple(environment.items()),
    )


def _command_faults(command: bytes, at: int, ended: bool) -> Iterator[Fault]:
    if len(command) > COMMAND_MAX_BYTES:
        message = f"a command of {len(command)} bytes: cron takes {COMMAND_MAX_BYTES} and ignores the whole file"
        raise Bad(Fault(at, len(command), "long", message, "put it in a script", "command too long"))
    if not ended:
        raise Bad(
            Fault(
                at, 1, "newline", "the command does not end: cron ignores the whole file", "end the line", "bad command"
            )
        )
    if not command.strip(b" \t"):
        yield Fault(at, 1, "command", "the command is empty: cron accepts it and runs nothing", "write the command")
    text, stdin = shell_command(command)
    if stdin is not None:
        cut = len(command) - len(stdin) - 1
        message = f"cron ends the command at the bare '%': it would run {_quote(text)}"
        yield Fault(at + cut, 1, "percent", message, "write \\%")
    if command.endswith(b"\\"):
        yield Fault(
            at + len(command) - 1, 1, "continued", "cron knows no continuation lines", "write one line, or a script"
        )
    elif b"\\\\" in command:
        message = "cron turns two backslashes into one before the shell sees them"
        yield Fault(
            at + command.index(b"\\\\"), 2, "backslash", message, "use a script, or no backslash", severity="warning"
        )


def _list(reader: Reader, field: Field) -> Iterator[Fault]:
    """One time field with the blanks after it. cron reads a number as far as it goes and skips the rest of the word."""
    start = reader.at
    word = re.match(rb"[^ \t\n]*", reader.data[start:])
    token = word[0] if word else b""

    def bad(why: str, hint: str) -> Bad:
        message = f"{_quote(token)} is no {field.word} ({why}): cron ignores the whole file"
        return Bad(Fault(start, len(token), field.code, message, hint, f"bad {field.word}"))

    def number(low: int, names: tuple[str, ...] = ()) -> int:
        at = reader.at
        reader.skip(_ALNUM)
        text = reader.data[at : reader.at].decode()
        if text.lower() in names:
            return low + names.index(text.lower())
        if not text:
            raise bad("a number is missing", f"{field.low}-{field.high}, * or */N")
        if len(text) >= 1000 or not text.isdigit():
            raise bad(
                f"{text!r} is no number" + (" and no name" if names else ""), f"{field.low}-{field.high}, * or */N"
            )
        # atoi(): strtol's 64 bits, cut to 32.
        return (min(int(text), 2**63 - 1) + 2**31) % 2**32 - 2**31

    def inside(value: int) -> int:
        if not field.low <= value <= field.high:
            raise bad(f"{value} is outside {field.low}-{field.high}", f"{field.low}-{field.high}, * or */N")
        return value

    while True:
        first, last = field.low, field.high
        if reader.peek() == ord("*"):
            reader.at += 1
        else:
            first = last = number(field.low, field.names)
            if reader.peek() == ord("-"):
                reader.at += 1
                last = number(field.low, field.names)
            else:
                if reader.peek() == ord("/"):
                    raise bad("a step needs * or a range before it", f"*/N, or {first}-{field.high}/N")
                inside(first)
        if reader.peek() == ord("/"):
            reader.at += 1
            if number(0) <= 0:
                raise bad("a step is at least 1", "*/N with N from 1")
        if inside(first) > inside(last):
            message = f"{_quote(token)} counts down: cron accepts it and it never matches"
            yield Fault(start, len(token), "never", message, "write the smaller one first")
        if reader.peek() != ord(","):
            break
        reader.at += 1
    rest = reader.data[reader.at : start + len(token)]
    if rest:
        message = f"cron ignores {_quote(rest)} in {_quote(token)}, in silence"
        yield Fault(start, len(token), "ignored", message, f"{field.low}-{field.high}, *, */N, A-B or lists of them")
    reader.at = start + len(token)
    reader.skip(b" \t")
    if reader.peek() == -1:
        raise bad("the file ends here", "write: TIME USER COMMAND")


def _hinted(fault: Fault, data: bytes, start: int) -> Fault:
    """The same refusal with a better mend where the line is a setting that cron does not take for one."""
    line = data[start:].split(b"\n")[0]
    near = re.match(rb"[A-Za-z_][A-Za-z0-9_]*[ \t]*=", line)
    if fault.code != "minute" or not near:
        return fault
    message = f"{_quote(line)} is no setting that cron can read, and no entry: it ignores the whole file"
    hint = 'an empty value is written "", and a quote has its partner at the end of the line'
    return Fault(start, len(line), "setting", message, hint, fault.log)


def as_bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _quote(data: bytes) -> str:
    """A value for a message, short enough to read."""
    text = data.decode("utf-8", "replace")
    return repr(text if len(text) <= 60 else text[:57] + "...")
