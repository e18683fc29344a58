"""`journalctl`, `hostnamectl`, `timedatectl` and `localectl` inside a copy, as far as bootstraps use them."""

from __future__ import annotations

import glob
import os
import socket
import sys
from collections.abc import Sequence

from bootstrap.rehearse.standin import records
from bootstrap.rehearse.standin.places import LOGS, full_name, log_of
from bootstrap.rehearse.standin.skipped import say

_ZONES = "/usr/share/zoneinfo"
_LOCALES = ("/etc/locale.conf", "/etc/default/locale")


def journalctl(argv: Sequence[str]) -> int:
    """Print the logs of units: `-u UNIT`, `-n LINES`; of all units if none is named. Other options do nothing."""
    units, lines, words = [], 0, list(argv)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in ("-u", "--unit", "-n", "--lines", "-t", "-o", "--output", "-p", "--since", "-S") and not equals:
            value = words.pop(0) if words else ""
        elif word[:2] in ("-u", "-n") and word[:2] != word:
            name, value = word[:2], word[2:]
        if name in ("-u", "--unit"):
            units.append(value)
        elif name in ("-n", "--lines") and value.isdigit():
            lines = int(value)
    if "-f" in argv or "--follow" in argv:
        say("-f prints the lines so far, and ends")
    names = [full_name(name) for name in units] or [
        os.path.basename(path)[:-4] for path in sorted(glob.glob(f"{LOGS}/*.log"))
    ]
    rows = [row for name in names for row in records.printed(name, lines or 1_000_000)]
    missing = [name for name in names if not os.path.exists(log_of(name))]
    print("\n".join(rows) if rows else "-- No entries --")
    for name in missing:
        say(f"{name} has printed nothing here; this journal holds only what units of the rehearsal print")
    return 0


def hostnamectl(argv: Sequence[str]) -> int:
    """Set or print the host's name. The running name is the copy's own, and does not change."""
    words = [word for word in argv if not word.startswith("-")]
    if not words or words == ["status"]:
        print(f"   Static hostname: {_text('/etc/hostname')}")
        return 0
    if words[0] not in ("hostname", "set-hostname"):
        say(f"{words[0]} has no effect in a rehearsal")
        return 0
    if len(words) == 1:
        print(_text("/etc/hostname"))
        return 0
    _write("/etc/hostname", f"{words[1]}\n")
    if words[1] != socket.gethostname():
        say(f"/etc/hostname is written; the running name stays {socket.gethostname()}, since a copy cannot change it")
    return 0


def timedatectl(argv: Sequence[str]) -> int:
    """Set or print the time zone. The clock is the machine's, and does not change."""
    words = [word for word in argv if not word.startswith("-")]
    if words[:1] == ["set-timezone"] and len(words) == 2:
        path = f"{_ZONES}/{words[1]}"
        if not os.path.isfile(path):
            sys.stderr.write(f"Failed to set time zone: Invalid or not installed time zone '{words[1]}'\n")
            return 1
        if os.path.lexists("/etc/localtime"):
            os.unlink("/etc/localtime")
        os.symlink(path, "/etc/localtime")
        if os.path.exists("/etc/timezone"):
            _write("/etc/timezone", f"{words[1]}\n")
        return 0
    if words[:1] == ["set-time"]:
        say("set-time: the clock is this machine's, and a copy cannot set it")
        return 1
    if words and words[0] not in ("status", "show"):
        say(f"{words[0]} has no effect in a rehearsal")
        return 0
    zone = os.path.realpath("/etc/localtime").partition(f"{_ZONES}/")[2] or "UTC"
    label = "" if "--value" in argv else "Timezone=" if words == ["show"] else "                Time zone: "
    print(f"{label}{zone}")
    return 0


def localectl(argv: Sequence[str]) -> int:
    """Set or print the locale."""
    words = [word for word in argv if not word.startswith("-")]
    path = next(filter(os.path.exists, _LOCALES), _LOCALES[0])
    if words[:1] == ["set-locale"] and len(words) > 1:
        lines = [word if "=" in word else f"LANG={word}" for word in words[1:]]
        _write(path, "\n".join(lines) + "\n")
    elif words and words[0] != "status":
        say(f"{words[0]} has no effect in a rehearsal")
    else:
        print(f"   System Locale: {_text(path)}")
    return 0


def system_v(argv: Sequence[str]) -> int:
    """`runlevel`, `telinit` and whatever else is a link to systemctl."""
    if os.path.basename(sys.argv[0]) == "runlevel":
        print("N 5")
        return 0
    say("has no effect in a rehearsal")
    return 0


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
