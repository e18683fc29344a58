"""What tells two clones apart: ids and ssh host keys, as their judges have seen them. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.trial.model import Clone, Judgement, error, ok

Facts = Mapping[str, str]


@dataclass(frozen=True)
class HostKey:
    """A private ssh host key of a clone. mode: its permission bits."""

    path: str
    mode: int
    fingerprint: str


def host_keys(facts: Facts) -> tuple[HostKey, ...]:
    """The ssh host keys that the judge has seen."""
    keys = []
    for text in numbered(facts, "key"):
        path, mode, fingerprint = [*text.split(), "", ""][:3]
        keys.append(HostKey(path, int(mode, 8) if re.fullmatch("[0-7]+", mode) else 0, fingerprint))
    return tuple(keys)


def numbered(facts: Facts, name: str) -> list[str]:
    """The facts whose keys are a name and a number, in order."""
    keys = [key for key in facts if re.fullmatch(rf"{name}\.[0-9]+", key)]
    return [facts[key] for key in sorted(keys, key=lambda key: int(key.rpartition(".")[2]))]


def compared(clones: Sequence[Clone]) -> list[Judgement]:
    """Judge the clones beside each other: none may share an identity."""
    shared = [finding for kind, values in _IDENTITIES.items() if (finding := _shared(kind, values, clones))]
    return shared or [ok("try.identity", f"{len(clones)} clones differ in machine id, boot id and host keys")]


_IDENTITIES: dict[str, Callable[[Facts], list[str]]] = {
    "machine id": lambda facts: list(filter(None, [facts.get("machine_id")])),
    "boot id": lambda facts: list(filter(None, [facts.get("boot_id")])),
    "ssh host key": lambda facts: [key.fingerprint for key in host_keys(facts) if key.fingerprint],
}


def _shared(kind: str, values: Callable[[Facts], list[str]], clones: Sequence[Clone]) -> Judgement | None:
    """The judgement of one kind of identity that several clones have; None when each has its own."""
    counted = Counter(value for clone in clones for value in set(values(clone.facts)))
    alike = [value for value, count in counted.items() if count > 1]
    if not alike:
        return None
    servers = " and ".join(clone.server for clone in clones if set(values(clone.facts)) & set(alike))
    return error(
        "try.identity",
        f"{servers} share {'an' if kind.startswith('ssh') else 'a'} {kind}",
        f"the image holds what each clone has to make for itself: {', '.join(sorted(alike))}",
        "seal the image before it is cloned: bootstrap seal ROOT --clean",
    )
