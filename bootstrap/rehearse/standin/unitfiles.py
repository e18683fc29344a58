"""Reads unit files as systemd.unit(5) has them: folders, drop-ins, aliases, templates, specifiers."""

from __future__ import annotations

import glob
import os
import re
import socket
from dataclasses import dataclass, field

from bootstrap.rehearse.standin.places import UNIT_FOLDERS, full_name

NAME = re.compile(r"[A-Za-z0-9:_.\\@-]+")


class NoUnit(Exception):
    """There is no unit of this name, or it is masked; the one argument is a sentence."""


@dataclass(frozen=True)
class Unit:
    """One unit. path: its file, "" for one made of an init script; settings: section -> key -> values, raw.

    name: its own, not an alias: that of the file which the alias leads to.
    """

    name: str
    path: str
    settings: dict[str, dict[str, list[str]]] = field(default_factory=dict, repr=False)
    script: str = ""

    @property
    def kind(self) -> str:
        """service, timer, target and so on."""
        return self.name.rpartition(".")[2]

    def all(self, section: str, key: str) -> list[str]:
        """Every value of a key, specifiers filled in. An empty assignment has cleared those before it."""
        return [self.filled(value) for value in self.settings.get(section, {}).get(key, [])]

    def last(self, section: str, key: str, default: str = "") -> str:
        """The last value of a key: it counts where there can be only one."""
        values = self.all(section, key)
        return values[-1] if values else default

    def flag(self, section: str, key: str, default: bool = False) -> bool:
        """A yes or no."""
        return self.last(section, key, "yes" if default else "no").lower() in ("yes", "true", "1", "on")

    def words(self, section: str, key: str) -> list[str]:
        """All words of all values."""
        return " ".join(self.all(section, key)).split()

    def filled(self, text: str) -> str:
        """A text with its specifiers (`%i`, `%n`, ...) replaced; what is not known stays as it is."""
        return re.sub(r"%(.)", lambda match: self._specifier(match[1], match[0]), text) if "%" in text else text

    def _specifier(self, letter: str, whole: str) -> str:
        stem = self.name.rpartition(".")[0]
        prefix, _, instance = stem.partition("@")
        host = socket.gethostname()
        values = {
            "%": "%", "n": self.name, "N": stem, "p": prefix, "P": unescaped(prefix), "i": instance,
            "I": unescaped(instance), "j": prefix.rpartition("-")[2], "f": "/" + unescaped(instance or prefix),
            "t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp",
            "V": "/var/tmp", "h": "/root", "u": "root", "U": "0", "g": "root", "G": "0", "s": "/bin/sh", "H": host,
            "l": host.split(".")[0], "v": os.uname().release,
        }  # fmt: skip
        if letter == "m":
            return _first_line("/etc/machine-id")
        if letter == "b":
            return _first_line("/proc/sys/kernel/random/boot_id").replace("-", "")
        return values.get(letter, whole)


def unescaped(text: str) -> str:
    r"""A name as the path or text it was made of: `-` is `/`, and `\x2d` is the character with that number."""
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text.replace("-", "/"))


def load(name: str) -> Unit:
    """Read the unit of a name, with its drop-ins. Raises NoUnit."""
    name, path = locate(full_name(name))
    if not path:
        script = f"/etc/init.d/{name[: -len('.service')]}"
        if name.endswith(".service") and os.access(script, os.X_OK) and os.path.isfile(script):
            return _of_script(name, script)
        raise NoUnit(f"Unit {name} could not be found.")
    settings: dict[str, dict[str, list[str]]] = {}
    for file in (path, *drop_ins(name)):
        parse_into(settings, _text(file))
    return Unit(name, path, settings)


def locate(name: str) -> tuple[str, str]:
    """(the unit's own name, its file); the file is "" when there is none. Raises NoUnit for a masked unit."""
    if not NAME.fullmatch(name):
        raise NoUnit(f"Invalid unit name {name!r}.")
    # web@1.service is read from web@.service, unless it has a file of its own.
    template = re.sub(r"@[^.]*(?=\.[a-z]+$)", "@", name)
    for candidate in dict.fromkeys((name, template)):
        for folder in UNIT_FOLDERS:
            path = f"{folder}/{candidate}"
            if not os.path.lexists(path):
                continue
            end = os.path.realpath(path)
            if end == "/dev/null" or (os.path.isfile(end) and not os.path.getsize(end)):
                raise NoUnit(f"Unit {name} is masked.")
            target = os.path.basename(end)
            suffix = candidate[candidate.rindex(".") :]
            if os.path.islink(path) and target != candidate and target.endswith(suffix):
                # An alias; that of a template keeps the instance.
                return locate(target.replace("@.", f"@{name.partition('@')[2].rpartition('.')[0]}."))
            if os.path.isfile(path):
                return name, path
    return name, ""


def drop_ins(name: str) -> list[str]:
    """The files of NAME.d and its like, by their own names; one in an earlier folder hides those of its name."""
    kind = name.rpartition(".")[2]
    folders = dict.fromkeys((f"{kind}.d", re.sub(r"@[^.]*(?=\.)", "@", name) + ".d", f"{name}.d"))
    files: dict[str, str] = {}
    for folder in folders:
        for base in reversed(UNIT_FOLDERS):
            for path in glob.glob(f"{glob.escape(f'{base}/{folder}')}/*.conf"):
                files[os.path.basename(path)] = path
    return [files[file] for file in sorted(files)]


def parse_into(settings: dict[str, dict[str, list[str]]], text: str) -> None:
    """Add the assignments of one file to settings."""
    section = ""
    for line in re.sub(r"\\\n\s*", " ", text).split("\n"):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            continue
        values = settings.setdefault(section, {}).setdefault(key, [])
        if value:
            values.append(value)
        else:
            values.clear()


def _of_script(name: str, script: str) -> Unit:
    """The unit that systemd-sysv-generator makes of a script in init.d."""
    service = {
        "Type": ["forking"], "RemainAfterExit": ["yes"], "KillMode": ["process"], "TimeoutSec": ["5min"],
        "Environment": ["_SYSTEMCTL_SKIP_REDIRECT=1"], "ExecStart": [f"{script} start"],
        "ExecStop": [f"{script} stop"], "ExecReload": [f"{script} reload"],
    }  # fmt: skip
    return Unit(name, "", {"Unit": {"Description": [script]}, "Service": service}, script)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _first_line(path: str) -> str:
    try:
        return _text(path).split("\n")[0]
    except OSError:
        return ""
