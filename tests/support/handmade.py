"""Payloads made by hand, for tests of what comes after packing: no spec, but the real bundle and trigger."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import jinja2

from bootstrap import resources
from bootstrap.payload import pack
from bootstrap.payload.build import build
from bootstrap.payload.model import Payload
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.runner.contract import server_key

DEPLOY_ID = "20261120T120000-ab12cd"
REVISION = "0123456789ab"


def stage(name: str, text: str, **more: Any) -> dict[str, Any]:
    """One stage of a host plan; its digest is that of its text."""
    return {"name": name, "text": text, "digest": hashlib.sha256(text.encode()).hexdigest()[:16], **more}


@contextmanager
def whole_code() -> Iterator[None]:
    """Within this, every bundle holds all of the runner: packed once it serves all payloads, whatever they call."""
    form = (False, frozenset[str]())
    packed, sources = pack.packed, pack.sources
    with (
        patch.object(pack, "packed", lambda *_: packed(*form)),
        patch.object(pack, "sources", lambda *_: sources(*form)),
    ):
        yield


@cache
def cron_text() -> str:
    """The shipped cron entry, as render gives it to packing."""
    template = jinja2.Environment(keep_trailing_newline=True, autoescape=False).from_string(
        resources.text("cron/initialrunner.j2")
    )
    return template.render(mark="@MARK@", files="@FILES@", sha256="@SHA256@")


def payload(
    stages: Sequence[Mapping[str, Any]],
    *,
    server: str = "box-1",
    deploy_id: str = DEPLOY_ID,
    checks: Sequence[Mapping[str, Any]] = (),
    files: Sequence[RenderedFile] = (),
    report: tuple[str, bytes] | None = None,
    ca: str | None = None,
    units: bool = False,
    lean: int = 0,
    sign: Callable[[bytes], str] | None = None,
    sources: Sequence[str] | None = None,
    **plan: Any,
) -> Payload:
    """A payload of these stages.

    checks: of health; report: URL and the deployer's secret; ca: PEM text that it trusts; units: systemd's
    travel as files too; lean: without some verbs; sign: its signature; sources: the URLs of the runner's text, for a
    carrier in place of the bundle; plan: more of the host plan.
    """
    host_plan: dict[str, Any] = {
        "version": 1, "name": server.rsplit("-", 1)[0], "server": server, "deploy_id": deploy_id, "revision": REVISION,
        "deadline_s": 3600, "stages": [dict(entry) for entry in stages], **plan,
    }  # fmt: skip
    if checks:
        host_plan["health"] = {"checks": [dict(entry) for entry in checks]}
    if report:
        key = server_key(report[1], server, deploy_id)
        host_plan["report"] = {"url": report[0], "key": base64.b64encode(key).decode(), **({"ca": ca} if ca else {})}
    rendered = Rendered(server, deploy_id, REVISION, host_plan, tuple(files), cron_text())
    return build(rendered, units="apart" if units else "inside", lean=lean, sign=sign, sources=sources)
