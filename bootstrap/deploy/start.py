"""Puts a deployer together: deploy file, drivers, right to deploy, plan, preflight, state; and one that goes on.

    with prepared(Wish(Path("shop.yaml")), state) as work:
        ending = work.run(print)

Everything that can be refused is refused before the first server is made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.deploy import observe, preflight, previous, sources
from bootstrap.deploy.cloud import Cloud, open_cloud
from bootstrap.deploy.faults import Fault
from bootstrap.deploy.file import DeployFile
from bootstrap.deploy.journal import FileLog, Journal, Log, Record
from bootstrap.deploy.model import DeployPlan
from bootstrap.deploy.payloads import SpecPayloads, stand_in_values
from bootstrap.deploy.plan import make_plan
from bootstrap.deploy.preflight import Findings
from bootstrap.deploy.protocols import Payloads
from bootstrap.deploy.roll import Deployer, Ending
from bootstrap.deploy.signals import Stop
from bootstrap.deploy.state import Deploys, Folder
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.plan.deploy_id import new_deploy_id
from bootstrap.targets.table import USER_DATA

DEPLOYS = "deploys"


@dataclass(frozen=True)
class Wish:
    """What the user asks for."""

    file: Path
    overrides: Sequence[str] = ()
    values_files: Sequence[Path] = ()
    secret_file: Path | None = None
    previous: bool = False
    leave_old: bool = False


@dataclass(frozen=True)
class Prepared:
    """A roll-out that can begin, or go on. sizes: by tier, what its payload takes; records: of its journal so far."""

    deploy_file: DeployFile
    plan: DeployPlan
    cloud: Cloud
    payloads: Payloads
    stop: Stop
    leave_old: bool = False
    sizes: Mapping[str, str] = field(default_factory=dict)
    records: tuple[Mapping[str, Any], ...] = ()
    _log: Callable[[], Log] = field(repr=False, default=lambda: MemoryLog())

    def run(self, observe: Callable[[Record], None], act: Callable[[Deployer], Ending] = Deployer.deploy) -> Ending:
        """Do it. observe: gets each new record; act: the deployer's method. Ctrl-C is heard. Raises Left."""
        outside = self.cloud.outside
        with self.stop.listening():
            journal = Journal(self._log(), outside.now, observe)
            deployer = Deployer(
                self.plan, journal, self.cloud.servers, self.cloud.pools, outside, self.cloud.lease, self.payloads,
                leave_old=self.leave_old,
            )  # fmt: skip
            return act(deployer)


class MemoryLog:
    """A journal that nobody keeps: the marks of the servers are enough to begin again."""

    def __init__(self) -> None:
        self._text = b""

    def read(self) -> bytes:
        return self._text

    def append(self, line: bytes) -> None:
        self._text += line

    def cut(self, size: int) -> None:
        self._text = self._text[:size]


@contextlib.contextmanager
def prepared(wish: Wish, state: Path, *, dry_run: bool = False) -> Iterator[Prepared]:
    """Load, open and judge everything; the right to deploy is held until the end. dry_run: it is not taken.

    Raises SpecError for the file, Refused with all that is wrong elsewhere, Lost with the holder of the right.
    """
    deploys, deploy_id, stop = Deploys(state / DEPLOYS), new_deploy_id(), Stop()
    deploy_file, kept = sources.record(wish.file, overrides=wish.overrides, values_files=wish.values_files)
    findings = Findings()
    secret = _secret(deploy_file, wish.secret_file, findings)
    cloud = open_cloud(deploy_file, deploy_id, state, stop, findings)
    if cloud is not None and not findings.is_empty:
        # One more look, so that all reasons are there at once.
        preflight.judge_pools(findings, make_plan(deploy_file, deploy_id), cloud.pools)
    findings.end()
    assert cloud is not None
    with held(cloud, take=not dry_run):
        plan = _observed(make_plan(deploy_file, deploy_id), cloud, findings)
        if wish.previous:
            plan, deploy_file, kept, cloud = _back(plan, deploy_file, kept, cloud, deploys)
        payloads = SpecPayloads(deploy_file, plan.deploy_id, secret)
        sizes = _judge(findings, deploy_file, plan, cloud, payloads)

        def log() -> Log:
            folder = deploys.make(plan.deploy_id)
            folder.keep(plan, kept)
            return FileLog(folder.journal)

        yield Prepared(deploy_file, plan, cloud, payloads, stop, wish.leave_old, sizes, (), log)


