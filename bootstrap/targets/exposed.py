"""Secrets that a target would show to every user of the host."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.errors import Problem
from bootstrap.spec.load import Spec

# What the metadata service hands to any process of the host, root's or not. A stub is as good as what it fetches.
READ_BY_ALL = ("user-data", "cloud-config", "stub")


def exposed(spec: Spec, targets: Iterable[str], ways: Iterable[str] = ()) -> list[Problem]:
    """A warning for each secret and the targets that would show it: all of them travel in the bundle.

    ways: where no target is chosen, those that a provider has; told of only when there is no better one.
    """
    chosen = list(dict.fromkeys(targets)) or list(dict.fromkeys(ways))
    open_ones = [target for target in chosen if target in READ_BY_ALL]
    if not targets and open_ones != chosen:
        return []
    if not open_ones:
        return []
    shown = " and ".join(open_ones)
    hint = "deliver it by personality or tree, or let the host fetch it; block the metadata service for others"
    return [
        Problem(
            "payload.exposed",
            f"secrets.{name}: in {shown} every user of the host can read it, from the metadata service",
            spec.where("secrets", name),
            hint,
            "warning",
        )
        for name in spec.model.secrets
    ]
