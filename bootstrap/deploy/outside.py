"""The real world for the core: its clocks, the servers as clients see them, the collector, and the user's commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bootstrap.client.collector import Collector, Denied, Unreachable
from bootstrap.client.wording import failure, plain, waits
from bootstrap.deploy import faults
from bootstrap.deploy.clock import boot_clock
from bootstrap.deploy.commands import run_command
from bootstrap.deploy.probing import probe_all
from bootstrap.deploy.protocols import ProbeRequest, Report
from bootstrap.deploy.signals import Stop
from bootstrap.errors import CollectorError

# States in which a server's whole entry is worth asking for: its reason, or what later tiers need of it.
_ENDS = ("healthy", "failed")


class RealOutside:
    """See `protocols.Outside`.

    collector: None where no tier reports; stop: the user's wish; beat: is called in each pause and while a command runs
    (the `keep` of the lease).
    """

    def __init__(self, collector: Collector | None, stop: Stop, beat: Callable[[], None] = lambda: None) -> None:
        self._collector, self._stop, self._beat = collector, stop, beat
        # A healthy server says nothing new, so its entry is asked for once.
        self._healthy: dict[tuple[str, str], Report] = {}

    def now(self) -> float:
        """Seconds since 1970, for people."""
        return time.time()

    def clock(self) -> float:
        """Seconds that only grow, also while the machine sleeps."""
        return boot_clock()

    def stop_asked(self) -> bool:
        """Whether the user has asked for the end."""
        return self._stop.stop_asked()

    def pause(self, seconds: float) -> None:
        """Let time pass. Raises Stopped when the user has asked for the end."""
        self._beat()
        self._stop.pause(seconds)

    def probe(self, probes: Sequence[ProbeRequest]) -> list[str | None]:
        """Look at servers from outside, all at the same time."""
        return probe_all(probes)

    def command(self, line: str, environment: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
        """Run a command of the deploy file."""
        return run_command(line, environment, timeout_s, self._beat)

    def reports(self, deploy_id: str, names: Sequence[str]) -> Mapping[str, Report]:
        """The reports of exactly these servers in this deploy, by one or two requests however many they are.

        Raises Unknown while the collector does not answer, Denied and Broken when it refuses.
        """
        if self._collector is None:
            return {name: Report(None) for name in names}
        try:
            entries = _by_name(self._collector.servers(deploy_id, brief=True), deploy_id)
            asked = [entries[name] for name in names if name in entries]
            if any(entry["state"] in _ENDS and self._key(entry) not in self._healthy for entry in asked):
                entries = _by_name(self._collector.servers(deploy_id), deploy_id)
        except Unreachable as error:
            raise faults.Unknown(error.message) from error
        except Denied as error:
            raise faults.Denied(error.message) from error
        except CollectorError as error:
            raise faults.Broken(error.message) from error
        return {name: self._report(entries.get(name)) for name in names}

    def _report(self, entry: dict[str, Any] | None) -> Report:
        if entry is None:
            return Report(None)
        key = self._key(entry)
        if entry["state"] != "healthy":
            self._healthy.pop(key, None)
            return _report_of(entry)
        # The brief entry of a healthy server lacks what the whole one has shown.
        if "stages" in entry or key not in self._healthy:
            self._healthy[key] = _report_of(entry)
        return self._healthy[key]

    @staticmethod
    def _key(entry: dict[str, Any]) -> tuple[str, str]:
        return str(entry["server"]), str(entry["deploy_id"])


def _by_name(servers: list[dict[str, Any]], deploy_id: str) -> dict[str, dict[str, Any]]:
    # An answer about another deploy would be yesterday's, whatever has gone wrong on the way.
    return {server["server"]: server for server in servers if server["deploy_id"] == deploy_id}


def _report_of(entry: dict[str, Any]) -> Report:
    """A server of the collector as the core needs it."""
    state, stages = entry["state"], entry.get("stages") or ()
    outputs: dict[str, str] = {}
    for stage in stages:
        outputs |= stage.get("outputs") or {}
    # The last line names a command to type on the server, which a rollback deletes.
    lines = tuple(failure(entry)[:-1]) if state == "failed" else ()
    return Report(
        state,
        _reason(entry, lines),
        lines,
        outputs or None,
        tuple(map(plain, entry.get("addresses") or ())),
    )


def _reason(entry: dict[str, Any], lines: tuple[str, ...]) -> str | None:
    """One sentence about a server that is not healthy; None where there is nothing to say."""
    if entry.get("conflict"):
        return "two hosts report as this server"
    if lines:
        # The line begins with the name of the server, which the core knows.
        return lines[0].removeprefix(f"{entry['server']} failed").lstrip(": ").removeprefix("in ")
    return plain(waits(entry).lstrip(", ")) or None
