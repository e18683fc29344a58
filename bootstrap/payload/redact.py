"""Blots out secret values wherever they stand, so that people can paste the output into a ticket."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MASK = "***"


def redact(value: Any, secrets: Iterable[str]) -> Any:
    """Return value (texts, lists, maps) without the secrets. The longest goes first: one may be in another."""
    ordered = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    return _walk(value, ordered)


def plan(host_plan: dict[str, Any]) -> dict[str, Any]:
    """Return a host plan without its secret values and without the key that signs reports."""
    report = host_plan.get("report", {})
    return dict(redact(host_plan, [*host_plan.get("secrets", []), report.get("key", "")]))


def _walk(value: Any, secrets: list[str]) -> Any:
    # Keys of maps are names that the spec gives, and no secret.
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {key: _walk(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(inner, secrets) for inner in value]
    return value
