"""Reports as a host would send them: events, bodies and signatures made from the host's own contract."""

from __future__ import annotations

import json
from typing import Any

from bootstrap.runner import contract

SECRET = bytes(range(32))
DEPLOY = "20261120T120000-ab12cd"
JOURNAL = "j-0001"


def event(seq: int, kind: str, **fields: Any) -> dict[str, Any]:
    """One event; its clock is off by years, as clocks are at first boot."""
    return {"seq": seq, "at": 1000.0 + seq, "uptime_s": float(seq), "type": kind, **fields}


def numbered(*events: dict[str, Any], first: int = 1) -> list[dict[str, Any]]:
    """Events without numbers, numbered from `first`."""
    return [event(first + i, e["type"], **{k: v for k, v in e.items() if k != "type"}) for i, e in enumerate(events)]


def healthy_story(*stages: str) -> list[dict[str, Any]]:
    """The events of a server that becomes healthy."""
    story: list[dict[str, Any]] = [{"type": "started", "stages": list(stages)}, {"type": "state", "state": "running"}]
    for stage in stages:
        story.append({"type": "stage.started", "stage": stage, "attempt": 1})
        story.append(
            {"type": "stage.ended", "stage": stage, "result": "done", "attempt": 1, "took_s": 2.5, "exit_code": 0}
        )
    story += [{"type": "health", "ok": True, "passed": 3}, {"type": "state", "state": "healthy", "final": True}]
    return numbered(*story)


def failed_story(
    stage: str = "packages", tail: str = "Reading...\nE: Unable to locate package nope\n"
) -> list[dict[str, Any]]:
    """The events of a server whose stage fails for good with exit code 100 at its second attempt."""
    ended = {"type": "stage.ended", "stage": stage, "result": "failed", "exit_code": 100, "cause": "exit", "tail": tail}
    return numbered(
        {"type": "started", "stages": [stage, "site"]},
        {"type": "stage.started", "stage": stage, "attempt": 1},
        {**ended, "attempt": 1, "took_s": 1.5},
        {"type": "stage.started", "stage": stage, "attempt": 2},
        {**ended, "attempt": 2, "took_s": 2.5, "final": True},
        {"type": "state", "state": "failed", "final": True, "reason": f"{stage}: exit 100", "cause": "exit"},
    )


def body(
    events: list[dict[str, Any]],
    *,
    server: str = "web-1",
    deploy_id: str = DEPLOY,
    journal: str = JOURNAL,
    **more: Any,
) -> dict[str, Any]:
    """A report's body; more: other keys, or other values of these."""
    return {
        "version": 1,
        "server": server,
        "deploy_id": deploy_id,
        "journal": journal,
        "revision": "0123456789ab",
        "instance_id": "i-1",
        "boot_id": "b-1",
        "state": "running",
        "deadline_s": 3600,
        "events": events,
        **more,
    }


def sign(
    content: bytes,
    *,
    server: str = "web-1",
    deploy_id: str = DEPLOY,
    journal: str = JOURNAL,
    first: int = 1,
    secret: bytes = SECRET,
    key_of: str | None = None,
    timestamp: str = "86400",
) -> dict[str, str]:
    """The signature headers. key_of: whose key signs (a group, another server), the server's own when not given."""
    key = contract.server_key(secret, key_of or server, deploy_id)
    webhook_id = f"{server}/{deploy_id}/{journal}/{first}"
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": contract.signature(key, webhook_id, timestamp, content),
        "content-type": "application/json",
    }


def signed(
    events: list[dict[str, Any]],
    *,
    server: str = "web-1",
    deploy_id: str = DEPLOY,
    journal: str = JOURNAL,
    secret: bytes = SECRET,
    key_of: str | None = None,
    **more: Any,
) -> tuple[bytes, dict[str, str]]:
    """(content, headers) of a whole report."""
    content = json.dumps(body(events, server=server, deploy_id=deploy_id, journal=journal, **more)).encode()
    first = events[0]["seq"] if events else 1
    ids = {"server": server, "deploy_id": deploy_id, "journal": journal}
    return content, sign(content, first=first, secret=secret, key_of=key_of, **ids)
