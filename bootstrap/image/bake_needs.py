"""The needs of an image for `bake`: a Python, cron or systemd, a way to check signatures, folders to write to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bootstrap.errors import Problem, Where
from bootstrap.image import programs, signers
from bootstrap.image.own_paths import CRON, PROGRAM, UNITS
from bootstrap.image.root import LeadsOut
from bootstrap.image.root_writer import RootWriter
from bootstrap.payload.split import FOLDER
from bootstrap.runner.baked.program import IMAGE
from bootstrap.runner.contract import PYTHON_FLOOR
from bootstrap.runner.host import COMMAND, STATE

# A file in each folder that bake writes to. The way to it must stay in the root.
_PLACES = (IMAGE, COMMAND, f"{STATE}/x", PROGRAM, f"{FOLDER}/x", CRON, f"{UNITS}/x/x")


@dataclass(frozen=True)
class Verdict:
    """python: path of the interpreter on the image; trigger: cron, systemd or both. Empty where there are problems."""

    python: str
    trigger: str
    problems: tuple[Problem, ...]


def judge(writer: RootWriter, trigger: str, allowed: bytes | None, name: str, *, host_keys: bool = False) -> Verdict:
    """Look for everything that bake needs, and collect all problems. allowed, name: of the allowed_signers file."""
    problems: list[Problem] = []

    def answer_of(question: Callable[[], str | Problem]) -> str:
        try:
            answer = question()
        except LeadsOut as error:
            answer = leads_out(error)
        if isinstance(answer, Problem):
            problems.append(answer)
            return ""
        return answer

    # In a folder that is no root every other question would only repeat that fault.
    if answer_of(lambda: _root(writer)):
        python = answer_of(lambda: _python(writer))
        starter = answer_of(lambda: _trigger(writer, trigger))
        if allowed is not None:
            answer_of(lambda: _ssh_keygen(writer))
            problems += _signers(allowed, name)
        if host_keys:
            problems += _host_keys(writer)
        for place in _PLACES:
            answer_of(lambda place=place: _reachable(writer, place))  # type: ignore[misc]
    else:
        python = starter = ""
    return Verdict(python, starter, tuple(dict.fromkeys(problems)))


def leads_out(error: LeadsOut) -> Problem:
    """The problem of a link that climbs out of the root."""
    message = f"{error.path} is a link that leads out of the root: {error.target}"
    return Problem("image.link", message, hint="make it a link within the root, or a folder")


def _root(writer: RootWriter) -> str | Problem:
    missing = [name for name in ("/etc", "/usr") if not writer.is_folder(name)]
    if missing:
        message = f"this is no root directory: it has no {' and no '.join(missing)}"
        return Problem("image.root", message, hint="mount the image, and name the folder that it is mounted on")
    return "/"


def _reachable(writer: RootWriter, path: str) -> str | Problem:
    """Whether the way to a file that bake writes stays in the root, and is made of folders."""
    folder = path.rpartition("/")[0]
    while folder and writer.look(folder, follow=True) is None:
        if (target := writer.link(folder)) is not None:
            message = f"{folder} is a link to {target}, which does not exist"
            return Problem("image.link", message, hint="create that folder, or replace the link by a folder")
        folder = folder.rpartition("/")[0]
    if folder and not writer.is_folder(folder):
        return Problem("image.root", f"{folder} is no folder", hint="move it away: the runner's files belong below it")
    return path


def _python(writer: RootWriter) -> str | Problem:
    """The first interpreter that is new enough and has its library, judged by its files."""
    faults = []
    for python in programs.pythons(writer):
        for library in python.libraries:
            if library.is_usable:
                return python.path
            too_old = f", older than {'.'.join(map(str, PYTHON_FLOOR))}"
            fault = too_old if library.is_old else f" without {', '.join(library.missing)}"
            faults.append(f"{python.path} is Python {'.'.join(map(str, library.version))}{fault}")
    message = "no usable python3 on this image: " + ("; ".join(dict.fromkeys(faults)) or "there is none")
    return Problem("image.python", message, hint="install the package python3 (python3-minimal is not enough)")


def _trigger(writer: RootWriter, choice: str) -> str | Problem:
    """cron, systemd or both: the choice of --trigger, or for `auto` all that the image has."""
    starters = (("cron", programs.has_cron), ("systemd", programs.has_systemd))
    absent = [name for name, is_there in starters if not is_there(writer)]
    if choice == "auto":
        if len(absent) == 2:
            message = "nothing on this image would start the runner: it has neither cron nor systemd"
            return Problem("image.trigger", message, hint="install the package cron, or systemd-sysv")
        return {(): "both", ("cron",): "systemd", ("systemd",): "cron"}[tuple(absent)]
    missing = [name for name in (("cron", "systemd") if choice == "both" else (choice,)) if name in absent]
    if missing:
        message = f"--trigger {choice}: this image has no {' and no '.join(missing)}"
        return Problem("image.trigger", message, hint="install it, or use --trigger auto")
    return choice


def _ssh_keygen(writer: RootWriter) -> str | Problem:
    if programs.has_ssh_keygen(writer):
        return programs.KEYGENS[0]
    message = f"--allowed-signers: this image has no {programs.KEYGENS[0]} to check signatures with"
    return Problem("image.signers", message, hint="install the package openssh-client")


def _host_keys(writer: RootWriter) -> Iterator[Problem]:
    """The faults of an image on which --host-keys could do nothing."""
    if not programs.makes_host_keys(writer):
        message = f"--host-keys: this image has neither {programs.KEYGENS[0]} nor {programs.DROPBEAR_KEYGENS[0]}"
        yield Problem("image.host-keys", message, hint="install the package openssh-server")
    if not programs.has_systemd(writer) and not programs.has_cron(writer):
        message = "--host-keys: this image has neither systemd nor cron to make the keys at boot"
        yield Problem("image.host-keys", message, hint="install the package cron")


def _signers(text: bytes, name: str) -> Iterator[Problem]:
    """Each line of an allowed_signers file that no host could use, and a file that names no key at all."""
    keys, faults = signers.faults(text)
    for fault in faults:
        yield Problem("image.signers", fault.message, Where(name, fault.line, fault.column), fault.fix)
    if not keys:
        message = "--allowed-signers: the file holds no key, so no bundle would ever be taken"
        yield Problem("image.signers", message, hint=f"one line for each key: {signers.SHAPE}")
