"""From a spec to the payload that is rehearsed: the real one, but for where it reports to."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.payload.build import build
from bootstrap.payload.model import Payload
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec.load import Spec, load

_NOWHERE = "http://localhost"


@dataclass(frozen=True)
class Reports:
    """The collector of the rehearsal. host: of its url; secret: what report keys are derived from."""

    url: str
    host: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Prepared:
    """What is rehearsed. secrets: values that must not be shown."""

    payload: Payload
    secrets: tuple[str, ...] = field(repr=False)


def checked(path: Path, overrides: tuple[str, ...], values_files: tuple[Path, ...]) -> Spec:
    """The spec, read and checked. Raises SpecError with every problem."""
    return load(path, overrides=overrides, values_files=[str(file) for file in values_files])


def texts(spec: Spec, server: str, deploy_id: str) -> str:
    """All that the server's payload says, secrets included: the plan as the host reads it, and every file."""
    rendered = render(resolve(spec, server=server, deploy_id=deploy_id, report_url=_NOWHERE), secret=bytes(32))
    files = [file.content.decode("utf-8", "replace") for file in rendered.files]
    return "\n".join([json.dumps(rendered.host_plan), rendered.cron, rendered.rc_local or "", *files])


def prepared(spec: Spec, server: str, deploy_id: str, reports: Reports | None) -> Prepared:
    """The server's payload as files to inject. reports None: it reports nowhere, whatever the spec says."""
    plan = resolve(spec, server=server, deploy_id=deploy_id, report_url=reports.url if reports else None)
    if reports is None:
        plan = dataclasses.replace(plan, report_url=None, report_ca=None)
    elif plan.proxy:
        # The runner knows 127.0.0.1 as its own; the spec's proxy knows nothing of the rehearsal's collector.
        known = plan.proxy.get("no_proxy")
        first = known or next(iter(plan.proxy.values()))
        names = f"{known.value},{reports.host}" if known else reports.host
        direct = dataclasses.replace(first, value=names, rule=None)
        plan = dataclasses.replace(plan, proxy={**plan.proxy, "no_proxy": direct})
    if plan.trigger == "systemd":
        # A copy has no systemd: the entry that its service would start is cron's there.
        plan = dataclasses.replace(plan, trigger="both")
    rendered = render(plan, secret=reports.secret if reports else None)
    # No units of the runner's own: nothing in a copy would start them, and the entry of cron is there.
    return Prepared(build(rendered, units="none"), rendered.secret_values)
