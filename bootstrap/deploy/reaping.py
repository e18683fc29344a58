"""Puts together what `reap` needs: a deploy as the marks of its servers and the pools tell it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.deploy.cloud import open_cloud
from bootstrap.deploy.faults import Fault
from bootstrap.deploy.file import DeployFile
from bootstrap.deploy.journal import FileLog, Journal, Record
from bootstrap.deploy.payloads import SpecPayloads
from bootstrap.deploy.plan import make_plan
from bootstrap.deploy.preflight import Findings
from bootstrap.deploy.reap import judge
from bootstrap.deploy.roll import Deployer, Ending
from bootstrap.deploy.signals import Stop
from bootstrap.deploy.start import DEPLOYS, Prepared, held, refused
from bootstrap.deploy.state import Deploys, Folder
from bootstrap.errors import ExitCode, UsageError
from bootstrap.plan.deploy_id import new_deploy_id


@dataclass(frozen=True)
class Reaping:
    """What `reap` would do. goes: (name, reason) of each server that is to be deleted; folder: None without one."""

    work: Prepared
    is_complete: bool
    reason: str
    goes: tuple[tuple[str, str], ...]
    folder: Folder | None = None

    def run(self, observe: Callable[[Record], None]) -> Ending:
        """Do it: finish a deploy that has come through, take back another."""
        reason = self.reason

        def act(deployer: Deployer) -> Ending:
            return deployer.finish(reason) if self.is_complete else deployer.roll_back(reason)

        ending = self.work.run(observe, act)
        if self.folder is not None and ending.code != ExitCode.OWED:
            _settle(self.folder, ending, self.work.cloud.outside.now())
        return ending


@contextlib.contextmanager
def by_marks(
    deploy_file: DeployFile,
    state: Path,
    deploy_id: str | None,
    *,
    dry_run: bool,
    show: Callable[[str], None] = lambda text: None,
) -> Iterator[Reaping]:
    """A deploy as its servers tell it, for a machine that may have nothing else.

    Raises UsageError when no server carries its marks, Refused, and Lost with the holder of the right.
    """
    stop, findings = Stop(), Findings()
    plan = make_plan(deploy_file, deploy_id or new_deploy_id())
    cloud = open_cloud(deploy_file, plan.deploy_id, state, stop, findings, show)
    findings.end()
    assert cloud is not None
    with held(cloud, take=not dry_run):
        try:
            judgement = judge(plan, cloud.servers, cloud.pools, deploy_id)
        except Fault as fault:
            raise refused(f"the cloud cannot be asked: {fault.message}") from fault
        judged = judgement.plan
        work = Prepared(deploy_file, judged, cloud, SpecPayloads(deploy_file, judged.deploy_id), stop)
        folder = _folder(state, judged.deploy_id)
        yield Reaping(work, judgement.is_complete, judgement.reason, judgement.goes, folder)


def _folder(state: Path, deploy_id: str) -> Folder | None:
    """The folder of a deploy on this machine, if there is one."""
    try:
        return Deploys(state / DEPLOYS).find(deploy_id)
    except UsageError:
        return None


def _settle(folder: Folder, ending: Ending, at: float) -> None:
    """Note in the deploy's own journal that nothing of it is left: nobody goes on with it, or lists it as owed."""
    try:
        journal = Journal(FileLog(folder.journal), lambda: at)
    except UsageError:
        # A damaged journal is a reason to reap, and stays as it is.
        return
    for server in sorted(journal.recall.owed):
        journal.add("paid", server=server)
    turned = journal.recall.turned
    journal.add("ended", code=int(turned["code"]) if turned else ending.code)
