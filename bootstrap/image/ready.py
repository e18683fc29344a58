"""What an image must have so that a clone works: the baked runner, what starts it, Python, the units asked for."""

from __future__ import annotations

import ast
import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any

from bootstrap.image import able, signers
from bootstrap.image.bake import CRON, PROGRAM, SERVICE
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.root import Entry
from bootstrap.image.tree import Tree
from bootstrap.image.units import Start, Units
from bootstrap.runner.baked.program import IMAGE, SIGNERS, TIMER
from bootstrap.runner.contract import PYTHON_FLOOR
from bootstrap.runner.host import COMMAND

MACHINE_ID = "/etc/machine-id"

# Every code that is found here, with what it means.
CODES = {
    "need.runner": "the baked runner is missing, not whole, or others may write it",
    "need.command": "`/usr/local/sbin/initialrunner` is missing, or its Python is",
    "need.image": "the baked settings are missing or cannot be read",
    "need.signers": "only signed payloads are taken, and the list of keys is empty, has a line of no use to a host, or "
    "others may write it; a warning where the time of every key is over",
    "need.ssh-keygen": "only signed payloads are taken, and nothing can check a signature",
    "need.trigger": "neither cron with its entry nor a systemd unit starts the runner, with a Python that is there; a"
    " warning when one of both does",
    "need.python": "no python3 of 3.6 or newer, or one without its whole library",
    "need.unit": "a unit of `--require` is not there, not enabled or masked",
    "need.network": "nothing that sets the network up is started (a warning)",
    "need.host-keys": "sshd is started, and nothing makes host keys, or only a first boot would (a warning)",
}

_CRONS = ("cron", "crond", "cronie", "cron.target", "bcron-start")
_NETWORKS = (
    "cloud-init", "cloud-init-network", "systemd-networkd", "NetworkManager", "networking", "network", "dhcpcd",
    "nova-agent", "wicked", "wickedd", "connman", "ifupdown2", "google-guest-agent",
)  # fmt: skip
_MAKES_KEYS = re.compile(r"(?m)^[ \t]*Exec\w+[ \t]*=.*\bsshd?-keygen\b")
_LAST = b"sys.exit(main(sys.argv[1:]))"
_STARTS = re.compile(rb"(/\S+) -I -S " + re.escape(PROGRAM.encode()) + rb"\s")
_FIRST_BOOT = re.compile(r"(?mi)^[ \t]*ConditionFirstBoot[ \t]*=[ \t]*(?:yes|true|on|1)[ \t]*$")


def needs(tree: Tree, *, require: tuple[str, ...] = (), trigger: str = "auto", runner: bool = True) -> list[Finding]:
    """What is missing. require: units that must start; runner: whether the baked runner is one of the needs."""
    units = Units(tree)
    image: dict[str, Any] = {}
    found = []
    if runner:
        found += list(_runner(tree, image))
    found += [
        *_trigger(tree, units, trigger, image, runner=runner),
        *_python(tree),
        *_required(units, require),
        *_network(units),
        *_host_keys(tree, units),
    ]
    return found


def _need(code: str, path: str, what: str, why: str, mend: str, *, warning: bool = False) -> Finding:
    severity = Severity.WARNING if warning else Severity.ERROR
    return Finding(f"need.{code}", path, what, why, mend, severity=severity)


def _runner(tree: Tree, image: dict[str, Any]) -> Iterator[Finding]:
    """The baked runner. What image.json says is put into `image`."""
    again = "run bootstrap bake again"
    baked = tree.look(PROGRAM)
    source = tree.read(baked.path, 4 << 20) if baked else None
    if not source:
        why, mend = "a clone takes no payload", "bootstrap bake ROOT, or --without-runner when payloads bring it"
        yield _need("runner", PROGRAM, "not baked: the runner is not there", why, mend)
        return
    assert baked is not None
    try:
        ast.parse(source)
        # A file that is cut off between two functions is one that Python takes, too.
        if not source.rstrip().endswith(_LAST):
            raise ValueError("it ends too early")
    except (SyntaxError, ValueError) as error:
        yield _need("runner", PROGRAM, f"a runner that is not whole ({error})", "it fails at every boot", again)
    for entry in (baked, tree.look(COMMAND)):
        if entry is not None and _is_open(entry):
            what = "a program that others than root may write"
            yield _need("runner", entry.path, what, "it runs as root", f"chown root:root, chmod go-w; or {again}")
    for folder in (tree.look(path.rpartition("/")[0]) for path in (PROGRAM, IMAGE)):
        if folder is not None and folder.is_folder and _is_others(folder):
            what, why = "a folder that others than root may write", "they could put another runner or settings there"
            yield _need("runner", folder.path, what, why, "chown root:root, chmod go-w")
    command = tree.look(COMMAND)
    if command is None or not command.info.st_mode & 0o100:
        yield _need("command", COMMAND, "no command that can be run", "nobody can ask a clone how it is", again)
    elif gone := _without_python(tree, tree.read(command.path) or b""):
        what = f"a command that needs {gone}, which is not there"
        yield _need("command", COMMAND, what, "nobody can ask a clone how it is", again)
    yield from _image(tree, image)
    allowed = tree.look(SIGNERS)
    if allowed is not None:
        yield from _signers(tree, allowed)


