"""Waits for servers: until all are healthy, the first one has failed, or time is out.

A server that is named without a deploy may have reached its end long ago: that end is no answer, only what comes after
the wait has begun is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.client.collector import FIRST_PAUSE_S, LONGEST_PAUSE_S, Collector, Unreachable
from bootstrap.client.early import ENDED, Early
from bootstrap.client.refused import Refused
from bootstrap.client.show import progress
from bootstrap.errors import UsageError

SLICE_S = 1.0  # how long one poll may last: progress is printed between two of them
FEW = 8  # up to here each server is asked for by itself, with its stages

Known = dict["Target", dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """A server, or a group (`web-*`), to wait for. deploy_id None: whichever deploy is its current one."""

    server: str
    deploy_id: str | None = None
    revision: str | None = None
    deadline_s: float | None = None

    @property
    def is_group(self) -> bool:
        """Whether many hosts have this one payload."""
        return self.server.endswith("*")


@dataclass(frozen=True)
class Outcome:
    """How a wait ended.

    result: healthy, failed or timeout; servers: what is known of each, of a group its members (`ended_before_wait`: no
    answer); groups: how many of each are healthy; why: for a time-out.
    """

    result: str
    servers: tuple[dict[str, Any], ...]
    why: str | None = None
    groups: tuple[dict[str, Any], ...] = ()


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


def wait(
    collector: Collector,
    targets: tuple[Target, ...],
    timeout_s: float,
    tell: Callable[[str], None],
    *,
    warn: Callable[[str], None] | None = None,
    count: int | None = None,
    failures: int = 0,
) -> Outcome:
    """Wait at most timeout_s. tell: gets a line whenever a server's state or stage changes. Raises CollectorError.

    warn: gets what somebody should do something about; `tell` when not given. count: the healthy members that each
    group must have; failures: how many of its members may fail before the wait has failed. An unreachable collector is
    waited for too; one that refuses is not. Raises UsageError for a group without a count.
    """
    groups = [target.server for target in targets if target.is_group]
    if groups and count is None:
        raise UsageError(f"how many members of {groups[0]}?", hint="say how many must be healthy: --count N")
    if not groups and (count is not None or failures):
        raise UsageError("no group is named", hint="--count and --failures go with a group, such as 'web-*'")
    return _Waiting(collector, targets, time.monotonic() + timeout_s, tell, warn or tell, count, failures).run()


class _Waiting:
    """One wait: what is known of each target, and what has been told."""

    def __init__(
        self,
        collector: Collector,
        targets: tuple[Target, ...],
        end: float,
        tell: Callable[[str], None],
        warn: Callable[[str], None],
        count: int | None = None,
        failures: int = 0,
    ) -> None:
        self._count, self._failures = count, failures
        self._collector, self._targets, self._end, self._tell = collector, targets, end, tell
        self._early, self._refused = Early(warn), Refused(collector, warn)
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
        named = [target for target in self._targets if not target.is_group]
        found = self._each(named) if len(named) <= FEW else self._all(named)
        found |= {t: self._group(t, 0.0) for t in self._targets if t.is_group}
        self._reached = True
        self._early.look({target.server: server for target, server in found.items() if target.deploy_id is None})
        self._known |= found
        self._refused.look([(t.server, t.deploy_id) for t in self._targets if not self._is_heard(t)])
        for target, server in found.items():
            if self._is_early(target):
                continue
            line = progress(server)
            if self._told.get(target.server) != line:
                self._told[target.server] = line
                self._tell(line)

    def _is_early(self, target: Target) -> bool:
        """Whether all that is known of it is an end that was there before the wait began."""
        return target.deploy_id is None and self._early.is_early(target.server)

    def _is_heard(self, target: Target) -> bool:
        """Whether the server, or a member of the group, has reported in the deploy that is waited for."""
        known = self._known.get(target)
        if known is None or self._is_early(target):
            return False
        if target.is_group:
            return bool(known["states"])
        return known.get("last_seen") is not None or known["state"] in ENDED

    def _announce(self) -> None:
        """Register what manifests say, so that a server that never speaks is shown as overdue."""
        manifests = [
            {"server": t.server, "deploy_id": t.deploy_id, "deadline_s": t.deadline_s}
            | ({"revision": t.revision} if t.revision else {})
            for t in self._targets
            if t.deploy_id and t.deadline_s is not None and not t.is_group
        ]
        if manifests:
            self._collector.expect(manifests)

    def _each(self, targets: list[Target]) -> Known:
        found = {t: self._collector.server(t.server, t.deploy_id) for t in targets}
        return {target: server for target, server in found.items() if server is not None}

    def _group(self, target: Target, timeout_s: float) -> dict[str, Any]:
        """How a group stands: at once, or when it has come to an end or timeout_s is over."""
        deploy_id = target.deploy_id
        if deploy_id is None:
            # The newest that any member speaks of. Members of an earlier one, not replaced yet, do not count.
            members = self._collector.servers(brief=True, group=target.server)
            deploy_id = max((one["deploy_id"] for one in members), default=None)
        if deploy_id is None:
            time.sleep(min(FIRST_PAUSE_S if timeout_s else 0.0, self._left()))
            shown: dict[str, Any] = {"state": "waiting", "count": self._count, "healthy": 0, "states": {}, "failed": []}
        else:
            shown = self._collector.wait_deploy(
                deploy_id, self._count, timeout_s, group=target.server, failures=self._failures
            )
        return {**shown, "server": target.server, "deploy_id": deploy_id}

    def _all(self, targets: list[Target]) -> Known:
        deploys = {t.deploy_id for t in targets}
        by_name = {
            (deploy_id, server["server"]): server
            for deploy_id in deploys
            for server in self._collector.servers(deploy_id, brief=True)
        }
        found = {t: by_name.get((t.deploy_id, t.server)) for t in targets}
        return {target: server for target, server in found.items() if server is not None}

    def _outcome(self) -> Outcome | None:
        states = {target: known["state"] for target, known in self._known.items() if not self._is_early(target)}
        failed = [target for target, state in states.items() if state == "failed"]
        if failed:
            # Brief entries do not say why.
            for target in (t for t in failed if not t.is_group):
                full = self._collector.server(target.server, target.deploy_id)
                self._known[target] = full or self._known[target]
            return Outcome("failed", self._servers(), groups=self._groups())
        if len(states) == len(self._targets) and set(states.values()) == {"healthy"}:
            return Outcome("healthy", self._servers(), groups=self._groups())
        return None

    def _servers(self) -> tuple[dict[str, Any], ...]:
        """What is known of each: of a group its members, asked for now that it is over."""
        found: list[dict[str, Any]] = []
        for target in self._targets:
            unheard = {"server": target.server, "deploy_id": target.deploy_id, "state": None, "heard": False}
            known: dict[str, Any] = self._known.get(target) or unheard
            early = {"ended_before_wait": True} if self._is_early(target) else {}
            if not target.is_group:
                found.append(known | early)
            elif known["deploy_id"] is not None:
                members = self._collector.servers(known["deploy_id"], group=target.server)
                found += [member | early for member in members]
        return tuple(found)

    def _groups(self) -> tuple[dict[str, Any], ...]:
        keys = ("server", "deploy_id", "state", "count", "healthy", "states")
        groups = [self._known[t] for t in self._targets if t.is_group and t in self._known]
        return tuple({key: group[key] for key in keys} for group in groups)

    def _timeout(self) -> Outcome:
        why = None
        if not self._reached:
            why = f"the collector was never reached: {self._trouble}"
        elif self._trouble:
            why = f"the collector was lost: {self._trouble}"
        else:
            why = "; ".join([*self._early.sentences(), *self._refused.sentences()]) or None
        try:
            servers = self._servers()
        except Unreachable:
            servers = ()
        return Outcome("timeout", servers, why, self._groups())

    def _rest(self) -> None:
        """Sleep in a long poll of one target that has not ended, which its end cuts short."""
        pending = next(
            t for t in self._targets if self._is_early(t) or self._known.get(t, {}).get("state") != "healthy"
        )
        slice_s = min(SLICE_S, self._left())
        if self._is_early(pending):
            self._rest_for_a_newer(pending, slice_s)
        elif pending.is_group:
            self._group(pending, slice_s)
        else:
            self._collector.wait(pending.server, pending.deploy_id, slice_s)

    def _rest_for_a_newer(self, target: Target, slice_s: float) -> None:
        """Sleep until a newer deploy than the one known has come to its end, or slice_s is over."""
        end, known = time.monotonic() + slice_s, self._known[target]["deploy_id"]
        if not target.is_group:
            answer = self._collector.wait(target.server, None, slice_s, after=known)
            if answer["deploy_id"] != known:
                return
        # Also where a collector is too old to know `after`, and has answered at once.
        time.sleep(max(0.0, end - time.monotonic()))
