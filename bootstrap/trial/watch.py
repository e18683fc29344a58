"""Watches one clone from power on to its end: says each step once, and knows when to cut the power."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from bootstrap.client.own_collector import OwnCollector
from bootstrap.client.timeline import Timeline
from bootstrap.trial.machine import Machine
from bootstrap.trial.payload import CUT

_POLL_S = 0.5
_KERNEL = re.compile(r"\[ *[0-9]+\.[0-9]{6}\]|Linux version|systemd\[1\]|Welcome to ")
_SHOWN = ("waiting", "fixed", "stage.ended", "interrupted", "rebooting", "every_boot", "health")

Event = Mapping[str, Any]


class Watch:
    """One clone under one name. show: called with each line. powered_on_at: seconds since 1970, of the last boot."""

    def __init__(
        self, machine: Machine, collector: OwnCollector, server: str, deploy_id: str, show: Callable[[str], None]
    ) -> None:
        self._machine, self._collector, self._show = machine, collector, show
        self.server = server
        self._path = f"/v1/servers/{quote(server)}"
        self._query = f"?deploy_id={quote(deploy_id)}"
        self.record: dict[str, Any] = {}
        self.events: Sequence[Event] = ()
        self.seconds: dict[str, float] = {}
        self.powered_on_at = 0.0
        self._began, self._timeline = 0.0, Timeline(0.0)

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return bool(self.record.get("final"))

    def switch_on(self) -> None:
        """Boot the machine; the clock begins with the first boot."""
        self._machine.boot()
        self.powered_on_at = time.time()
        if not self._began:
            self._began, self._timeline.begin = time.monotonic(), self.powered_on_at
            self._say("power", f"on, as {self.server}")

    def until_end(self, deadline_s: float, *, power_cut: bool) -> bool:
        """Follow it to its end, and return whether that came within deadline_s of the last power on.

        power_cut: cut the power as soon as the stage for it has begun, and switch it on again.
        """
        cut_is_due = power_cut
        while self._machine.since() < deadline_s:
            self._look()
            if self.is_final:
                return True
            if not self._machine.is_on:
                self._check_qemu()
                return False
            if cut_is_due and any(e.get("type") == "stage.started" and e.get("stage") == CUT for e in self.events):
                cut_is_due = False
                self._machine.power_cut()
                self._step("power cut", "power", "cut, during the stage made for it")
                self.switch_on()
                self._say("power", "on again")
            time.sleep(_POLL_S)
        return False

    def _check_qemu(self) -> None:
        """Raise MachineError when QEMU has broken off, and not the guest switched itself off."""
        process = self._machine.process
        if process is not None and process.returncode:
            self._machine.wait_for(lambda: None, 0, f"{self.server} was healthy")

    def _look(self) -> None:
        if "kernel" not in self.seconds and _KERNEL.search(self._machine.console()):
            self._step("kernel", "kernel", "started")
        self.record = self._collector.get(self._path + self._query, missing={})
        if not self.record:
            return
        if "heard" not in self.seconds:
            self._step("heard", "runner", "heard of")
        events = self._collector.get(f"{self._path}/events{self._query}")["events"]
        for event in events[len(self.events) :]:
            self._told(event)
        self.events = events

    def _told(self, event: Event) -> None:
        """Say one event, at its own time if the guest's clock can be believed."""
        at, now = float(event.get("at", 0)), time.time()
        at = at if self._timeline.begin <= at <= now else now
        if event.get("type") == "state" and event.get("final"):
            self.seconds[str(event.get("state"))] = round(at - self._timeline.begin, 1)
            self._show(self._timeline.line(at, "server", str(event.get("state"))))
        elif event.get("type") in _SHOWN:
            for line in self._timeline.lines({**event, "at": at}):
                self._show(line)

    def _step(self, key: str, name: str, text: str) -> None:
        self.seconds[key] = round(time.monotonic() - self._began, 1)
        self._say(name, text)

    def _say(self, name: str, text: str) -> None:
        self._show(self._timeline.line(time.time(), name, text))
