"""A world as plain data, so that a file can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.nature import Nature
from bootstrap.deploy.simulate.things import Balancer, Hold, Machine, Seat
from bootstrap.deploy.simulate.world import World

VERSION = 1


def as_dict(world: World) -> dict[str, Any]:
    """The world as plain data."""
    balancers = world.balancers.values()
    return {
        "version": VERSION,
        "clock": world.clock,
        "epoch": world.epoch,
        "dice": world.dice.state,
        "made": world.made,
        "given": world.given,
        "nature": vars(world.nature),
        "machines": [machine.as_dict() for machine in world.machines.values()],
        "balancers": [vars(pool) | {"seats": [vars(seat) for seat in pool.seats.values()]} for pool in balancers],
        "leases": {name: vars(hold) for name, hold in world.leases.items()},
        "occupants": world.occupants,
    }


def of_dict(facts: Mapping[str, Any]) -> World:
    """The world that `as_dict` described. Raises KeyError, TypeError and ValueError for anything else."""
    if facts["version"] != VERSION:
        raise ValueError(f"it is of version {facts['version']}, and this program knows {VERSION}")
    # JSON has lists where a world has pairs.
    nature: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in facts["nature"].items()}
    world = World(Nature(**nature), Dice(facts["dice"]), facts["clock"], facts["epoch"], facts["made"])
    for entry in facts["machines"]:
        machine = Machine(**entry | {"says": tuple(entry["says"]), "quiet": tuple(entry["quiet"])})
        world.machines[machine.id] = machine
    for entry in facts["balancers"]:
        seats = {seat["id"]: Seat(**seat) for seat in entry["seats"]}
        world.balancers[entry["name"]] = Balancer(entry["name"], entry["port"], entry["monitored"], seats)
    world.leases = {name: Hold(**hold) for name, hold in facts["leases"].items()}
    world.occupants, world.given = dict(facts["occupants"]), facts["given"]
    return world
