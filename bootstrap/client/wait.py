"""Waits for servers: until all are healthy, the first one has failed, or time is out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.client.collector import FIRST_PAUSE_S, LONGEST_PAUSE_S, Collector, Unreachable
from bootstrap.client.show import progress
from bootstrap.errors import UsageError

SLICE_S = 1.0  # how long one poll may last: progress is printed between two of them
FEW = 8  # up to here each server is asked for by itself, with its stages

Known = dict["Target", dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """A server to wait for. deploy_id None: whichever deploy is its current one."""

    server: str
    deploy_id: str | None = None
    revision: str | None = None
    deadline_s: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How a wait ended. result: healthy, failed or timeout; servers: what is known of each; why: for a time-out."""

    result: str
    servers: tuple[dict[str, Any], ...]
    why: str | None = None


def targets_of(arguments: tuple[str, ...], deploy_id: str | None) -> tuple[Target, ...]:
    """Names of servers, and manifests of a server or of a fleet (or the folder of one). Raises UsageError."""
    found: dict[Target, None] = {}
    for argument in arguments:
        # A bare word is a folder of `render` only where it cannot be meant as a name of the deploy that is named.
        is_folder = deploy_id is None and (Path(argument) / "manifest.json").is_file()
        is_manifest = is_folder or argument.endswith(".json") or "/" in argument
        found |= dict.fromkeys(_manifest(argument) if is_manifest else [Target(argument, deploy_id)])
    return tuple(found)


def _manifest(argument: str) -> list[Target]:
    """The server of a manifest, or every server of a fleet's index."""
    path = Path(argument)
    path = path / "manifest.json" if path.is_dir() else path
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        servers = [one["server"] for one in raw["servers"]] if "servers" in raw else [raw["server"]]
        deploy_id = raw["deploy_id"]
        if not (all(isinstance(server, str) for server in servers) and isinstance(deploy_id, str)):
            raise TypeError
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a manifest: it must name server and deploy_id") from error
    return [Target(server, deploy_id, raw.get("revision"), raw.get("deadline_s")) for server in servers]


def wait(collector: Collector, targets: tuple[Target, ...], timeout_s: float, tell: Callable[[str], None]) -> Outcome:
    """Wait at most timeout_s. tell: gets a line whenever a server's state or stage changes. Raises CollectorError.

    An unreachable collector is waited for too; one that refuses is not.
    """
    return _Waiting(collector, targets, time.monotonic() + timeout_s, tell).run()


class _Waiting:
    """One wait: what is known of each target, and what has been told."""

    def __init__(
        self, collector: Collector, targets: tuple[Target, ...], end: float, tell: Callable[[str], None]
    ) -> None:
        self._collector, self._targets, self._end, self._tell = collector, targets, end, tell
        self._known: Known = {}
        self._told: dict[str, str] = {}
        self._reached = self._announced = False
        self._trouble: str | None = None

    def run(self) -> Outcome:
        pause = FIRST_PAUSE_S
        while True:
            try:
                self._look()
                pause, self._trouble = FIRST_PAUSE_S, None
                outcome = self._outcome()
                if outcome is not None:
                    return outcome
                if self._left() <= 0:
                    return self._timeout()
                self._rest()
            except Unreachable as error:
                if self._trouble is None:
                    self._tell(f"{error.message}; trying again")
                self._trouble = error.message
                if self._left() <= 0:
                    return self._timeout()
                time.sleep(min(pause, self._left()))
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def _look(self) -> None:
        """Ask for every target, and tell what is new."""
        if not self._announced:
            self._announce()
            self._announced = True
        few = len(self._targets) <= FEW
        found = self._each() if few else self._all()
        self._reached = True
        for target, server in found.items():
            self._known[target] = server
            line = progress(server)
            if self._told.get(target.server) != line:
                self._told[target.server] = line
                self._tell(line)

    def _announce(self) -> None:
        """Register what manifests say, so that a server that never speaks is shown as overdue."""
        manifests = [
            {"server": t.server, "deploy_id": t.deploy_id, "deadline_s": t.deadline_s}
            | ({"revision": t.revision} if t.revision else {})
            for t in self._targets
            if t.deploy_id and t.deadline_s is not None
        ]
        if manifests:
            self._collector.expect(manifests)

    def _each(self) -> Known:
        found = {t: self._collector.server(t.server, t.deploy_id) for t in self._targets}
        return {target: server for target, server in found.items() if server is not None}

    def _all(self) -> Known:
        deploys = {t.deploy_id for t in self._targets}
        by_name = {
            (deploy_id, server["server"]): server
            for deploy_id in deploys
            for server in self._collector.servers(deploy_id, brief=True)
        }
        found = {t: by_name.get((t.deploy_id, t.server)) for t in self._targets}
        return {target: server for target, server in found.items() if server is not None}

    def _outcome(self) -> Outcome | None:
        states = {target: server["state"] for target, server in self._known.items()}
        failed = [target for target, state in states.items() if state == "failed"]
        if failed:
            # Brief entries do not say why.
            for target in failed:
                full = self._collector.server(target.server, target.deploy_id)
                self._known[target] = full or self._known[target]
            return Outcome("failed", self._servers())
        if len(states) == len(self._targets) and set(states.values()) == {"healthy"}:
            return Outcome("healthy", self._servers())
        return None

    def _servers(self) -> tuple[dict[str, Any], ...]:
        return tuple(
            self._known.get(t) or {"server": t.server, "deploy_id": t.deploy_id, "state": None, "heard": False}
            for t in self._targets
        )

    def _timeout(self) -> Outcome:
        why = None
        if not self._reached:
            why = f"the collector was never reached: {self._trouble}"
        elif self._trouble:
            why = f"the collector was lost: {self._trouble}"
        return Outcome("timeout", self._servers(), why)

    def _rest(self) -> None:
        """Sleep in a long poll of one target that has not ended, which its end cuts short."""
        pending = next(t for t in self._targets if self._known.get(t, {}).get("state") != "healthy")
        self._collector.wait(pending.server, pending.deploy_id, min(SLICE_S, self._left()))
