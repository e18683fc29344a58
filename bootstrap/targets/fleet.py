"""What `render` leaves on disk for a fleet: the folders of all its servers and one index, or nothing at all."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from bootstrap.errors import BootstrapError, ExitCode, Problem, UsageError
from bootstrap.targets import output
from bootstrap.targets.limits import Measure
from bootstrap.targets.model import Packed

NAMED = 3  # servers that a problem of many is told of by name


class IndexTarget(TypedDict):
    """One target of a server in an index: what its manifest says of bundle and output."""

    target: str
    provider: str | None
    bundle: output.ManifestBundle
    output: output.ManifestOutput


class IndexServer(TypedDict):
    """One server of an index."""

    server: str
    targets: list[IndexTarget]


class Index(TypedDict):
    """The index of a fleet: its servers, and the digests of their bundles. `bootstrap wait` reads it."""

    version: int
    deploy_id: str
    revision: str
    servers: list[IndexServer]


class FleetError(BootstrapError):
    """Servers that cannot be rendered: every problem once, with the servers that have it. Nothing was written.

    failed: the names of all of them.
    """

    def __init__(self, found: dict[Problem, list[str]], exit_code: ExitCode, total: int) -> None:
        self.failed = sorted({name for names in found.values() for name in names})
        super().__init__(f"{len(self.failed)} of {total} servers cannot be rendered: {', '.join(self.failed)}")
        self.exit_code = exit_code
        self._problems = tuple(
            replace(problem, message=f"{problem.message} ({_named(names, total)})") for problem, names in found.items()
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


def _named(names: list[str], total: int) -> str:
    if len(names) == total > 1:
        return f"all {total:,} servers"
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


@dataclass
class Gathered:
    """What is wrong so far, server by server."""

    total: int
    found: dict[Problem, list[str]] = field(default_factory=dict)
    exit_code: ExitCode | None = None

    def add(self, server: str, error: BootstrapError) -> None:
        """Note why one server cannot be rendered."""
        for problem in error.problems:
            self.found.setdefault(problem, []).append(server)
        # A spec that is wrong is to be mended before a limit counts.
        self.exit_code = min(self.exit_code or error.exit_code, error.exit_code)

    def end(self) -> None:
        """Raise FleetError when there was anything."""
        if self.exit_code is not None:
            raise FleetError(self.found, self.exit_code, self.total)


def index(manifests: Sequence[output.Manifest]) -> Index:
    """The index of a fleet, from the manifests of its servers: who they are, and the digests of their bundles."""
    return {
        "version": 1,
        "deploy_id": manifests[0]["deploy_id"],
        "revision": manifests[0]["revision"],
        "servers": [
            {
                "server": one["server"],
                "targets": [
                    {"target": t["target"], "provider": t["provider"], "bundle": t["bundle"], "output": t["output"]}
                    for t in one["targets"]
                ],
            }
            for one in manifests
        ],
    }


def write(servers: Iterable[Sequence[Packed]], directory: Path) -> Index:
    """Write directory/SERVER/ for each, and the index directory/manifest.json, which is returned.

    All is made beside `directory`, which is renamed into place at the end: whatever goes wrong before, the caller's own
    iterator included, leaves nothing. An earlier fleet there is replaced as a whole. Raises UsageError when anything
    else is there, and when it cannot be written.
    """
    directory = directory if directory.name else directory.resolve()
    _refuse_a_stranger(directory)
    with _beside(directory) as temporary:
        new, old = temporary / "new", temporary / "old"
        try:
            new.mkdir(mode=0o700)
        except OSError as error:
            raise _unwritable(directory, error) from error
        manifests = []
        for packed in servers:
            try:
                manifests.append(output.fill(packed, new / packed[0].payload.server))
            except OSError as error:
                raise _unwritable(directory, error) from error
        found = index(manifests)
        try:
            output.private(new / output.MANIFEST, _text(found))
            _put(new, directory, old)
        except OSError as error:
            raise _unwritable(directory, error) from error
    return found


def _text(found: Index) -> bytes:
    """The index as JSON with a line for each server: thousands of them are read by grep and diff too."""
    head = json.dumps({key: value for key, value in found.items() if key != "servers"})
    servers = ",\n  ".join(map(json.dumps, found["servers"]))
    return f'{head[:-1]}, "servers": [\n  {servers}\n]}}\n'.encode()


def largest(so_far: Sequence[Measure], server: Sequence[Measure]) -> tuple[Measure, ...]:
    """Of each thing that is measured, the most that any server uses."""
    known = {measure.what: measure for measure in so_far}
    for measure in server:
        if measure.what not in known or known[measure.what].used < measure.used:
            known[measure.what] = measure
    return tuple(known.values())


@contextlib.contextmanager
def _beside(directory: Path) -> Iterator[Path]:
    """A folder (0700) beside the final one, so that a rename is all that is left to do; gone at the end."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise _unwritable(directory, error) from error
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put(new: Path, directory: Path, old: Path) -> None:
    if not directory.exists():
        new.rename(directory)
        return
    directory.rename(old)
    try:
        new.rename(directory)
    except BaseException:
        old.rename(directory)
        raise


def _refuse_a_stranger(directory: Path) -> None:
    """A folder that holds anything but an earlier fleet is somebody's work."""
    if not directory.exists() and not directory.is_symlink():
        return
    try:
        there = {path.name for path in directory.iterdir()}
        earlier = json.loads((directory / output.MANIFEST).read_bytes()) if output.MANIFEST in there else {}
        own = {one["server"] for one in earlier.get("servers", ())} | {output.MANIFEST}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        there, own = {directory.name}, set()
    strange = sorted(there - own)
    if strange or directory.is_symlink():
        what = f"holds {strange[0]}, which is not of an earlier fleet" if strange else "is a link"
        raise UsageError(f"{directory} {what}", hint="a fleet has a folder of its own: name a new one with -o")


def _unwritable(directory: Path, error: OSError) -> UsageError:
    return UsageError(f"{directory} cannot be written: {error.strerror}", hint="name another folder with -o")
