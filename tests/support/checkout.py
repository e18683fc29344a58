"""A machine in a folder: the runner of the checkout works on it, without root and without packing it first.

Real are the files, the journal, the stages as processes, and what is asked of the network. In the place of the
machine's are the clock, which goes on when the runner pauses, the console, the programs that the runner starts for
itself (systemctl), and the owners of files: whoever runs the tests stands for root. Questions are asked in this
process.
"""

from __future__ import annotations

import calendar
import json
import os
import pwd
import signal
import stat
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from handmade import DEPLOY_ID

from bootstrap.payload.model import Payload
from bootstrap.runner import baked, later, tick
from bootstrap.runner.defaults import filled
from bootstrap.runner.form import SEPARATOR, WHOLE, decode, unpacked_code
from bootstrap.runner.host import BUNDLE, TRIGGER, Host
from bootstrap.runner.tick.files import trigger_text
from bootstrap.runner.tick.journal import events_in

GROUND = ("defaults", "disk", "processes", "console", "host", "form", "terminal")
WINGS = {"": GROUND, "tick.": tick.MODULES, "later.": later.MODULES, "baked.": baked.MODULES}
# Folders of the machine in the folder; all else (/proc, /dev) is this machine's.
FOLDERS = ("/etc/", "/run/", "/srv/", "/usr/lib/initialrunner", "/usr/local/", "/var/lib/")
BOOT_ID = "00000000-0000-0000-0000-000000000001"
UUID, MACHINE_ID = "4c4c4544-0042-3510-8052-b4c04f4d3732", "0123456789abcdef0123456789abcdef"


@cache
def modules() -> list[ModuleType]:
    """The modules of the runner's three programs and of their ground, imported."""
    return [import_module(f"bootstrap.runner.{wing}{name}") for wing, names in WINGS.items() for name in names]


@cache
def holders(name: str) -> list[ModuleType]:
    """The modules that have this name."""
    return [module for module in modules() if hasattr(module, name)]


@cache
def paths() -> list[tuple[ModuleType, str, Any]]:
    """(module, name, value) of each constant that is a path of the machine, or holds some."""
    constants = [(module, *item) for module in modules() for item in list(vars(module).items()) if item[0].isupper()]
    return [
        (module, name, value)
        for module, name, value in constants
        if any(isinstance(v, str) and v.startswith(FOLDERS) for v in (value if isinstance(value, tuple) else (value,)))
    ]


class FolderHost(Host):  # type: ignore[misc]
    """One machine below a folder. exits: exit codes of the programs that the runner starts, by their first words."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root, self.boot_id = str(root), BOOT_ID
        self.clock = 1000.0
        self.said: list[str] = []
        self.started: list[str] = []
        self.exits: dict[str, int] = {}
        self.identity = UUID, MACHINE_ID
        # Other tests of this process may have left a child that lives on, such as the driver of a browser.
        self.strangers = set(self.children())

    def at(self, path: str) -> str:
        """The real path behind a path of the machine."""
        mine = (path + "/").startswith(FOLDERS) and not path.startswith(self.root)
        return self.root + path if mine else path

    def now(self) -> float:
        return calendar.timegm(time.strptime(DEPLOY_ID[:15], "%Y%m%dT%H%M%S")) + self.clock

    def uptime(self) -> float:
        return self.clock

    def children(self) -> list[str]:
        """The ids of the processes that this process has started, whoever asked for them."""
        return super().text(f"/proc/self/task/{os.getpid()}/children").split()

    def pause(self, seconds: float) -> None:
        """Let the time pass at once; while a child works it passes as it does, so that no slow machine times out."""
        own = set(self.children()) - self.strangers
        # A killed attempt of a test stays as a zombie, which nobody waits for.
        is_working = any(") Z " not in super(FolderHost, self).text(f"/proc/{pid}/stat") for pid in own)
        start = time.monotonic()
        if signal.sigtimedwait([signal.SIGCHLD], max(0.0, seconds) if is_working else 0) is None and not is_working:
            self.clock += seconds
        self.clock += time.monotonic() - start if is_working else 0.0

    def lock(self, patience_s: float = 0.3) -> int | None:
        """Without patience: no time passes while somebody else holds the lock."""
        fd: int | None = super().lock(-1.0)
        return fd

    def ids(self) -> tuple[str, str]:
        return self.identity

    def folder(self, path: str, make: bool = False) -> int:
        return int(super().folder(self.at(path), make))

    def text(self, path: str) -> str:
        return str(super().text(self.at(path)))

    def list(self, path: str) -> list[str]:
        return list(super().list(self.at(path)))

    def read(self, path: str) -> Any:
        content = super().read(path)
        return content and (content[0], as_root(content[1]))

    def look(self, path: str) -> Any:
        info = super().look(path)
        return info and as_root(info)

    def save(self, path: str, data: bytes, mode: int = 0o600, uid: int = 0, gid: int = 0, durable: bool = True) -> None:
        super().save(path, data, mode, os.getuid(), os.getgid(), False)

    def settle(self, path: str) -> None:
        os.close(self.open(path))

    def ask(self, question: Callable[[], bytes], timeout_s: float) -> bytes | None:
        """The answer at once and in this process, so that a breakpoint in the question stops."""
        try:
            return question()
        except Exception:
            return None

    def say(self, line: str) -> None:
        self.said.append(line)

    def run(self, argv: Sequence[str], timeout_s: float = 30) -> int:
        command = " ".join(argv)
        self.started.append(command)
        return next((code for words, code in self.exits.items() if command.startswith(words)), 127)


class Answered:
    """In the place of host.Question: asked at once and in this process."""

    pid = None

    def __init__(self, host: FolderHost, question: Callable[[], bytes], timeout_s: float) -> None:
        self.answer = host.ask(question, timeout_s)

    def running(self) -> bool:
        return False


def as_root(info: os.stat_result) -> SimpleNamespace:
    """A stat result in which the user of the tests is root."""
    fields = {name: getattr(info, name) for name in dir(info) if name.startswith("st_")}
    if info.st_uid == os.getuid():
        fields.update(st_uid=0, st_gid=0)
    return SimpleNamespace(**fields)


@cache
def code_of(part: str) -> tuple[bytes, bytes]:
    """The code of a bundle in its two parts. Unpacking it is the larger part of a test's time, hence the cache."""
    hot, cold = unpacked_code(part)
    return hot, cold


