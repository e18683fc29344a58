"""When and how cron runs the entries of a cron.d file: the clock's half, which reading the file does not need. Pure.

bootstrap.payload.crontab says what Debian's cron makes of the text; the rules here are crontab(5)'s, measured on
cron 3.0pl1.
"""

from __future__ import annotations

import re
import stat
from datetime import datetime

from bootstrap.payload.cronread import FIELDS, Entry
from bootstrap.payload.crontab import NAME

REBOOT = "@reboot"
_NICKNAMES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")


def refusal(name: str, mode: int, uid: int, links: int = 1) -> str | None:
    """The reason for which cron skips a file of cron.d, in cron's own words if it has any; None when it reads it."""
    if not NAME.fullmatch(name):
        return "the name has a character that cron does not take (it says nothing)"
    if not stat.S_ISREG(mode):
        return "NOT REGULAR"
    if uid != 0:
        return "WRONG FILE OWNER"
    if mode & 0o022:
        return "INSECURE MODE"
    if links != 1:
        return "NUMBER OF HARD LINKS > 1"
    return None


def due(entry: Entry, minute: datetime) -> bool:
    """Whether an entry runs in this minute. Where both days are given, either will do: crontab(5)."""
    schedule = _NICKNAMES.get(entry.schedule, entry.schedule)
    if schedule.startswith("@"):
        return False
    words = schedule.split()
    now = (minute.minute, minute.hour, minute.day, minute.month, minute.isoweekday() % 7)
    fits = [value in _allowed(word, number) for number, (word, value) in enumerate(zip(words, now, strict=True))]
    day, weekday = fits[2], fits[4]
    # A field that begins with a star does not count as given, not even `*/2`.
    either = not words[2].startswith("*") and not words[4].startswith("*")
    return fits[0] and fits[1] and fits[3] and (day or weekday if either else day and weekday)


def _allowed(word: str, number: int) -> set[int]:
    """The values that a time field allows. The reader has judged it already, so an odd value is odd to cron, too."""
    field = FIELDS[number]

    def value(text: str) -> int:
        return field.names.index(text.lower()) + field.low if text.lower() in field.names else int(text)

    allowed: set[int] = set()
    for part in word.split(","):
        match = _PART.match(part)
        if not match:
            continue
        first, last, step = match.groups()
        low, high = (field.low, field.high) if first == "*" else (value(first), value(last or first))
        allowed.update(range(low, high + 1, int(step or 1)))
    # 7 is Sunday as well as 0.
    return {v % 7 for v in allowed} if field.word == "day-of-week" else allowed


def variables(entry: Entry, home: str) -> dict[str, str]:
    """The whole environment of a job: the file's own lines over four defaults, and nothing inherited."""
    defaults = {"HOME": home, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    return {**defaults, **dict(entry.environment), "LOGNAME": entry.user}


def stdin_text(entry: Entry) -> str:
    r"""The stdin of a command: the text after its bare `%`, in which `%` ends a line and `\%` is a percent sign."""
    if not entry.stdin:
        return ""
    text = re.sub(r"\\%|%", lambda match: "%" if len(match[0]) == 2 else "\n", entry.stdin)
    return text if text.endswith("\n") else text + "\n"
