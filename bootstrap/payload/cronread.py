"""Reads a cron.d file as Debian's cron daemon (3.0pl1) does: the same stream of bytes, field by field.

The rules are those of entry.c, env.c, misc.c, user.c and do_command.c of that version with Debian's patches. Everything
odd here is odd there: a NUL ends a string, numbers are read as far as they go, an empty setting without quotes is none.
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
# This allows more than useradd does, since a directory service may have such names.
_USER = re.compile(r"(?!\d+$)[A-Za-z0-9_][A-Za-z0-9_.@\\$-]*")


@dataclass(frozen=True)
class Field:
    """One of the five time fields. word: the word that cron logs after "bad"; names count from low."""

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
    """One line that cron runs. schedule: as written; command: for the shell; stdin: the text behind a bare `%`."""

    line: int
    schedule: str
    user: str
    command: str
    stdin: str | None
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Fault:
    """A problem at one place. log: the message of cron when this makes it ignore the file, else None."""

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

    def skip(self, characters: bytes) -> None:
        while self.peek() != -1 and self.peek() in characters:
            self.at += 1

    def until(self, ends: bytes) -> tuple[bytes, bool]:
        """Return the text up to one of `ends`, which is skipped too, and False when the file ended first."""
        start = self.at
        match = re.compile(b"[%s\0]" % ends).search(self.data, start)
        self.at = match.end() if match else len(self.data)
        return self.data[start : match.start() if match else self.at], bool(match)

    def comments(self) -> None:
        """Skip empty lines and comments. Blanks at the start of another line are skipped too."""
        while self.at < len(self.data):
            self.skip(b" \t")
            if self.peek() not in (ord("\n"), ord("#")):
                return
            end = self.data.find(b"\n", self.at)
            self.at = len(self.data) if end < 0 else end + 1


def setting(line: bytes) -> tuple[str, str] | None:
    """Return NAME and VALUE when cron takes the line for an environment setting; None when it must be an entry.

    Unlike a shell, cron takes neither an empty value without quotes nor text after a closing quote.
    """
    match = re.fullmatch(
        rb"""(?:(['"])(?P<quoted>(?:(?!\1)[^=])*)\1|(?P<plain>[^'"\s=][^\s=]*))?[ \t\r\v\f]*=[ \t\r\v\f]*"""
        rb"""(?:(['"])(?P<inside>(?:(?!\4).)*)\4[ \t\r\v\f]*|(?P<value>[^'"\s].*))""",
        line[:SETTING_MAX_BYTES],
        re.DOTALL,
    )
    if not match:
        return None
    name = match["quoted"] if match["quoted"] is not None else match["plain"] or b""
    value = match["inside"].rstrip(_SPACE) if match["inside"] is not None else match["value"].rstrip(_SPACE)
    # A value that still has quotes around it loses them too.
    if len(value) >= 2 and value[:1] in b"'\"" and value[-1:] == value[:1]:
        value = value[1:-1]
    return as_text(name), as_text(value)


def shell_command(command: bytes) -> tuple[bytes, bytes | None]:
    r"""Return the shell's command and the text for its stdin. A bare `%` divides them; `\%` is `%`, `\\` is `\`."""
    # A backslash before any other character stays, and so does that character.
    before = re.match(rb"(?:[^%\\]|\\.|\\$)*", command, re.DOTALL)
    end = before.end() if before else 0
    text = re.sub(rb"\\([%\\])", rb"\1", command[:end])
    return text, command[end + 1 :] if end < len(command) else None


def read(data: bytes, *, go_on: bool = False) -> Iterator[Entry | Fault]:
    """Yield entries and faults in the order of the file. The daemon stops at the first fault that has a log.

    go_on: read on behind such a fault, so that people see all of them.
    """
    reader = Reader(data)
    environment: dict[str, str] = {}
    while True:
        reader.comments()
        # The daemon reads a line as a setting first, and goes back to its start when it is none.
        start = reader.at
        line, ended = reader.until(b"\n")
        if not ended:
            if line:
                message = "the last line has no newline at its end: cron ignores the whole file"
                log = "Missing newline before EOF, this crontab file will be ignored"
                yield Fault(len(data), 1, "newline", message, "end the file with a newline", log)
            return
        assignment = setting(line)
        try:
            if assignment:
                environment[assignment[0]] = assignment[1]
                if len(line) > SETTING_MAX_BYTES:
                    message = f"the setting has {len(line)} bytes: cron cuts it off after {SETTING_MAX_BYTES}"
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
            nicknames = ", ".join(f"@{nickname}" for nickname in NICKNAMES)
            message = f"{_quote(word)} is no time that cron knows: it ignores the whole file"
            raise Bad(Fault(start, len(word), "nickname", message, f"write one of {nicknames}", "bad time specifier"))
    else:
        for field in FIELDS:
            yield from _list(reader, field)
    schedule = as_text(reader.data[start : reader.at]).strip()
    reader.skip(b" \t")
    user_at = reader.at
    user, ended = reader.until(b" \t")
    if not ended or b"\n" in user:
        # The daemon reads on beyond the end of the line, so that its message depends on the next line.
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
        message = f"the entry runs as {_quote(user)}: cron ignores the whole file on a server without that user"
        yield Fault(user_at, len(user), "user", message, "write root, which every server has", severity="warning")
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
        message = f"the command has {len(command)} bytes, and cron takes {COMMAND_MAX_BYTES}: it ignores the whole file"
        raise Bad(Fault(at, len(command), "long", message, "put it in a script", "command too long"))
    if not ended:
        message = "the command does not end: cron ignores the whole file"
        raise Bad(Fault(at, 1, "newline", message, "end the line with a newline", "bad command"))
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
    """Read one time field and the blanks after it. cron reads a number as far as it goes, and skips the rest."""
    start = reader.at
    word = re.match(rb"[^ \t\n]*", reader.data[start:])
    token = word[0] if word else b""

    def bad(cause: str, hint: str) -> Bad:
        message = f"{_quote(token)} is no {field.word} ({cause}): cron ignores the whole file"
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
        # cron calls atoi(), which cuts the 64 bits of strtol() to 32.
        return (min(int(text), 2**63 - 1) + 2**31) % 2**32 - 2**31

    def inside(value: int) -> int:
        if not field.low <= value <= field.high:
            raise bad(f"{value} is outside {field.low}-{field.high}", f"{field.low}-{field.high}, * or */N")
        return value

    # get_range() of entry.c, for each element of the list.
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
        # A step is read as a number from 0, so that names do not count there.
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
    unread = reader.data[reader.at : start + len(token)]
    if unread:
        message = f"cron ignores {_quote(unread)} in {_quote(token)}, without a message"
        yield Fault(start, len(token), "ignored", message, f"{field.low}-{field.high}, *, */N, A-B or lists of them")
    reader.at = start + len(token)
    reader.skip(b" \t")
    if reader.peek() == -1:
        raise bad("the file ends here", "write: TIME USER COMMAND")


def _hinted(fault: Fault, data: bytes, start: int) -> Fault:
    """Return the fault, with a better hint where the line is a setting that cron does not take for one."""
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
    """Return a value for a message, short enough to read."""
    text = data.decode("utf-8", "replace")
    return repr(text if len(text) <= 60 else text[:57] + "...")
