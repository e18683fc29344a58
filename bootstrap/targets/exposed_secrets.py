"""Secrets that a target would show to every user of the host."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.errors import Problem
from bootstrap.spec.load import Spec
from bootstrap.targets import table


def exposed(spec: Spec, targets: Iterable[str], ways: Iterable[str] = ()) -> list[Problem]:
    """Return a warning for each secret and the targets that would show it: all secrets travel in the bundle.

    ways: where no target is chosen, those that a provider has. They are warned of only when none of them is closed.
    """
    chosen = list(dict.fromkeys(targets)) or list(dict.fromkeys(ways))
    # A bundle that any process can read gives its secrets away to each of them, root's or not.
    open_ones = [name for name in chosen if table.BY_NAME[name].is_read_by_all]
    if not open_ones or (not targets and open_ones != chosen):
        return []
    names = " and ".join(open_ones)
    closed = f"{table.PERSONALITY.name} or {table.TREE.name}"
    hint = f"deliver it by {closed}, or let the host fetch it; block the metadata service for others"
    # This is no error, since only the user knows whether others can log in.
    return [
        Problem(
            "payload.exposed",
            f"secrets.{name}: in {names} every user of the host can read it, from the metadata service",
            spec.where("secrets", name),
            hint,
            "warning",
        )
        for name in spec.model.secrets
    ]
