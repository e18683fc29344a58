"""From a spec to the payload that is rehearsed: the real one, except for the URL of its reports."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.payload.build import build
from bootstrap.payload.model import Payload
from bootstrap.plan.direct import direct
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec.load import Spec, load

# Stands for the collector's URL as long as its port is not chosen.
_NOWHERE = "http://localhost"


@dataclass(frozen=True)
class Reports:
    """The collector of the rehearsal. host: of its url; secret: report keys are derived from it."""

    url: str
    host: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Prepared:
    """The payload of a rehearsal. secrets: values that must not be printed."""

    payload: Payload
    secrets: tuple[str, ...] = field(repr=False)


def read_spec(path: Path, overrides: tuple[str, ...], values_files: tuple[Path, ...]) -> Spec:
    """Read and check the spec. Raises SpecError with every problem."""
    return load(path, overrides=overrides, values_files=[str(file) for file in values_files])


def texts(spec: Spec, server: str, deploy_id: str) -> str:
    """All texts of the server's payload, secrets included: the plan as the host reads it, and every file."""
    rendered = render(resolve(spec, server=server, deploy_id=deploy_id, report_url=_NOWHERE), secret=bytes(32))
    files = [file.content.decode("utf-8", "replace") for file in rendered.files]
    return "\n".join([json.dumps(rendered.host_plan), rendered.cron, rendered.rc_local or "", *files])


def prepared(spec: Spec, server: str, deploy_id: str, reports: Reports | None) -> Prepared:
    """Build the server's payload as files to inject. reports None: it reports nowhere, whatever the spec says."""
    plan = resolve(spec, server=server, deploy_id=deploy_id, report_url=reports.url if reports else None)
    # The runner knows 127.0.0.1 as its own; the spec's proxy knows nothing of the rehearsal's collector.
    nowhere = dataclasses.replace(plan, report_url=None, report_ca=None)
    plan = direct(plan, reports.host) if reports else nowhere
    if plan.trigger == "systemd":
        # A copy has no systemd: cron starts the entry that a service would start on a server.
        plan = dataclasses.replace(plan, trigger="both")
    rendered = render(plan, secret=reports.secret if reports else None)
    # The runner's own units are left out: nothing in a copy would start them, and it has the cron entry.
    return Prepared(build(rendered, units="none"), rendered.secret_values)
