"""A world of servers and balancers in memory: what is there, and how it changes by time alone.

Nothing runs by itself: what a server or a member is at a moment follows from the times that were decided when it was
made. So a jump of the clock costs nothing, and the whole world is plain data that a file can hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.deploy.faults import Busy, Exists, Gone, Quota
from bootstrap.deploy.model import Member, MemberState, Server, ServerRequest, ServerState
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.nature import NEVER, Nature
from bootstrap.deploy.simulate.things import Balancer, Hold, Machine, Seat

EPOCH = 1_800_000_000.0
ACTIVE = ServerState.ACTIVE


@dataclass
class World:
    """All that there is.

    made, given: how many things have an id, and how many addresses were given; occupants: by address, the last machine
    that had it.
    """

    nature: Nature
    dice: Dice
    clock: float = 0.0
    epoch: float = EPOCH
    made: int = 0
    machines: dict[str, Machine] = field(default_factory=dict)
    balancers: dict[str, Balancer] = field(default_factory=dict)
    leases: dict[str, Hold] = field(default_factory=dict)
    occupants: dict[str, str] = field(default_factory=dict)
    given: int = 0

    def __enter__(self) -> World:
        """The world itself: a world in a file is opened in the same way."""
        return self

    def __exit__(self, *error: object) -> None:
        pass

    # --- servers ---

    def took(self, span: tuple[float, float]) -> float:
        """A time of this span."""
        return self.dice.between(*span)

    def tick(self) -> None:
        """Let the time pass that one call takes."""
        self.clock = round(self.clock + self.nature.latency, 2)

    def live(self) -> list[Machine]:
        """The machines that the cloud knows now, in the order in which they were made."""
        return [machine for machine in self.machines.values() if machine.exists(self.clock)]

    def count(self) -> int:
        """The servers that count against the quota."""
        return sum(machine.deleted_at == NEVER for machine in self.live())

    def machine(self, server_id: str) -> Machine:
        """One machine. Raises Gone."""
        machine = self.machines.get(server_id)
        if machine is None or not machine.exists(self.clock):
            raise Gone(f"No server with the id {server_id!r} exists.")
        return machine

    def fate(self, settings: Mapping[str, Any]) -> str:
        """The end that a new server comes to: the one that its settings name, else one by chance."""
        if "fate" in settings:
            return str(settings["fate"])
        for name, share in self.nature.fates.items():
            if self.dice.chance(share):
                return name
        return "good"

    def create(self, request: ServerRequest) -> Machine:
        """A new machine, building."""
        nature = self.nature
        count = self.count()
        if nature.quota is not None and count >= nature.quota:
            raise Quota(
                f"Quota exceeded for instances: requested 1, but already used {count} of {nature.quota}.",
                "instances", nature.quota - count, 1,
            )  # fmt: skip
        fate = self.fate(request.settings)
        marks = request.marks
        active_at = round(self.clock + self.took(nature.build), 2)
        ends_at = round(active_at + self.took(nature.run), 2)
        machine = self.settle(
            Machine(
                id=self.next_id("s"), name=request.name, metadata=marks.metadata(), address="", made_at=self.clock,
                active_at=active_at, ends_at=ends_at, answers_at=round(ends_at + self.took(nature.answer), 2),
                says=(request.name, marks.revision, marks.deploy),
            )
        )  # fmt: skip
        self.bend(machine, fate)
        if self.dice.chance(nature.keeps):
            machine.keeps = "refused" if self.dice.chance(0.5) else "ignored"
        return machine

    def bend(self, machine: Machine, fate: str) -> None:
        """Change the life of a good machine to another fate."""
        if fate == "error":
            machine.error = "No valid host was found. There are not enough hosts available."
            machine.ends_at = machine.answers_at = NEVER
        elif fate == "stuck":
            machine.active_at = machine.ends_at = machine.answers_at = NEVER
        elif fate == "failed":
            machine.healthy = False
            machine.answers_at = NEVER
        elif fate == "silent":
            machine.ends_at = NEVER
        elif fate == "mute":
            machine.answers_at = NEVER
        elif fate == "stale":
            machine.says = (machine.name, "another-revision", machine.says[2])
        elif fate == "stranger":
            machine.says = ("another-server", *machine.says[1:])
        elif fate == "twin":
            pool = machine.marks.pool if machine.marks else ""
            tier = [other for other in self.live() if other.marks is not None and other.marks.pool == pool]
            others = [other for other in tier if other is not machine and other.state(self.clock) is ACTIVE]
            machine.address = self.dice.choose(others).address if others else machine.address
        elif fate == "quiet":
            start = round(machine.answers_at + self.dice.between(0.5, 2.0), 2)
            machine.quiet = (start, round(start + self.dice.between(3.0, 8.0), 2))
        elif fate == "dies":
            machine.dies_at = round(machine.answers_at + self.dice.between(0.0, 15.0), 2)

    def settle(self, machine: Machine) -> Machine:
        """Give a machine an address that nobody has, and put it into the world."""
        machine.address = self._address()
        self.occupants[machine.address] = machine.id
        self.machines[machine.id] = machine
        return machine

    def _address(self) -> str:
        """An address that was never given, or, where they are used again at once, the last one that is free."""
        if self.nature.reuse:
            for address, server_id in reversed(self.occupants.items()):
                if not self.machines[server_id].exists(self.clock):
                    return address
        self.given += 1
        return f"10.0.{self.given // 250}.{self.given % 250 + 1}"

    def next_id(self, kind: str) -> str:
        """An id that nothing else has."""
        self.made += 1
        return f"{kind}{self.made}"

    def listed(self, pool: str) -> tuple[Server, ...]:
        """The servers that a list with a filter for one pool shows: of all pools, or late, where the world is so."""
        clock, is_filtered = self.clock, self.nature.filters
        moment = clock - self.nature.lag
        servers = []
        for machine in self.machines.values():
            if machine.gone_at <= clock or machine.made_at > moment:
                continue
            marks = machine.marks
            if not is_filtered or (marks is not None and marks.pool == pool):
                servers.append(machine.seen(clock))
        return tuple(servers)

    def delete(self, server_id: str) -> None:
        """Ask for the end of a machine: it stops at once, and is gone a little later."""
        machine = self.machine(server_id)
        if machine.keeps == "refused":
            raise Busy(f"Server {server_id} cannot be deleted while it is in task_state powering-off.")
        if machine.keeps == "ignored":
            machine.answers_at = NEVER
            machine.error = machine.error or "Deletion failed: the volume is still attached."
            machine.active_at = min(machine.active_at, self.clock)
        elif machine.deleted_at == NEVER:
            machine.deleted_at = self.clock
            machine.gone_at = round(self.clock + self.took(self.nature.leave), 2)

    def at(self, address: str) -> Machine | None:
        """The machine whose app answers at an address now."""
        server_id = self.occupants.get(address)
        machine = self.machines[server_id] if server_id else None
        return machine if machine and machine.answers(self.clock) else None

    def is_named(self, text: str) -> bool:
        """Whether a text names a server, a deploy or a revision of this world: not every app answers with it."""
        names = {machine.name for machine in self.machines.values()}
        marks = [machine.marks for machine in self.machines.values()]
        names.update(name for mark in marks if mark for name in (mark.deploy, mark.revision))
        return any(name in text for name in names)

    # --- balancers ---

    def balancer(self, name: str) -> Balancer:
        """One pool. Raises Gone."""
        if name not in self.balancers:
            raise Gone(f"There is no pool with the name {name!r}.")
        return self.balancers[name]

    def seat(self, pool: str, member_id: str) -> Seat:
        """One member. Raises Gone."""
        seat = self.balancer(pool).seats.get(member_id)
        if seat is None:
            raise Gone(f"The pool {pool} has no member with the id {member_id!r}.")
        return seat

    def up(self, seat: Seat) -> bool:
        """Whether the balancer's checks say that a member serves: they are behind what is so."""
        clock = self.clock
        server_id = self.occupants.get(seat.address)
        if server_id is None or seat.is_off:
            return False
        machine = self.machines[server_id]
        since = max(machine.answers_at, seat.added_at) + seat.check
        if machine.quiet[1] <= clock:
            since = max(since, machine.quiet[1] + seat.check)
        end = min(machine.dies_at, machine.deleted_at, machine.quiet[0] if clock < machine.quiet[1] else NEVER)
        return since <= clock < end + self.nature.fall and since < end + self.nature.fall

    def sessions(self, seat: Seat) -> int:
        """The sessions of a member: all of them until it drains, then fewer and fewer."""
        if seat.drained_at == NEVER:
            return seat.load if self.up(seat) else 0
        rest = seat.busy - (self.clock - seat.drained_at)
        return 0 if rest <= 0 else min(seat.load, 1 + int(seat.load * rest / max(seat.busy, 0.01)))

    def member(self, seat: Seat, balancer: Balancer) -> Member:
        """A member as the balancer describes it."""
        if seat.drained_at != NEVER:
            state = MemberState.DRAINING
        else:
            state = MemberState.UP if self.up(seat) else MemberState.DOWN
        return Member(seat.id, seat.name, seat.address, balancer.port, state, self.sessions(seat))

    def join(self, pool: str, port: int, name: str, address: str) -> Seat:
        """Put a member into a pool, which is made when there is none. Raises Exists and Broken."""
        if pool not in self.balancers:
            self.balancers[pool] = Balancer(pool, port)
        balancer = self.balancers[pool].checked()
        for seat in balancer.seats.values():
            if (seat.name, seat.address) == (name, address):
                seat.drained_at = NEVER
                return seat
            if name == seat.name or address == seat.address:
                raise Exists(f"The pool {pool} has the member {seat.name} with the address {seat.address} already.")
        nature = self.nature
        check = self.took(nature.check)
        if self.dice.chance(nature.dead):
            check = NEVER
        elif self.dice.chance(nature.late):
            check += self.dice.between(5.0, 20.0)
        busy = NEVER if self.dice.chance(nature.forever) else self.took(nature.drain)
        seat = Seat(self.next_id("m"), name, address, self.clock, check, busy, self.dice.below(5))
        balancer.seats[seat.id] = seat
        return seat

    def drain(self, pool: str, member_id: str) -> None:
        """Give a member no new sessions."""
        seat = self.seat(pool, member_id)
        if seat.drained_at == NEVER:
            seat.load = self.sessions(seat)
            seat.drained_at = self.clock

    def leave(self, pool: str, member_id: str) -> None:
        """Take a member out."""
        self.seat(pool, member_id)
        del self.balancer(pool).seats[member_id]

    # --- leases ---

    def lease(self, name: str, holder: str, ttl: float) -> Hold:
        """The lease of this name after its holder, or somebody else, has asked for it."""
        hold = self.leases.get(name)
        if hold is None or (hold.holder != holder and hold.until <= self.clock):
            hold = self.leases[name] = Hold(holder, (hold.fence if hold else 0) + 1, 0.0)
        if hold.holder == holder:
            hold.until = self.clock + ttl
        return hold

    def release(self, name: str, fence: int) -> None:
        """Give a lease back; it stays, so that its fence goes on growing."""
        hold = self.leases.get(name)
        if hold is not None and hold.fence == fence:
            hold.until = self.clock
