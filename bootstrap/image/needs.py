"""What an image must have for the baked runner to run there: a Python, something that starts it, a way to check keys.

Nothing of the image is executed: it may be of another architecture, and of anybody.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bootstrap.errors import Problem
from bootstrap.image.within import LeadsOut, Within
from bootstrap.runner.baked import IMAGE
from bootstrap.runner.contract import PYTHON_FLOOR
from bootstrap.runner.host import COMMAND, STATE

# In the order in which a bundle's head tries them, with the folders that hold their library.
_PYTHONS = {
    "/usr/bin/python3": ("/usr/lib", "/usr/lib64"),
    "/usr/libexec/platform-python": ("/usr/lib", "/usr/lib64"),
    "/usr/local/bin/python3": ("/usr/local/lib", "/usr/local/lib64"),
}
# What runner and bundle import that Debian's python3-minimal lacks some of; a module is a file or a folder.
_MODULES = ("json", "hashlib", "bz2", "ctypes", "email", "http")
_SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
_CRONS = ("/usr/sbin/cron", "/usr/sbin/crond")
SSH_KEYGEN = "/usr/bin/ssh-keygen"
# Where bake writes.
_PLACES = (IMAGE, COMMAND, f"{STATE}/x", "/usr/local/lib/initialrunner/x", "/etc/cron.d/x", "/etc/systemd/system/x/x")
_KEY_TYPE = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+")


@dataclass(frozen=True)
class Found:
    """python: path of the interpreter on the image; trigger: cron, systemd or both. Empty where there are problems."""

    python: str
    trigger: str
    problems: tuple[Problem, ...]


def look(within: Within, trigger: str, signers: bytes | None) -> Found:
    """What is there, and all that speaks against it."""
    problems: list[Problem] = []

    def asked(question: Callable[[], str | Problem]) -> str:
        try:
            answer = question()
        except LeadsOut as error:
            answer = leads_out(error)
        if isinstance(answer, Problem):
            problems.append(answer)
            return ""
        return answer

    if asked(lambda: _root(within)):
        python = asked(lambda: _python(within))
        chosen = asked(lambda: _trigger(within, trigger))
        if signers is not None:
            asked(lambda: _ssh_keygen(within))
            problems += _signers(signers)
        for place in _PLACES:
            asked(lambda place=place: _reachable(within, place))  # type: ignore[misc]
    else:
        python = chosen = ""
    return Found(python, chosen, tuple(dict.fromkeys(problems)))


def leads_out(error: LeadsOut) -> Problem:
    message = f"{error.path} is a link that leads out of the root: {error.target}"
    return Problem("image.link", message, hint="make it a link within the root, or a folder")


def _root(within: Within) -> str | Problem:
    missing = [name for name in ("/etc", "/usr") if not within.is_folder(name)]
    if missing:
        message = f"this is no root directory: there is no {' and no '.join(missing)}"
        return Problem("image.root", message, hint="mount the image, and name where")
    return "/"


def _reachable(within: Within, path: str) -> str | Problem:
    """Whether the way to a file that bake writes stays in the root, and is made of folders."""
    folder = path.rpartition("/")[0]
    while folder and within.look(folder) is None:
        if (target := within.link(folder)) is not None:
            message = f"{folder} is a link to {target}, where nothing is"
            return Problem("image.link", message, hint="make that folder, or the link a folder")
        folder = folder.rpartition("/")[0]
    if folder and not within.is_folder(folder):
        return Problem("image.root", f"{folder} is no folder", hint="the runner's files belong there")
    return path


def _python(within: Within) -> str | Problem:
    """The first interpreter that is new enough and has its library, by its files."""
    said = []
    for path, folders in _PYTHONS.items():
        if not within.is_file(path):
            continue
        for version in _versions(within, path, folders):
            name = f"python3.{version}"
            libraries = [f"{folder}/{name}" for folder in folders if within.is_folder(f"{folder}/{name}")]
            missing = [module for module in _MODULES if not _has(within, libraries, module)]
            if (3, version) < PYTHON_FLOOR:
                said.append(f"{path} is Python 3.{version}, older than {'.'.join(map(str, PYTHON_FLOOR))}")
            elif missing:
                said.append(f"{path} is Python 3.{version} without {', '.join(missing)}")
            else:
                return path
    message = "no usable python3 on this image: " + ("; ".join(dict.fromkeys(said)) or "there is none")
    return Problem("image.python", message, hint="install the package python3 (python3-minimal is not enough)")


def _versions(within: Within, path: str, folders: tuple[str, ...]) -> Iterator[int]:
    """The minor version by the name that the interpreter's link leads to; else those with a library."""
    named = re.search(r"python3\.([0-9]+)$", within.real(path) or "")
    if named:
        yield int(named[1])
        return
    found = {int(m[1]) for folder in folders for n in within.names(folder) if (m := re.fullmatch(r"python3\.(\d+)", n))}
    yield from sorted(found, reverse=True)