def _without_python(tree: Tree, text: bytes) -> str | None:
    """The interpreter with which a text starts the runner, where that is not there, and another one is."""
    found = _STARTS.search(text)
    python = os.fsdecode(found[1]) if found else ""
    return python if found and able.program(tree, python) is None and any(able.pythons(tree)) else None


def _does_not_start(tree: Tree, text: bytes) -> str:
    """Why a text does not start the runner; "" when it does."""
    if not _STARTS.search(text):
        return "does not start it"
    gone = _without_python(tree, text)
    return f"starts it with {gone}, which is not there" if gone else ""


def _is_open(entry: Entry) -> bool:
    return _is_others(entry) or not entry.is_file


def _is_others(entry: Entry) -> bool:
    return entry.info.st_uid != 0 or bool(entry.info.st_mode & 0o022)


def _image(tree: Tree, image: dict[str, Any]) -> Iterator[Finding]:
    again = "run bootstrap bake again"
    entry = tree.look(IMAGE)
    text = tree.read(entry.path) if entry else None
    if text is None:
        yield _need("image", IMAGE, "the baked settings are not there", "the runner looks nowhere for a payload", again)
        return
    try:
        said = json.loads(text)
        if said["version"] != 1 or not said["sources"] or said["trigger"] not in ("cron", "systemd", "both"):
            raise ValueError("no known version, sources or trigger")
        image.update(said)
    except (ValueError, KeyError, TypeError) as error:
        what = f"baked settings that cannot be read ({error})"
        yield _need("image", IMAGE, what, "the runner looks nowhere for a payload", again)


def _signers(tree: Tree, entry: Entry) -> Iterator[Finding]:
    refused = "every payload is refused"
    if _is_open(entry):
        what = "no file, or one that others than root may write"
        yield _need("signers", SIGNERS, what, refused, "look at what it holds; chown root:root, chmod 644")
    text = tree.read(entry.path) or b""
    keys, found = signers.wrong(text)
    if over := signers.over(text, time.time()):
        yield _need("signers", SIGNERS, over, refused, "bake with a key that is valid", warning=True)
    if not keys:
        yield _need("signers", SIGNERS, "no key in it", refused, "bake with a key in the file")
    for one in found:
        what = f"line {one.line}: {one.why}"
        why = refused if len(found) == keys else "what its key has signed is refused"
        yield _need("signers", SIGNERS, what, why, f"bake with a file that is right: {one.mend}")
    if not able.has_ssh_keygen(tree):
        why = f"no signature can be checked, so {refused}"
        yield _need("ssh-keygen", able.KEYGENS[0], "not there", why, "install openssh-client")


def _trigger(tree: Tree, units: Units, wanted: str, image: dict[str, Any], *, runner: bool) -> Iterator[Finding]:
    """What starts the runner, or a payload that is injected."""
    ways = {"cron": _cron(tree, units, runner=runner), "systemd": _systemd(tree, units, runner=runner)}
    asked = {"both": ("cron", "systemd")}.get(image.get("trigger", ""), (image.get("trigger"),)) if image else ()
    if wanted != "auto":
        ways = {wanted: ways[wanted]}
        asked = ()
    working = [name for name, way in ways.items() if way.on]
    if not working:
        what = "; ".join(f"{name}: {way.how}" for name, way in ways.items())
        what = f"nothing starts the runner ({what})"
        mend = "enable one of them, or run bootstrap bake again" if runner else "enable one of them"
        yield _need("trigger", "", what, "a clone takes no payload", mend)
        return
    for name in asked:
        if name and not ways[name].on:
            what = f"the image was baked for {name}: {ways[name].how}"
            mend = "enable it, or bake with --trigger " + working[0]
            yield _need("trigger", "", what, f"only {working[0]} starts the runner", mend, warning=True)


