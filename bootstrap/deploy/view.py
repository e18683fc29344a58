"""The live view of a roll-out as lines of a terminal, for any width and height. Pure.

One line tells the phase, one each server, one each pool. Where the terminal is too low, servers with nothing to look
at are counted instead, those that failed last of all.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from bootstrap.client.wording import plain, span
from bootstrap.deploy.progress import Progress, ServerView

# Phases as people read them, each with the noun of its deadline.
PHASES = {
    "creating": "asking for new servers",
    "gating": "waiting until the new servers have proven themselves",
    "joining": "putting the new servers into the pools",
    "before_swap": "running before_swap",
    "draining": "draining the old servers",
    "removing": "taking the old servers out of the pools",
    "keeping": "keeping the old servers",
    "deleting": "deleting the old servers",
    "rolling-back": "rolling back: the new servers go, the old ones stay",
}
# Narrower than this no table can be read; lines are cut then.
LEAST_COLUMNS = 20


@dataclass(frozen=True)
class Line:
    """A line of the view. tone: good, bad or plain, for those who colour it."""

    text: str
    tone: str = "plain"


def view(progress: Progress, columns: int, rows: int, now: float) -> list[Line]:
    """Return at most `rows` lines of at most `columns` cells. now: seconds since 1970."""
    head = [Line(text) for text in heading(progress, now)]
    pools = [Line(text, tone) for text, tone in _pools(progress)]
    servers = _servers(progress, now, max(1, rows - len(head) - len(pools)))
    return [Line(fit(line.text, max(columns, LEAST_COLUMNS)), line.tone) for line in [*head, *servers, *pools][:rows]]


def heading(progress: Progress, now: float) -> list[str]:
    """Return the two lines about the whole: whose deploy, since when, and the phase with its deadline."""
    plan = progress.plan
    begun = now if progress.begun is None else progress.begun
    first = f"{plan.name}  deploy {plan.deploy_id}  {span(max(0.0, now - begun))}"
    return [first, phase_text(progress, now)]


def phase_text(progress: Progress, now: float) -> str:
    """Return `web (1 of 2): draining the old servers, at most 42s more`."""
    phase = progress.phase
    if phase is None:
        return "beginning"
    names = [tier.name for tier in progress.plan.tiers]
    tier = progress.tier(phase.tier)
    place = f"{phase.tier}: " if tier else ""
    if tier and len(names) > 1:
        place = f"{phase.tier} ({names.index(phase.tier) + 1} of {len(names)}): "
    batch = f", batch {phase.batch}" if tier and tier.batch and tier.batch < tier.count else ""
    ends = ""
    if phase.ends is not None:
        left = phase.ends - now
        ends = f", at most {span(left)} more" if left > 0 else ", its deadline has passed"
    text = PHASES.get(phase.name, phase.name)
    if progress.turned is not None and phase.name in ("draining", "removing"):
        text = text.replace("the old servers", "the new servers")
    return f"{place}{text}{batch}{ends}"


def _servers(progress: Progress, now: float, room: int) -> list[Line]:
    """Return a table of the servers; where `room` is short, the last line counts those that are left out."""
    everyone = [view for tier in progress.plan.tiers for view in progress.servers_of(tier.name)]
    views = everyone
    if len(everyone) > room:
        # sorted() keeps the order of equals, which is that of tiers and slots.
        chosen = {view.name for view in sorted(everyone, key=_weight)[: max(0, room - 1)]}
        views = [view for view in everyone if view.name in chosen]
    width = max((len(view.name) for view in views), default=0)
    lines = [Line(_server(view, width, now), view.tone) for view in views]
    if len(views) < len(everyone):
        names = {view.name for view in views}
        others = [view for view in everyone if view.name not in names]
        lines.append(Line(f"  … and {len(others)} more: {_counts(others)}"))
    return lines


def _weight(view: ServerView) -> int:
    """Rank servers by how much somebody wants to see them: failed, at work, arrived, at rest."""
    if view.tone == "bad":
        return 0
    if view.is_new:
        return 2 if view.tone == "good" else 1
    return 1 if view.draining else 3


def _server(view: ServerView, width: int, now: float) -> str:
    """Return the line of one server: slot, name, how long it has been in its state, address, state."""
    slot = "old" if view.slot is None else str(view.slot)
    since = span(max(0.0, now - view.since))
    # A long state, such as what a probe has seen, goes last, where it can be cut without moving the columns.
    return f"  {slot:>3}  {view.name:<{width}}  {since:>6}  {view.address or '-':<15}  {plain(view.state)}"


def _counts(views: list[ServerView]) -> str:
    """Return `12 up, 3 building`: the states of servers that have no line, the most frequent first."""
    counts: dict[str, int] = {}
    for view in views:
        counts[view.state] = counts.get(view.state, 0) + 1
    return ", ".join(f"{number} {plain(state)}" for state, number in sorted(counts.items(), key=lambda pair: -pair[1]))


def _pools(progress: Progress) -> list[tuple[str, str]]:
    """Return a line for each pool with what serves in it; bad: fewer than the floor are up."""
    lines = []
    for tier in progress.plan.tiers:
        for pool in tier.pools:
            new, old, draining = progress.pool(tier.name, pool.name)
            leaving = f", {draining} draining" if draining else ""
            tone = "bad" if new + old < tier.floor else "plain"
            lines.append((f"  pool {pool.name}: {new} new and {old} old up{leaving}; floor {tier.floor}", tone))
    return lines


def fit(text: str, columns: int) -> str:
    """Cut a text to this many cells of a terminal; the characters of some languages take two."""
    used = 0
    for index, character in enumerate(text):
        used += cells(character)
        if used > columns:
            # The mark of the cut takes a cell itself.
            kept = text[:index]
            while kept and sum(map(cells, kept)) > columns - 1:
                kept = kept[:-1]
            return kept + "…"
    return text


def cells(character: str) -> int:
    """Return how many cells of a terminal a character takes: 0 for combining marks, 2 for wide ones."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