@contextlib.contextmanager
def resumed(
    folder: Folder,
    state: Path,
    secret_file: Path | None = None,
    *,
    show: Callable[[str], None] = lambda text: None,
) -> Iterator[Prepared]:
    """A roll-out whose folder is on this machine, as it stands there; the right to deploy is held until the end.

    Raises UsageError when it has ended, or when a later deploy has replaced what it has made.
    """
    from bootstrap.deploy.summary import outcome

    code = folder.code
    if code is not None:
        raise UsageError(
            f"deploy {folder.deploy_id} has ended: {outcome(code)}",
            hint=f"`bootstrap reap {folder.deploy_id}` deletes what it has left; `deploy FILE --previous` goes back",
        )
    plan, deploy_file, stop, findings = folder.plan(), folder.sources().load(), Stop(), Findings()
    secret = _secret(deploy_file, secret_file, findings)
    cloud = open_cloud(deploy_file, plan.deploy_id, state, stop, findings, show)
    findings.end()
    assert cloud is not None
    with held(cloud, take=True):
        _judge_overtaken(plan, cloud, Deploys(state / DEPLOYS))
        payloads = SpecPayloads(deploy_file, plan.deploy_id, secret)
        yield Prepared(
            deploy_file, plan, cloud, payloads, stop,
            records=tuple(folder.records()),
            _log=lambda: FileLog(folder.journal),
        )  # fmt: skip


def _secret(deploy_file: DeployFile, secret_file: Path | None, findings: Findings) -> bytes | None:
    """The deployer's secret, and a look at the secrets of the specs: all that cannot be read is found now."""
    from bootstrap.secret import read_secret, read_secret_if_named

    for problem in sources.missing_secrets(deploy_file):
        findings.add(problem.message, problem.hint)
    try:
        return read_secret(secret_file) if deploy_file.reports else read_secret_if_named(secret_file)
    except UsageError as error:
        findings.take(error)
        return None


@contextlib.contextmanager
def held(cloud: Cloud, *, take: bool) -> Iterator[None]:
    """Hold the right to deploy."""
    if take:
        cloud.lease.take()
    try:
        yield
    finally:
        # After a kill nobody comes here, and the right ends by itself.
        cloud.lease.release()


def _observed(plan: DeployPlan, cloud: Cloud, findings: Findings) -> DeployPlan:
    """The plan with the servers that are there now. Raises Refused."""
    preflight.judge_pools(findings, plan, cloud.pools)
    findings.end()
    try:
        return observe.with_old(plan, cloud.servers, cloud.pools)
    except Fault as fault:
        raise refused(f"the cloud cannot be asked for its servers: {fault.message}") from fault


def _judge_overtaken(plan: DeployPlan, cloud: Cloud, deploys: Deploys) -> None:
    """Refuse to go on with a deploy after which another one began: its servers would come back. Raises UsageError."""
    try:
        marks = [s.marks for tier in plan.tiers for s in observe.marked(cloud.servers, tier)]
    except Fault as fault:
        raise refused(f"the cloud cannot be asked for its servers: {fault.message}") from fault
    # A swap back makes no servers with marks of its own; the folders of this machine know of it.
    ids = [mark.deploy for mark in marks if mark is not None] + [f.deploy_id for f in deploys.of(plan.name)]
    if max(ids, default="") > plan.deploy_id:
        raise UsageError(
            f"deploy {plan.deploy_id} was overtaken by deploy {max(ids)}",
            hint=f"`bootstrap reap {plan.deploy_id}` deletes what it has left",
        )


def _back(
    plan: DeployPlan, deploy_file: DeployFile, kept: sources.Sources, cloud: Cloud, deploys: Deploys
) -> tuple[DeployPlan, DeployFile, sources.Sources, Cloud]:
    """The plan of `--previous`: the servers before these, where they still exist, else made again from kept sources."""
    back = previous.swapped_back(plan, previous.counts_of(plan, deploys))
    if back is not None:
        return back, deploy_file, kept, cloud
    folder = previous.last_good(plan, deploys)
    kept = folder.sources()
    earlier = kept.load()
    # Its pools may have had other names or ports than those of today.
    cloud = cloud.with_pools_of(earlier, deploy_file)
    again = make_plan(earlier, plan.deploy_id)
    return observe.with_old(again, cloud.servers, cloud.pools), earlier, kept, cloud


def _judge(
    findings: Findings, deploy_file: DeployFile, plan: DeployPlan, cloud: Cloud, payloads: SpecPayloads
) -> dict[str, str]:
    """Ask for everything that the roll-out will ask for, and change nothing. Raises Refused; by tier, the sizes."""
    values = {tier.name: stand_in_values(plan, tier) for tier in plan.tiers}
    wanted = preflight.requests(plan, payloads, values)
    preflight.judge_servers(findings, cloud.servers, wanted)
    findings.end()
    settings: dict[str, Any] = deploy_file.settings(deploy_file.model.cloud.servers)
    channel, provider = settings.get("channel", USER_DATA.name), settings.get("provider")
    first = {request.marks.pool: request for request in reversed(wanted)}
    return {
        tier.name: preflight.size_text(first[tier.pool].payload.rendering, channel, provider)
        for tier in plan.tiers
        if tier.pool in first
    }


def refused(message: str) -> BootstrapError:
    """The refusal of a roll-out for one reason."""
    findings = Findings()
    findings.add(message)
    try:
        findings.end()
    except preflight.Refused as refused:
        return refused
    raise AssertionError("a finding was added")
