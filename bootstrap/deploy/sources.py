"""The kept copy of a deploy file, its specs and every file that they name, from which a whole roll-out is rendered.

A change in the working tree changes nothing of a roll-out that has begun, and an old one can be rendered again. Values
of secrets are never kept: what a spec names as `env:` or `file:` is read when it is needed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.deploy import durable
from bootstrap.deploy.file import DeployFile
from bootstrap.deploy.file import load as load_file
from bootstrap.errors import Problem, UsageError
from bootstrap.spec import folders
from bootstrap.spec.storage import DISK, Storage

VERSION = 1
INDEX = "index.json"


def absolute(path: Path) -> str:
    """The name under which a file is kept. `..` stays in it: with links, a shorter path might be another file."""
    return str(Path.cwd() / path)


class Recorder:
    """Reads files, and remembers the bytes of each. A file that is read twice has the same bytes both times."""

    def __init__(self, storage: Storage = DISK) -> None:
        self.storage = storage
        self.files: dict[str, bytes] = {}

    def read(self, path: Path) -> bytes:
        name = absolute(path)
        if name not in self.files:
            self.files[name] = self.storage.read(path)
        return self.files[name]

    def is_file(self, path: Path) -> bool:
        return self.storage.is_file(path)

    def is_folder(self, path: Path) -> bool:
        return self.storage.is_folder(path)

    def specs_in(self, folder: Path) -> list[Path]:
        return self.storage.specs_in(folder)

    def below(self, folder: Path) -> list[folders.Entry]:
        # The list is kept like a file, under the name of the folder, for the bits that make a file executable.
        name = f"{absolute(folder)}/"
        if name not in self.files:
            self.files[name] = folders.to_bytes(self.storage.below(folder))
        return folders.from_bytes(self.files[name])

    def real(self, path: Path) -> Path:
        return self.storage.real(path)


class Kept:
    """Kept files, which stand for those of the disk under the same paths."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def read(self, path: Path) -> bytes:
        try:
            return self.files[absolute(path)]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "not among the kept files", str(path)) from None

    def is_file(self, path: Path) -> bool:
        return absolute(path) in self.files

    def is_folder(self, path: Path) -> bool:
        return any(name.startswith(absolute(path) + "/") for name in self.files)

    def specs_in(self, folder: Path) -> list[Path]:
        below = (Path(name) for name in sorted(self.files))
        return [path for path in below if path.parent == Path(absolute(folder)) and path.suffix == ".yaml"]

    def below(self, folder: Path) -> list[folders.Entry]:
        return folders.from_bytes(self.files[f"{absolute(folder)}/"])

    def real(self, path: Path) -> Path:
        # The disk may have other links by now. The files were read once, so that they include no circle.
        return Path(os.path.normpath(absolute(path)))


@dataclass(frozen=True)
class Sources:
    """Everything that a deploy file is loaded from.

    path: of the deploy file; overrides, values_files: of `--set` and `--values`. All paths are absolute.
    """

    path: str
    overrides: tuple[str, ...]
    files: Mapping[str, bytes] = field(repr=False)
    values_files: tuple[str, ...] = ()

    def load(self) -> DeployFile:
        """The deploy file as it was when it was kept. Messages name its files by their absolute paths."""
        storage = Kept(self.files)
        return load_file(self.path, overrides=self.overrides, values_files=self.values_files, storage=storage)

    def write(self, folder: Path) -> None:
        """Keep the files in a new folder, which only its owner can read. Raises UsageError when it cannot be made."""
        rows = []
        try:
            folder.mkdir(mode=0o700)
            for number, (name, content) in enumerate(sorted(self.files.items()), 1):
                # The names are for people who look into the folder. The index has the paths.
                short = f"{number:03}-{re.sub(r'[^A-Za-z0-9._-]', '_', Path(name).name)}"
                durable.write_new(folder / short, content)
                rows.append({"path": name, "name": short, "sha256": hashlib.sha256(content).hexdigest()})
            index = {"version": VERSION, "deploy_file": self.path, "overrides": self.overrides}
            index |= {"values_files": self.values_files, "files": rows}
            # The index comes last: a folder without one is a copy that was cut short.
            durable.write_new(folder / INDEX, (json.dumps(index, indent=2) + "\n").encode())
            durable.sync_folder(folder)
        except OSError as error:
            raise UsageError(f"the sources cannot be kept in {folder}: {error.strerror}") from error


def record(
    path: str | Path, *, overrides: Sequence[str] = (), values_files: Sequence[str | Path] = ()
) -> tuple[DeployFile, Sources]:
    """(a deploy file, everything that it was loaded from). Raises SpecError and UsageError as loading does."""
    recorder = Recorder()
    deploy_file = load_file(path, overrides=overrides, values_files=values_files, storage=recorder)
    names = tuple(absolute(Path(name)) for name in values_files)
    return deploy_file, Sources(absolute(Path(path)), tuple(overrides), recorder.files, names)


def read(folder: Path) -> Sources:
    """The sources that were kept in a folder. Raises UsageError when they are damaged, or of another release."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
        if index["version"] != VERSION:
            raise UsageError(
                f"{folder / INDEX} has version {index['version']!r}, and this program reads {VERSION}",
                hint="use the release that began this roll-out",
            )
        files = {}
        for row in index["files"]:
            content = (folder / row["name"]).read_bytes()
            if hashlib.sha256(content).hexdigest() != row["sha256"]:
                raise UsageError(f"{folder / row['name']} is not as it was kept", hint=_HINT)
            files[row["path"]] = content
        return Sources(index["deploy_file"], tuple(index["overrides"]), files, tuple(index["values_files"]))
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}", hint=_HINT) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder / INDEX} is damaged: {error}", hint=_HINT) from error


_HINT = "without its sources a roll-out can only be taken back, by the marks of its servers: bootstrap reap ID"


def missing_secrets(deploy_file: DeployFile) -> list[Problem]:
    """A problem for each secret of the specs that cannot be read here and now, each once."""
    from bootstrap.plan.resolve import resolve
    from bootstrap.render import secret_values

    problems: dict[Problem, None] = {}
    for tier in deploy_file.tiers:
        # The secrets of a spec are the same for all its servers.
        plan = resolve(tier.spec, server=tier.spec.example_server, deploy_id="secrets")
        problems |= dict.fromkeys(secret_values.read(plan)[1])
    return list(problems)
