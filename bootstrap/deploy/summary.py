"""The end of a roll-out in a few lines, and as one JSON map: what was replaced, cut, kept, owed; what comes next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from bootstrap.client.wording import plain, span
from bootstrap.deploy.model import TierPlan
from bootstrap.deploy.progress import Progress, ServerView
from bootstrap.errors import ExitCode

INTERRUPTED = 130
RESULTS = {
    ExitCode.GOOD: ("done", ""),
    ExitCode.FAILED: ("rolled back", ", since a server failed"),
    ExitCode.TIMEOUT: ("rolled back", ", since a deadline passed"),
    ExitCode.OWED: ("cleaned up only in part", ": something is owed"),
    INTERRUPTED: ("rolled back", ", since you asked for the end"),
}


def outcome(code: int) -> str:
    """Return the end in a few words: `rolled back, since a server failed`."""
    return "".join(RESULTS.get(code, (f"ended with exit code {code}", "")))


def summary(progress: Progress, code: int, file: str, *, reason: str | None = None) -> list[str]:
    """Return the lines for people. file: the deploy file as the user named it; reason: why it turned back."""
    plan = progress.plan
    took = span(max(0.0, progress.at - (progress.begun or progress.at)))
    result, cause = RESULTS.get(code, (outcome(code), ""))
    lines = [f"{plan.name}: {result} after {took}{cause} (deploy {plan.deploy_id})"]
    for tier in plan.tiers:
        lines += _tier(progress, tier)
    lines += [f"  {count} session{_s(count)} cut in pool {pool}" for pool, count in sorted(progress.cut.items())]
    lines += [f"  {name} is left as it is: {why}" for name, why in progress.spared.items()]
    lines += _reasons(progress, reason) if code != ExitCode.GOOD else _replaced(progress)
    lines += [f"  owed: {server}: {why}" for server, why in sorted(progress.owed.items())]
    lines += [f"  next: {text}" for text in next_steps(progress, code, file)]
    return [plain(line) for line in lines]


def next_steps(progress: Progress, code: int, file: str) -> Iterator[str]:
    """Return the commands that somebody may want to run now."""
    deploy_id = progress.plan.deploy_id
    if code == ExitCode.OWED:
        yield f"`bootstrap reap {deploy_id}` removes what is owed"
    elif code == ExitCode.GOOD and _left(progress):
        yield f"`bootstrap deploy {file} --previous` swaps the old servers back, as long as they exist"
        yield f"`bootstrap reap {deploy_id}` deletes them"
    elif code in (ExitCode.FAILED, ExitCode.TIMEOUT):
        yield f"`bootstrap deploys {deploy_id}` shows every step"
        yield f"mend the cause, then `bootstrap deploy {file}`"


def left_lines(deploy_id: str) -> list[str]:
    """Return what is printed after the second Ctrl-C: nothing was undone, and one command goes on."""
    return [
        "stopped at once: nothing was undone, and the servers stay as they are",
        f"  next: `bootstrap resume {deploy_id}` goes on; with --rollback it turns back",
    ]


def as_json(progress: Progress, code: int, reason: str | None = None) -> dict[str, Any]:
    """Return the last line of `--json`."""
    views = list(progress.servers.values())
    return {
        "type": "summary",
        "name": progress.plan.name,
        "deploy": progress.plan.deploy_id,
        "code": code,
        "result": outcome(code),
        "took_s": round(max(0.0, progress.at - (progress.begun or progress.at)), 3),
        "reason": reason or progress.turned,
        "reasons": progress.reasons,
        "servers": [_server(view) for view in views],
        "cut_sessions": progress.cut,
        "kept_until": progress.kept_until or {},
        "owed": progress.owed,
    }


def _server(view: ServerView) -> dict[str, Any]:
    return {
        "name": view.name,
        "tier": view.tier,
        "slot": view.slot,
        "is_new": view.is_new,
        "state": view.state,
        "address": view.address,
        "pools": sorted(view.up),
    }


def _tier(progress: Progress, tier: TierPlan) -> list[str]:
    """Return the lines of one tier: its servers now, and those they have replaced."""
    views = progress.servers_of(tier.name)
    new = [view for view in views if view.is_new and view.state != "deleted"]
    old = [view for view in views if not view.is_new]
    if not progress.turned:
        made = "swapped back" if tier.adopted else "made"
        lines = [f"  {tier.name}: {len(new)} of {tier.count} {made}, revision {tier.revision}"]
        lines += [f"    {view.name}  {view.address or ''}".rstrip() for view in new]
        verb = "replaces" if len(new) == 1 else "replace"
        return lines + ([f"    {verb} {_states(progress, tier, old)}"] if old else [])
    removed = sum(view.is_new and view.state == "deleted" for view in views)
    serving = sum(bool(view.up) for view in old)
    return [f"  {tier.name}: {removed} new server{_s(removed)} deleted; {serving} old one{_s(serving)} up, as before"]


def _states(progress: Progress, tier: TierPlan, old: list[ServerView]) -> str:
    """Return `shop-web-1-99ffee (deleted), …`; one that is kept says until when."""
    until = (progress.kept_until or {}).get(tier.name)
    texts = []
    for view in old[:10]:
        state = view.state
        if state != "deleted" and until is not None:
            # Once the deployer has ended, nobody deletes them any more.
            moment = time.strftime("%H:%M:%S", time.localtime(until))
            state = "still there" if progress.code is not None else f"kept until {moment}"
        texts.append(f"{view.name} ({state})")
    return ", ".join(texts) + (f" and {len(old) - 10} more" if len(old) > 10 else "")


def _left(progress: Progress) -> bool:
    """Whether servers that were replaced still exist."""
    return any(not view.is_new and view.state not in ("deleted", "left as it is") for view in progress.servers.values())


def _reasons(progress: Progress, reason: str | None) -> list[str]:
    """Return why it turned back, and what the failed servers have left behind."""
    text = reason or progress.turned
    lines = [f"  reason: {text}"] if text else []
    for server, details in progress.reasons.items():
        lines += [f"  {server}:", *(f"    | {line}" for line in details)]
    return lines


def _replaced(progress: Progress) -> list[str]:
    """Return a line for each new server that failed on the way to a good end."""
    return [f"  {name} was replaced: {lines[0] if lines else 'failed'}" for name, lines in progress.reasons.items()]


def _s(number: int) -> str:
    return "" if number == 1 else "s"
