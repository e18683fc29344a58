"""Ends that were there before a wait began: yesterday's deploy is no answer to who waits for today's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bootstrap.client.show import plain

ENDED = ("healthy", "failed")
MAX_SENTENCES = 3


class Early:
    """Of servers and groups that are named without a deploy: whose end is older than the wait.

    Its first look at the collector is when the wait begins. An end is told from a newer one by its deploy and state.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._ends: dict[str, tuple[str, str]] | None = None
        self._sentences: dict[str, str] = {}

    def look(self, known: dict[str, dict[str, Any]]) -> None:
        """Take in how they stand, by name. The first time, say of whom no news has to be expected."""
        states = {name: (server["deploy_id"], server["state"]) for name, server in known.items()}
        if self._ends is None:
            self._ends = {name: end for name, end in states.items() if end[1] in ENDED}
            for name in self._ends:
                self._sentences[name] = _sentence(known[name])
                self._warn(f"{self._sentences[name]}; waiting for a newer deploy. {_next(known[name])}")
        # Whoever has once left that end has begun anew: what he reaches is news.
        for name in [name for name, end in self._ends.items() if name in states and states[name] != end]:
            del self._ends[name], self._sentences[name]

    def is_early(self, name: str) -> bool:
        """Whether all that is known of it is an end from before."""
        return name in (self._ends or ())

    def sentences(self) -> list[str]:
        """Why nothing came of the wait, for a few of them."""
        sentences = list(self._sentences.values())
        more = len(sentences) - MAX_SENTENCES
        return sentences[:MAX_SENTENCES] + ([f"{more} more had ended before it"] if more > 0 else [])


def _sentence(server: dict[str, Any]) -> str:
    seen = server.get("last_seen")
    at = time.strftime(", at %Y-%m-%d %H:%M:%S UTC", time.gmtime(seen)) if seen is not None else ""
    state = f"{server['healthy']} of {server['count']} healthy" if "count" in server else server["state"]
    deploy = server["deploy_id"]
    return plain(f"{server['server']} had already ended ({state}, deploy {deploy}{at}) before this wait began")


def _next(server: dict[str, Any]) -> str:
    manifest = f"build/{server['server']}"
    shown = f"'{manifest}'" if "count" in server else manifest
    return plain(f"To ask for that one: bootstrap wait {shown} (its manifest), or --deploy-id {server['deploy_id']}")
