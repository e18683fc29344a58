"""The manifest of a published tree: every file with its SHA-256, every link and folder. It is put last.

While a publish is under way, a draft stands in its place. So a store with a draft, or without a manifest, does not hold
a complete tree.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from bootstrap.errors import BootstrapError, ExitCode

# The name begins with a dot, so that listings and web servers leave it out.
MANIFEST = ".initialrunner-manifest.json"
VERSION = 1
# A listing of S3 is XML 1.0, which has no form for these characters; Swift refuses NUL and cuts names at a newline.
UNLISTED = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class ManifestError(BootstrapError):
    """A manifest that is missing, unfinished, or not of the form that `publish` writes."""

    exit_code = ExitCode.REFUSED
    code = "publish.manifest"


class OtherVersionError(ManifestError):
    """A manifest of another version of the format."""


@dataclass(frozen=True)
class File:
    """One file. md5: what a listing of the store shows. Owners, ACLs and hard links are not recorded."""

    path: str
    size: int
    sha256: str
    md5: str
    mode: int
    mtime_ns: int


@dataclass(frozen=True)
class Link:
    """A symbolic link and the text that it holds."""

    path: str
    target: str


@dataclass(frozen=True)
class Folder:
    """A folder. All are recorded, so that empty ones and their modes come back."""

    path: str
    mode: int


Row = File | Link | Folder


@dataclass(frozen=True)
class Manifest:
    """A complete tree. name: of its folder; extra: objects of earlier publishes that are not of this tree."""

    name: str
    files: tuple[File, ...]
    links: tuple[Link, ...] = ()
    folders: tuple[Folder, ...] = ()
    extra: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the manifest as it is stored; equal trees give equal bytes."""
        rows: dict[str, Sequence[Row]] = {"files": self.files, "links": self.links, "folders": self.folders}
        head = {"version": VERSION, "complete": True, "name": self.name, "extra": list(self.extra)}
        text = json.dumps(head, ensure_ascii=False)[:-1]
        # One line for each file, so that `diff` shows what has changed between two manifests.
        for key, entries in rows.items():
            lines = ",\n".join(json.dumps(_row(entry), ensure_ascii=False) for entry in entries)
            text += f',\n"{key}": [\n{lines}\n]' if lines else f',\n"{key}": []'
        return f"{text}}}\n".encode()

    @property
    def sha256(self) -> str:
        """The digest of the stored manifest, which stands for the whole tree."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def names(self) -> set[str]:
        """The names of all its objects, without the manifest's own."""
        return {file.path for file in self.files}


@dataclass(frozen=True)
class Draft:
    """A publish that has begun and has not ended. by: its random name; names: all objects that publishes have put."""

    by: str
    names: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """Return the draft as it is stored in the place of a manifest."""
        # The name is random: two publishes at the same time tell their drafts apart by it.
        draft = {"version": VERSION, "complete": False, "by": self.by, "names": list(self.names)}
        return (json.dumps(draft, ensure_ascii=False) + "\n").encode()


def parse(raw: bytes, source: str) -> Manifest | Draft:
    """Read a manifest or a draft. source: its place, for messages. Raises ManifestError."""
    try:
        content: Any = json.loads(raw)
        if content["version"] != VERSION:
            message = f"{source} has version {content['version']!r}, and this program reads version {VERSION}"
            raise OtherVersionError(message, hint="use the release that published the tree")
        # A draft has no files, so it must never be taken for a manifest of an empty tree.
        if content["complete"] is not True:
            return Draft(str(content["by"]), tuple(map(str, content["names"])))
        manifest = Manifest(
            str(content["name"]),
            tuple(File(**_fields(row)) for row in content["files"]),
            tuple(Link(**_fields(row)) for row in content["links"]),
            tuple(Folder(**_fields(row)) for row in content["folders"]),
            tuple(map(str, content["extra"])),
        )
        faults = list(_faults(manifest))
    # The content may be anybody's.
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"{source} is not a manifest that `bootstrap publish` wrote: {error}"
        raise ManifestError(message, hint="publish the tree again") from error
    if faults:
        raise ManifestError(f"{source} is damaged: {'; '.join(faults[:5])}", hint="publish the tree again")
    return manifest


def _row(entry: Row) -> dict[str, Any]:
    row = asdict(entry)
    # A mode is read by people, who know it in octal.
    return row | {"mode": f"{row['mode']:04o}"} if "mode" in row else row


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a row. Raises TypeError for a value of another type than `publish` writes."""
    for key, value in row.items():
        if type(value) is not (int if key in ("size", "mtime_ns") else str):
            raise TypeError(f"{key} is {value!r}"[:80])
    return row | {"mode": int(row["mode"], 8)} if "mode" in row else row


def _faults(manifest: Manifest) -> Iterable[str]:
    """Yield each entry that no publish writes. A restore relies on it: such a path could lead out of its folder."""
    entries: list[Row] = [*manifest.files, *manifest.links, *manifest.folders]
    paths = [entry.path for entry in entries]
    if len(set(paths)) < len(paths):
        yield "a path stands in it twice"
    for path in paths:
        parts = path.split("/")
        if not path or any(part in ("", ".", "..") for part in parts) or UNLISTED.search(path):
            yield f"{path!r} is not a path below a folder"
    # A file or a link cannot be above another entry.
    leaves = {entry.path for entry in entries if not isinstance(entry, Folder)}
    for path in paths:
        above = next((str(parent) for parent in PurePosixPath(path).parents if str(parent) in leaves), None)
        if above:
            yield f"{path!r} is below {above!r}, which is no folder"
    for file in manifest.files:
        if not re.fullmatch("[0-9a-f]{64}", file.sha256) or file.size < 0:
            yield f"{file.path!r} has no SHA-256, or no size"
        if not abs(file.mtime_ns) < 1 << 63:
            yield f"{file.path!r} has the time {file.mtime_ns:.3g}"
    for link in manifest.links:
        if not link.target or re.search("[\0\ud800-\udfff]", link.target):
            yield f"{link.path!r} is a link to {link.target!r}"
    for entry in entries:
        if not isinstance(entry, Link) and not 0 <= entry.mode <= 0o777:
            yield f"{entry.path!r} has the mode {entry.mode:o}"