def _has(within: Within, libraries: list[str], module: str) -> bool:
    kinds = (f"{module}.py", f"{module}/__init__.py", f"{module}.pyc", f"{module}/__init__.pyc")
    return any(within.is_file(f"{library}/{kind}") for library in libraries for kind in kinds)


def _trigger(within: Within, wanted: str) -> str | Problem:
    """cron, systemd or both: what was asked for, or what there is."""
    # Busybox has a cron too, which does not read /etc/cron.d.
    cron = any((real := within.real(path)) and not real.endswith("busybox") for path in _CRONS)
    systemd = any(within.is_file(path) for path in _SYSTEMD)
    lacks = [name for name, has in (("cron", cron), ("systemd", systemd)) if not has]
    if wanted == "auto":
        if len(lacks) == 2:
            message = "nothing on this image would start the runner: neither cron nor systemd is there"
            return Problem("image.trigger", message, hint="install the package cron, or systemd-sysv")
        return {(): "both", ("cron",): "systemd", ("systemd",): "cron"}[tuple(lacks)]
    missing = [name for name in (("cron", "systemd") if wanted == "both" else (wanted,)) if name in lacks]
    if missing:
        message = f"--trigger {wanted}, and this image has no {' and no '.join(missing)}"
        return Problem("image.trigger", message, hint="install it, or --trigger auto")
    return wanted


def _ssh_keygen(within: Within) -> str | Problem:
    if within.is_file(SSH_KEYGEN):
        return SSH_KEYGEN
    message = f"--allowed-signers, and this image has no {SSH_KEYGEN} to check them with"
    return Problem("image.signers", message, hint="install the package openssh-client")


def _signers(text: bytes) -> Iterator[Problem]:
    """What ssh-keygen would not understand, line by line: `principals [options] type base64 [comment]`."""
    keys = 0
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.decode("utf-8", "replace").strip()
        if not line or line.startswith("#"):
            continue
        keys += 1
        why = _wrong(_words(line))
        if why:
            yield Problem("image.signers", f"--allowed-signers, line {number}: {why}", hint="NAME ssh-ed25519 AAAA…")
    if not keys:
        message = "--allowed-signers holds no key: nothing would ever be taken"
        yield Problem("image.signers", message, hint='one line for each key: NAME namespaces="initialrunner" TYPE KEY')


def _words(line: str) -> list[str]:
    """Words, a quoted blank being part of one."""
    return re.findall(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+', line)


def _wrong(words: list[str]) -> str:
    at = next((n for n, word in enumerate(words) if _KEY_TYPE.fullmatch(word)), None)
    if at is None:
        return "there is no type of key in it, such as ssh-ed25519"
    if at == 0:
        return "it does not begin with the name of who signs"
    if at > 2 or len(words) < at + 2:
        return "it is not NAME [OPTIONS] TYPE KEY"
    try:
        blob = base64.b64decode(words[at + 1], validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    kind = words[at].encode()
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind):
        return f"its key is no {words[at]} key: it is cut off or damaged"
    namespaces = re.search(r'(?:^|,)namespaces="([^"]*)"', words[1]) if at == 2 else None
    if namespaces and not any(one in ("initialrunner", "*") for one in namespaces[1].split(",")):
        return f"it is for {namespaces[1]}, and bundles are signed for initialrunner"
    return ""
