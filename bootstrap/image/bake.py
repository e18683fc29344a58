"""Puts the baked runner into a root directory: program, settings, and what starts it. Or takes all of it away again.

Whatever speaks against it is found before the first byte is written. What starts it is written last and removed first,
so that a kill in between leaves nothing that starts half of it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bootstrap import resources
from bootstrap.errors import Problem, UsageError
from bootstrap.image import baked, needs, signers
from bootstrap.image.root import LeadsOut
from bootstrap.image.within import Within
from bootstrap.payload.refused import Refused
from bootstrap.runner.baked.program import BUILDER, IMAGE, SIGNERS, TAKEN, TIMER
from bootstrap.runner.baked.sources import NAMES, WITH_URL, named
from bootstrap.runner.defaults import BAKED
from bootstrap.runner.host import COMMAND, STATE, Host

PROGRAM = "/usr/local/lib/initialrunner/baked.py"
CRON = "/etc/cron.d/initialrunner-image"
UNITS = "/etc/systemd/system"
SERVICE = "initialrunner-image.service"
# What systemd starts, and by which target's folder.
_ENABLED = {SERVICE: "multi-user.target.wants", TIMER: "timers.target.wants"}
# By its second line the admin's command is known as ours, a bundle's or a baked one.
_OURS = b"#!/bin/sh\n# initialrunner"
# Folders of ours, removed when nothing is in them.
_FOLDERS = ("/usr/local/lib/initialrunner", "/etc/initialrunner", STATE)


@dataclass(frozen=True)
class Settings:
    """What to bake.

    trigger: auto, cron, systemd or both; signers: text of an allowed_signers file, None for none, and signers_file what
    to call it; toolkit: the version that bakes, for people.
    """

    sources: tuple[str, ...] = ("files",)
    trigger: str = "auto"
    signers: bytes | None = field(default=None, repr=False)
    cloud_init_deadline_s: float = BAKED["cloud_init_deadline_s"]
    toolkit: str = ""
    signers_file: str = "allowed_signers"


@dataclass(frozen=True)
class Change:
    """One name in the root. did: written, same or removed; sha256: of a file that is there now."""

    path: str
    did: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Baked:
    """What came of it. notes: what whoever bakes should know, one line each."""

    trigger: str
    python: str
    sources: tuple[str, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def check_sources(sources: tuple[str, ...]) -> None:
    """Raises UsageError for a source that no runner knows, or one that stands there twice."""
    for source in sources:
        name, _, url = source.partition("=")
        if name not in NAMES:
            raise UsageError(f"{source!r} is no source", hint=f"there are: {', '.join(NAMES)}")
        if "=" in source and name not in WITH_URL:
            raise UsageError(f"{name} takes no URL", hint=f"those that do: {', '.join(WITH_URL)}")
        if "=" in source and not _is_url(url):
            raise UsageError(f"{url!r} is no URL of a metadata service", hint=f"{name}=http://169.254.169.254")
    if len({named(source) for source in sources}) < len(sources):
        raise UsageError("a source is named twice", hint="name each once, in the order in which to look")


def _is_url(text: str) -> bool:
    """Whether the runner can ask there: what it finds wrong at boot it can tell nobody."""
    if not text.startswith(("http://", "https://")) or not re.fullmatch("[!-~]+", text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def bake(root: Path, settings: Settings) -> Baked:
    """Bake into root; again with the same settings it writes nothing, with others it replaces what differs.

    Raises Refused with all that speaks against it, before anything is written; UsageError for what cannot be written.
    """
    check_sources(settings.sources)
    with _opened(root) as within:
        found = needs.look(within, settings.trigger, settings.signers, settings.signers_file)
        problems = [*found.problems, *_foreign(within)]
        if problems:
            raise Refused(problems)
        files, links = _layout(within, found, settings)
        changes = [_removed(within, path) for path in _others(links, files) if path != SIGNERS]
        for path, (data, mode) in files.items():
            did = "written" if within.write(path, data, mode) else "same"
            changes.append(Change(path, did, len(data), hashlib.sha256(data).hexdigest()))
        changes += [Change(p, "written" if within.symlink(p, target) else "same") for p, target in links.items()]
        if SIGNERS not in files:
            changes.append(_removed(within, SIGNERS))
        notes = _notes(within, settings, changes)
        did_all = tuple(change for change in changes if change.did)
        return Baked(found.trigger, found.python, settings.sources, did_all, tuple(notes))


def remove(root: Path) -> tuple[Change, ...]:
    """Take away what bake has put there, and nothing else."""
    with _opened(root) as within:
        command = within.content(COMMAND)
        ours = [*_others({}, {}), IMAGE, BUILDER, PROGRAM]
        if command is not None and PROGRAM.encode() in command[0]:
            ours.insert(-1, COMMAND)
        changes = [_removed(within, path) for path in ours]
        for folder in _FOLDERS:
            if within.link(folder) is None:
                within.remove(folder)
        return tuple(change for change in changes if change.did)


@contextmanager
def _opened(root: Path) -> Iterator[Within]:
    """The root; Refused for a link that leads out of it, UsageError for what cannot be written."""
    within = Within(root)
    try:
        yield within
    except LeadsOut as error:
        raise Refused([needs.leads_out(error)]) from error
    except OSError as error:
        raise _unwritable(root, error) from error
    finally:
        within.close()


def _layout(
    within: Within, found: needs.Found, settings: Settings
) -> tuple[dict[str, tuple[bytes, int]], dict[str, str]]:
    """(path -> content and mode, path -> target of a link), in the order in which to write them."""
    files: dict[str, tuple[bytes, int]] = {}
    if within.is_this_machine:
        # Before all else: the runner that is written here may be started at once.
        files[BUILDER] = (_builder(), 0o644)
    if settings.signers is not None:
        files[SIGNERS] = (settings.signers, 0o644)
    files[IMAGE] = (_image(within, found, settings), 0o644)
    files[PROGRAM] = (baked.text().encode(), 0o644)
    files[COMMAND] = (_shipped("command.sh", found.python), 0o700)
    links = {}
    if found.trigger in ("systemd", "both"):
        for unit, target in _ENABLED.items():
            files[f"{UNITS}/{unit}"] = (_shipped(unit, found.python), 0o644)
            links[f"{UNITS}/{target}/{unit}"] = f"../{unit}"
    if found.trigger in ("cron", "both"):
        files[CRON] = (_shipped("cron", found.python), 0o644)
    return files, links


def _others(links: dict[str, str], files: dict[str, tuple[bytes, int]]) -> list[str]:
    """What bake may have put there with other settings, and what starts it before what is started."""
    wants = [f"{UNITS}/{target}/{unit}" for unit, target in _ENABLED.items()]
    every = [CRON, *wants, *(f"{UNITS}/{unit}" for unit in _ENABLED), SIGNERS]
    return [path for path in every if path not in links and path not in files]


def _removed(within: Within, path: str) -> Change:
    return Change(path, "removed" if within.remove(path) else "")


def _shipped(name: str, python: str) -> bytes:
    return resources.text(f"files/image/{name}").replace("@PYTHON@", python).encode("ascii")


def _builder() -> bytes:
    host = Host()
    return json.dumps({"boot_id": host.boot_id, "product_uuid": host.ids()[0]}, sort_keys=True).encode() + b"\n"


def _image(within: Within, found: needs.Found, settings: Settings) -> bytes:
    """image.json; with the time at which the same was baked before, so that equal settings give equal bytes."""
    facts: dict[str, Any] = {
        "version": 1,
        "sources": list(settings.sources),
        "trigger": found.trigger,
        "toolkit": settings.toolkit,
        "cloud_init_deadline_s": settings.cloud_init_deadline_s,
    }
    before: Any = None
    try:
        before = json.loads((within.content(IMAGE) or (b"", 0))[0])
        at = str(before.pop("baked_at"))
    except (ValueError, KeyError, AttributeError, TypeError):
        before, at = None, ""
    if before != facts:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({**facts, "baked_at": at}, indent=1, sort_keys=True).encode() + b"\n"


def _foreign(within: Within) -> list[Problem]:
    """What is under our names and somebody's own work."""
    found = []
    for path in (IMAGE, PROGRAM, COMMAND, *_others({}, {})):
        try:
            entry, said = within.look(path), within.content(path) if path == COMMAND else None
        except (LeadsOut, OSError):
            continue  # said by `needs` already
        if entry is not None and entry.is_folder:
            hint = "move it away: a file of the runner's belongs there"
            found.append(Problem("image.root", f"{path} is a folder", hint=hint))
        if said is not None and not said[0].startswith(_OURS):
            hint = "move it away: the runner writes it"
            found.append(Problem("image.command", f"{path} is there, and none of ours", hint=hint))
    return found


