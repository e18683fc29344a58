"""The whole way on one machine: a spec's real payload, injected into a copy, run there, watched to its end."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bootstrap.client import timeline
from bootstrap.errors import CollectorError, ExitCode, UsageError
from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.rehearse import inject
from bootstrap.rehearse.clues import Clues
from bootstrap.rehearse.collector import Collector, unused_place
from bootstrap.rehearse.copy import Copy, cron_program
from bootstrap.rehearse.keeping import KeepFolder

_POLL_S = 0.05
# The report of the end may take so long: the runner sends it at once, and again after a second or two.
_REPORT_S = 30.0


@dataclass(frozen=True)
class Settings:
    """The options of `bootstrap rehearse`. Times in seconds.

    late: path -> seconds after the boot; brought: path -> content, the files that another hand brings (`wait_for`).
    cron: "fast" (a minute lasts a second) or "real". network: "none" or "host". keep: a new folder for the results.
    root: another root file system to copy in place of this machine's.
    """

    spec: Path
    server: str | None = None
    overrides: tuple[str, ...] = ()
    values_files: tuple[Path, ...] = ()
    late: Mapping[str, float] = field(default_factory=dict)
    brought: Mapping[str, bytes] = field(default_factory=dict)
    torn: bool = False
    order: str = "given"
    seed: int = 0
    inject_mode: int = 0o400
    cron: str = "fast"
    network: str = "none"
    root: Path | None = None
    timeout_s: float = 900.0
    report: bool = True
    keep: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """The end of a rehearsal. state: healthy, failed, off (somebody switched it off), or the last before the timeout.

    final: whether nothing more would have happened.
    """

    server: str
    deploy_id: str
    revision: str
    state: str
    final: bool
    took_s: float
    events: tuple[dict[str, Any], ...]

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of `bootstrap rehearse`."""
        if self.state == "healthy":
            return ExitCode.GOOD
        return ExitCode.FAILED if self.final else ExitCode.TIMEOUT

    def as_json(self) -> dict[str, Any]:
        """The same, for `--json`."""
        return {**dataclasses.asdict(self), "events": list(self.events)}


def rehearse(
    settings: Settings, *, show: Callable[[str], None], warn: Callable[[str], None], deploy_id: str
) -> Outcome:
    """Run the whole rehearsal; its outcome. Nothing stays behind but `keep`.

    show: called with each line of the timeline; warn: called with a warning before anything is started.

    Raises SpecError and PayloadError before anything is started, UsageError where this machine lacks something,
    HostError when the kernel refuses a copy.
    """
    if settings.cron == "real" and not cron_program(settings.root):
        raise UsageError("--cron real: no cron is installed here", hint="apt-get install cron, or use --cron fast")
    # YAML, pydantic and Jinja are imported only here: they read specs, and a payload made otherwise runs without them.
    from bootstrap.rehearse import prepare

    spec = prepare.read_spec(settings.spec, settings.overrides, settings.values_files)
    copy = Copy(settings.server or spec.example_server, network=settings.network, root=settings.root, units=True)
    with ExitStack() as stack:
        keep = stack.enter_context(KeepFolder(settings.keep)) if settings.keep else None
        collector = None
        if settings.report:
            texts = prepare.texts(spec, copy.server, deploy_id)
            place = unused_place(texts, is_shared=settings.network == "host")
            collector = Collector(copy, keep.folder / "collector" if keep else None, place=place)
        reports = prepare.Reports(collector.url, collector.address, collector.secret) if collector else None
        prepared = prepare.prepared(spec, copy.server, deploy_id, reports)
        steps = steps_of(prepared.payload, settings)
        if settings.network == "host":
            warn(network_warning(copy.server))
        stack.enter_context(copy)
        if collector is not None:
            stack.enter_context(collector)
        run = Run(copy, collector, prepared.payload, settings, show, prepared.secrets)
        # From here on there is something to look at, even if the rehearsal is interrupted.
        if keep is not None:
            keep.begun = True
        outcome = run.follow(steps)
        if keep is not None:
            keep.fill(copy, outcome.as_json())
    return outcome


def steps_of(payload: Payload, settings: Settings) -> tuple[inject.Step, ...]:
    """The steps by which all bytes arrive. Raises UsageError when `late` names a file that is not injected."""
    brought = tuple(InjectedFile(path, content) for path, content in settings.brought.items())
    return inject.schedule(
        (*brought, *payload.files), mode=settings.inject_mode, order=settings.order, seed=settings.seed,
        late=settings.late, torn=settings.torn,
    )  # fmt: skip


