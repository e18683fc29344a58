"""Writes the folders of all servers of a fleet and one index, or nothing at all."""

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

NAMED = 3  # servers that a message names of many that have the same problem


class IndexTarget(TypedDict):
    """One target of a server in an index: bundle and output, as in its manifest."""

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

    def __init__(self, servers_of: dict[Problem, list[str]], exit_code: ExitCode, total: int) -> None:
        self.failed = sorted({name for names in servers_of.values() for name in names})
        super().__init__(f"{len(self.failed)} of {total} servers cannot be rendered: {', '.join(self.failed)}")
        self.exit_code = exit_code
        self._problems = tuple(
            replace(problem, message=f"{problem.message} ({_named(names, total)})")
            for problem, names in servers_of.items()
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
    """The problems so far, each with the servers that have it."""

    total: int
    servers_of: dict[Problem, list[str]] = field(default_factory=dict)
    exit_code: ExitCode | None = None

    def add(self, server: str, error: BootstrapError) -> None:
        """Add the problems of one server."""
        for problem in error.problems:
            self.servers_of.setdefault(problem, []).append(server)
        # A wrong spec is fixed before a limit counts: of two exit codes the smaller one says what to do first.
        self.exit_code = min(self.exit_code or error.exit_code, error.exit_code)

    def end(self) -> None:
        """Raise FleetError if there was any problem."""
        if self.exit_code is not None:
            raise FleetError(self.servers_of, self.exit_code, self.total)


def index(manifests: Sequence[output.Manifest]) -> Index:
    """Return the index of a fleet: its servers, and the digests of their bundles."""
    return {
        "version": 1,
        "deploy_id": manifests[0]["deploy_id"],
        "revision": manifests[0]["revision"],
        "servers": [
            {
                "server": manifest["server"],
                "targets": [
                    {"target": t["target"], "provider": t["provider"], "bundle": t["bundle"], "output": t["output"]}
                    for t in manifest["targets"]
                ],
            }
            for manifest in manifests
        ],
    }


def write(servers: Iterable[Sequence[Packed]], directory: Path) -> Index:
    """Write directory/SERVER/ for each, and the index directory/manifest.json, which is returned.

    All is made in a folder beside `directory` and renamed into place at the end: a failure before that, also one of the
    caller's iterator, leaves nothing. An earlier fleet there is replaced as a whole. Raises UsageError when anything
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
        fleet = index(manifests)
        try:
            output.private(new / output.MANIFEST, _text(fleet))
            _put(new, directory, old)
        except OSError as error:
            raise _unwritable(directory, error) from error
    return fleet


def _text(fleet: Index) -> bytes:
    """Return the index as JSON with a line for each server, so that grep and diff can read thousands of them."""
    head = json.dumps({key: value for key, value in fleet.items() if key != "servers"})
    servers = ",\n  ".join(map(json.dumps, fleet["servers"]))
    return f'{head[:-1]}, "servers": [\n  {servers}\n]}}\n'.encode()


def largest(so_far: Sequence[Measure], server: Sequence[Measure]) -> tuple[Measure, ...]:
    """Return the largest measure of each thing that is measured, over all servers."""
    maxima = {measure.what: measure for measure in so_far}
    for measure in server:
        if measure.what not in maxima or maxima[measure.what].used < measure.used:
            maxima[measure.what] = measure
    return tuple(maxima.values())


@contextlib.contextmanager
def _beside(directory: Path) -> Iterator[Path]:
    """Make a folder (0700) on the file system of the final one, for a rename into place; remove it at the end."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise _unwritable(directory, error) from error
    try:
        # Payloads hold secrets: what a failure leaves unfinished must not stay on the disk.
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put(new: Path, directory: Path, old: Path) -> None:
    if not directory.exists():
        new.rename(directory)
        return
    # Two renames, since no rename replaces a folder that is not empty.
    directory.rename(old)
    try:
        new.rename(directory)
    except BaseException:
        # An interrupt by the keyboard must not leave the caller without a fleet either.
        old.rename(directory)
        raise


def _refuse_a_stranger(directory: Path) -> None:
    """Raise UsageError for a folder that holds anything but an earlier fleet: it is somebody's work."""
    if not directory.exists() and not directory.is_symlink():
        return
    try:
        present = {path.name for path in directory.iterdir()}
        earlier = json.loads((directory / output.MANIFEST).read_bytes()) if output.MANIFEST in present else {}
        servers = {server["server"] for server in earlier.get("servers", ())} | {output.MANIFEST}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # Its index cannot be read, so nothing shows that it is a fleet.
        present, servers = {directory.name}, set()
    strange = sorted(present - servers)
    if strange or directory.is_symlink():
        fault = f"holds {strange[0]}, which is not of an earlier fleet" if strange else "is a link"
        raise UsageError(f"{directory} {fault}", hint="a fleet needs a folder of its own: name a new one with -o")


def _unwritable(directory: Path, error: OSError) -> UsageError:
    return UsageError(f"{directory} cannot be written: {error.strerror}", hint="name another folder with -o")
