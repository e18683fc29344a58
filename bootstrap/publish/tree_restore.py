"""Brings a published tree back into a folder: every file checked, nothing that is there overwritten."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bootstrap.errors import Problem, UsageError
from bootstrap.publish.objects import Objects, PublishError
from bootstrap.publish.tree_manifest import File, Manifest
from bootstrap.publish.tree_publish import WORKERS, Progress, TreeError
from bootstrap.publish.tree_read import BLOCK_BYTES
from bootstrap.publish.tree_verify import complete

# A file that is not whole yet has a name that begins so. It is written anew by the next restore.
PART = ".initialrunner-part-"


@dataclass(frozen=True)
class Restored:
    """A folder that holds the tree. fetched: files that were not there yet."""

    place: str
    folder: Path
    manifest: Manifest
    fetched: int


def restore(
    objects: Objects,
    folder: Path,
    manifest: Manifest | None = None,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Restored:
    """Fetch every file of a tree that `folder` does not hold yet, then set links, modes and times.

    A restore that was killed goes on: files that are right are kept, and a file that differs is refused before anything
    is fetched. Raises TreeError with every such file, and with every object that is not as the manifest says.
    """
    # With the caller's own manifest it does not matter what stands in the place of the stored one.
    manifest = manifest or complete(objects)
    with _explaining(folder):
        pending = _pending(folder, manifest)
    for below in manifest.folders:
        with _explaining(folder / below.path):
            (folder / below.path).mkdir(parents=True, exist_ok=True)
    problems, done = [], 0
    with ThreadPoolExecutor(WORKERS, "restore") as pool:
        try:
            for problem in pool.map(lambda file: _fetch(objects, folder, file), pending):
                done += 1
                on_progress(Progress(len(pending), done, 0, 0))
                problems += [problem] if problem else []
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if problems:
        raise TreeError(problems)
    # Links come after the files, so that no file is written through one.
    for link in manifest.links:
        if not (folder / link.path).is_symlink():
            with _explaining(folder / link.path):
                (folder / link.path).symlink_to(link.target)
    # A folder without the right to write would take no file, so its mode comes last, and that of the deepest first.
    for below in sorted(manifest.folders, key=lambda entry: entry.path, reverse=True):
        with _explaining(folder / below.path):
            (folder / below.path).chmod(below.mode)
    return Restored(objects.place, folder, manifest, len(pending))


def _pending(folder: Path, manifest: Manifest) -> list[File]:
    """Return the files that a folder does not hold yet. Raises TreeError for everything that differs in it."""
    pending, problems = [], []
    hint = "restore into an empty folder, or remove what differs"
    _make(folder)
    # A link in the place of a folder would lead files out of the tree: also where the manifest leaves the folder out.
    leaves = [*(file.path for file in manifest.files), *(link.path for link in manifest.links)]
    above = {str(parent) for path in leaves for parent in PurePosixPath(path).parents}
    for name in sorted({entry.path for entry in manifest.folders} | above - {"."}):
        path = folder / name
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            problems.append(Problem("publish.restore", f"{path} is there, and is no folder", None, hint))
    for link in manifest.links:
        path = folder / link.path
        is_right = path.is_symlink() and str(path.readlink()) == link.target
        if not is_right and (path.is_symlink() or path.exists()):
            message = f"{path} is there, and is not the link to {link.target}"
            problems.append(Problem("publish.restore", message, None, hint))
    for file in manifest.files:
        path = folder / file.path
        if not path.is_symlink() and not path.exists():
            pending.append(file)
        elif path.is_symlink() or not path.is_file() or _digest(path) != file.sha256:
            problems.append(Problem("publish.restore", f"{path} is there, with another content", None, hint))
    if problems:
        raise TreeError(problems)
    return pending


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Turn the errors of a folder or link that cannot be made, or looked at, into TreeError. path: the one meant."""
    try:
        yield
    except OSError as error:
        raise TreeError([_unwritten(path, error)]) from error


def _unwritten(path: Path, error: OSError) -> Problem:
    return Problem("publish.restore", f"{error.filename or path}: {error.strerror}", None, "check mode and disk")


def part_of(path: Path) -> Path:
    """Return the name of a file while it is not whole: short, since a name may be as long as a file system takes."""
    return path.with_name(PART + hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16])


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"{folder} is a file", hint="name another folder; one that is missing is made") from error
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", hint="name another folder") from error


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _fetch(objects: Objects, folder: Path, file: File) -> Problem | None:
    """Fetch one file under another name, and give it its own once its digest is right."""
    path = folder / file.path
    part = part_of(path)
    digest = hashlib.sha256()
    try:
        with suppress(FileNotFoundError):
            part.unlink()
        # A backup may hold secrets: nobody else can read a file before it has its own mode.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            for block in objects.read(file.path):
                digest.update(block)
                stream.write(block)
                # A place that never ends must not fill the disk.
                if stream.tell() > file.size:
                    break
            os.fchmod(descriptor, file.mode)
        if digest.hexdigest() != file.sha256:
            part.unlink()
            message = f"altered: {file.path} has SHA-256 {digest.hexdigest()}, not {file.sha256}"
            return Problem("publish.altered", message, None, "bootstrap publish --verify lists all of them")
        os.utime(part, ns=(file.mtime_ns, file.mtime_ns))
        part.rename(path)
    except PublishError:
        part.unlink(missing_ok=True)
        if objects.digest(file.path) is None:
            return Problem("publish.missing", f"missing: {file.path}, {file.size:,} bytes")
        raise
    except OSError as error:
        return _unwritten(path, error)
    return None
