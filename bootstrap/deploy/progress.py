"""A roll-out as its journal's records describe it so far: servers, pools, phase, deadline. Pure: records in, facts out.

Views, lines and the summary read it. It is no part of the core: nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bootstrap.deploy.model import DeployPlan, OldServer, TierPlan

Record = Mapping[str, Any]
# What a changing call makes of a server, as soon as it is answered.
STATE_AFTER = {"create": "building", "drain": "draining", "remove": "out of its pools", "delete": "deleted"}
# The first words of the states that people have to look at, and of those with which a server has arrived.
BAD = ("failed", "owed", "gone", "the server is gone", "the cloud says ERROR")
GOOD = ("up", "passed its probe", "serving")
# From these phases on, the core has seen all new servers of the tier up.
PROVEN = ("before_swap", "draining", "removing", "keeping", "deleting")


@dataclass(frozen=True)
class ServerView:
    """A server, new or old. slot: None for one that an earlier deploy made. since: when its state began.

    joined: the names of the pools that it is a member of; up, draining: those in which it serves, and those it leaves.
    """

    name: str
    tier: str
    slot: int | None
    state: str
    since: float
    address: str | None = None
    joined: frozenset[str] = frozenset()
    up: frozenset[str] = frozenset()
    draining: frozenset[str] = frozenset()

    @property
    def is_new(self) -> bool:
        """Whether this roll-out made it."""
        return self.slot is not None

    @property
    def tone(self) -> str:
        """good, bad or plain: how its state is coloured, and which servers stand first where there is little room."""
        if self.state.startswith(BAD):
            return "bad"
        return "good" if self.state.startswith(GOOD) else "plain"


@dataclass(frozen=True)
class Phase:
    """One part of the work. ends: when its deadline passes, None: it has none."""

    tier: str
    batch: int
    name: str
    begun: float
    ends: float | None = None


class Progress:
    """Takes the records one by one, in their order, those of an earlier deployer of the same roll-out too."""

    def __init__(self, plan: DeployPlan) -> None:
        self.plan = plan
        self.servers: dict[str, ServerView] = {}
        self.phase: Phase | None = None
        self.begun: float | None = None
        self.at = 0.0
        self.code: int | None = None
        # The reason to turn back, once the roll-out does so.
        self.turned: str | None = None
        # {pool: sessions that were cut}, {server: lines about its failure}, {server: why something is owed}
        self.cut: dict[str, int] = {}
        self.reasons: dict[str, list[str]] = {}
        self.owed: dict[str, str] = {}
        # {server: why it was not deleted}, {tier: until when its old servers are kept}, once all tiers are swapped
        self.spared: dict[str, str] = {}
        self.kept_until: dict[str, float] | None = None
        self._tiers = {tier.name: tier for tier in plan.tiers}
        self._calls: dict[int, Record] = {}
        self._ids = {old.id: old.name for tier in plan.tiers for old in tier.old}
        for tier in plan.tiers:
            for old in tier.old:
                self._add_earlier(old, tier, None, "serving" if old.pools else "in no pool")
            for slot, old in enumerate(tier.adopted, 1):
                self._add_earlier(old, tier, slot, "kept since its deploy")

    def take(self, record: Record) -> None:
        """Add one record. A type that is not known changes nothing."""
        self.at = float(record.get("at", self.at))
        take = getattr(self, f"_take_{record.get('type')}", None)
        if take is not None:
            take(record)

    def tier(self, name: str | None) -> TierPlan | None:
        """The tier of this name."""
        return self._tiers.get(name or "")

    def server_of(self, record: Record) -> str | None:
        """The name of the server that a record is about: as it says, by its cloud id, or by slot and attempt."""
        name = record.get("server") or record.get("name")
        if isinstance(name, str):
            return self._ids.get(name, name)
        tier = self.tier(record.get("tier"))
        if tier is None or not record.get("slot"):
            return None
        return self.plan.server_name(tier, int(record["slot"]), int(record.get("attempt") or 1))

    def call_of(self, answer: Record) -> Record | None:
        """The call that an answer belongs to."""
        return self._calls.get(int(answer.get("to", -1)))

    def servers_of(self, tier: str) -> list[ServerView]:
        """The servers of a tier: the new ones by slot, then those that they replace."""
        views = [view for view in self.servers.values() if view.tier == tier]
        return sorted(views, key=lambda view: (view.slot is None, view.slot or 0))

    def pool(self, tier: str, pool: str) -> tuple[int, int, int]:
        """Members of a pool: new ones that are up, old ones that are up, and those that drain."""
        views = self.servers_of(tier)
        up = [view for view in views if pool in view.up]
        new = sum(view.is_new for view in up)
        return new, len(up) - new, sum(pool in view.draining for view in views)

    def _add_earlier(self, old: OldServer, tier: TierPlan, slot: int | None, state: str) -> None:
        """Add a server that an earlier deploy has made."""
        pools = frozenset(old.pools)
        self.servers[old.name] = ServerView(old.name, tier.name, slot, state, 0.0, old.address, pools, pools)

    def _take_begun(self, record: Record) -> None:
        if self.begun is None:
            self.begun = self.at
            for name, view in self.servers.items():
                self.servers[name] = replace(view, since=self.at)
        self.code = None

    def _take_phase(self, record: Record) -> None:
        tier, name = self.tier(record.get("tier")), str(record.get("phase"))
        spans = {"gating": tier.gate.deadline_s, "draining": tier.drain_s, "keeping": tier.keep_old_s} if tier else {}
        ends = record.get("until") or (self.at + spans[name] if name in spans else None)
        for view in self.servers_of(tier.name) if tier and name in PROVEN else ():
            if view.is_new and view.joined - view.draining - view.up:
                self.servers[view.name] = replace(view, up=view.joined - view.draining)
                self._set(view.name, "up")
        self.phase = Phase(str(record.get("tier") or ""), self._batch(record, tier), name, self.at, ends)

    def _batch(self, record: Record, tier: TierPlan | None) -> int:
        """Return the number of the batch: that of its first slot; later phases of a tier belong to the last one."""
        if record.get("slots") and tier:
            return (int(record["slots"][0]) - 1) // (tier.batch or tier.count) + 1
        return self.phase.batch if self.phase and tier and self.phase.tier == tier.name else 1

    def _take_call(self, record: Record) -> None:
        self._calls[int(record.get("seq", -1))] = record
        name = self.server_of(record)
        if record.get("call") == "create" and name is not None and name not in self.servers:
            self.servers[name] = ServerView(
                name, str(record.get("tier")), int(record.get("slot") or 0), "asked for", self.at
            )

    def _take_answer(self, record: Record) -> None:
        call = self.call_of(record)
        name = self.server_of(call) if call else None
        # Only what was done, or needs not be done any more, changes the picture.
        if call is None or name is None or name not in self.servers or record.get("fault") not in (None, "gone"):
            return
        if call.get("call") == "delete":
            self.owed.pop(name, None)
        view, kind, pools = self.servers[name], str(call.get("call")), frozenset(_pools(call))
        if kind == "drain":
            view = replace(view, up=view.up - pools, draining=view.draining | pools)
        elif kind == "remove":
            view = replace(view, joined=view.joined - pools, up=view.up - pools, draining=view.draining - pools)
        elif kind == "add":
            # A member of an earlier deploy serves again; a new one first has to show that it does.
            up = view.up | (frozenset() if view.is_new else pools)
            view = replace(view, joined=view.joined | pools, draining=view.draining - pools, up=up)
            view = replace(view, address=str(call["address"]) if call.get("address") else view.address)
        self.servers[name] = view
        # A server that has left one of two pools is still leaving the other.
        if kind in STATE_AFTER and not (kind == "remove" and view.joined):
            self._set(name, STATE_AFTER[kind])
        elif kind == "add":
            self._set(name, f"added to {', '.join(sorted(view.joined))}" if view.is_new else "serving")

    def _take_seen(self, record: Record) -> None:
        name, state = self.server_of(record), str(record.get("state"))
        if name is None or name not in self.servers:
            return
        view = self.servers[name]
        if state == "up":
            view = replace(view, up=view.joined - view.draining)
        self.servers[name] = replace(view, address=record.get("address") or view.address)
        self._set(name, state)

    def _take_reason(self, record: Record) -> None:
        name = self.server_of(record) or ""
        self.reasons[name] = [str(line) for line in record.get("lines", ())]
        if name in self.servers:
            self._set(name, "failed")

    def _take_cut(self, record: Record) -> None:
        pool = str(record.get("pool"))
        self.cut[pool] = self.cut.get(pool, 0) + int(record.get("sessions") or 0)

    def _take_owed(self, record: Record) -> None:
        name = self.server_of(record) or ""
        self.owed[name] = str(record.get("why"))
        if name in self.servers:
            self._set(name, f"owed: {record.get('why')}")

    def _take_paid(self, record: Record) -> None:
        self.owed.pop(self.server_of(record) or "", None)

    def _take_turned(self, record: Record) -> None:
        self.turned = self.turned or str(record.get("reason") or "")

    def _take_spared(self, record: Record) -> None:
        name = self.server_of(record) or ""
        self.spared[name] = str(record.get("why"))
        if name in self.servers:
            self._set(name, "left as it is")

    def _take_swapped(self, record: Record) -> None:
        self.kept_until = {str(tier): float(until) for tier, until in (record.get("until") or {}).items()}

    def _take_ended(self, record: Record) -> None:
        self.code = int(record.get("code", 0))

    def _set(self, name: str, state: str) -> None:
        view = self.servers[name]
        if view.state != state:
            self.servers[name] = replace(view, state=state, since=self.at)


def _pools(record: Record) -> Iterable[str]:
    """The pool that a record names, if it names one."""
    return [str(record["pool"])] if record.get("pool") else []
