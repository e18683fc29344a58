"""Waits for servers: until all are healthy, the first one has failed, or time is out.

A server that is named without a deploy may have ended long ago, in an earlier deploy. That end is no answer: only an
end that is reached after the wait has begun counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.client.answers import Result
from bootstrap.client.collector import FIRST_PAUSE_S, LONGEST_PAUSE_S, Collector, Unreachable
from bootstrap.client.early import ENDED, Early
from bootstrap.client.refused import Refused
from bootstrap.client.wording import progress
from bootstrap.errors import UsageError

SLICE_S = 1.0  # how long one poll may last: progress is printed between two of them
FEW = 8  # up to this number each server is asked for by itself, with its stages

# The answers of the collector about the targets; one that has never been heard of has none.
Servers = dict["Target", dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """A server, or a group (`web-*`), to wait for. deploy_id None: whichever deploy is its current one.

    runners: SHA-256 of the runner texts that its payloads fetch.
    """

    server: str
    deploy_id: str | None = None
    revision: str | None = None
    deadline_s: float | None = None
    runners: tuple[str, ...] = ()

    @property
    def is_group(self) -> bool:
        """Whether many hosts have this one payload."""
        return self.server.endswith("*")


@dataclass(frozen=True)
class Outcome:
    """The end of a wait.

    result: healthy, failed or timeout. servers: the collector's answer about each, for a group about its members; the
    key `ended_before_wait` marks an end that does not count. groups: how many members of each are healthy. why: the
    reason of a time-out.
    """

    result: Result
    servers: tuple[dict[str, Any], ...]
    why: str | None = None
    groups: tuple[dict[str, Any], ...] = ()


def targets_of(arguments: tuple[str, ...], deploy_id: str | None) -> tuple[Target, ...]:
    """Read names of servers, and manifests of a server or of a fleet, or their folders. Raises UsageError."""
    # A dict keeps the order and drops a server that is named twice, which would be waited for twice.
    targets: dict[Target, None] = {}
    for argument in arguments:
        # As a path it would lose one of its slashes, in the message too.
        if "://" in argument:
            hint = "the collector is named by --collector URL (Python: collector=)"
            raise UsageError(f"{argument} is a URL, and no server", hint=hint)
        # With a deploy id a bare word is the name of a server, even if a folder of this name exists.
        is_folder = deploy_id is None and (Path(argument) / "manifest.json").is_file()
        is_manifest = is_folder or argument.endswith(".json") or "/" in argument
        targets |= dict.fromkeys(in_file(Path(argument)) if is_manifest else [Target(argument, deploy_id)])
    return tuple(targets)


def in_file(path: Path) -> list[Target]:
    """Return the server of a manifest's file or folder, or every server of a fleet's index. Raises UsageError."""
    path = path / "manifest.json" if path.is_dir() else path
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "name the folder DIR/SERVER that `bootstrap render` wrote, or a server without a slash"
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    except ValueError:
        # Neither is null.
        manifest = None
    return in_manifest(manifest, str(path))


def in_manifest(manifest: Any, source: str) -> list[Target]:
    """Return the server of a manifest, or every server of a fleet's index. source: its name in messages."""
    try:
        servers = {entry["server"]: _runners(entry) for entry in manifest.get("servers", [manifest])}
        deploy_id = manifest["deploy_id"]
        # A manifest may come from anywhere; a wrong type would fail much later, in the middle of the wait.
        if not (all(isinstance(server, str) for server in servers) and isinstance(deploy_id, str)):
            raise TypeError
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{source} is not a manifest: it must name server and deploy_id") from error
    revision, deadline_s = manifest.get("revision"), manifest.get("deadline_s")
    return [Target(server, deploy_id, revision, deadline_s, runners) for server, runners in servers.items()]


