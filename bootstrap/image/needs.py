"""What an image must have for `bake`: a Python, what starts the runner, a way to check keys, and room for its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bootstrap.errors import Problem, Where
from bootstrap.image import able, signers
from bootstrap.image.root import LeadsOut
from bootstrap.image.within import Within
from bootstrap.runner.baked.program import IMAGE
from bootstrap.runner.contract import PYTHON_FLOOR
from bootstrap.runner.host import COMMAND, STATE

# Where bake writes.
_PLACES = (IMAGE, COMMAND, f"{STATE}/x", "/usr/local/lib/initialrunner/x", "/etc/cron.d/x", "/etc/systemd/system/x/x")


@dataclass(frozen=True)
class Found:
    """python: path of the interpreter on the image; trigger: cron, systemd or both. Empty where there are problems."""

    python: str
    trigger: str
    problems: tuple[Problem, ...]


def look(within: Within, trigger: str, allowed: bytes | None, name: str) -> Found:
    """What is there, and all that speaks against it. allowed, name: text and name of the file of who may sign."""
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
        if allowed is not None:
            asked(lambda: _ssh_keygen(within))
            problems += _signers(allowed, name)
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
    while folder and within.look(folder, follow=True) is None:
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
    for python in able.pythons(within):
        for library in python.libraries:
            if library.does:
                return python.path
            older = f", older than {'.'.join(map(str, PYTHON_FLOOR))}"
            why = older if library.is_old else f" without {', '.join(library.missing)}"
            said.append(f"{python.path} is Python {'.'.join(map(str, library.version))}{why}")
    message = "no usable python3 on this image: " + ("; ".join(dict.fromkeys(said)) or "there is none")
    return Problem("image.python", message, hint="install the package python3 (python3-minimal is not enough)")


def _trigger(within: Within, wanted: str) -> str | Problem:
    """cron, systemd or both: what was asked for, or what there is."""
    lacks = [name for name, has in (("cron", able.has_cron), ("systemd", able.has_systemd)) if not has(within)]
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
    if able.has_ssh_keygen(within):
        return able.KEYGENS[0]
    message = f"--allowed-signers, and this image has no {able.KEYGENS[0]} to check them with"
    return Problem("image.signers", message, hint="install the package openssh-client")


def _signers(text: bytes, name: str) -> Iterator[Problem]:
    """The lines by which no host would take a bundle; of a file without any line, that it has none."""
    keys, found = signers.wrong(text)
    for one in found:
        yield Problem("image.signers", one.why, Where(name, one.line, one.column), one.mend)
    if not keys:
        message = "--allowed-signers holds no key: nothing would ever be taken"
        yield Problem("image.signers", message, hint=f"one line for each key: {signers.SHAPE}")
