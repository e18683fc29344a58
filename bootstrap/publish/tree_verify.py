"""Compares a published tree with its manifest, object by object, and brings it back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import Problem, UsageError
from bootstrap.publish.objects import Listed, Objects, PublishError
from bootstrap.publish.tree_manifest import MANIFEST, Draft, File, Manifest, ManifestError, OtherVersionError, parse
from bootstrap.publish.tree_publish import WORKERS, Progress, TreeError, stored

_AGAIN = "publish the tree again"


@dataclass(frozen=True)
class Verified:
    """A tree that is as its manifest says. quick: by sizes and MD5 of the listing; extra: see Manifest."""

    place: str
    manifest: Manifest
    quick: bool
    extra: tuple[str, ...]


def complete(objects: Objects) -> Manifest:
    """Return the manifest of a place that holds a complete tree. Raises ManifestError and PublishError."""
    manifest = stored(objects)
    if manifest is None:
        raise ManifestError(
            f"{objects.place}: there is no {MANIFEST}: no tree was published there",
            hint="check --to; a publish that has ended has left one",
        )
    if isinstance(manifest, Draft):
        raise ManifestError(
            f"{objects.place}: a publish has begun and has not ended: the tree is not complete",
            hint="run the same publish again: it sends only what is missing",
        )
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Read the copy of a manifest that `publish` has written on this machine. Raises UsageError and ManifestError."""
    hint = "`bootstrap publish` writes it: DIR/NAME.tree.json"
    try:
        manifest = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    except OtherVersionError:
        raise
    except ManifestError as error:
        # To publish again is the mend for a manifest that is in the store, and not for a wrong path.
        raise ManifestError(error.message, hint=hint) from error
    if isinstance(manifest, Draft):
        raise ManifestError(f"{path} is the draft of a publish, not a manifest", hint=hint)
    return manifest


def verify(
    objects: Objects,
    manifest: Manifest | None = None,
    *,
    quick: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Verified:
    """Compare every object with the manifest: by its SHA-256, or quickly by what the listing says.

    manifest: the one to trust, which the stored one is then compared with; None: the stored one. Raises TreeError with
    everything that is missing, altered or too much, ManifestError and PublishError.
    """
    problems = []
    if manifest is None:
        manifest = complete(objects)
    else:
        problems += _other_manifest(objects, manifest)
    # The manifest has been read already, and is in no list of files.
    listed = {entry.name: entry for entry in objects.listing() if entry.name != MANIFEST}
    total, done = len(manifest.files), 0
    with ThreadPoolExecutor(WORKERS, "verify") as pool:
        judge = _quickly if quick else _by_sha256
        try:
            for problem in pool.map(lambda file: judge(objects, file, listed.get(file.path)), manifest.files):
                done += 1
                on_progress(Progress(total, done, 0, 0))
                problems += [problem] if problem else []
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    others = sorted(listed.keys() - manifest.names)
    for name in others:
        # A listing may be late: an object that was removed a moment ago may still stand in it.
        if name not in manifest.extra and objects.digest(name) is not None:
            hint = "remove it, or publish the tree below a prefix of its own"
            problems.append(Problem("publish.extra", f"extra: {name} is not in the manifest", None, hint))
    if problems:
        raise TreeError(problems)
    return Verified(objects.place, manifest, quick, tuple(name for name in others if name in manifest.extra))


def _other_manifest(objects: Objects, manifest: Manifest) -> list[Problem]:
    """Return a problem if the place does not hold this manifest."""
    try:
        in_place = complete(objects)
    except ManifestError as error:
        return list(error.problems)
    if in_place == manifest:
        return []
    message = f"altered: the manifest has SHA-256 {in_place.sha256}, not {manifest.sha256}"
    return [Problem("publish.altered", message, None, "was the tree published again since? else it was tampered with")]


def _by_sha256(objects: Objects, file: File, listed: Listed | None) -> Problem | None:
    """Read an object back and compare its digest."""
    digest, size = hashlib.sha256(), 0
    try:
        # A listing may be late, so an object that it does not name is asked for all the same.
        if listed is None and objects.digest(file.path) is None:
            return _missing(file)
        for block in objects.read(file.path):
            digest.update(block)
            size += len(block)
    except PublishError:
        if objects.digest(file.path) is None:
            return _missing(file)
        raise
    if digest.hexdigest() == file.sha256:
        return None
    reason = f"SHA-256 {digest.hexdigest()} of {size:,} bytes, not {file.sha256} of {file.size:,}"
    # A publish compares with the listing. Where that does not show the damage, it has to be told to send the file.
    is_listed = listed is not None and (listed.size, listed.md5 or file.md5) == (file.size, file.md5)
    return _altered(file, reason, "publish the tree again with --resend" if is_listed else _AGAIN)


def _quickly(objects: Objects, file: File, listed: Listed | None) -> Problem | None:
    """Compare an object by its size and MD5 in the listing, or by its note of its SHA-256."""
    if listed is None:
        return _missing(file) if objects.digest(file.path) is None else None
    if listed.size != file.size:
        return _altered(file, f"{listed.size:,} bytes, not {file.size:,}")
    # Objects that were sent in several parts have no MD5, but the note of `publish`.
    if listed.md5 is not None:
        return None if listed.md5 == file.md5 else _altered(file, f"MD5 {listed.md5}, not {file.md5}")
    noted = objects.digest(file.path)
    if noted is None:
        return _missing(file)
    return None if noted in (file.sha256, "") else _altered(file, f"SHA-256 {noted}, not {file.sha256}")


def _missing(file: File) -> Problem:
    return Problem("publish.missing", f"missing: {file.path}, {file.size:,} bytes", None, _AGAIN)


def _altered(file: File, reason: str, hint: str = _AGAIN) -> Problem:
    return Problem("publish.altered", f"altered: {file.path} has {reason}", None, hint)
