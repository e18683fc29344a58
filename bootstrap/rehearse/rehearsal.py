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

from bootstrap.errors import CollectorError, ExitCode, UsageError
from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.rehearse import inject, timeline
from bootstrap.rehearse.clues import Clues
from bootstrap.rehearse.collector import Collector, out_of_the_way
from bootstrap.rehearse.copy import Copy, cron_program
from bootstrap.rehearse.keeping import Kept

_POLL_S = 0.05
# How long after the end its report may take: the runner sends it at once, and again after a second or two.
_REPORT_S = 30.0


@dataclass(frozen=True)
class Settings:
    """What to rehearse and how; the options of `bootstrap rehearse`. Times in seconds.

    late: path -> seconds after the boot; brought: path -> content, what another hand brings (`wait_for`).
    cron: "fast" (a minute lasts a second) or "real". network: "none" or "host". keep: a new folder for what is left.
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
    """How it ended. state: healthy, failed, off (somebody switched it off), or what it was when the time was over."""

    server: str
    deploy_id: str
    revision: str
    state: str
    final: bool
    took_s: float
    events: tuple[dict[str, Any], ...]

    @property
    def exit_code(self) -> ExitCode:
        """What `bootstrap rehearse` exits with."""
        if self.state == "healthy":
            return ExitCode.GOOD
        return ExitCode.FAILED if self.final else ExitCode.TIMEOUT

    def as_json(self) -> dict[str, Any]:
        """The same, for `--json`."""
        return {**dataclasses.asdict(self), "events": list(self.events)}


def rehearse(
    settings: Settings, *, show: Callable[[str], None], warn: Callable[[str], None], deploy_id: str
) -> Outcome:
    """Run it all and say how it ended; nothing is left behind but `keep`.

    show: takes each line of the timeline; warn: what has to be said loudly before anything is started.

    Raises SpecError and PayloadError before anything is started, UsageError where this machine lacks something,
    HostError when the kernel refuses a copy.
    """
    if settings.cron == "real" and not cron_program(settings.root):
        raise UsageError("--cron real: no cron is installed here", hint="apt-get install cron, or use --cron fast")
    # Only here: YAML, pydantic and Jinja are for reading specs, and a payload made otherwise runs without them.
    from bootstrap.rehearse import prepare

    spec = prepare.checked(settings.spec, settings.overrides, settings.values_files)
    copy = Copy(settings.server or spec.example_server, network=settings.network, root=settings.root, units=True)
    with ExitStack() as stack:
        kept = stack.enter_context(Kept(settings.keep)) if settings.keep else None
        collector = None
        if settings.report:
            texts = prepare.texts(spec, copy.server, deploy_id)
            place = out_of_the_way(texts, is_shared=settings.network == "host")
            collector = Collector(copy, kept.folder / "collector" if kept else None, place=place)
        reports = prepare.Reports(collector.url, collector.address, collector.secret) if collector else None
        prepared = prepare.prepared(spec, copy.server, deploy_id, reports)
        steps = steps_of(prepared.payload, settings)
        if settings.network == "host":
            warn(loud_about_the_network(copy.server))
        stack.enter_context(copy)
        if collector is not None:
            stack.enter_context(collector)
        run = Run(copy, collector, prepared.payload, settings, show, prepared.secrets)
        if kept is not None:
            kept.begun = True
        outcome = run.follow(steps)
        if kept is not None:
            kept.fill(copy, outcome.as_json())
    return outcome


def steps_of(payload: Payload, settings: Settings) -> tuple[inject.Step, ...]:
    """When each byte arrives. Raises UsageError where `late` names what is not injected."""
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
        early = [step for step in steps if step.at_s <= 0]
        for step in early:
            self._take(step)
        self.timeline.begin, start = time.time(), time.monotonic()
        self.show(self.timeline.said(self.timeline.begin, "boot", self._injected(steps)))
        self.copy.boot(cron=self.settings.cron)
        left = [step for step in steps if step.at_s > 0]
        while time.monotonic() - start < self.settings.timeout_s:
            while left and time.monotonic() - start >= left[0].at_s:
                self._arrived(left.pop(0))
            if self._news() == "off":
                return self._outcome("off", final=True)
            if self._ended():
                break
            soon = left[0].at_s - (time.monotonic() - start) if left else _POLL_S
            time.sleep(max(0.0, min(_POLL_S, soon)))
        return self._outcome(*timeline.final_state(self.journal))

    def _ended(self) -> bool:
        """Whether the journal has an end and, if there is a collector, it has taken it (or does not in good time)."""
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
            said = f"{count} events, each signed and taken by the collector"
            if len(events) < count:
                said = f"only {len(events)} of {count} events have reached the collector"
            self.show(self.timeline.said(time.time(), "reports", said))
        ended = float(self.journal[-1]["at"]) if final and self.journal and state != "off" else time.time()
        took_s = round(max(0.0, ended - self.timeline.begin), 3)
        return Outcome(self.copy.server, self.payload.deploy_id, self.payload.revision, state, final, took_s,
                       tuple(events))  # fmt: skip

    def _injected(self, steps: tuple[inject.Step, ...]) -> str:
        early = len({step.path for step in steps if step.at_s <= 0})
        late = len({step.path for step in steps}) - early
        size = sum(len(file.content) for file in self.payload.files)
        files = f"{early} file{'' if early == 1 else 's'}" + (f" and {late} later" if late else "")
        how = " torn," if self.settings.torn else ""
        mode = f"mode {self.settings.inject_mode:04o}"
        return f"{files} injected ({size:,} bytes,{how} {mode}), cron: {self.settings.cron}"

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
            self.show(self.timeline.said(time.time(), "injected", step.path))

    def _heard(self) -> list[dict[str, Any]]:
        """The events that the collector has taken."""
        assert self.collector is not None
        path = f"/v1/servers/{quote(self.copy.server)}/events?deploy_id={quote(self.payload.deploy_id)}"
        try:
            found: list[dict[str, Any]] = self.collector.get(path, missing={"events": []})["events"]
        except CollectorError:
            # The rehearsal's own reading must not end a run that goes on.
            return []
        return found

    def _news(self) -> str:
        """Show what is new, in the order it happened; "off" when somebody switched the copy off.

        The journal has its events at once, reports follow when the runner sends them. Reboots come from the copy
        itself: one that is younger than the look into the journal waits for the next look, since what led to it may
        be missing in this one.
        """
        looked = time.time()
        now, happened = self.copy.journal(), self.copy.status()["events"]
        off = bool(happened) and happened[-1]["type"] == "off"
        news = [(float(event["at"]), self.timeline.lines(event)) for event in now[len(self.journal) :]]
        for event in happened[self.reboots :]:
            at = float(event["at"])
            if at <= looked or off:
                said = f"boot {event['boots']}" if event["type"] == "reboot" else "switched off"
                news.append((at, [self.timeline.said(at, "power", said)]))
                self.reboots += 1
        self.journal = now
        stuck = self.clues.stuck(now)
        if stuck:
            news.append((looked, [self.timeline.said(looked, "waiting", stuck)]))
        for _, lines in sorted(news, key=itemgetter(0)):
            for line in lines:
                self.show(line)
        return "off" if off else "on"


def loud_about_the_network(server: str) -> str:
    """What to say on stderr before a copy shares the machine's network."""
    return (
        f"WARNING: {server} shares THIS MACHINE'S NETWORK (--network host): its stages can reach every host and every "
        "local service that this machine can reach, and what they listen on is open here until the rehearsal ends."
    )
