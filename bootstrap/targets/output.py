"""What `render` leaves on disk for one server: all of it, or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from bootstrap.errors import UsageError
from bootstrap.targets import starter, table
from bootstrap.targets.model import Output, Packed

MANIFEST = "manifest.json"
# Beside a stub: what must lie at its URL.
BUNDLE = "bundle"


class ManifestBundle(TypedDict):
    """A bundle's size in bytes and its digest; who signed it, and where it was published, without the URL's query."""

    size: int
    sha256: str
    signed_by: NotRequired[str]
    url: NotRequired[str]


class ManifestMeasure(TypedDict):
    """How much of a limit is used, both in this unit. limit: None where there is none, or nobody has published it."""

    what: str
    used: int
    limit: int | None
    unit: str


class ManifestFile(TypedDict):
    """A file that the create call injects. mode: four octal digits."""

    path: str
    size: int
    sha256: str
    mode: str


class ManifestOutput(TypedDict):
    """What `render` writes: its path beside the manifest, and for a file the rest. directory: what an image is of."""

    path: str
    size: NotRequired[int]
    sha256: NotRequired[str]
    directory: NotRequired[str]


class ManifestTarget(TypedDict):
    """One target of a manifest."""

    target: str
    provider: str | None
    bundle: ManifestBundle
    measures: list[ManifestMeasure]
    files: NotRequired[list[ManifestFile]]
    output: ManifestOutput
    starter: NotRequired[ManifestOutput]


class Manifest(TypedDict):
    """What was rendered for one server, without any content: names, sizes and digests."""

    version: int
    server: str
    deploy_id: str
    revision: str
    targets: list[ManifestTarget]


def manifest(packed: Sequence[Packed]) -> Manifest:
    """The manifest of one server, from all that was packed for it."""
    payload = packed[0].payload
    return {
        "version": 1,
        "server": payload.server,
        "deploy_id": payload.deploy_id,
        "revision": payload.revision,
        "targets": [described(one) for one in packed],
    }


def write(packed: Sequence[Packed], directory: Path) -> Path:
    """Write directory/SERVER for all targets at once and return it: 0700 with 0600 files, since they hold secrets.

    What an earlier render left there is replaced as a whole; a folder that is not such a one is left alone, with
    UsageError.
    """
    final = directory / packed[0].payload.server
    _refuse_a_stranger(final)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Beside its final place, so that a rename is all that is left to do. mkdtemp makes it 0700.
        temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=directory))
    except OSError as error:
        raise UsageError(f"{directory} cannot be written: {error.strerror}", hint="name another with -o") from error
    try:
        new, old = temporary / "new", temporary / "old"
        fill(packed, new)
        if final.exists():
            final.rename(old)
        new.rename(final)
    except OSError as error:
        raise UsageError(f"{final} cannot be written: {error.strerror}", hint="name another folder with -o") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def fill(packed: Sequence[Packed], folder: Path) -> Manifest:
    """Make the folder of one server, with its manifest, and return that. Raises OSError."""
    folder.mkdir(mode=0o700)
    for one in packed:
        _write_target(one, folder)
    found = manifest(packed)
    private(folder / MANIFEST, json.dumps(found, indent=1).encode() + b"\n")
    return found


def described(one: Packed) -> ManifestTarget:
    """One target's part of the manifest: sizes, digests and measures, no content."""
    payload, output = one.payload, _output(one)
    described: ManifestTarget = {
        "target": one.target,
        "provider": one.provider.name if one.provider else None,
        "bundle": {"size": len(payload.bundle), "sha256": payload.digest},
        "measures": [{"what": m.what, "used": m.used, "limit": m.limit, "unit": m.unit} for m in one.measures],
        "output": _described(output.file, output.content) if output.file else {"path": output.folder},
    }
    if one.signed_by:
        described["bundle"]["signed_by"] = one.signed_by
    if one.url:
        # Its query may give the right to read.
        described["bundle"]["url"] = one.url.split("?")[0]
    if output.file and output.folder:
        described["output"]["directory"] = output.folder
    if table.BY_NAME[one.target].carries_files:
        described["files"] = [
            {
                "path": file.path,
                "size": len(file.content),
                "sha256": hashlib.sha256(file.content).hexdigest(),
                "mode": f"{file.mode:04o}",
            }
            for file in payload.files
        ]
    if output.starter is not None:
        described["starter"] = _described(starter.NAME, output.starter)
    return described


def _output(one: Packed) -> Output:
    return table.BY_NAME[one.target].code().output(one)


def _described(path: str, content: bytes) -> ManifestOutput:
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _write_target(one: Packed, folder: Path) -> None:
    output = _output(one)
    if output.lay is not None:
        output.lay(folder / output.folder)
    if output.file:
        private(folder / output.file, output.content)
    if output.starter is not None:
        private(folder / starter.NAME, output.starter)
    if one.url and not (folder / BUNDLE).exists():
        private(folder / BUNDLE, one.payload.bundle)


def private(path: Path, content: bytes) -> None:
    """A new file of mode 0600. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _refuse_a_stranger(final: Path) -> None:
    """A folder of that name that render did not make is somebody's work."""
    if final.is_symlink() or (final.exists() and not (final / MANIFEST).is_file()):
        raise UsageError(
            f"{final} is there and is not the output of an earlier render", hint="remove it, or name another with -o"
        )
