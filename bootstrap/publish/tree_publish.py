"""Publishes a folder: sends what the place does not hold yet, then the manifest, then removes what is left over.

Nothing is kept on this machine between two runs. What is there already is known from the place's own listing, so a run
that was killed is resumed by the next one, also from another machine.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from bootstrap.errors import BootstrapError, ExitCode, Problem
from bootstrap.publish import tree_read
from bootstrap.publish.objects import Listed, Objects, PublishError, Unfit
from bootstrap.publish.tree_manifest import MANIFEST, Draft, Manifest, ManifestError, OtherVersionError, parse
from bootstrap.publish.tree_read import ChangedError, Content, UnreadableError
from bootstrap.publish.tree_scan import Scan, scan

# Most of the time of a small file is the way there and back, so some are on the way at the same time.
WORKERS = 8
# The whole folder is compared once all is sent. What has changed meanwhile is sent in one more round.
ROUNDS = 3


class TreeError(BootstrapError):
    """A tree that cannot be published, or is not as its manifest says. Its problems are all of them."""

    exit_code = ExitCode.REFUSED
    code = "publish.tree"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self._problems))

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


@dataclass(frozen=True)
class Progress:
    """The state of a run. files: in all; done: of them; sent, sent_bytes: what the place did not hold yet."""

    files: int
    done: int
    sent: int
    sent_bytes: int


@dataclass(frozen=True)
class Published:
    """The outcome. manifest_sent: False if the same tree was there; outward: links that lead out of the folder.

    extra: objects of earlier publishes that the folder has no longer; foreign: objects that no publish has put there;
    removed: those of `extra` that were removed.
    """

    place: str
    manifest: Manifest
    sent: int
    sent_bytes: int
    manifest_sent: bool
    outward: tuple[str, ...]
    extra: tuple[str, ...]
    foreign: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass
class TreePublisher:
    """One run. delete: whether objects of earlier publishes that are not in the folder are removed at the end.

    resend: whether files are sent although the place lists them. dry_run: whether nothing is changed at all.
    """

    objects: Objects
    root: Path
    delete: bool = False
    resend: bool = False
    dry_run: bool = False
    on_progress: Callable[[Progress], None] = lambda progress: None
    _tree: Scan = field(init=False)
    _listed: dict[str, Listed] = field(default_factory=dict)
    _contents: dict[str, Content] = field(default_factory=dict)
    _earlier: Manifest | Draft | None = None
    _draft: Draft | None = None
    _sent: int = 0
    _sent_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> Published:
        """Publish the folder. Raises TreeError with everything that stands in the way, and PublishError."""
        self._scan()
        self._earlier = earlier(self.objects)
        listing = {entry.name: entry for entry in self.objects.listing() if entry.name != MANIFEST}
        self._listed = {} if self.resend else dict(listing)
        pending = list(self._tree.files)
        for _ in range(ROUNDS):
            self._send_all(pending)
            self._scan()
            pending = self._changed()
            if not pending:
                return self._finish(listing.keys())
        hint = "publish when nothing writes there, or from a snapshot of the folder"
        raise TreeError(
            Problem("publish.changed", f"{path} changes while it is published", None, hint) for path in pending
        )

    def _scan(self) -> None:
        """Look at the folder. Raises TreeError if something in it cannot be published."""
        self._tree = scan(self.root)
        problems = [Problem("publish.name", fault) for fault in self._tree.faults]
        try:
            self.objects.check(self._tree.files)
        except Unfit as refused:
            problems += refused.problems
        if problems:
            raise TreeError(problems)

    def _send_all(self, paths: list[str]) -> None:
        """Send files, several at a time. The first refusal of the place ends it.

        A file that changes all the time, or is gone, is left to the comparison that follows.
        """
        unreadable: list[Problem] = []
        # A draft that does not name a new file yet is put again, so that a later publish knows the file as ours.
        if self._draft and not self._tree.files.keys() <= set(self._draft.names):
            self._put_draft(self._draft.by)

        def send(path: str) -> None:
            try:
                self._send(path)
            except ChangedError:
                self._contents.pop(path, None)
            except UnreadableError as error:
                unreadable.append(Problem("publish.read", f"{path} cannot be read: {error}"))
            self.on_progress(Progress(len(self._tree.files), len(self._contents), self._sent, self._sent_bytes))

        # A job holds a name only: a file is read by the thread that sends it, so few are in memory at a time.
        with ThreadPoolExecutor(WORKERS, "publish") as pool:
            jobs = [pool.submit(send, path) for path in paths]
            try:
                wait(jobs, return_when=FIRST_EXCEPTION)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        for job in jobs:
            if not job.cancelled():
                job.result()
        if unreadable:
            raise TreeError(sorted(unreadable, key=lambda problem: problem.message))

    def _send(self, path: str) -> None:
        """Send one file, unless the place holds it. Raises ChangedError, UnreadableError and PublishError."""
        for _ in range(tree_read.TRIES):
            content = tree_read.read(self.root, path)
            if self._is_there(content) or self._put_file(content):
                self._contents[path] = replace(content, data=None)
                return
        raise ChangedError(path)

    def _put_file(self, content: Content) -> bool:
        """Put a file. Return False if it has changed since it was read."""
        file, source = content.file, self.root / content.file.path
        with self._lock:
            # The draft stands in the place of the manifest before the first object changes.
            if self._draft is None and not self.dry_run:
                self._put_draft(secrets.token_hex(8))
        try:
            if not self.dry_run:
                self.objects.put(file.path, source if content.data is None else content.data, file.sha256)
        except PublishError:
            # A large file is read once more while it is sent, and may have changed in between.
            if content.data is not None or tree_read.stamp_of(source) == content.stamp:
                raise
            return False
        with self._lock:
            self._sent += 1
            self._sent_bytes += file.size
            self._listed[file.path] = Listed(file.path, file.size, file.md5)
        return True

    def _is_there(self, content: Content) -> bool:
        """Whether the place holds these bytes, by its listing; it is asked only where that says less."""
        file = content.file
        listed = self._listed.get(file.path)
        if listed is None or listed.size != file.size:
            return False
        return listed.md5 == file.md5 if listed.md5 is not None else self.objects.digest(file.path) == file.sha256

    def _changed(self) -> list[str]:
        """Return the files of the folder whose content is not the one that the place holds by now."""
        for path in self._contents.keys() - self._tree.files.keys():
            del self._contents[path]
        changed = []
        for path, stamp in self._tree.files.items():
            content = self._contents.get(path)
            if content is None or content.stamp != stamp or (content.is_young and self._differs(path, content)):
                changed.append(path)
        return changed

    def _differs(self, path: str, content: Content) -> bool:
        """Whether a file differs from what was read of it, by its bytes."""
        try:
            again = tree_read.read(self.root, path)
        except (ChangedError, UnreadableError):
            return True
        return again.file != content.file

    def _put(self, manifest: Manifest | Draft) -> None:
        raw = manifest.to_bytes()
        self.objects.put(MANIFEST, raw, hashlib.sha256(raw).hexdigest())

    def _put_draft(self, by: str) -> None:
        names = _names(self._earlier) | _names(self._draft) | self._tree.files.keys()
        draft = Draft(by, tuple(sorted(names)))
        self._put(draft)
        self._draft = draft

    def _finish(self, listed: Iterable[str]) -> Published:
        """Put the manifest, remove what is left over, and return the outcome. listed: the names before the run."""
        tree = self._tree
        files = tuple(self._contents[path].file for path in sorted(tree.files))
        # A file that was sent and is gone from the folder by now is left over, too.
        others = {*listed, *self._listed} - tree.files.keys()
        extra = tuple(sorted(others & (_names(self._earlier) | _names(self._draft))))
        manifest = Manifest(tree.root.name, files, tuple(tree.links), tuple(tree.folders), extra)
        removed = extra if self.delete else ()
        if self.dry_run:
            is_new = self._earlier != manifest
        else:
            is_new = self._put_manifest(manifest)
            # A run that is killed here leaves objects that the next one still knows by this manifest.
            for name in removed:
                self.objects.remove(name)
        if removed:
            manifest, extra = replace(manifest, extra=()), ()
            if not self.dry_run:
                self._put(manifest)
        return Published(
            self.objects.place, manifest, self._sent, self._sent_bytes, is_new, tuple(tree.outward), extra,
            tuple(sorted(others - {*extra, *removed})), removed,
        )  # fmt: skip

    def _put_manifest(self, manifest: Manifest) -> bool:
        """Put the manifest, unless it is there. Raises PublishError if another publish has begun meanwhile."""
        in_place = earlier(self.objects)
        if in_place != (self._draft or self._earlier):
            message = f"{self.objects.place}: another publish has written there at the same time"
            raise PublishError(message, hint="wait until it has ended, and publish again")
        if in_place == manifest:
            return False
        self._put(manifest)
        return True


def earlier(objects: Objects) -> Manifest | Draft | None:
    """Return the manifest of a place, or its draft; None if it has none, or a damaged one. Raises PublishError."""
    try:
        return stored(objects)
    except OtherVersionError:
        raise
    except ManifestError:
        # A new manifest mends it.
        return None


def stored(objects: Objects) -> Manifest | Draft | None:
    """Return the manifest of a place, or its draft, None if it has none. Raises ManifestError and PublishError."""
    # Every place answers for a missing object in the same way, but to read it is an error.
    if objects.digest(MANIFEST) is None:
        return None
    return parse(b"".join(objects.read(MANIFEST)), f"{objects.place}: {MANIFEST}")


def _names(manifest: Manifest | Draft | None) -> set[str]:
    """Return the names of all objects that publishes have put, by the last manifest or draft."""
    if isinstance(manifest, Draft):
        return set(manifest.names)
    return manifest.names | set(manifest.extra) if manifest else set()

