"""Judges a clone by what its judge handed back and by what the collector heard. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootstrap.trial.identities import host_keys, numbered
from bootstrap.trial.model import Judgement, error, ok, warning
from bootstrap.trial.payload import CUT, JUDGE, MARK

Facts = Mapping[str, str]
Events = Sequence[Mapping[str, Any]]

# The clock of a clone may differ from this machine's by so much: from power on to the kernel's start takes a while.
_CLOCK_BEHIND_S, _CLOCK_AHEAD_S = 120, 300
# The codes of all judgements, for the docs.
CODES = {
    "try.boot": "the boot has ended, by the word of systemd",
    "try.unit-failed": "a unit has failed",
    "try.require": "a unit of `--require` is active",
    "try.ssh": "sshd, where the image has one, is active",
    "try.host-keys": "sshd has host keys, which only root can read",
    "try.address": "the clone has an address beyond its own link",
    "try.disk": "the root file system can be written to",
    "try.clock": "the clock agrees with this machine's",
    "try.machine-id": "the clone has a machine id",
    "try.once": "each stage of the payload ran once, and the payload was the clone's own",
    "try.power-cut": "after the power cut the run went on where it was",
    "try.identity": "two clones differ in machine id, boot id and host keys",
    "try.stage": "no stage and no check of the payload has failed",
    "try.judge": "the judge in the clone has handed back what it saw",
    "try.never-heard": "the runner was heard of before the deadline",
    "try.late": "the clone was healthy before the deadline",
    "try.lived": "no payload has run in the image before",
    "try.off": "the machine stayed on",
}


def judged(
    facts: Facts, events: Events, *, server: str, powered_on_at: float, power_cut: bool, by_metadata: bool = False
) -> list[Judgement]:
    """Judge a clone that is healthy. powered_on_at: seconds since 1970, of the boot in which its judge ran.

    by_metadata: its network is that of a metadata service, which gives addresses of the link.
    """
    if "state" not in facts:
        fix = "look at the log of the stage in --keep DIR, and file a bug"
        return [error("try.judge", "the judge in the clone handed nothing back", "nothing can be said of it", fix)]
    return [
        *_boot(facts),
        *_failed_units(facts),
        *_required(facts),
        *_ssh(facts),
        _address(facts, by_metadata=by_metadata),
        _disk(facts),
        _clock(events, powered_on_at),
        _machine_id(facts),
        _once(facts, events, server, power_cut=power_cut),
        *([_power_cut(events)] if power_cut else []),
    ]


def facts_of(events: Events) -> dict[str, str]:
    """What the judge in the clone has handed back; {} when it has not."""
    ends = [event for event in events if event.get("type") == "stage.ended" and event.get("stage") == JUDGE]
    return dict(ends[-1].get("outputs") or {}) if ends else {}


def _boot(facts: Facts) -> Iterator[Judgement]:
    state = facts["state"]
    if state == "none":
        yield ok("try.boot", "the clone has no systemd; its services are judged by their processes")
    elif state in ("running", "ours"):
        yield ok("try.boot", "systemd has started everything, and no unit has failed")
    elif state == "degraded":
        # Each failed unit is a judgement of its own.
        yield ok("try.boot", "systemd has started everything it could")
    else:
        jobs = facts.get("jobs", "").strip() or "a job that systemctl does not name"
        yield error(
            "try.boot",
            f"the boot has not ended, systemd is {state}",
            f"it waits for {jobs}",
            "look why that unit takes so long, or give the clone more time with --deadline",
        )


def _failed_units(facts: Facts) -> Iterator[Judgement]:
    for text in numbered(facts, "failed"):
        unit, result, reason = [*text.split(" ", 2), "", ""][:3]
        yield error(
            "try.unit-failed",
            f"{unit} has failed ({result or 'no result'})",
            reason.strip() or "it said nothing",
            f"mend it in the image, or turn it off there: systemctl --root=ROOT disable {unit}",
        )


def _required(facts: Facts) -> Iterator[Judgement]:
    for key, text in facts.items():
        if not key.startswith("unit."):
            continue
        name, unit = key.removeprefix("unit."), _shown(text)
        state = unit.get("ActiveState", "unknown")
        if unit.get("LoadState") == "not-found":
            yield error("try.require", f"{name} is not installed", "--require asks for it", "install it in the image")
        elif state == "active" or _has_done_its_work(unit):
            yield ok("try.require", f"{name} is {'active' if state == 'active' else 'done'}")
        elif unit.get("LoadState") == "masked" or unit.get("UnitFileState") == "disabled":
            reason = f"it is {unit.get('UnitFileState') or 'masked'}, so no boot starts it"
            yield error("try.require", f"{name} is not active", reason, f"systemctl --root=ROOT enable {name}")
        else:
            reason = facts.get(f"why.{name}", "").strip() or f"systemd says {state}, {unit.get('Result', 'no result')}"
            yield error("try.require", f"{name} is not active", reason, "mend it in the image")


def _has_done_its_work(unit: Mapping[str, str]) -> bool:
    """Whether it is a unit that ends when its work is done, and has ended well."""
    has_run = unit.get("ExecMainExitTimestampMonotonic", "0") not in ("", "0")
    return unit.get("ActiveState") == "inactive" and unit.get("Result") == "success" and has_run


def _ssh(facts: Facts) -> Iterator[Judgement]:
    if "ssh" not in facts:
        return
    keys, unit = host_keys(facts), _shown(facts["ssh"])
    name = unit.get("unit", "sshd")
    if not keys:
        yield error(
            "try.host-keys",
            "sshd has no host keys",
            "nothing on the clone makes them, and nobody can log in without",
            "bootstrap bake ROOT --host-keys, or enable what makes them",
        )
    open_keys = [key for key in keys if key.mode & 0o007]
    for key in open_keys:
        reason = f"its mode is {key.mode:04o}, so every user of the clone can take it"
        yield error("try.host-keys", f"{key.path} can be read by everybody", reason, f"chmod 0600 {key.path}")
    if keys and not open_keys:
        yield ok("try.host-keys", f"{len(keys)} ssh host key{'' if len(keys) == 1 else 's'}, for root alone")
    if unit.get("ActiveState") == "active":
        yield ok("try.ssh", f"{name} is active")
    elif unit.get("UnitFileState") in ("disabled", "masked"):
        yield warning(
            "try.ssh",
            f"sshd is installed, but {name} is {unit['UnitFileState']}",
            "nobody can log in to a clone by ssh",
            f"systemctl --root=ROOT enable {name}, if people shall",
        )
    else:
        reason = facts.get("why.ssh", "").strip() or f"it is {unit.get('ActiveState', 'not running')}"
        yield error("try.ssh", f"{name} is not active", reason, "mend it in the image")


def _address(facts: Facts, *, by_metadata: bool) -> Judgement:
    address = facts.get("address", "").strip()
    if address and (by_metadata or not address.startswith("169.254.")):
        return ok("try.address", f"the address is {address}")
    reason = "no interface has one that goes beyond its own link"
    fix = "enable what sets up the network: systemd-networkd, NetworkManager, networking or the cloud's agent"
    return error("try.address", "the clone has no address", reason, fix)


def _disk(facts: Facts) -> Judgement:
    disk = facts.get("disk", "").strip()
    if disk == "writable":
        return ok("try.disk", "the root file system can be written to")
    reason = "stages, logs and keys need it"
    return error(
        "try.disk", f"the root file system: {disk or 'unknown'}", reason, "look at /etc/fstab and the kernel's rw"
    )


def _clock(events: Events, powered_on_at: float) -> Judgement:
    """The clock at boot, as the guest has it, beside the moment of power on."""
    event = next((event for event in reversed(events) if event.get("stage") == JUDGE), None)
    if event is None:
        return warning("try.clock", "the clock was not seen", "no event of the judge came", "try again")
    ahead_s = float(event["at"]) - float(event["uptime_s"]) - powered_on_at
    if -_CLOCK_BEHIND_S < ahead_s < _CLOCK_AHEAD_S:
        return ok("try.clock", "the clock agrees with this machine's")
    amount = f"{abs(ahead_s):,.0f} s {'ahead' if ahead_s > 0 else 'behind'}"
    fix = "let the image take the hardware clock for UTC (/etc/adjtime), and enable what sets the time"
    return error(
        "try.clock", f"the clock is {amount}", "certificates and signatures are refused with a wrong one", fix
    )


def _machine_id(facts: Facts) -> Judgement:
    value = facts.get("machine_id", "").strip()
    if re.fullmatch("[0-9a-f]{32}", value):
        return ok("try.machine-id", f"the machine id is {value}")
    reason = "the journal, DHCP and D-Bus go by it"
    return error(
        "try.machine-id", f"the machine id is {value or 'empty'}", reason, "leave /etc/machine-id empty, not missing"
    )


def _once(facts: Facts, events: Events, server: str, *, power_cut: bool) -> Judgement:
    """Whether each stage ran once, and on behalf of this server alone. What a power cut has ended runs again."""
    wanted = [f"{server}:{name}" for name in (("mark", "cut") if power_cut else ()) + ("judge",)]
    traces = facts.get("ran", "").split()
    ended = Counter(str(event.get("stage")) for event in events if _is_end(event))
    twice = sorted(name for name, count in ended.items() if count > 1)
    fix = "seal the image before it is cloned: bootstrap seal ROOT --clean"
    if traces != wanted:
        reason = f"its disk says that these ran: {', '.join(traces) or 'none'}; expected: {', '.join(wanted)}"
        return error("try.once", f"{server} did not run its own payload once", reason, fix)
    if twice:
        return error("try.once", f"{', '.join(twice)} ended twice", "a stage that is done must not run again", fix)
    return ok("try.once", f"{server} ran its own payload, each stage once")


def _is_end(event: Mapping[str, Any]) -> bool:
    return event.get("type") == "stage.ended" and event.get("result") in ("done", "skipped")


def _power_cut(events: Events) -> Judgement:
    begun = Counter(str(event.get("stage")) for event in events if event.get("type") == "stage.started")
    interrupted = [event for event in events if event.get("type") == "interrupted" and event.get("stage") == CUT]
    if interrupted and begun[CUT] == 2 and begun[MARK] == 1:
        return ok(
            "try.power-cut", "after the power cut the run went on with the stage that was cut, and repeated no other"
        )
    reason = f"{CUT} began {begun[CUT]} times and {MARK} {begun[MARK]} times; expected: 2 and 1"
    fix = "look at the journal in --keep DIR: is /var/lib/initialrunner on a disk that survives?"
    return error("try.power-cut", "the power cut was not survived as it should be", reason, fix)


def _shown(text: str) -> dict[str, str]:
    """`systemctl show` on one line, as a map."""
    return dict(word.split("=", 1) for word in text.split() if "=" in word)