def _notes(within: Within, settings: Settings, changes: list[Change]) -> list[str]:
    notes = []
    if within.is_this_machine:
        notes.append("this machine is marked as the builder: it takes no bundle, its clones do")
    for path in (TAKEN, f"{STATE}/journal"):
        if within.look(path, follow=True) is not None:
            notes.append(f"{path} is there: until it is gone no bundle is taken; bootstrap seal ROOT --clean")
    if any(change.path == SIGNERS and change.did == "removed" for change in changes):
        notes.append("unsigned bundles are taken from now on: no --allowed-signers was given")
    if settings.signers is not None and (over := signers.over(settings.signers, time.time())):
        notes.append(f"{settings.signers_file}: {over}")
    if "files" not in settings.sources:
        notes.append("injected files are not among the sources, yet an injected cron entry is started by cron itself")
    if re.search(rb"(?m)^SELINUX=enforcing", (within.content("/etc/selinux/config") or (b"", 0))[0]):
        notes.append("SELinux is enforcing here: have the image relabelled (touch ROOT/.autorelabel, or restorecon -R)")
    etc = within.look("/etc", follow=True)
    program = within.look(PROGRAM, follow=True)
    if etc is not None and etc.info.st_uid == 0 and program is not None and program.info.st_uid:
        notes.append(f"what was written belongs to user {program.info.st_uid}: cron and the runner want root's")
    return notes


def _unwritable(root: Path, error: OSError) -> UsageError:
    where = str(root).rstrip("/") + error.filename if isinstance(error.filename, str) else str(root)
    hints = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room there, and bake again")
    hint = hints.get(error.errno or 0, "bake as root, into a root that is mounted read-write")
    return UsageError(f"{where} cannot be written: {error.strerror}", hint=hint)
