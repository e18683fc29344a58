"""The needs of an image whose clones shall work: the baked runner, what starts it, Python, the units asked for."""

from __future__ import annotations

import ast
import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any

from bootstrap.image import host_keys, programs, runner_texts, signers
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.own_paths import BUNDLE_FOLDER, CRON, HOST_KEYS, PROGRAM, PROGRAM_FOLDER, SERVICE
from bootstrap.image.root import Entry
from bootstrap.image.tree import Tree
from bootstrap.image.units import CRONS, Start, Units
from bootstrap.payload.split import FOLDER
from bootstrap.runner.baked.program import IMAGE, SIGNERS, TIMER
from bootstrap.runner.contract import PYTHON_FLOOR
from bootstrap.runner.host import COMMAND

# Every code of this module, each with its line in the reference page.
CODES = {
    "need.runner": "the baked runner is missing or damaged, or others than root may write it",
    "need.runner-text": f"the runner's text that `{IMAGE}` names is missing from `{FOLDER}`, or a text there is not the"
    " one that its name says",
    "need.command": f"`{COMMAND}` is missing, or the Python that it names is",
    "need.image": "the baked settings are missing or cannot be read",
    "need.signers": "the image takes signed payloads only, and its list of keys is empty, has a line that no host can"
    " use, or may be written by others; a warning if every key has expired",
    "need.ssh-keygen": "the image takes signed payloads only, and has no program to check a signature",
    "need.trigger": "neither cron with its entry nor a systemd unit starts the runner with a Python that is there; a"
    " warning if only one of the two does, and the image was baked for both",
    "need.python": "there is no python3 of 3.6 or newer, or none with its whole library",
    "need.unit": "a unit of `--require` is missing, not enabled or masked",
    "need.network": "no service that sets up the network is started (a warning)",
    **host_keys.CODES,
}

# One of these is enough: an agent or cloud-init may set up the network by itself.
_NETWORKS = (
    "cloud-init", "cloud-init-network", "systemd-networkd", "NetworkManager", "networking", "network", "dhcpcd",
    "nova-agent", "wicked", "wickedd", "connman", "ifupdown2", "google-guest-agent",
)  # fmt: skip
# The last line of baked.py, and the line by which the command, the cron entry and the unit start it.
_LAST = b"sys.exit(main(sys.argv[1:]))"
_STARTS = re.compile(rb"(/\S+) -I -S " + re.escape(PROGRAM.encode()) + rb"\s")

_AGAIN = "run bootstrap bake again"
_NO_PAYLOAD = "a clone would take no payload"
_NO_SOURCE = "the runner would not look for a payload anywhere"
_NO_ANSWER = "nobody could ask a clone about its state"
_REFUSED = "every payload would be refused"
_NOT_PUT_TOGETHER = "a payload that comes without its runner would not be taken"


def missing(tree: Tree, *, require: tuple[str, ...] = (), trigger: str = "auto", runner: bool = True) -> list[Finding]:
    """Every need that is not met. require: units that must start; runner: whether the baked runner is one of them."""
    units = Units(tree)
    image: dict[str, Any] = {}
    findings = []
    if runner:
        findings += list(_runner(tree, image))
    findings += [
        *_trigger(tree, units, trigger, image, runner=runner),
        *_python(tree),
        *_required(units, require),
        *_network(units),
        *host_keys.missing_host_keys(tree, units, image.get("sources")),
    ]
    return findings


def _need(code: str, path: str, subject: str, reason: str, fix: str, *, warning: bool = False) -> Finding:
    severity = Severity.WARNING if warning else Severity.ERROR
    return Finding(f"need.{code}", path, subject, reason, fix, severity=severity)


def _runner(tree: Tree, image: dict[str, Any]) -> Iterator[Finding]:
    """Judge the baked runner. The content of image.json is put into `image`."""
    baked = tree.look(PROGRAM)
    source = tree.read(baked.path, 4 << 20) if baked else None
    if baked is None or not source:
        fix = "bootstrap bake ROOT, or --without-runner if payloads bring the runner"
        yield _need("runner", PROGRAM, "the runner is not baked in", _NO_PAYLOAD, fix)
        return
    try:
        ast.parse(source)
        # A file that is cut off between two functions is valid Python, too.
        if not source.rstrip().endswith(_LAST):
            raise ValueError("it ends too early")
    except (SyntaxError, ValueError) as error:
        yield _need("runner", PROGRAM, f"a damaged runner ({error})", "it would fail at every boot", _AGAIN)
    yield from _writable_by_others(tree, baked)
    command = tree.look(COMMAND)
    if command is None or not command.info.st_mode & 0o100:
        yield _need("command", COMMAND, "no command that can be run", _NO_ANSWER, _AGAIN)
    elif python := _missing_python(tree, tree.read(command.path) or b""):
        yield _need("command", COMMAND, f"a command that needs {python}, which is missing", _NO_ANSWER, _AGAIN)
    yield from _image(tree, image)
    yield from _runner_texts(tree, image)
    allowed = tree.look(SIGNERS)
    if allowed is not None:
        yield from _signers(tree, allowed)