class Machine:
    """The machine with a payload on it. plan: the host plan, free to change before the first tick."""

    def __init__(self, root: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.host = root, FolderHost(root)
        self.payload, self.monkeypatch = payload, monkeypatch
        match = WHOLE.fullmatch(payload.bundle)
        assert match
        parts = match.group(2).decode().split(SEPARATOR)
        hot, cold = code_of(parts[0])
        self.plan = filled(json.loads(zlib.decompressobj(zdict=hot).decompress(decode(parts[1]))))
        for folder in (*FOLDERS, "/etc/cron.d/", "/usr/local/sbin/"):
            (root / folder[1:]).mkdir(parents=True, exist_ok=True)
        for module, name, value in paths():
            self.monkeypatch.setattr(module, name, self.moved(value))
        self.everywhere("TEXT", payload.bundle)
        self.everywhere("HOT", hot)
        self.everywhere("COLD", cold)
        self.everywhere("PARTS", parts)
        self.everywhere("ids", owner)
        self.everywhere("account", user)
        self.everywhere("Question", Answered)
        for file in payload.files:
            self.put(file.path, file.content, file.mode)
        # The trigger that the runner wants names the bundle where it is here.
        self.put(TRIGGER, trigger_text(self.plan, payload.digest, [self.host.at(BUNDLE)]))

    def moved(self, value: Any) -> Any:
        """A path of the machine as the real one; in a tuple, each."""
        if isinstance(value, tuple):
            return tuple(self.moved(part) for part in value)
        return self.host.at(value) if isinstance(value, str) else value

    def everywhere(self, name: str, value: object) -> None:
        """Set a name in each module of the runner that has it."""
        for module in holders(name):
            self.monkeypatch.setattr(module, name, value)

    def path(self, path: str) -> Path:
        return Path(self.host.at(path))

    def put(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        target.chmod(mode)

    def mode(self, path: str) -> int:
        return stat.S_IMODE(self.path(path).stat().st_mode)

    def run(self) -> Any:
        """A `Run` that has begun: under the lock, with its journal open."""
        from bootstrap.runner.tick.run import Run

        self.host.lock()
        run = Run(self.host, self.plan)
        run.begin()
        return run

    def tick(self) -> int:
        """One tick. Its exit code."""
        from bootstrap.runner.tick.run import tick

        code = tick(self.host, self.plan)
        self.unlock()
        return int(code)

    def unlock(self) -> None:
        """Let go of the lock, as the end of a process does."""
        if self.host.locked is not None:
            with suppress(OSError):  # some verbs have closed it
                os.close(self.host.locked)
            self.host.locked = None

    def verb(self, verb: str, *words: str) -> int:
        """One verb of the admin's command. Its exit code; what it prints is the test's to capture."""
        from bootstrap.runner.later.verbs import admin

        self.monkeypatch.setattr(os, "geteuid", lambda: 0)
        self.everywhere("guard", lambda: None)
        try:
            return int(admin(self.host, self.plan, verb, list(words)))
        finally:
            self.unlock()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The journal as it is on disk."""
        return list(events_in(self.host.at("/var/lib/initialrunner/journal")))

    def find(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [e for e in self.events if e["type"] == kind and all(e.get(k) == v for k, v in fields.items())]

    def ended(self, stage: str) -> list[str]:
        """The results of a stage's attempts."""
        return [event["result"] for event in self.find("stage.ended", stage=stage)]


def owner(entry: dict[str, Any]) -> tuple[int, int] | None:
    """The owner of a file entry: root, as whom the user of the tests stands, or nobody known."""
    names = {entry.get("user", "root"), entry.get("group", "root")}
    return (os.getuid(), os.getgid()) if names <= {"root", "0"} else None


def user(name: str) -> pwd.struct_passwd | None:
    """The account that stages run as: that of the tests; None for any other than root."""
    return pwd.getpwuid(os.getuid()) if name == "root" else None


@contextmanager
def child_signals() -> Iterator[None]:
    """Give SIGCHLD back as it was: a run blocks it."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


MakeMachine = Callable[[Payload], Machine]