def _runners(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return the SHA-256 of the runner texts that the targets of a server fetch, each once."""
    runners = [target["bundle"].get("runner") for target in entry.get("targets", ())]
    return tuple(dict.fromkeys(runner for runner in runners if runner is not None))


def wait(
    collector: Collector,
    targets: tuple[Target, ...],
    timeout_s: float,
    show: Callable[[str], None],
    *,
    warn: Callable[[str], None] | None = None,
    count: int | None = None,
    failures: int = 0,
) -> Outcome:
    """Wait at most timeout_s.

    show: called with a line whenever a server's state or stage changes. warn: called with a sentence that somebody
    should act on; `show` when not given. count: how many healthy members each group must have. failures: how many of
    its members may fail before the wait has failed. An unreachable collector is waited for, too. Raises CollectorError
    when it refuses, UsageError for a group without a count.
    """
    groups = [target.server for target in targets if target.is_group]
    if groups and count is None:
        raise UsageError(
            f"{groups[0]} is a group, and its count is missing",
            hint="--count N (Python: count=N): how many must be healthy",
        )
    if not groups and (count is not None or failures):
        raise UsageError("no group is named", hint="count and failures go with a group, such as 'web-*'")
    return _Waiting(collector, targets, time.monotonic() + timeout_s, show, warn or show, count, failures).run()


class _Waiting:
    """One wait: the last answer about each target, and the last line that was shown of it."""

    def __init__(
        self,
        collector: Collector,
        targets: tuple[Target, ...],
        end: float,
        show: Callable[[str], None],
        warn: Callable[[str], None],
        count: int | None = None,
        failures: int = 0,
    ) -> None:
        self._count, self._failures = count, failures
        self._collector, self._targets, self._end, self._show = collector, targets, end, show
        self._early, self._refused = Early(warn), Refused(collector, warn)
        self._servers: Servers = {}
        self._lines: dict[str, str] = {}
        self._reached = self._announced = False
        # The message of the last failed request, None as soon as the collector answers again.
        self._trouble: str | None = None

    def run(self) -> Outcome:
        pause = FIRST_PAUSE_S
        while True:
            try:
                self._update()
                pause, self._trouble = FIRST_PAUSE_S, None
                outcome = self._outcome()
                if outcome is not None:
                    return outcome
                if self._seconds_left() <= 0:
                    return self._timeout()
                self._poll()
            except Unreachable as error:
                # Reported once: the same line every few seconds would hide the progress above it.
                if self._trouble is None:
                    self._show(f"{error.message}; trying again")
                self._trouble = error.message
                if self._seconds_left() <= 0:
                    return self._timeout()
                time.sleep(min(pause, self._seconds_left()))
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _seconds_left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def _update(self) -> None:
        """Ask for every target, and show what is new."""
        if not self._announced:
            self._announce()
            self._announced = True
        named = [target for target in self._targets if not target.is_group]
        # A thousand requests a second would be too many: with many servers the list of their deploy is asked for.
        servers = self._each(named) if len(named) <= FEW else self._all(named)
        servers |= {t: self._group(t, 0.0) for t in self._targets if t.is_group}
        self._reached = True
        self._early.update({target.server: server for target, server in servers.items() if target.deploy_id is None})
        self._servers |= servers
        self._refused.update([(t.server, t.deploy_id) for t in self._targets if not self._is_heard(t)])
        for target, server in servers.items():
            if self._is_early(target):
                continue
            # A poll ends at least once a second; only a changed line is progress.
            line = progress(server)
            if self._lines.get(target.server) != line:
                self._lines[target.server] = line
                self._show(line)

    def _is_early(self, target: Target) -> bool:
        """Whether the last answer about it is an end that was there before the wait began."""
        return target.deploy_id is None and self._early.is_early(target.server)

    def _is_heard(self, target: Target) -> bool:
        """Whether the server, or a member of the group, has reported in the deploy that is waited for."""
        server = self._servers.get(target)
        if server is None or self._is_early(target):
            return False
        if target.is_group:
            return bool(server["states"])
        # A server that was announced by its manifest has an entry, but no report yet.
        return server.get("last_seen") is not None or server["state"] in ENDED

    def _announce(self) -> None:
        """Register the deadlines of manifests, so that a server that never reports becomes overdue."""
        manifests = [
            {"server": t.server, "deploy_id": t.deploy_id, "deadline_s": t.deadline_s}
            | ({"revision": t.revision} if t.revision else {})
            # The collector keeps a text for as long as it keeps a deploy that needs it.
            | ({"targets": [{"bundle": {"runner": runner}} for runner in t.runners]} if t.runners else {})
            for t in self._targets
            # The members of a group are not known before they report, so nobody can miss one.
            if t.deploy_id and t.deadline_s is not None and not t.is_group
        ]
        if manifests:
            self._collector.expect(manifests)

    def _each(self, targets: list[Target]) -> Servers:
        """Ask for a few servers, one by one, with their stages."""
        answers = {t: self._collector.server(t.server, t.deploy_id) for t in targets}
        return {target: server for target, server in answers.items() if server is not None}

    def _group(self, target: Target, timeout_s: float) -> dict[str, Any]:
        """Return the state of a group: at once for timeout_s 0, else when it has ended or timeout_s is over."""
        deploy_id = target.deploy_id
        if deploy_id is None:
            # The newest deploy of any member; deploy ids sort by time. Members of an earlier deploy that have not been
            # replaced yet do not count.
            members = self._collector.servers(brief=True, group=target.server)
            deploy_id = max((member["deploy_id"] for member in members), default=None)
        if deploy_id is None:
            # There is no deploy to wait for yet, so the pause between two questions has to be made here.
            time.sleep(min(FIRST_PAUSE_S if timeout_s else 0.0, self._seconds_left()))
            state: dict[str, Any] = {"state": "waiting", "count": self._count, "healthy": 0, "states": {}, "failed": []}
        else:
            state = self._collector.wait_deploy(
                deploy_id, self._count, timeout_s, group=target.server, failures=self._failures
            )
        return {**state, "server": target.server, "deploy_id": deploy_id}

    def _all(self, targets: list[Target]) -> Servers:
        """Ask for many servers by one request for each deploy, without their stages."""
        deploys = {t.deploy_id for t in targets}
        by_name = {
            (deploy_id, server["server"]): server
            for deploy_id in deploys
            for server in self._collector.servers(deploy_id, brief=True)
        }
        answers = {t: by_name.get((t.deploy_id, t.server)) for t in targets}
        return {target: server for target, server in answers.items() if server is not None}

    def _outcome(self) -> Outcome | None:
        """Return the end of the wait, once one target has failed or all are healthy; None before."""
        states = {target: server["state"] for target, server in self._servers.items() if not self._is_early(target)}
        failed = [target for target, state in states.items() if state == "failed"]
        if failed:
            # The entries of a list do not contain the reason of a failure.
            for target in (t for t in failed if not t.is_group):
                full = self._collector.server(target.server, target.deploy_id)
                self._servers[target] = full or self._servers[target]
            return Outcome("failed", self._entries(), groups=self._groups())
        if len(states) == len(self._targets) and set(states.values()) == {"healthy"}:
            return Outcome("healthy", self._entries(), groups=self._groups())
        return None

    def _entries(self) -> tuple[dict[str, Any], ...]:
        """Return the entry of each target; for a group those of its members, which are asked for only at the end."""
        entries: list[dict[str, Any]] = []
        for target in self._targets:
            unheard = {"server": target.server, "deploy_id": target.deploy_id, "state": None, "heard": False}
            server: dict[str, Any] = self._servers.get(target) or unheard
            mark = {"ended_before_wait": True} if self._is_early(target) else {}
            if not target.is_group:
                entries.append(server | mark)
            elif server["deploy_id"] is not None:
                members = self._collector.servers(server["deploy_id"], group=target.server)
                entries += [member | mark for member in members]
        return tuple(entries)

    def _groups(self) -> tuple[dict[str, Any], ...]:
        """Return how many members of each group are healthy, without the collector's other keys."""
        keys = ("server", "deploy_id", "state", "count", "healthy", "states")
        groups = [self._servers[t] for t in self._targets if t.is_group and t in self._servers]
        return tuple({key: group[key] for key in keys} for group in groups)

    def _timeout(self) -> Outcome:
        """Return the outcome of a wait whose time is out, with the reason as far as there is one."""
        if not self._reached:
            reason: str | None = f"the collector was never reached: {self._trouble}"
        elif self._trouble:
            reason = f"the collector was lost: {self._trouble}"
        else:
            reason = "; ".join([*self._early.sentences(), *self._refused.sentences()]) or None
        try:
            entries = self._entries()
        except Unreachable:
            # The members of a group are asked for here; the reason already says that the collector is lost.
            entries = ()
        return Outcome("timeout", entries, reason, self._groups())

    def _poll(self) -> None:
        """Wait in a long poll of one target that has not ended. It returns early when the target ends."""
        pending = next(
            t for t in self._targets if self._is_early(t) or self._servers.get(t, {}).get("state") != "healthy"
        )
        slice_s = min(SLICE_S, self._seconds_left())
        if self._is_early(pending):
            self._poll_newer_deploy(pending, slice_s)
        elif pending.is_group:
            self._group(pending, slice_s)
        else:
            self._collector.wait(pending.server, pending.deploy_id, slice_s)

    def _poll_newer_deploy(self, target: Target, slice_s: float) -> None:
        """Wait until a deploy that is newer than the last one has ended, or slice_s is over."""
        end, last_deploy = time.monotonic() + slice_s, self._servers[target]["deploy_id"]
        if not target.is_group:
            answer = self._collector.wait(target.server, None, slice_s, after=last_deploy)
            if answer["deploy_id"] != last_deploy:
                return
        # A collector of an earlier release does not know `after` and answers at once; for a group there is no poll.
        time.sleep(max(0.0, end - time.monotonic()))
