"""Reads a bundle back from what a target wrote: a script, gzip or base64 of it, JSON, cloud-config, a folder."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import PayloadError, UsageError
from bootstrap.payload import split
from bootstrap.payload.bundle import Unpacked, unpack
from bootstrap.runner.host import BUNDLE, STUB, TRIGGER
from bootstrap.targets import iso, seed, starter, table
from bootstrap.targets.output import BUNDLE as APART
from bootstrap.targets.output import MANIFEST

# This is larger than any payload that a provider takes. A wrong argument must not fill the memory.
MOST_BYTES = 64 << 20
# The beginning of a message that `mime` has composed.
_MESSAGE = b"Content-Type: multipart/"
# A line that stands in every stub.
_STUB = b"\n# initialrunner fetches its bundle"


@dataclass(frozen=True)
class Carrier:
    """What a bundle came in when its runner's text comes another way.

    size: the bytes of the carrier; runner: the SHA-256 of the runner's text; runner_from: its URLs, without queries.
    """

    size: int
    runner: str
    runner_from: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A bundle that proved itself whole. where: the file that held it; bundle: its text; carrier: what it came in."""

    where: Path
    bundle: bytes = field(repr=False)
    unpacked: Unpacked
    carrier: Carrier | None = None

    @property
    def size(self) -> int:
        """The bytes of its text."""
        return len(self.bundle)


def look(path: Path) -> list[Found] | None:
    """Return every bundle in a file or a rendered folder, verified; None for anything else, such as a spec.

    Raises PayloadError for a bundle that is damaged, or that the trigger or the manifest beside it does not name;
    UsageError for what cannot be read.
    """
    if path.is_dir():
        return _in_folder(path)
    data = _read(path)
    carried = _carried(data, path)
    return None if carried is None else [_verified(path, carried)]


def _in_folder(folder: Path) -> list[Found]:
    if not (folder / MANIFEST).is_file():
        # Without a manifest it may be a volume that somebody unpacked, or a tree.
        volume = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file()}
        if seed.USER in volume or f"{seed.OPENSTACK}/meta_data.json" in volume:
            return [_verified(folder, _in_volume({name: _read(p) for name, p in volume.items()}, folder))]
        if any((folder / name.lstrip("/")).exists() for name in (BUNDLE, f"{BUNDLE}.1", STUB)):
            return [_in_tree(folder)]
        raise UsageError(
            f"{folder} holds no {MANIFEST} and no bundle", hint="name a spec, a bundle or DIR/SERVER of render"
        )
    try:
        manifest = json.loads(_read(folder / MANIFEST))
        targets = [
            (table.BY_NAME[entry["target"]], entry["bundle"]["sha256"], "url" in entry["bundle"], entry["output"])
            for entry in manifest["targets"]
        ]
        starters = [entry["starter"] for entry in manifest["targets"] if "starter" in entry]
    except (ValueError, KeyError, TypeError) as error:
        raise PayloadError(f"{folder / MANIFEST} cannot be read: {error}", hint="render again") from error
    bundles = []
    for target, digest, is_apart, output in targets:
        path = folder / output["path"]
        # A stub carries no bundle. `render` has written it beside the stub, to be put at the URL.
        place = folder / APART if is_apart else path
        bundle = _in_tree(path) if target == table.TREE else next(iter(look(place) or ()), None)
        if bundle is None:
            raise PayloadError(f"{path} holds no bundle", hint="render again")
        if bundle.unpacked.digest != digest:
            raise PayloadError(f"{path}: its bundle is not the one that {MANIFEST} names", hint="render again")
        # A folder has no digest in the manifest.
        if "sha256" in output:
            _as_in_manifest(path, output["sha256"])
        # Without pycdlib `render` writes the folder alone.
        if target.label and "sha256" in output:
            _as_in_image(folder / target.label, path)
        bundles.append(bundle)
    for entry in starters:
        _as_in_manifest(folder / starter.NAME, entry["sha256"])
    return bundles


def _as_in_image(folder: Path, image: Path) -> None:
    """Raise PayloadError unless the folder and the image beside it hold the same files."""
    laid = {str(path.relative_to(folder)): _read(path) for path in folder.rglob("*") if path.is_file()}
    if laid != iso.read(_read(image))[1]:
        raise PayloadError(f"{folder} differs from {image.name} beside it", hint="render again")