def _cron(tree: Tree, units: Units, *, runner: bool) -> Start:
    if runner:
        entry = tree.look(CRON)
        if entry is None:
            return Start(False, f"{CRON} is not there")
        mode = entry.info.st_mode & 0o7777
        # cron skips in silence what others may write, what is a link, and some what may be executed or has two names.
        if not entry.is_file or entry.info.st_uid != 0 or mode & 0o133:
            return Start(False, f"{CRON} is not a file of root with mode 0644 (it is {mode:04o})")
        if entry.info.st_nlink != 1:
            return Start(False, f"{CRON} has a second name")
        if why := _does_not_start(tree, tree.read(entry.path) or b""):
            return Start(False, f"{CRON} {why}")
    seen = [(name, units.start(name)) for name in _CRONS]
    for name, start in seen:
        if start.on:
            return Start(True, f"{name} {start.how}")
    there = [f"{name} {start.how}" for name, start in seen if start.how != "is not there"]
    return Start(False, there[0] if there else "is not installed")


def _systemd(tree: Tree, units: Units, *, runner: bool) -> Start:
    if not units.has_systemd:
        return Start(False, "is not installed")
    if not runner:
        return Start(True, "starts what is injected")
    if units.start(SERVICE).on and (why := _does_not_start(tree, units.text(SERVICE).encode())):
        return Start(False, f"{SERVICE} {why}")
    seen = [(name, units.start(name)) for name in (TIMER, SERVICE)]
    return next((start for _, start in seen if start.on), Start(False, f"{seen[0][0]} {seen[0][1].how}"))


def _python(tree: Tree) -> Iterator[Finding]:
    """Some Python with which the runner can start, else the first that is there and why it cannot."""
    floor = ".".join(map(str, PYTHON_FLOOR))
    bad = "the runner cannot start"
    mend = f"install python3, {floor} or newer (python3-minimal is not enough)"
    told = None
    for python in able.pythons(tree):
        if len(python.libraries) != 1:
            what = "a Python whose version cannot be told from its files"
            told = told or _need("python", python.path, what, bad, f"look with {python.path} -V", warning=True)
            continue
        (library,) = python.libraries
        if library.does:
            return
        version = ".".join(map(str, library.version))
        what = f"Python {version}, too old" if library.is_old else "a Python without its whole library"
        told = told or _need("python", python.path, what, bad, mend)
    yield told or _need("python", able.PYTHONS[0], "no python3", bad, mend)


def _required(units: Units, require: tuple[str, ...]) -> Iterator[Finding]:
    for name in require:
        start = units.start(name)
        if not start.on:
            mend = {"is masked": f"systemctl unmask {name}, and enable it", "is not there": "install it"}
            hint = mend.get(start.how, f"systemctl --root=ROOT enable {name}")
            yield _need("unit", "", f"{name} {start.how}", "it was asked for by --require", hint)


def _network(units: Units) -> Iterator[Finding]:
    if not any(units.start(name).on for name in _NETWORKS):
        what = "nothing that sets the network up is started"
        mend = "enable systemd-networkd, NetworkManager, networking, cloud-init or the cloud's agent"
        yield _need("network", "", what, "no clone could be reached", mend, warning=True)


def _host_keys(tree: Tree, units: Units) -> Iterator[Finding]:
    """An sshd whose host keys are gone, as they must be, and that nothing gives new ones."""
    server = next((name for name in ("ssh", "sshd") if units.start(name).on), None)
    if server is None or any(tree.glob("/etc/ssh/ssh_host_*_key")):
        return
    makers = {unit: text for unit in units.started() if _MAKES_KEYS.search(text := units.text(unit))}
    if units.start("cloud-init").on or any(not _FIRST_BOOT.search(text) for text in makers.values()):
        return
    why = "nobody could log in to a clone"
    if not makers:
        mend = "have a unit run ssh-keygen -A before it, or cloud-init"
        what = f"{server} is started, and nothing makes host keys"
        yield _need("host-keys", "/etc/ssh", what, why, mend, warning=True)
    elif tree.look(MACHINE_ID) is not None and (tree.read(MACHINE_ID) or b"").strip() != b"uninitialized":
        # That is systemd's word for it; an empty file makes every boot a later one.
        mend = "write uninitialized into it, and mask systemd-firstboot, which may ask at the console"
        what = f"{server} is started, and {min(makers)} makes host keys at a first boot, which this file denies"
        yield _need("host-keys", MACHINE_ID, what, why, mend, warning=True)
