"""A HAProxy of the simulated world, behind the real driver: its process is a world's balancers, its file a text.

It takes the commands that drivers/haproxy_process.py lists and forgets, at a reload, what its file does not have. Kills
are possible before and after each of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from bootstrap.deploy.drivers import haproxy_file
from bootstrap.deploy.drivers.haproxy import HaproxyPool
from bootstrap.deploy.drivers.haproxy_file import Place
from bootstrap.deploy.drivers.haproxy_settings import Settings, sections
from bootstrap.deploy.faults import Busy
from bootstrap.deploy.model import PoolPlan
from bootstrap.deploy.simulate.nature import NEVER
from bootstrap.deploy.simulate.things import Balancer, Seat
from bootstrap.deploy.simulate.world import World

HEAD = "global\n\ndefaults\n    mode http\n"
SETTINGS = Settings("haproxy.cfg", "admin.sock")
STAT_HEAD = "# pxname,svname,type,status,scur,qcur,check_status,addr,cookie"
STATE_HEAD = "1\n# be_name srv_name srv_admin_state"
HELD = "8"  # srv_admin_state of a server that an admin drains


class SimHaproxy:
    """See `haproxy_process.Process`. point: told of each step, so that it can kill there."""

    def __init__(self, world: World, point: Callable[[str], None] = lambda place: None) -> None:
        self.world, self.text, self.point = world, HEAD, point

    # --- the seam ---

    def ask(self, command: str) -> str:
        self.point(f"before {command}")
        self.world.clock = round(self.world.clock + 0.01, 2)
        words = command.split()
        if words[0] == "show":
            answer = (self._stat() if words[1] == "stat" else self._states()) + "\n"
        else:
            answer = self._changed(words)
        self.point(f"after {command}")
        return answer + "\n"

    def read_file(self) -> str:
        return self.text

    def write_file(self, before: str, after: str, *, check: bool = False) -> None:
        self.point("before the file is written")
        if self.text != before:
            raise Busy("the file was changed meanwhile")
        self.text = after
        self.point("after the file was written")

    def reload(self) -> None:
        self.point("before the reload")
        self.begin_again()
        self.point("after the reload")

    def begin_again(self) -> None:
        """Forget the process, and begin with what the file says. Its servers are up at once, as HAProxy's are."""
        for name in self._backends():
            pool = self._in_file(name)
            if pool is None:
                continue
            old = self.world.balancers.get(name)
            balancer = self.world.balancers[name] = Balancer(name, old.port if old else 0, not old or old.monitored)
            for entry in pool.entries:
                if entry.place is not Place.LEFT:
                    self._begin(balancer, entry.server, *entry.endpoint, entry.place is not Place.SERVES)
            for server, at in pool.others.items():
                if at is not None:
                    self._begin(balancer, server, *at, False)

    def locked(self) -> AbstractContextManager[None]:
        return nullcontext()

    def pause(self, seconds: float) -> None:
        self.world.clock = round(self.world.clock + seconds, 2)

    # --- the world's own hand ---

    def serves(self, pool: str, name: str, address: str, port: int) -> None:
        """Put a member of ours into file and process."""
        if self._in_file(pool) is None:
            self.text = haproxy_file.with_sections(self.text, pool, sections(SETTINGS, PoolPlan(pool, port)))
        backend = self._in_file(pool)
        entry = haproxy_file.Entry(name, name, address, port, Place.SERVES)
        if backend is not None:
            self.text = haproxy_file.with_entries(self.text, backend, (*backend.entries, entry), has_cookie=False)
        balancer = self.world.balancers.setdefault(pool, Balancer(pool, port))
        self._begin(balancer, name, address, port, False)

    def stranger(self, pool: str, name: str, address: str, port: int) -> None:
        """Put a member of somebody else into both."""
        head = f"backend {pool}\n"
        self.text = self.text.replace(head, f"{head}    server {name} {address}:{port} check\n")
        self._begin(self.world.balancers[pool], name, address, port, False)

    # --- the process ---

    def _backends(self) -> list[str]:
        return [line.split()[1] for line in self.text.splitlines() if line.startswith("backend ")]

    def _in_file(self, pool: str) -> haproxy_file.Backend | None:
        return haproxy_file.read(self.text, pool)

    def _begin(self, balancer: Balancer, server: str, address: str, port: int, is_off: bool) -> None:
        balancer.port = port
        seat = Seat(server, server, address, self.world.clock, 0.0, 2.0, self.world.dice.below(5))
        seat.is_off = is_off
        balancer.seats[server] = seat

    def _stat(self) -> str:
        rows = [STAT_HEAD]
        for balancer in self.world.balancers.values():
            rows.append(f"{balancer.name},BACKEND,1,UP,0,0,,,")
            for seat in balancer.seats.values():
                word = "MAINT" if seat.is_off else "UP" if self.world.up(seat) else "DOWN"
                status = "DRAIN" if word == "UP" and seat.drained_at != NEVER else word
                status = status if balancer.monitored else "no check"
                check = "L4OK" if seat.added_at + seat.check <= self.world.clock else "INI"
                at = f"{seat.address}:{balancer.port}"
                rows.append(f"{balancer.name},{seat.id},2,{status},{self.world.sessions(seat)},0,{check},{at},")
        return "\n".join(rows) + "\n"

    def _states(self) -> str:
        rows = [STATE_HEAD]
        for balancer in self.world.balancers.values():
            for seat in balancer.seats.values():
                held = HELD if seat.is_off or seat.drained_at != NEVER else "0"
                rows.append(f"{balancer.name} {seat.id} {held}")
        return "\n".join(rows) + "\n"

    def _changed(self, words: list[str]) -> str:
        """The answer to a command that changes one server."""
        place = 3 if words[0] == "shutdown" else 2
        pool, _, server = words[place].partition("/")
        balancer = self.world.balancers.get(pool)
        if balancer is None:
            return "No such backend."
        if words[:2] == ["add", "server"]:
            address, _, port = words[3].rpartition(":")
            self._begin(balancer, server, address, int(port), True)
            balancer.seats[server].check = self.world.took(self.world.nature.check)
            return "New server registered."
        seat = balancer.seats.get(server)
        if seat is None:
            return "No such server."
        if words[0] == "del":
            if not seat.is_off or self.world.sessions(seat):
                return "Server still has connections attached to it, cannot remove it."
            del balancer.seats[server]
            return "Server deleted."
        return self._set(seat, words)

    def _set(self, seat: Seat, words: list[str]) -> str:
        clock = self.world.clock
        change = tuple(words[3:5]) if words[0] == "set" else (words[0],)
        if change == ("state", "maint"):
            seat.is_off = True
        elif change == ("state", "drain"):
            if seat.drained_at == NEVER:
                seat.drained_at = clock
            seat.is_off = False
        elif change == ("state", "ready"):
            seat.is_off, seat.drained_at = False, NEVER
        elif change == ("health", "down") or change == ("enable",):
            seat.added_at = clock
        elif change == ("shutdown",):
            seat.load = 0
        elif change[0] == "addr":
            seat.address = words[4]
            return "IP changed."
        return ""


def haproxy_pools(process: SimHaproxy, ports: Mapping[str, int]) -> dict[str, HaproxyPool]:
    """The real driver's pools over this HAProxy. ports: by pool."""
    plans = [PoolPlan(name, port) for name, port in ports.items()]
    return {plan.name: HaproxyPool(process, plan, sections(SETTINGS, plan)) for plan in plans}
