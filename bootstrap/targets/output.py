"""Writes the output of `render` for one server: all of it, or nothing."""

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
from bootstrap.payload.split import runner_text
from bootstrap.targets import starter, table
from bootstrap.targets.model import Output, Packed

MANIFEST = "manifest.json"
# The bundle that must lie at the URL of the stub beside it.
BUNDLE = "bundle"


class ManifestBundle(TypedDict):
    """A bundle's size in bytes and its digest; who signed it, and where it was published, without the URL's query.

    runner: the SHA-256 of the runner's text, when that comes another way, and runner_from: its URLs, without queries.
    """

    size: int
    sha256: str
    signed_by: NotRequired[str]
    url: NotRequired[str]
    runner: NotRequired[str]
    runner_from: NotRequired[list[str]]


class ManifestMeasure(TypedDict):
    """The use of one limit, both in this unit. limit: None where there is none, or nobody has published it."""

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
    """The output of a target: its path beside the manifest, and facts of a file. directory: the files of an image."""

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
    """Names, sizes and digests of all that was rendered for one server, without any content."""

    version: int
    server: str
    deploy_id: str
    revision: str
    targets: list[ManifestTarget]


def manifest(packed: Sequence[Packed]) -> Manifest:
    """Return the manifest of one server, from all that was packed for it."""
    payload = packed[0].payload
    return {
        "version": 1,
        "server": payload.server,
        "deploy_id": payload.deploy_id,
        "revision": payload.revision,
        "targets": [described(target) for target in packed],
    }


def write(packed: Sequence[Packed], directory: Path) -> Path:
    """Write directory/SERVER for all targets at once and return it: 0700 with 0600 files, since they hold secrets.

    The output of an earlier render is replaced as a whole. Raises UsageError, and changes nothing, when any other
    folder has that name.
    """
    final = directory / packed[0].payload.server
    _refuse_a_stranger(final)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # It is made on the file system of its final place, where a rename then puts it. mkdtemp makes it 0700.
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
    for target in packed:
        _write_target(target, folder)
    summary = manifest(packed)
    private(folder / MANIFEST, json.dumps(summary, indent=1).encode() + b"\n")
    return summary


def described(packed: Packed) -> ManifestTarget:
    """Return the part of the manifest for one target: sizes, digests and measures, no content."""
    payload, output = packed.payload, _output(packed)
    described: ManifestTarget = {
        "target": packed.target,
        "provider": packed.provider.name if packed.provider else None,
        "bundle": {"size": len(payload.bundle), "sha256": payload.digest},
        "measures": [{"what": m.what, "used": m.used, "limit": m.limit, "unit": m.unit} for m in packed.measures],
        "output": _described(output.file, output.content) if output.file else {"path": output.folder},
    }
    if packed.signed_by:
        described["bundle"]["signed_by"] = packed.signed_by
    if packed.url:
        # The query of a presigned URL gives the right to read, and a manifest may be shown to anybody.
        described["bundle"]["url"] = packed.url.split("?")[0]
    if packed.sources is not None:
        described["bundle"]["runner"] = runner_text().sha256
        described["bundle"]["runner_from"] = [url.split("?")[0] for url in packed.sources]
    if output.file and output.folder:
        described["output"]["directory"] = output.folder
    if table.BY_NAME[packed.target].carries_files:
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


def _output(packed: Packed) -> Output:
    return table.BY_NAME[packed.target].code().output(packed)


def _described(path: str, content: bytes) -> ManifestOutput:
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _write_target(packed: Packed, folder: Path) -> None:
    output = _output(packed)
    if output.lay is not None:
        output.lay(folder / output.folder)
    if output.file:
        private(folder / output.file, output.content)
    # Two targets of one server may need a starter or a bundle; the bundle is the same file for both.
    if output.starter is not None:
        private(folder / starter.NAME, output.starter)
    if packed.url and not (folder / BUNDLE).exists():
        private(folder / BUNDLE, packed.payload.bundle)


def private(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _refuse_a_stranger(final: Path) -> None:
    """Raise UsageError for a folder of that name that render did not make: it is somebody's work."""
    if final.is_symlink() or (final.exists() and not (final / MANIFEST).is_file()):
        raise UsageError(
            f"{final} exists and is not the output of an earlier render", hint="remove it, or name another with -o"
        )
