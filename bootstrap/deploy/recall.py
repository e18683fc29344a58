"""What the journal says so far, kept up with each record, so that no step has to search it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# After these faults nothing was done, so that the number of the attempt is free.
VOID = {"busy", "throttled", "quota", "denied", "exists", "gone"}


@dataclass
class Create:
    """The last create call of a slot. is_settled: its answer is known; is_void: it made nothing."""

    attempt: int
    is_settled: bool = False
    is_void: bool = False


@dataclass
class Recall:
    """Facts of the journal.

    turned: the record that began the rollback. hooks: tiers whose before_swap has passed. is_deleting: the deletion of
    old servers has begun, so that there is no way back. owed: servers that could not be removed, with the reason.
    living: servers that were made and not deleted, though a list may not show them yet. drained: (pool, server) of each
    drain whose answer came.
    """

    creates: dict[tuple[str, int], Create] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    hooks: set[str] = field(default_factory=set)
    owed: dict[str, str] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)
    cut_sessions: int = 0
    turned: dict[str, Any] | None = None
    ended: dict[str, Any] | None = None
    swapped: dict[str, Any] | None = None
    is_deleting: bool = False
    living: set[str] = field(default_factory=set)
    drained: set[tuple[str, str]] = field(default_factory=set)
    has_lost_creates: bool = False
    _calls: dict[int, dict[str, Any]] = field(default_factory=dict)

    def take(self, record: dict[str, Any]) -> None:
        """Take in one record."""
        reader = getattr(self, "_" + record["type"].replace("-", "_"), None)
        if reader is not None:
            reader(record)

    def next_attempt(self, tier: str, slot: int) -> int:
        """The number of the next create call of a slot: one that was never used by a call that may have worked."""
        last = self.creates.get((tier, slot))
        return 1 if last is None else last.attempt + (not last.is_void)

    @property
    def may_have_strays(self) -> bool:
        """Whether the answer of some create call was lost, so that its server may appear late."""
        return self.has_lost_creates or any(not create.is_settled for create in self.creates.values())

    def _call(self, record: dict[str, Any]) -> None:
        self._calls[record["seq"]] = record
        if record["call"] == "create":
            last = self.creates.get((record["tier"], record["slot"]))
            self.has_lost_creates = self.has_lost_creates or (last is not None and not last.is_settled)
            self.creates[record["tier"], record["slot"]] = Create(record["attempt"])

    def _answer(self, record: dict[str, Any]) -> None:
        call = self._calls.pop(record["to"], None)
        fault = record.get("fault")
        if call is None:
            return
        if call["call"] == "create":
            create = self.creates[call["tier"], call["slot"]]
            create.is_settled, create.is_void = fault != "unknown", fault in VOID
            if fault is None:
                self.living.add(call["server"])
        elif call["call"] == "before_swap" and fault is None:
            self.hooks.add(call["tier"])
        elif call["call"] == "delete" and fault is None:
            self.owed.pop(call["server"], None)
            self.living.discard(call["server"])
        elif call["call"] in ("add", "drain") and fault is None:
            change = self.drained.add if call["call"] == "drain" else self.drained.discard
            change((call["pool"], call["server"]))

    def _replaced(self, record: dict[str, Any]) -> None:
        self.replaced[record["tier"]] = self.replaced.get(record["tier"], 0) + 1

    def _reason(self, record: dict[str, Any]) -> None:
        self.reasons.add(record["server"])

    def _cut(self, record: dict[str, Any]) -> None:
        self.cut_sessions += record["sessions"]

    def _owed(self, record: dict[str, Any]) -> None:
        self.owed[record["server"]] = record["why"]

    def _paid(self, record: dict[str, Any]) -> None:
        self.owed.pop(record["server"], None)

    def _turned(self, record: dict[str, Any]) -> None:
        self.turned = self.turned or record

    def _swapped(self, record: dict[str, Any]) -> None:
        self.swapped = self.swapped or record

    def _ended(self, record: dict[str, Any]) -> None:
        self.ended = record

    def _phase(self, record: dict[str, Any]) -> None:
        self.is_deleting = self.is_deleting or record["phase"] == "deleting"
