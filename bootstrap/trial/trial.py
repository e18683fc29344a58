"""The trial of an image: a throwaway copy is booted with a payload, watched, and judged from inside."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.client.own_collector import OwnCollector
from bootstrap.client.wording import span
from bootstrap.errors import UsageError
from bootstrap.plan.deploy_id import new_deploy_id
from bootstrap.targets.seed import instance_id_of
from bootstrap.trial import disk, handover, payload, unhealthy, verdict
from bootstrap.trial.folder import COLLECTOR, VOLUME, trial_folder
from bootstrap.trial.identities import compared
from bootstrap.trial.machine import COLLECTOR_HOSTS, Machine, Start
from bootstrap.trial.metadata import MetadataService
from bootstrap.trial.model import Clone, Judgement, Outcome, Settings
from bootstrap.trial.remains import Remains, examine
from bootstrap.trial.source import Source, Traits, choose, look
from bootstrap.trial.watch import Watch

if TYPE_CHECKING:
    from bootstrap.api import Project
    from bootstrap.rendering import Rendering

# Injected files are written into a raw copy; an overlay that costs nothing serves all other ways.
_INJECTED = "files"


def try_image(settings: Settings, *, show: Callable[[str], None] = lambda line: None) -> Outcome:
    """Boot throwaway copies of an image, hand each a payload, and judge what comes of it. The image stays as it is.

    show: called with a line for each step. Raises UsageError for an image or a source that cannot be tried and for a
    missing program, SpecError and PayloadError for the payload, MachineError where QEMU does not start.
    """
    with trial_folder(settings.keep) as own:
        folder = own.path
        image, traits = _opened(settings, folder / "image")
        # What cannot be tried is refused before anything is started.
        source = choose(settings.source, traits, signed=settings.signer is not None)
        project = payload.load(settings.spec, settings.overrides, settings.values_files, folder)
        trial = _Trial(replace(settings, image=image), source, project, show)
        outcome = replace(trial.run(folder), image=str(settings.image))
        outcome = replace(outcome, findings=(*_lived(traits), *outcome.findings))
        own.stays = outcome.verdict != "good"
        return replace(outcome, kept=str(settings.keep)) if own.stays and settings.keep else outcome


class _Trial:
    """What all clones of a trial share."""

    def __init__(self, settings: Settings, source: Source, project: Project, show: Callable[[str], None]) -> None:
        self.settings, self.source, self.project, self.show = settings, source, project, show
        self.deploy_id = new_deploy_id()
        self.by_metadata = source.name in handover.BY_METADATA
        self.host = COLLECTOR_HOSTS["metadata" if self.by_metadata else "user"]

    def run(self, folder: Path) -> Outcome:
        """Boot one clone after the other, until one is not healthy."""
        clones: list[Clone] = []
        base = self.project.spec.example_server.removesuffix("-1")
        with OwnCollector(
            ("127.0.0.1", 0), folder / COLLECTOR, allow_hosts=[self.host], purpose="the trial's"
        ) as self.collector:
            for number in range(1, self.settings.clones + 1):
                clones.append(self.clone(f"{base}-{number}", folder / str(number)))
                # Two that were healthy can be compared, whatever else was judged.
                if not clones[-1].facts or "healthy" not in clones[-1].seconds:
                    break
        together = compared(clones) if len(clones) > 1 else []
        return Outcome("", str(self.source), tuple(clones), tuple(together))

    def clone(self, server: str, folder: Path) -> Clone:
        """Boot one server, watch it to its end or to the deadline, and judge it."""
        folder.mkdir()
        start = disk.opened(self.settings.image, folder, raw=self.source.name == _INJECTED)
        gift = handover.hand_over(self.source, self._payload(server))
        if gift.volume:
            (folder / VOLUME).touch(mode=0o600)
            (folder / VOLUME).write_bytes(gift.volume)
        if gift.files:
            disk.inject(start, gift.files)
        with ExitStack() as stack:
            service = stack.enter_context(MetadataService(gift.metadata)) if self.by_metadata else None
            machine = stack.enter_context(self._machine(start, folder, server, service))
            watch = Watch(machine, self.collector, server, self.deploy_id, self.show)
            watch.switch_on()
            is_final = watch.until_end(self.settings.deadline_s, power_cut=self.settings.power_cut)
            return self._judged(watch, machine, is_final=is_final)

    def _machine(self, start: Start, folder: Path, server: str, service: MetadataService | None) -> Machine:
        return Machine(
            start,
            folder,
            # Debian's kernel for clouds has no AHCI, so a CD of QEMU's usual machine would not be seen: a disk is.
            drives=[folder / VOLUME] if self.source.name in handover.ON_A_VOLUME else [],
            # A cloud says the same id in its metadata and in the machine's firmware.
            uuid=instance_id_of(self.deploy_id, server),
            memory_mib=self.settings.memory_mib,
            network="metadata" if self.by_metadata else "user",
            metadata_port=service.port if service else None,
        )

    def _payload(self, server: str) -> Rendering:
        reports = payload.Reports(f"http://{self.host}:{self.collector.port}", self.host, self.collector.secret)
        return payload.build(
            self.project,
            server,
            self.deploy_id,
            reports,
            require=self.settings.require,
            power_cut=self.settings.power_cut,
            deadline_s=self.settings.deadline_s,
            signer=self.settings.signer,
        )

    def _judged(self, watch: Watch, machine: Machine, *, is_final: bool) -> Clone:
        facts = verdict.facts_of(watch.events)
        if not is_final or watch.record.get("state") != "healthy":
            return self._not_healthy(watch, machine, facts, is_final=is_final)
        findings = self._findings(facts, watch.events, watch)
        is_good = not any(finding.is_error for finding in findings)
        console = () if is_good else unhealthy.tail(machine.console())
        return Clone(
            watch.server, "good" if is_good else "failed", tuple(findings), facts, watch.seconds, console=console
        )

    def _not_healthy(self, watch: Watch, machine: Machine, facts: dict[str, str], *, is_final: bool) -> Clone:
        is_off, log, took = not machine.is_on, "", span(self.settings.deadline_s)
        # Without a serial console the screen may say more.
        console = machine.console(all_boots=True)
        console = console if console.strip() else machine.screen()
        machine.power_cut()
        findings: list[Judgement] = []
        if is_final:
            finding, log = unhealthy.failure(watch.record, watch.events)
        elif is_off:
            finding = unhealthy.off(watch.server, watch.record, console)
        elif watch.record:
            finding = unhealthy.late(watch.server, watch.record, watch.events, console, took)
        else:
            remains = _remains(machine)
            source, is_baked = str(self.source), self.source.is_baked
            finding = unhealthy.never_heard(watch.server, source, console, took, remains, is_baked=is_baked)
            if remains is not None and (facts := verdict.facts_of(remains.events)):
                # Its judge has spoken, and nobody heard: why may be among what it said.
                findings = [entry for entry in self._findings(facts, remains.events, watch) if entry.severity != "ok"]
        state = "failed" if is_final or is_off else "late"
        return Clone(
            watch.server, state, (finding, *findings), facts, watch.seconds, log, unhealthy.tail(console)
        )

    def _findings(self, facts: dict[str, str], events: Sequence[Mapping[str, Any]], watch: Watch) -> list[Judgement]:
        return verdict.judged(
            facts, events, server=watch.server, powered_on_at=watch.powered_on_at, power_cut=self.settings.power_cut,
            by_metadata=self.by_metadata,
        )  # fmt: skip


def _remains(machine: Machine) -> Remains | None:
    folder = machine.folder / "remains"
    folder.mkdir()
    try:
        return examine(machine.start, folder)
    finally:
        shutil.rmtree(folder)


def _opened(settings: Settings, folder: Path) -> tuple[Path, Traits]:
    """The disk to make clones of, and its traits. A root folder is made a disk once, for all of them.

    Raises UsageError for an image that cannot be looked into, unless --source has said how it takes a payload.
    """
    image = settings.image
    folder.mkdir()
    # A raw copy, since a qcow2 file would be converted for each file that is read.
    start = disk.opened(image, folder, raw=True)
    try:
        traits = look(lambda path: disk.read(start, path))
    except UsageError as error:
        if settings.source is None:
            hint = "say with --source how its clones get their payload: nocloud, config-drive, openstack or ec2"
            raise UsageError(error.message, hint=hint) from error
        traits = Traits()
    if image.is_dir():
        return start.disk, traits
    shutil.rmtree(folder)
    return image, traits


def _lived(traits: Traits) -> list[Judgement]:
    if not traits.lived:
        return []
    return [
        Judgement(
            "try.lived",
            f"the image has {traits.lived}",
            "error",
            "a payload has run in it, and a clone believes that it was its own",
            "seal the image before it is cloned: bootstrap seal ROOT --clean",
        )
    ]