class Run:
    """One payload in one copy, from the first injected byte to the server's last state."""

    def __init__(
        self,
        copy: Copy,
        collector: Collector | None,
        payload: Payload,
        settings: Settings,
        show: Callable[[str], None],
        secrets: Iterable[str] = (),
    ) -> None:
        self.copy, self.collector, self.payload, self.settings, self.show = copy, collector, payload, settings, show
        self.clues = Clues(copy, secrets)
        self.timeline = timeline.Timeline(time.time())
        self.journal: list[dict[str, Any]] = []
        self.reboots = 0

    def follow(self, steps: tuple[inject.Step, ...]) -> Outcome:
        """Inject, boot, watch. The clock of the timeline starts at the boot."""
        # A cloud injects most files before the first boot, so these are no part of the timeline.
        early = [step for step in steps if step.at_s <= 0]
        for step in early:
            self._take(step)
        self.timeline.begin, start = time.time(), time.monotonic()
        self.show(self.timeline.line(self.timeline.begin, "boot", self._injected(steps)))
        self.copy.boot(cron=self.settings.cron)
        later = [step for step in steps if step.at_s > 0]
        while time.monotonic() - start < self.settings.timeout_s:
            while later and time.monotonic() - start >= later[0].at_s:
                self._arrived(later.pop(0))
            if self._news() == "off":
                return self._outcome("off", final=True)
            if self._ended():
                break
            soon = later[0].at_s - (time.monotonic() - start) if later else _POLL_S
            time.sleep(max(0.0, min(_POLL_S, soon)))
        return self._outcome(*timeline.final_state(self.journal))

    def _ended(self) -> bool:
        """Whether the journal has an end that the collector has taken, or has not taken in time, or there is none."""
        if not timeline.final_state(self.journal)[1]:
            return False
        if self.collector is None or timeline.final_state(self._heard())[1]:
            return True
        return time.time() - float(self.journal[-1]["at"]) > _REPORT_S

    def _outcome(self, state: str, final: bool) -> Outcome:
        events = self.journal
        if state == "failed":
            for name, text in self.clues.logs(events):
                for line in self.timeline.log(time.time(), name, text):
                    self.show(line)
        if self.collector is not None:
            events = self._heard()
            count = len(self.journal)
            reports = f"{count} events, each signed and taken by the collector"
            if len(events) < count:
                reports = f"only {len(events)} of {count} events have reached the collector"
            self.show(self.timeline.line(time.time(), "reports", reports))
        ended = float(self.journal[-1]["at"]) if final and self.journal and state != "off" else time.time()
        took_s = round(max(0.0, ended - self.timeline.begin), 3)
        return Outcome(self.copy.server, self.payload.deploy_id, self.payload.revision, state, final, took_s,
                       tuple(events))  # fmt: skip

    def _injected(self, steps: tuple[inject.Step, ...]) -> str:
        early = len({step.path for step in steps if step.at_s <= 0})
        late = len({step.path for step in steps}) - early
        size = sum(len(file.content) for file in self.payload.files)
        files = f"{early} file{'' if early == 1 else 's'}" + (f" and {late} later" if late else "")
        torn = " torn," if self.settings.torn else ""
        mode = f"mode {self.settings.inject_mode:04o}"
        return f"{files} injected ({size:,} bytes,{torn} {mode}), cron: {self.settings.cron}"

    def _take(self, step: inject.Step) -> None:
        if step.action == "place":
            self.copy.put(step.path, step.data, mode=step.mode)
        elif step.action == "hold":
            self.copy.hold(step.path, mode=step.mode)
        elif step.action == "chunk":
            self.copy.chunk(step.path, step.data)
        else:
            self.copy.release(step.path)

    def _arrived(self, step: inject.Step) -> None:
        self._take(step)
        if step.action in {"place", "release"}:
            self.show(self.timeline.line(time.time(), "injected", step.path))

    def _heard(self) -> list[dict[str, Any]]:
        """The events that the collector has taken."""
        assert self.collector is not None
        path = f"/v1/servers/{quote(self.copy.server)}/events?deploy_id={quote(self.payload.deploy_id)}"
        try:
            events: list[dict[str, Any]] = self.collector.get(path, missing={"events": []})["events"]
        except CollectorError:
            # A failure to read the events must not end a run that goes on.
            return []
        return events

    def _news(self) -> str:
        """Print all new events in the order in which they happened; "off" when somebody switched the copy off.

        The journal has its events at once; reports follow when the runner sends them. Reboots come from the copy
        itself. One that is younger than this reading of the journal waits for the next: the events that led to it may
        be missing in this one.
        """
        read_at = time.time()
        now, happened = self.copy.journal(), self.copy.status()["events"]
        off = bool(happened) and happened[-1]["type"] == "off"
        news = [(float(event["at"]), self.timeline.lines(event)) for event in now[len(self.journal) :]]
        for event in happened[self.reboots :]:
            at = float(event["at"])
            if at <= read_at or off:
                power = f"boot {event['boots']}" if event["type"] == "reboot" else "switched off"
                news.append((at, [self.timeline.line(at, "power", power)]))
                self.reboots += 1
        self.journal = now
        stuck = self.clues.stuck(now)
        if stuck:
            news.append((read_at, [self.timeline.line(read_at, "waiting", stuck)]))
        for _, lines in sorted(news, key=itemgetter(0)):
            for line in lines:
                self.show(line)
        return "off" if off else "on"


def network_warning(server: str) -> str:
    """The warning on stderr before a copy shares the machine's network."""
    return (
        f"WARNING: {server} shares THIS MACHINE'S NETWORK (--network host): its stages can reach every host and every "
        "local service that this machine can reach, and what they listen on is open here until the rehearsal ends."
    )
