"""A small roll-out on paper: a plan, and the records of a journal as the core writes them, with times of one's own."""

from __future__ import annotations

from typing import Any

from bootstrap.deploy.model import DeployPlan, GatePlan, OldServer, PoolPlan, TierPlan

DEPLOY, EARLIER = "20261201T120000-ab12cd", "20261130T090000-99ffee"
BEGAN = 1_796_126_400.0
Record = dict[str, Any]


def old_server(slot: int, *pools: str) -> OldServer:
    name = f"shop-web-{slot}-99ffee"
    return OldServer(f"id-{name}", name, f"10.0.0.{slot}", EARLIER, pools or ("web",), "0123456789ab")


def tier(**changes: Any) -> TierPlan:
    facts: dict[str, Any] = {
        "name": "web",
        "pool": "shop/web",
        "revision": "3f9a1c0b2d41",
        "count": 2,
        "floor": 2,
        "settings": {"image": "debian-12", "flavor": "m1.small"},
        "pools": (PoolPlan("web", 8080, 80),),
        "gate": GatePlan("http://{address}:8080/ping", contains=("{revision}",), before_swap="./migrate.sh"),
        "old": (old_server(1), old_server(2)),
    }
    return TierPlan(**{**facts, **changes})


def plan(*tiers: TierPlan) -> DeployPlan:
    return DeployPlan("shop", DEPLOY, tiers or (tier(),))


class Story:
    """Records with numbers and times. Each step takes as long as it is told."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.at = BEGAN

    def add(self, kind: str, after_s: float = 0.0, **fields: Any) -> Story:
        self.at += after_s
        self.records.append({**fields, "type": kind, "seq": len(self.records) + 1, "at": self.at})
        return self

    def call(self, call: str, *, took_s: float = 0.0, fault: str | None = None, **about: Any) -> Story:
        self.add("call", call=call, tier="web", **about)
        answer = {"fault": fault, "message": f"the cloud said {fault}"} if fault else {}
        return self.add("answer", took_s, to=len(self.records), **answer)

    def created(self, slot: int, attempt: int = 1, **more: Any) -> Story:
        return self.call("create", slot=slot, attempt=attempt, server=new_name(slot, attempt), **more)


def new_name(slot: int, attempt: int = 1) -> str:
    return f"shop-web-{slot}-ab12cd" + (f"-{attempt}" if attempt > 1 else "")


def gated() -> Story:
    """Two new servers that have passed their probes, and that the balancer has not seen yet."""
    story = Story().add("begun", deploy=DEPLOY, name="shop").add("phase", tier="web", phase="creating", slots=[1, 2])
    story.created(1, took_s=1.0).created(2, took_s=0.5)
    story.add("phase", tier="web", phase="gating")
    for slot in 1, 2:
        story.add("seen", 2.0, server=new_name(slot), state="it reports running")
    for slot in 1, 2:
        story.add("seen", 2.0, server=new_name(slot), state="passed its probe")
    return story


def swapped() -> Story:
    """All until the old servers are out of the pool: one session was cut."""
    story = gated().add("phase", 30.0, tier="web", phase="joining")
    for slot in 1, 2:
        story.call("add", pool="web", server=new_name(slot), address=f"10.0.0.1{slot}")
    story.add("phase", 1.0, tier="web", phase="before_swap")
    story.call("before_swap", command="./migrate.sh", took_s=3.0)
    for slot in 1, 2:
        story.call("drain", pool="web", server=old_server(slot).name, member=f"m{slot}")
    story.add("phase", tier="web", phase="draining").add("cut", 60.0, tier="web", pool="web", sessions=1)
    story.add("phase", tier="web", phase="removing")
    for slot in 1, 2:
        story.call("remove", pool="web", server=old_server(slot).name, member=f"m{slot}")
    return story.add("swapped", until={"web": story.at + 600})


def done() -> Story:
    story = swapped().add("phase", tier="web", phase="keeping", until=swapped().at + 600)
    story.add("phase", 600.0, tier="web", phase="deleting")
    for slot in 1, 2:
        story.call("delete", server=old_server(slot).name, id=old_server(slot).id)
    return story.add("ended", 1.0, code=0)


def rolled_back() -> Story:
    """The second server's stage fails: its reason is fetched, then the new ones go."""
    story = gated().add("seen", server=new_name(2), state="failed: exit 100, after 1 attempt")
    lines = [f"{new_name(2)} failed in stage packages: exit 100, after 1 attempt", "  last lines of packages.log:",
             "    | E: Unable to locate package apache3", "console: initialrunner: stage packages failed"]  # fmt: skip
    story.add("reason", server=new_name(2), lines=lines)
    story.add("turned", reason=f"{new_name(2)} failed: exit 100, after 1 attempt", code=5)
    story.add("phase", tier="web", phase="rolling-back")
    for slot in 1, 2:
        story.call("delete", server=new_name(slot), id=f"id-{slot}")
    return story.add("ended", 1.5, code=5)
