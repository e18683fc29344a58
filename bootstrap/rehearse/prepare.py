"""From a spec to the payload that is rehearsed: the real one, but for where it reports to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.payload.build import build
from bootstrap.payload.model import Payload
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec.load import Spec, load


@dataclass(frozen=True)
class Reports:
    """The collector of the rehearsal. secret: what report keys are derived from."""

    url: str
    secret: bytes = field(repr=False)


def checked(path: Path, overrides: tuple[str, ...], values_files: tuple[Path, ...]) -> Spec:
    """The spec, read and checked. Raises SpecError with every problem."""
    return load(path, overrides=overrides, values_files=[str(file) for file in values_files])


def payload(spec: Spec, server: str, deploy_id: str, reports: Reports | None) -> Payload:
    """The server's payload as files to inject. reports None: it reports nowhere, whatever the spec says."""
    plan = resolve(spec, server=server, deploy_id=deploy_id, report_url=reports.url if reports else None)
    if reports is None:
        plan = dataclasses.replace(plan, report_url=None, report_ca=None)
    if plan.trigger == "systemd":
        # A copy has no systemd: the entry that its service would start is cron's there.
        plan = dataclasses.replace(plan, trigger="both")
    return build(render(plan, secret=reports.secret if reports else None))