def _in_volume(files: dict[str, bytes], path: Path) -> dict[str, bytes]:
    """Return the files that a NoCloud volume or a config drive carries, by their path on the server."""
    if seed.USER in files:
        return _carried(files[seed.USER], path) or {}
    try:
        facts = json.loads(files[f"{seed.OPENSTACK}/meta_data.json"])
        return {str(entry["path"]): files[f"openstack{entry['content_path']}"] for entry in facts["files"]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PayloadError(f"{path} is not a config drive with a payload: {error}") from error


def _as_in_manifest(path: Path, sha256: str) -> None:
    if hashlib.sha256(_read(path)).hexdigest() != sha256:
        raise PayloadError(f"{path} differs from the digest in {MANIFEST}", hint="render again")


def _in_tree(root: Path) -> Found:
    files = {
        f"/{path.relative_to(root)}": _read(path)
        for path in sorted((root / BUNDLE.lstrip("/")).parent.glob("*"))
        if re.fullmatch(r"bundle(\.[1-9])?|stub", path.name)
    }
    trigger = root / TRIGGER.lstrip("/")
    if trigger.is_file():
        files[TRIGGER] = _read(trigger)
    return _verified(root, files)


def _carried(data: bytes, path: Path) -> dict[str, bytes] | None:
    """Return the files that a file carries, by their path on the server; None when no target writes such a file."""
    if data.startswith(b"#cloud-config"):
        return _cloud_config(data, path)
    if iso.is_image(data):
        return _in_volume(iso.read(data)[1], path)
    if data.startswith(_MESSAGE):
        return _in_message(data, path)
    # The starter holds a digest and paths, but no bundle.
    if data.startswith(b"#cloud-boothook"):
        raise PayloadError(
            f"{path} only starts a bundle that is injected beside it", hint="name personality.json or its folder"
        )
    if data.lstrip().startswith(b"["):
        try:
            return {str(item["path"]): base64.b64decode(item["contents"]) for item in json.loads(data)}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise PayloadError(f"{path} is not a list of paths and contents: {error}") from error
    if data.startswith((b"#!", b"\x1f\x8b")) or _is_base64(data):
        inner = _peeled(data)
        if _STUB in inner:
            raise PayloadError(
                f"{path} is a stub: its bundle lies at its URL", hint="name the file `bundle` beside it, or the folder"
            )
        if inner.startswith(_MESSAGE):
            return _in_message(inner, path)
        return _cloud_config(inner, path) if inner.startswith(b"#cloud-config") else {BUNDLE: inner}
    return None


def _in_message(data: bytes, path: Path) -> dict[str, bytes]:
    """Return the files in our part of a MIME message; the other parts are the user's own."""
    from email import message_from_bytes

    for part in message_from_bytes(data).walk():
        if part.get_filename() == "initialrunner":
            return _carried(bytes(part.get_payload(decode=True) or b""), path) or {}
    raise PayloadError(f"{path} carries no bundle", hint="name a spec, a bundle or DIR/SERVER of render")


def _cloud_config(data: bytes, path: Path) -> dict[str, bytes]:
    import yaml

    files: dict[str, bytes] = {}
    try:
        for entry in yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["write_files"]:  # noqa: S506
            path_, content = str(entry["path"]), entry["content"]
            files[path_] = base64.b64decode(content) if entry.get("encoding") == "b64" else content.encode()
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise PayloadError(f"{path} is not a cloud-config that carries a bundle") from error
    return files


def _verified(path: Path, files: dict[str, bytes]) -> Found:
    carried = split.find(files.get(STUB) or files.get(BUNDLE, b""))
    if carried is not None:
        return _assembled(path, carried, files)
    # Nine pieces are the most, so that their names sort as their numbers do.
    pieces = sorted(name for name in files if re.fullmatch(re.escape(BUNDLE) + r"(\.[1-9])?", name))
    if not pieces:
        raise PayloadError(f"{path} carries no bundle", hint="name a spec, a bundle or DIR/SERVER of render")
    text = b"".join(files[name] for name in pieces)
    try:
        unpacked = unpack(text)
    except PayloadError as error:
        raise PayloadError(f"{path}: {error.message}", hint=error.hint) from error
    # Both digests are right each for itself when the files of two renders were mixed.
    trigger = files.get(TRIGGER)
    if trigger is not None and unpacked.digest.encode() not in trigger:
        raise PayloadError(f"{path}: the trigger names another bundle and would wait for ever", hint="render again")
    return Found(path, text, unpacked)


def _assembled(path: Path, carried: bytes, files: dict[str, bytes]) -> Found:
    """Return the bundle of a carrier, put together with the runner's text of this toolkit version."""
    text = split.runner_text()
    try:
        runner, _, sources, _ = split.parts(carried)
        if runner != text.sha256:
            raise PayloadError(
                f"the carrier needs the runner {runner}, and this version has {text.sha256}",
                hint="look at it with the version that rendered it",
            )
        bundle = split.assemble(carried, text.content)
        unpacked = unpack(bundle)
    except PayloadError as error:
        raise PayloadError(f"{path}: {error.message}", hint=error.hint) from error
    if TRIGGER in files and hashlib.sha256(files[STUB]).hexdigest().encode() not in files[TRIGGER]:
        raise PayloadError(f"{path}: the trigger names another carrier and would wait for ever", hint="render again")
    # The query of a URL may give the right to read.
    shown = tuple(source.split("?")[0] for source in sources)
    return Found(path, bundle, unpacked, Carrier(len(carried), runner, shown))


def _peeled(data: bytes) -> bytes:
    """Return data without base64 and gzip around it. Damaged data stays as it is, for `unpack` to refuse."""
    try:
        if _is_base64(data):
            data = base64.b64decode(data)
        if data.startswith(b"\x1f\x8b"):
            data = zlib.decompressobj(wbits=31).decompress(data, MOST_BYTES)
    except (binascii.Error, zlib.error):
        pass
    return data


def _is_base64(data: bytes) -> bool:
    # The beginning is enough to tell base64 of ours from a spec, and a spec may be large.
    head = b"".join(data[:400].split())
    if not re.fullmatch(rb"[A-Za-z0-9+/]{8,}={0,2}", head):
        return False
    start = base64.b64decode(head[: len(head) // 4 * 4])
    return start.startswith((b"#!", b"\x1f\x8b", b"#cloud-config", _MESSAGE))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def summary(bundle: Found) -> dict[str, Any]:
    """Return the facts about a bundle for `--json`; its plan is added there."""
    return {
        "path": str(bundle.where),
        "size": bundle.size,
        "sha256": bundle.unpacked.digest,
        "sizes": bundle.unpacked.sizes,
        "carrier": asdict(bundle.carrier) if bundle.carrier else None,
    }
