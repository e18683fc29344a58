"""Units that an image starts at boot, read from its files: systemd, links of SysV init, OpenRC run levels.

A generator of systemd decides only at boot. Its decision is worked out here where its rule is simple (init scripts,
cloud-init, netplan); the text of a Start then names the generator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.image import cloud_init, programs
from bootstrap.image.tree import Tree

# A unit in an earlier folder hides the one of the same name in a later folder.
FOLDERS = (
    "/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
)  # fmt: skip
GENERATORS = ("/etc/systemd/system-generators", "/usr/lib/systemd/system-generators", "/lib/systemd/system-generators")
# Names of cron's unit or init script: Debian, RHEL, Arch, systemd-cron, bcron.
CRONS = ("cron", "crond", "cronie", "cron.target", "bcron-start")
_SUFFIX = re.compile(r".*\.(?:service|socket|timer|path|target|mount|automount|swap|slice|scope|device)")
_WANTS = re.compile(r"(?m)^[ \t]*(?:Wants|Requires|BindsTo|Requisite|Upholds)[ \t]*=(.*)")
_SERVICE = re.compile(r"(?m)^[ \t]*(?:Unit|Service)[ \t]*=[ \t]*(\S+)")
# Every boot reaches these without any link: systemd's own units pull them in.
_IMPLICIT = ("basic.target", "sysinit.target", "sockets.target", "timers.target", "paths.target", "slices.target")
# The run levels with several users; 0, 1 and 6 are to halt, to repair and to reboot.
_LEVELS = "[2-5]"


@dataclass(frozen=True)
class Start:
    """Whether something is started at boot. how: by what, or why not, as the end of a sentence that begins with it."""

    on: bool
    how: str
    is_there: bool = True
    is_masked: bool = False


_ABSENT = Start(False, "is not installed", is_there=False)


class Units:
    """The units of one root."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.has_systemd = programs.has_systemd(tree)
        self._started: dict[str, str] | None = None
        self._all_links: list[_Link] | None = None

    def start(self, name: str) -> Start:
        """Whether a unit, or an init script, is started at boot. name: with or without its suffix."""
        if not self.has_systemd:
            return self._without_systemd(name)
        unit = name if _SUFFIX.fullmatch(name) else f"{name}.service"
        real = self._real(unit)
        if real == "masked":
            return Start(False, "is masked", is_masked=True)
        if real is None:
            return self._script(name) or _ABSENT
        started = self.started()
        for alias in (unit, real):
            if alias in started:
                return Start(True, started[alias])
        stem = unit.rpartition(".")[0]
        # A service that one of these starts is on, though it is not enabled itself.
        for kind in ("socket", "timer", "path"):
            if f"{stem}.{kind}" in started:
                return Start(True, f"by {stem}.{kind}")
        asleep = [link.path for link in self._links() if self._names(link.name) & {unit, real}]
        if asleep:
            by = asleep[0].split("/")[-2].rpartition(".")[0]
            return Start(False, f"is wanted by {by}, which nothing starts")
        return Start(False, "is not enabled")

    def is_masked(self, unit: str) -> bool:
        """Whether a unit is masked. unit: with its suffix."""
        return self._real(unit) == "masked"

    def text(self, unit: str) -> str:
        """The unit's file and its drop-ins, one after the other."""
        parts = []
        template = re.sub(r"@[^@]*(\.[^.]+)$", r"@\1", unit)
        for folder in FOLDERS:
            entry = self._tree.look(f"{folder}/{unit}", follow=True) or self._tree.look(
                f"{folder}/{template}", follow=True
            )
            if entry is not None and entry.is_file:
                parts.append(self._tree.read(entry.path) or b"")
                break
        # Drop-ins of all folders count, not only those of the first.
        for folder in FOLDERS:
            for name in {unit, template}:
                drop_ins = self._tree.glob(f"{folder}/{name}.d/*.conf")
                parts += [self._tree.read(drop_in.path) or b"" for drop_in in drop_ins]
        return b"\n".join(parts).decode("utf-8", "replace")

    def started(self) -> dict[str, str]:
        """Unit -> its starter, in words, for each unit that a boot reaches from the default target."""
        if self._started is None:
            self._started = {}
            todo = [(unit, "at every boot") for unit in (self._default(), *_IMPLICIT)] + list(self._generated())
            while todo:
                unit, starter = todo.pop()
                real = self._real(unit)
                if unit in self._started or real in (None, "masked"):
                    continue
                self._started[unit] = starter
                if real and real != unit:
                    todo.append((real, starter))
                todo += [(below, f"by {unit}") for below in self._below(unit)]
        return self._started

    def _default(self) -> str:
        for folder in FOLDERS:
            entry = self._tree.look(f"{folder}/default.target", follow=True)
            if entry is not None:
                return entry.name
        return "graphical.target"

    def _below(self, unit: str) -> Iterator[str]:
        """The units that a started unit starts: by links in its folders, by its own text, as a socket or a timer."""
        for link in self._links():
            if link.path.split("/")[-2].rpartition(".")[0] == unit:
                yield link.name
        text = self.text(unit)
        for words in _WANTS.findall(text.replace("\\\n", " ")):
            yield from words.split()
        stem, _, kind = unit.rpartition(".")
        if kind in ("timer", "socket", "path"):
            yield from _SERVICE.findall(text) or [f"{stem}.service"]
        if unit == "graphical.target":
            yield "multi-user.target"

    def _links(self) -> list[_Link]:
        if self._all_links is None:
            first: dict[str, _Link] = {}
            for folder in FOLDERS:
                for kind in ("wants", "requires", "upholds"):
                    for entry in self._tree.glob(f"{folder}/*.{kind}/*"):
                        first.setdefault("/".join(entry.path.split("/")[-2:]), _Link(entry.path, entry.name))
            # A link to /dev/null takes the link of its name in a later folder away.
            self._all_links = [link for link in first.values() if self._tree.link(link.path) != "/dev/null"]
        return self._all_links

    def _names(self, unit: str) -> set[str | None]:
        return {unit, self._real(unit)}

    def _real(self, unit: str, depth: int = 0) -> str | None:
        """The unit that a name stands for: itself, or the end of its alias; "masked"; None when there is no such unit.

        depth: aliases followed so far, of which there may be eight: two may lead to each other.
        """
        for folder in FOLDERS:
            path = f"{folder}/{unit}"
            entry = self._tree.look(path)
            if entry is None:
                continue
            target = self._tree.link(path)
            if target == "/dev/null" or (entry.is_file and not entry.info.st_size):
                return "masked"
            if target is None:
                return unit
            other = target.rpartition("/")[2]
            # A link to a unit of another name is an alias; one of the same name leads to a file elsewhere.
            if other != unit and _SUFFIX.fullmatch(other):
                return self._real(other, depth + 1) if depth < 8 else None
            return unit if self._tree.look(path, follow=True) else None
        if re.fullmatch(r".*@[^@]+\.[^.]+", unit):
            template = self._real(re.sub(r"@[^@]*(\.[^.]+)$", r"@\1", unit))
            return unit if template not in (None, "masked") else template
        return None

    def _generated(self) -> Iterator[tuple[str, str]]:
        """(unit, its starter) for what generators add whose rules are simple."""
        if self.generator("cloud-init-generator") and not cloud_init.switched_off(self._tree):
            yield "cloud-init.target", "by cloud-init's generator, at boot"
        if self.generator("netplan") and any(self._tree.glob("/etc/netplan/*.yaml")):
            text = b"".join(self._tree.read(entry.path) or b"" for entry in self._tree.glob("/etc/netplan/*.yaml"))
            manager = "NetworkManager" if re.search(rb"renderer:\s*NetworkManager", text) else "systemd-networkd"
            yield f"{manager}.service", "by netplan's generator, at boot"
        # Other generators make gettys, the mounts of fstab and the like, which no caller asks for.

    def generator(self, name: str) -> bool:
        """Whether a generator of systemd is there and not masked."""
        for folder in GENERATORS:
            entry = self._tree.look(f"{folder}/{name}", follow=True)
            if self._tree.link(f"{folder}/{name}") == "/dev/null":
                return False
            if entry is not None:
                return entry.is_file
        return False

    def _script(self, name: str) -> Start | None:
        """Judge an init script under systemd: a generator makes a unit of it at boot. None when there is no script."""
        stem = name.removesuffix(".service")
        if not self._tree.look(f"/etc/init.d/{stem}", follow=True):
            return None
        if not self.generator("systemd-sysv-generator"):
            return Start(False, "is an init script, which this systemd does not start")
        if self._s_link(stem):
            return Start(True, "by its init script, of which systemd makes a unit at boot")
        return Start(False, "is an init script with no S link in /etc/rc2.d to rc5.d")

    def _s_link(self, name: str) -> bool:
        return any(
            re.fullmatch(r"S\d\d" + re.escape(name), entry.name)
            for entry in [*self._tree.glob(f"/etc/rc{_LEVELS}.d/S*"), *self._tree.glob("/etc/rcS.d/S*")]
        )

    def _without_systemd(self, name: str) -> Start:
        stem = re.sub(r"\.service$", "", name)
        if any(self._tree.glob(f"/etc/runlevels/*/{stem}")):
            return Start(True, "by its run level")
        if self._s_link(stem):
            return Start(True, "by its S link")
        if self._tree.look(f"/etc/init.d/{stem}", follow=True):
            return Start(False, "is an init script that no run level starts")
        return _ABSENT


@dataclass(frozen=True)
class _Link:
    path: str
    name: str
