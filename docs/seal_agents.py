"""The section of the reference page of `bootstrap seal` about the identities of agents, from their table."""

from __future__ import annotations

from bootstrap.image.leftovers.agents import AGENTS
from bootstrap.image.leftovers.rule import Leftover

HEAD = ("code", "product", "what", "where", "what it means in clones", "how to renew it", "`--clean`", "source")


def section() -> list[str]:
    """Give the lines of the section."""
    return [
        "\n## Agents\n",
        f"Identities of {len(AGENTS)} kinds: what a product has given one machine, and every clone would share.",
        "`--clean` removes those that the product makes anew by itself; the others wait for the command that renews",
        "them. A source is a page of the product's documents, or `OWNER/REPOSITORY: FILE` of its source.\n",
        f"| {' | '.join(HEAD)} |",
        "|---" * len(HEAD) + "|",
        *(f"| {' | '.join(_cells(rule))} |" for rule in AGENTS),
    ]


def _cells(rule: Leftover) -> tuple[str, ...]:
    subject = f"{rule.subject} (a warning)" if rule.warning else rule.subject
    places = _places(rule.places)
    return f"`{rule.code}`", rule.product, subject, places, rule.reason, rule.fix, rule.clean.value, rule.source


def _places(places: tuple[str, ...]) -> str:
    """Places as text; those in one folder share it, as `/etc/{one,other}`."""
    names: dict[str, list[str]] = {}
    for place in places:
        folder, _, name = place.rpartition("/")
        names.setdefault(folder, []).append(name)
    return ", ".join(
        f"`{folder}/{{{','.join(below)}}}`" if len(below) > 1 else f"`{folder}/{below[0]}`"
        for folder, below in names.items()
    )
