"""The deploys of this machine: a table of all, and the steps of one. It reads, and repairs or locks nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.client.wording import table
from bootstrap.deploy.model import DeployPlan
from bootstrap.deploy.narration import Narration
from bootstrap.deploy.progress import Progress, Record
from bootstrap.deploy.summary import outcome, summary

COLUMNS = ["WHEN", "NAME", "DEPLOY", "REVISION", "OUTCOME", "OWED"]


@dataclass(frozen=True)
class Past:
    """One deploy as its folder tells it. file: the deploy file as it was named then."""

    plan: DeployPlan
    records: tuple[Record, ...]
    file: str = "FILE"

    @property
    def progress(self) -> Progress:
        """The picture after its last record."""
        progress = Progress(self.plan)
        for record in self.records:
            progress.take(record)
        return progress

    @property
    def outcome(self) -> str:
        """How it ended, in a few words."""
        code = self.progress.code
        if code is not None:
            # The column beside it says how many are owed.
            return outcome(code).partition(":")[0]
        # Whether a deployer is at work still, only the lease knows.
        return "has not ended" if self.records else "was not begun"

    def as_json(self) -> dict[str, Any]:
        """Return the facts of a row for programs."""
        progress = self.progress
        return {
            "deploy": self.plan.deploy_id,
            "name": self.plan.name,
            "begun": progress.begun,
            "ended": progress.at if progress.code is not None else None,
            "code": progress.code,
            "outcome": self.outcome,
            "revisions": {tier.name: tier.revision for tier in self.plan.tiers},
            "owed": progress.owed,
        }


def overview(pasts: Iterable[Past]) -> list[str]:
    """Return the table, the newest deploy first."""
    rows = [COLUMNS]
    for past in sorted(pasts, key=lambda past: past.plan.deploy_id, reverse=True):
        progress = past.progress
        revisions = ", ".join(dict.fromkeys(tier.revision for tier in past.plan.tiers))
        owed = str(len(progress.owed)) if progress.owed else "-"
        rows.append([_when(progress.begun), past.plan.name, past.plan.deploy_id, revisions, past.outcome, owed])
    return table(rows)


def timeline(past: Past) -> list[str]:
    """Return each step of a deploy as a line, the reasons of failures, and how it ended."""
    progress = Progress(past.plan)
    narration = Narration(progress)
    lines = []
    for record in past.records:
        progress.take(record)
        lines += narration.lines(record)
    if progress.code is None:
        steps = f"`bootstrap resume {past.plan.deploy_id}` goes on; with --rollback it turns back"
        return [*lines, "", f"{past.plan.name}: {past.outcome} (deploy {past.plan.deploy_id})", f"  next: {steps}"]
    return [*lines, "", *summary(progress, progress.code, past.file)]


def choose(pasts: Sequence[Past], deploy_id: str) -> Past | None:
    """Return the deploy of this id, or the only one whose id ends with this text."""
    matches = [past for past in pasts if past.plan.deploy_id == deploy_id]
    matches = matches or [past for past in pasts if past.plan.deploy_id.endswith(deploy_id)]
    return matches[0] if len(matches) == 1 else None


def _when(moment: float | None) -> str:
    return "-" if moment is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
