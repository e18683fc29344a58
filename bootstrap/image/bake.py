"""Puts the baked runner into a root directory: program, settings, and triggers. Or removes all of it again.

Every problem is found before the first byte is written. The triggers are written last and removed first, so that a
kill in between leaves nothing that starts half of the runner.
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
from bootstrap.image import bake_host_keys, bake_needs, bake_notes, baked, runner_texts, signers
from bootstrap.image.own_paths import BUNDLE_FOLDER, CRON, ENABLED, PROGRAM, PROGRAM_FOLDER, UNITS
from bootstrap.image.root import LeadsOut
from bootstrap.image.root_writer import RootWriter
from bootstrap.payload import split
from bootstrap.payload.refused import Refused
from bootstrap.runner.baked.program import BUILDER, IMAGE, SIGNERS, TAKEN
from bootstrap.runner.baked.sources import NAMES, WITH_URL, named
from bootstrap.runner.defaults import BAKED
from bootstrap.runner.host import COMMAND, STATE, Host

# Every command of ours, a bundle's or a baked one, begins so.
_OUR_COMMAND = b"#!/bin/sh\n# initialrunner"
# Our folders, which are removed when they are empty.
_FOLDERS = (PROGRAM_FOLDER, split.FOLDER, BUNDLE_FOLDER, STATE)


@dataclass(frozen=True)
class Settings:
    """The settings of a bake.

    trigger: auto, cron, systemd or both; signers: text of an allowed_signers file, None for none, and signers_file its
    name in messages; toolkit: the version that bakes, for people; host_keys: whether a clone makes the ssh host keys
    that it lacks.
    """

    sources: tuple[str, ...] = ("files",)
    trigger: str = "auto"
    signers: bytes | None = field(default=None, repr=False)
    cloud_init_deadline_s: float = BAKED["cloud_init_deadline_s"]
    toolkit: str = ""
    signers_file: str = "allowed_signers"
    host_keys: bool = False


@dataclass(frozen=True)
class Change:
    """One name in the root. did: written, same or removed; sha256: of a file that is there now."""

    path: str
    did: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Baked:
    """The result of a bake. notes: facts that people should know, one line each."""

    trigger: str
    python: str
    sources: tuple[str, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def check_sources(sources: tuple[str, ...]) -> None:
    """Raise UsageError for a source that no runner knows, or one that is named twice."""
    for source in sources:
        name, _, url = source.partition("=")
        if name not in NAMES:
            raise UsageError(f"{source!r} is no source", hint=f"the sources are: {', '.join(NAMES)}")
        if "=" in source and name not in WITH_URL:
            raise UsageError(f"{name} takes no URL", hint=f"these do: {', '.join(WITH_URL)}")
        if "=" in source and not _is_url(url):
            raise UsageError(f"{url!r} is no URL of a metadata service", hint=f"{name}=http://169.254.169.254")
    if len({named(source) for source in sources}) < len(sources):
        raise UsageError("a source is named twice", hint="name each once; a clone looks in this order")


def _is_url(text: str) -> bool:
    """Whether the runner can use a URL. It is judged here since at boot nobody would read the complaint."""
    if not text.startswith(("http://", "https://")) or not re.fullmatch("[!-~]+", text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def bake(root: Path, settings: Settings) -> Baked:
    """Bake into root. A second bake with the same settings writes nothing; with others it replaces what differs.

    Raises Refused with all problems before anything is written; UsageError for a file that cannot be written.
    """
    check_sources(settings.sources)
    with _opened(root) as writer:
        verdict = bake_needs.judge(
            writer, settings.trigger, settings.signers, settings.signers_file, host_keys=settings.host_keys
        )
        problems = [*verdict.problems, *_foreign(writer)]
        if problems:
            raise Refused(problems)
        files, links = _layout(writer, verdict, settings)
        changes = [_removed(writer, path) for path in _earlier(links, files) if path != SIGNERS]
        # Whole texts of other toolkit versions stay, since payloads of those versions may still come. A damaged one is
        # of no use to anybody, and only the version that it is of could write it anew.
        damaged = [text.path for text in runner_texts.found_in(writer) if not text.is_whole and text.path not in files]
        changes += [_removed(writer, path) for path in damaged]
        for path, (data, mode) in files.items():
            did = "written" if writer.write(path, data, mode) else "same"
            changes.append(Change(path, did, len(data), hashlib.sha256(data).hexdigest()))
        changes += [Change(p, "written" if writer.symlink(p, target) else "same") for p, target in links.items()]
        # The list of keys is removed last of all: a bake that is cut short must not leave an image that takes unsigned
        # bundles by its old settings.
        if SIGNERS not in files:
            changes.append(_removed(writer, SIGNERS))
        notes = _notes(writer, settings, changes, verdict.trigger)
        effective = tuple(change for change in changes if change.did)
        return Baked(verdict.trigger, verdict.python, settings.sources, effective, tuple(notes))


def remove(root: Path) -> tuple[Change, ...]:
    """Remove the files of a bake, and nothing else."""
    with _opened(root) as writer:
        command = writer.content(COMMAND)
        paths = [*_earlier({}, {}), IMAGE, BUILDER, PROGRAM, *(text.path for text in runner_texts.found_in(writer))]
        # The command may be that of a bundle which has run here: then it stays.
        if command is not None and PROGRAM.encode() in command[0]:
            paths.insert(paths.index(PROGRAM), COMMAND)
        changes = [_removed(writer, path) for path in paths]
        for folder in _FOLDERS:
            if writer.link(folder) is None:
                writer.remove(folder)
        return tuple(change for change in changes if change.did)


@contextmanager
def _opened(root: Path) -> Iterator[RootWriter]:
    """The root. Raises Refused for a link that leads out of it, UsageError for a file that cannot be written."""
    writer = RootWriter(root)
    try:
        yield writer
    except LeadsOut as error:
        raise Refused([bake_needs.leads_out(error)]) from error
    except OSError as error:
        raise _unwritable(root, error) from error
    finally:
        writer.close()


def _layout(
    writer: RootWriter, verdict: bake_needs.Verdict, settings: Settings
) -> tuple[dict[str, tuple[bytes, int]], dict[str, str]]:
    """(path -> content and mode, path -> target of a link), in the order in which to write them."""
    files: dict[str, tuple[bytes, int]] = {}
    if writer.is_this_machine:
        # First of all files: the runner may be started as soon as it is written, and must not take a bundle here.
        files[BUILDER] = (_builder(), 0o644)
    if settings.signers is not None:
        files[SIGNERS] = (settings.signers, 0o644)
    text = split.runner_text()
    files[runner_texts.place(text.sha256)] = (text.content, 0o644)
    files[IMAGE] = (_image(writer, verdict, settings), 0o644)
    files[PROGRAM] = (baked.text().encode(), 0o644)
    files[COMMAND] = (_shipped("command.sh", verdict.python), 0o700)
    links = {}
    if verdict.trigger in ("systemd", "both"):
        for unit, target in ENABLED.items():
            files[f"{UNITS}/{unit}"] = (_shipped(unit, verdict.python), 0o644)
            links[f"{UNITS}/{target}/{unit}"] = f"../{unit}"
    if verdict.trigger in ("cron", "both"):
        files[CRON] = (_shipped("cron", verdict.python), 0o644)
    if settings.host_keys:
        more_files, more_links = bake_host_keys.layout(writer)
        files, links = {**files, **more_files}, {**links, **more_links}
    return files, links


def _earlier(links: dict[str, str], files: dict[str, tuple[bytes, int]]) -> list[str]:
    """Paths of a bake with other settings that this one does not write, each trigger before the unit that it starts."""
    wants = [f"{UNITS}/{target}/{unit}" for unit, target in ENABLED.items()]
    every = [CRON, *wants, *(f"{UNITS}/{unit}" for unit in ENABLED), *bake_host_keys.PATHS, SIGNERS]
    return [path for path in every if path not in links and path not in files]


def _removed(writer: RootWriter, path: str) -> Change:
    return Change(path, "removed" if writer.remove(path) else "")


def _shipped(name: str, python: str) -> bytes:
    return resources.text(f"files/image/{name}").replace("@PYTHON@", python).encode("ascii")


def _builder() -> bytes:
    host = Host()
    return json.dumps({"boot_id": host.boot_id, "product_uuid": host.ids()[0]}, sort_keys=True).encode() + b"\n"


def _image(writer: RootWriter, verdict: bake_needs.Verdict, settings: Settings) -> bytes:
    """image.json. Its time is that of the first bake with these settings, so that equal settings give equal bytes."""
    facts: dict[str, Any] = {
        "version": 1,
        "sources": list(settings.sources),
        "trigger": verdict.trigger,
        "toolkit": settings.toolkit,
        "runner": split.runner_text().sha256,
        "cloud_init_deadline_s": settings.cloud_init_deadline_s,
    }
    before: Any = None
    try:
        before = json.loads((writer.content(IMAGE) or (b"", 0))[0])
        at = str(before.pop("baked_at"))
    except (ValueError, KeyError, AttributeError, TypeError):
        before, at = None, ""
    # Only a change of the settings gets a new time.
    if before != facts:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({**facts, "baked_at": at}, indent=1, sort_keys=True).encode() + b"\n"


def _foreign(writer: RootWriter) -> list[Problem]:
    """A problem for each file or folder under one of our names that somebody else made."""
    problems = []
    for path in (IMAGE, PROGRAM, COMMAND, runner_texts.place(split.runner_text().sha256), *_earlier({}, {})):
        try:
            entry, command = writer.look(path), writer.content(path) if path == COMMAND else None
        except (LeadsOut, OSError):
            continue  # bake_needs has reported it
        if entry is not None and entry.is_folder:
            hint = "move it away: a file of the runner belongs there"
            problems.append(Problem("image.root", f"{path} is a folder", hint=hint))
        if command is not None and not command[0].startswith(_OUR_COMMAND):
            hint = "move it away: bake writes its own command there"
            problems.append(Problem("image.command", f"{path} exists, and is no command of initialrunner", hint=hint))
    return problems


def _notes(writer: RootWriter, settings: Settings, changes: list[Change], trigger: str) -> list[str]:
    notes = []
    if writer.is_this_machine:
        notes.append("this machine is marked as the builder: it takes no bundle, its clones do")
    # Each of these tells a clone that a bundle has been taken already.
    for path in (TAKEN, f"{STATE}/journal"):
        if writer.look(path, follow=True) is not None:
            notes.append(f"{path} exists: no bundle is taken until it is gone; bootstrap seal ROOT --clean removes it")
    if any(change.path == SIGNERS and change.did == "removed" for change in changes):
        notes.append("unsigned bundles are taken from now on: no --allowed-signers was given")
    if settings.signers is not None and (expiry := signers.expired(settings.signers, time.time())):
        notes.append(f"{settings.signers_file}: {expiry}")
    if "files" not in settings.sources:
        notes.append("injected files are not among the sources, but cron itself starts a cron entry that is injected")
    notes += bake_notes.on_image(writer, trigger)
    return notes


def _unwritable(root: Path, error: OSError) -> UsageError:
    path = str(root).rstrip("/") + error.filename if isinstance(error.filename, str) else str(root)
    hints = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room there, and bake again")
    hint = hints.get(error.errno or 0, "bake as root, into a root that is mounted read-write")
    return UsageError(f"{path} cannot be written: {error.strerror}", hint=hint)
