"""Asks for the present state of servers, once: of those that are named, or of all."""

from __future__ import annotations

from functools import partial
from typing import Any

from bootstrap.client.collector import Collector, patiently
from bootstrap.errors import UsageError

# Longer than a collector needs to start again, shorter than somebody at a terminal would wait.
PATIENCE_S = 5.0


def every(client: Collector, deploy_id: str | None = None) -> list[dict[str, Any]]:
    """Return all servers in their current deploys, or those of one deploy."""
    servers: list[dict[str, Any]] = patiently(lambda: client.servers(deploy_id), PATIENCE_S)
    return servers


def named(client: Collector, names: list[tuple[str, str | None]]) -> list[dict[str, Any]]:
    """Return each server by its name and deploy id, or None for its newest; for a group (`web-*`) its members.

    Raises UsageError with all that nothing has been heard of.
    """
    entries: list[dict[str, Any]] = []
    # All unknown names are reported at once, by deploy.
    unknown: dict[str | None, list[str]] = {}
    for name, deploy_id in names:
        if name.endswith("*"):
            members = patiently(partial(client.servers, deploy_id, group=name), PATIENCE_S)
        else:
            server = patiently(partial(client.server, name, deploy_id), PATIENCE_S)
            members = [server] if server else []
        entries += members
        if not members:
            unknown.setdefault(deploy_id, []).append(name)
    if unknown:
        clauses = [
            f"{', '.join(absent)}{f' in deploy {deploy_id}' if deploy_id else ''}"
            for deploy_id, absent in unknown.items()
        ]
        hint = "`bootstrap status` lists those that have reported"
        raise UsageError(f"nothing has been heard of {'; '.join(clauses)}", hint=hint)
    return entries
