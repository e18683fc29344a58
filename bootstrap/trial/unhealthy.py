"""Says what may be the matter with a clone that has failed, or was not healthy in time. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.client.timeline import Timeline
from bootstrap.client.wording import plain
from bootstrap.trial.model import Judgement, error
from bootstrap.trial.remains import Remains

CONSOLE_LINES = 30
# What the console of a boot that does not come to its end says, and what it means.
_SYMPTOMS = (
    (r"Kernel panic", "the kernel has panicked"),
    (r"Unable to mount root|Cannot open root device|ALERT! .* does not exist|Gave up waiting for root", "the root file "
     "system was not found: look at root= of the kernel's command line, /etc/fstab and the drivers in the initrd"),
    (r"emergency mode|Give root password|Press Enter for maintenance", "the boot has ended in emergency mode: a mount "
     "of /etc/fstab or a unit that everything needs has failed"),
    (r"error: no such device|grub rescue|error: file .* not found", "the boot loader did not find its files"),
    (r"No bootable device|Boot failed", "the firmware found nothing to boot: an image for UEFI, or none at all"),
    (r"initialrunner: .*", "the runner says on the console: "),
    (r"A start job is running for [^(]*", "the boot still waits: "),
    (r"no hostkeys available", "sshd has no host keys"),
)  # fmt: skip
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]?|\x1b.?|[\x00-\x08\x0b-\x1f\x7f]")
_WAITS = "initialrunner: waits for a bundle"
_LOGIN = re.compile(r"login: *$", re.MULTILINE)


def tail(console: str) -> tuple[str, ...]:
    """The last lines of a console, without those that are empty."""
    # systemd cuts long lines, also in the middle of the sequence for a colour.
    rows = [plain(_CONTROL.sub("", row)).rstrip() for row in console.splitlines()]
    return tuple(row for row in rows if row)[-CONSOLE_LINES:]


def symptoms(console: str) -> list[str]:
    """What a console says of the trouble, in sentences."""
    sentences = []
    for pattern, meaning in _SYMPTOMS:
        matches = re.findall(pattern, console)
        if matches:
            sentences.append(meaning + (str(matches[-1]).strip() if meaning.endswith(": ") else ""))
    return sentences


def failure(record: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> tuple[Judgement, str]:
    """The judgement of a clone that has failed, and the end of the log that tells why."""
    ends = [event for event in events if event.get("type") == "stage.ended" and event.get("result") == "failed"]
    states = [event for event in events if event.get("type") == "state" and event.get("state") == "failed"]
    reason = str(states[-1].get("reason") or states[-1].get("cause") or "") if states else ""
    if ends:
        end = ends[-1]
        code = f"exit {end['exit_code']}" if "exit_code" in end else str(end.get("cause") or "no exit code")
        subject = f"stage {end.get('stage')} has failed ({code})"
        log = str(end.get("tail") or "")
    else:
        checks = [event for event in events if event.get("type") == "health" and not event.get("ok")]
        subject = f"the check {checks[-1].get('check', '?')} has not passed" if checks else "the run has failed"
        log = str(checks[-1].get("saw") or "") if checks else ""
    fix = "mend the payload, or what it needs of the image; --keep DIR keeps the disk with all logs"
    return error("try.stage", f"{record.get('server', 'the clone')}: {subject}", reason or "see its log", fix), log


def never_heard(
    server: str, source: str, console: str, took: str, remains: Remains | None, *, is_baked: bool
) -> Judgement:
    """The judgement of a clone whose runner never reported. remains: what its disk says, None where nobody knows."""
    without = "" if is_baked else " --without-runner"
    signs = symptoms(console)
    if not console.strip():
        signs.append("its console is empty: the kernel has no console=ttyS0, or did not start")
    elif _LOGIN.search(console):
        signs.append("it has booted up to its login prompt")
    starters = "what starts the runner" if is_baked else "what starts the payload, cron or cloud-init"
    needs = [(starters, "need.trigger"), ("Python", "need.python"), ("the network", "need.network")]
    if remains is not None and remains.has_run:
        # Its own journal is beyond doubt, whatever else is on the console.
        state = remains.state or "nothing yet"
        signs.insert(0, f"its own journal says {state}, so only its reports did not come through")
        needs = needs[2:]
    elif _WAITS in console:
        # Nothing is on the disk of one that has found nothing, and yet it was there.
        needs = needs[2:]
    elif remains is not None:
        lack = "" if remains.has_python else ", and it has no Python"
        signs.insert(0, f"its disk says that no runner has run{lack}")
        needs = needs[:2] if remains.has_python else needs[1:2]
    looked_at = ", ".join(f"{subject} (seal: {code})" for subject, code in needs)
    return error(
        "try.never-heard",
        f"{server} was never heard of in {took}",
        f"its payload came by {source}" + "".join(f"; {sign}" for sign in signs),
        f"look at {looked_at}: bootstrap seal ROOT{without} judges {'each' if len(needs) > 1 else 'it'}",
    )


def late(
    server: str, record: Mapping[str, Any], events: Sequence[Mapping[str, Any]], console: str, took: str
) -> Judgement:
    """The judgement of a clone that was heard of, and did not come to its end."""
    told = [line for event in events for line in Timeline(0.0).lines(event)]
    last = re.sub(r"^ *[0-9.]+ s +", "", told[-1]) if told else "nothing"
    signs = "".join(f"; {sign}" for sign in symptoms(console))
    return error(
        "try.late",
        f"{server} was {record.get('state', 'unknown')}, not healthy, after {took}",
        f"last heard: {re.sub(' +', ' ', last)}{signs}",
        "give it more time with --deadline, or look why that takes so long",
    )


def off(server: str, record: Mapping[str, Any], console: str) -> Judgement:
    """The judgement of a clone whose machine has switched itself off."""
    signs = symptoms(console) or ["its console does not say why"]
    reason = f"it was {record.get('state') or 'never heard of'} then; {'; '.join(signs)}"
    return error("try.off", f"{server} has switched itself off", reason, "look at the end of its console")