def _runner_texts(tree: Tree, image: dict[str, Any]) -> Iterator[Finding]:
    """Judge the runner texts in the image. image.json names none where an older toolkit has baked it."""
    texts = runner_texts.found_in(tree)
    # Those of other versions are judged as well: a clone that asks for one would find it damaged.
    for text in texts:
        if not text.is_whole:
            yield _need("runner-text", text.path, "a damaged text of the runner", _NOT_PUT_TOGETHER, _AGAIN)
    path = runner_texts.place(str(image.get("runner")))
    if "runner" in image and path not in (text.path for text in texts):
        yield _need("runner-text", path, "the text of the runner is missing", _NOT_PUT_TOGETHER, _AGAIN)


def _writable_by_others(tree: Tree, baked: Entry) -> Iterator[Finding]:
    """The runner's programs and folders that others could change. All of them run, or are read, as root."""
    texts = (text.entry for text in runner_texts.found_in(tree) if text.is_whole)
    for entry in (baked, tree.look(COMMAND), tree.look(HOST_KEYS), *texts):
        if entry is not None and _is_open(entry):
            subject = "a program that others than root may write"
            yield _need("runner", entry.path, subject, "it runs as root", f"chown root:root, chmod go-w; or {_AGAIN}")
    for folder in (tree.look(path) for path in (PROGRAM_FOLDER, BUNDLE_FOLDER, FOLDER)):
        if folder is not None and folder.is_folder and _is_others(folder):
            subject, fix = "a folder that others than root may write", "chown root:root, chmod go-w"
            yield _need("runner", folder.path, subject, "they could replace the runner or its settings", fix)


def _missing_python(tree: Tree, text: bytes) -> str | None:
    """The interpreter with which a text starts the runner, if that is missing although the image has another.

    An image without any Python has a finding of its own for that.
    """
    match = _STARTS.search(text)
    python = os.fsdecode(match[1]) if match else ""
    return python if match and programs.find(tree, python) is None and any(programs.pythons(tree)) else None


def _start_fault(tree: Tree, text: bytes) -> str:
    """The reason for which a text does not start the runner; "" when it does."""
    if not _STARTS.search(text):
        return "does not start it"
    python = _missing_python(tree, text)
    return f"starts it with {python}, which is missing" if python else ""


def _is_open(entry: Entry) -> bool:
    return _is_others(entry) or not entry.is_file


def _is_others(entry: Entry) -> bool:
    return entry.info.st_uid != 0 or bool(entry.info.st_mode & 0o022)


def _image(tree: Tree, image: dict[str, Any]) -> Iterator[Finding]:
    entry = tree.look(IMAGE)
    text = tree.read(entry.path) if entry else None
    if text is None:
        yield _need("image", IMAGE, "the baked settings are missing", _NO_SOURCE, _AGAIN)
        return
    try:
        settings = json.loads(text)
        if settings["version"] != 1 or not settings["sources"]:
            raise ValueError("its version or sources are unknown")
        if settings["trigger"] not in ("cron", "systemd", "both"):
            raise ValueError("its trigger is unknown")
        image.update(settings)
    except (ValueError, KeyError, TypeError) as error:
        yield _need("image", IMAGE, f"baked settings that cannot be read ({error})", _NO_SOURCE, _AGAIN)


def _signers(tree: Tree, entry: Entry) -> Iterator[Finding]:
    if _is_open(entry):
        subject = "not a file, or one that others than root may write"
        yield _need("signers", SIGNERS, subject, _REFUSED, "check its content; chown root:root, chmod 644")
    text = tree.read(entry.path) or b""
    keys, faults = signers.faults(text)
    if expiry := signers.expired(text, time.time()):
        yield _need("signers", SIGNERS, expiry, _REFUSED, "bake with a key that is valid", warning=True)
    if not keys:
        yield _need("signers", SIGNERS, "no key in it", _REFUSED, "bake with a file that has a key")
    for fault in faults:
        reason = _REFUSED if len(faults) == keys else "payloads that its key has signed would be refused"
        fix = f"bake with a file that is right: {fault.fix}"
        yield _need("signers", SIGNERS, f"line {fault.line}: {fault.message}", reason, fix)
    if not programs.has_ssh_keygen(tree):
        reason = f"no signature could be checked, so {_REFUSED}"
        yield _need("ssh-keygen", programs.KEYGENS[0], "missing", reason, "install openssh-client")


