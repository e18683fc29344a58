"""What `render` leaves on disk for one server: all of it, or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bootstrap.errors import UsageError
from bootstrap.targets import personality, seed, starter, tree
from bootstrap.targets.channel import Packed

MANIFEST = "manifest.json"
# The file each target writes; `tree` writes a folder.
NAMES = {
    "personality": "personality.json", "user-data": "user-data", "cloud-config": "cloud-config.yaml", "stub": "stub.sh",
}  # fmt: skip
# A stub that is no script by itself: it is compressed, or a part of a message.
STUB_IN = "stub-user-data"
# Beside a stub: what must lie at its URL.
BUNDLE = "bundle"


def manifest(packed: Sequence[Packed]) -> dict[str, Any]:
    """What was rendered for one server, without any content: names, sizes and digests."""
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


def fill(packed: Sequence[Packed], folder: Path) -> dict[str, Any]:
    """Make the folder of one server, with its manifest, and return that. Raises OSError."""
    folder.mkdir(mode=0o700)
    for one in packed:
        _write_target(one, folder)
    found = manifest(packed)
    private(folder / MANIFEST, json.dumps(found, indent=1).encode() + b"\n")
    return found


def described(one: Packed) -> dict[str, Any]:
    """One target's part of the manifest: sizes, digests and measures, no content."""
    payload = one.payload
    described: dict[str, Any] = {
        "target": one.target,
        "provider": one.provider.name if one.provider else None,
        "bundle": {"size": len(payload.bundle), "sha256": payload.digest},
        "measures": [{"what": m.what, "used": m.used, "limit": m.limit, "unit": m.unit} for m in one.measures],
    }
    if one.signed_by:
        described["bundle"]["signed_by"] = one.signed_by
    if one.url:
        # Its query may give the right to read.
        described["bundle"]["url"] = one.url.split("?")[0]
    if one.target not in ("user-data", "nocloud", "stub"):
        described["files"] = [
            {
                "path": file.path,
                "size": len(file.content),
                "sha256": hashlib.sha256(file.content).hexdigest(),
                "mode": f"{file.mode:04o}",
            }
            for file in payload.files
        ]
    if one.target in seed.LABELS:
        label = seed.LABELS[one.target]
        described["output"] = _described(f"{label}.iso", _seed(one).image()) | {"directory": f"{label}/"}
    elif one.target in NAMES:
        content = _content(one)
        described["output"] = _described(_name(one), content)
    else:
        described["output"] = {"path": f"{one.target}/"}
    if one.target == "personality" and not one.url:
        described["starter"] = _described(starter.NAME, one.blob)
    return described


def _described(path: str, content: bytes) -> dict[str, Any]:
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _name(one: Packed) -> str:
    is_message = one.target == "stub" and not one.blob.startswith(b"#!")
    return STUB_IN if is_message else NAMES[one.target]


def _content(one: Packed) -> bytes:
    return personality.text(one.payload).encode() if one.target == "personality" else one.blob


def _seed(one: Packed) -> seed.Seed:
    made = seed.nocloud if one.target == "nocloud" else seed.config_drive
    return made(one.payload, one.blob)


def _write_target(one: Packed, folder: Path) -> None:
    if one.target == "tree":
        tree.write(one.payload, folder / "tree")
    elif one.target in seed.LABELS:
        carrier = _seed(one)
        carrier.write(folder / carrier.label)
        private(folder / f"{carrier.label}.iso", carrier.image())
    else:
        private(folder / _name(one), _content(one))
    if one.target == "personality" and not one.url:
        private(folder / starter.NAME, one.blob)
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
