"""Deletes servers: only those whose own marks, read immediately before, say that they are to go."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.deploy.faults import Busy, Fault, Gone, Throttled, Unknown
from bootstrap.deploy.model import ServerState, TierPlan
from bootstrap.deploy.work import PATIENCE_S, Pace, Work

# How long a server may still be listed after the cloud has taken the order to delete it.
VANISH_S = 120.0
TRIES = 3


def delete(work: Work, tier: TierPlan, server_id: str, name: str, deploy: str) -> bool:
    """Ask for the end of one server. False: it is owed, or it is not ours to delete.

    deploy: that of its marks. A server that lost its marks since belongs to whoever took them off.
    """
    pace, end, lost = Pace(work.outside, 15.0), work.outside.clock() + PATIENCE_S, 0
    about = {"tier": tier.name, "server": name, "id": server_id}
    while True:
        try:
            # Each call has its own look before it: while a busy cloud was waited for, the marks may have gone.
            server = work.get(server_id)
            if server is None or server.state is ServerState.DELETING:
                return True
            marks = server.marks
            if marks is None or marks.pool != tier.pool or marks.deploy != deploy:
                work.journal.add("spared", server=name, why="it does not carry our marks any more")
                return False
            work.change("delete", lambda: work.servers.delete(server_id), about, patience_s=0.0)
            return True
        except Gone:
            return True
        except (Busy, Throttled) as fault:
            if work.outside.clock() >= end:
                return _owe(work, name, f"its deletion failed: {fault.message}")
            pace.rest(getattr(fault, "after_s", None) or 0.0)
        except Unknown as fault:
            # The order may have been taken; the next look says so.
            lost += 1
            if lost == TRIES:
                return _owe(work, name, f"its deletion failed: {fault.message}")
        except Fault as fault:
            return _owe(work, name, f"its deletion failed: {fault.message}")


def await_gone(work: Work, tier: TierPlan, servers: Iterable[tuple[str, str]]) -> None:
    """Wait until these servers, (id, name) each, are listed no more. What stays is owed."""
    pace, end = Pace(work.outside), work.outside.clock() + VANISH_S
    remaining = dict(servers)
    while remaining:
        try:
            listed = {server.id for server in work.of_pool(tier)}
        except Fault as fault:
            for name in remaining.values():
                _owe(work, name, f"it is not known whether it is gone: {fault.message}")
            return
        remaining = {key: name for key, name in remaining.items() if key in listed}
        if remaining and work.outside.clock() >= end:
            for name in remaining.values():
                _owe(work, name, "the cloud has taken the order to delete it, but still lists it")
            return
        if remaining:
            pace.rest()


def _owe(work: Work, name: str, why: str) -> bool:
    """Record a server that is left behind; `reap` comes back to it. False, as `delete` returns it."""
    if work.journal.recall.owed.get(name) != why:
        work.journal.add("owed", server=name, why=why)
    return False