def _trigger(tree: Tree, units: Units, choice: str, image: dict[str, Any], *, runner: bool) -> Iterator[Finding]:
    """Look for something that starts the runner, or a payload that is injected. choice: the value of --trigger."""
    starts = {"cron": _cron(tree, units, runner=runner), "systemd": _systemd(tree, units, runner=runner)}
    baked_for = {"both": ("cron", "systemd")}.get(image.get("trigger", ""), (image.get("trigger"),)) if image else ()
    if choice != "auto":
        starts = {choice: starts[choice]}
        baked_for = ()
    working = [name for name, start in starts.items() if start.on]
    if not working:
        details = "; ".join(f"{name}: {start.how}" for name, start in starts.items())
        fix = f"enable one of them, or {_AGAIN}" if runner else "enable one of them"
        yield _need("trigger", "", f"nothing starts the runner ({details})", _NO_PAYLOAD, fix)
        return
    for name in baked_for:
        if name and not starts[name].on:
            subject = f"the image was baked for {name}: {starts[name].how}"
            fix = "enable it, or bake with --trigger " + working[0]
            yield _need("trigger", "", subject, f"only {working[0]} starts the runner", fix, warning=True)


def _cron(tree: Tree, units: Units, *, runner: bool) -> Start:
    if runner:
        entry = tree.look(CRON)
        if entry is None:
            return Start(False, f"{CRON} is missing")
        mode = entry.info.st_mode & 0o7777
        # cron skips, without a message, a file that others may write, and a link. Some crons also skip one that may be
        # executed or that has two names.
        if entry.info.st_uid != 0:
            return Start(False, f"{CRON} belongs to user {entry.info.st_uid}, and cron only reads files of root")
        if not entry.is_file or mode & 0o133:
            return Start(False, f"{CRON} is not a file of root with mode 0644 (it is {mode:04o})")
        if entry.info.st_nlink != 1:
            return Start(False, f"{CRON} has a second name")
        if fault := _start_fault(tree, tree.read(entry.path) or b""):
            return Start(False, f"{CRON} {fault}")
    starts = [(name, units.start(name)) for name in CRONS]
    for name, start in starts:
        if start.on:
            return Start(True, f"{name} {start.how}")
    installed = [f"{name} {start.how}" for name, start in starts if start.is_there]
    if not installed and programs.has_cron(tree):
        installed = ["it is installed, and no unit, init script or run level starts it"]
    return Start(False, installed[0] if installed else "is not installed")


def _systemd(tree: Tree, units: Units, *, runner: bool) -> Start:
    if not units.has_systemd:
        return Start(False, "is not installed")
    if not runner:
        return Start(True, "starts the units that are injected")
    if units.start(SERVICE).on and (fault := _start_fault(tree, units.text(SERVICE).encode())):
        return Start(False, f"{SERVICE} {fault}")
    starts = [(name, units.start(name)) for name in (TIMER, SERVICE)]
    return next((start for _, start in starts if start.on), Start(False, f"{starts[0][0]} {starts[0][1].how}"))


def _python(tree: Tree) -> Iterator[Finding]:
    """Look for a Python that can run the runner; if there is none, report the fault of the first one."""
    floor = ".".join(map(str, PYTHON_FLOOR))
    reason = "the runner cannot start"
    fix = f"install python3, {floor} or newer (python3-minimal is not enough)"
    fault = None
    for python in programs.pythons(tree):
        # No program of the image is run, so that a python3 which is no link does not tell its version.
        if len(python.libraries) != 1:
            subject = "a Python whose version its files do not show"
            fault = fault or _need("python", python.path, subject, reason, f"run {python.path} -V", warning=True)
            continue
        (library,) = python.libraries
        if library.is_usable:
            return
        version = ".".join(map(str, library.version))
        subject = f"Python {version}, too old" if library.is_old else "a Python without its whole library"
        fault = fault or _need("python", python.path, subject, reason, fix)
    yield fault or _need("python", programs.PYTHONS[0], "no python3", reason, fix)


def _required(units: Units, require: tuple[str, ...]) -> Iterator[Finding]:
    for name in require:
        start = units.start(name)
        if start.on:
            continue
        if not start.is_there:
            fix = "install it"
        elif start.is_masked:
            fix = f"systemctl unmask {name}, and enable it"
        else:
            fix = f"systemctl --root=ROOT enable {name}"
        yield _need("unit", "", f"{name} {start.how}", "--require asks for it", fix)


def _network(units: Units) -> Iterator[Finding]:
    if not any(units.start(name).on for name in _NETWORKS):
        subject = "no service that sets up the network is started"
        fix = "enable systemd-networkd, NetworkManager, networking, cloud-init or the cloud's agent"
        yield _need("network", "", subject, "nobody could reach a clone", fix, warning=True)
