"""Results that were there before a wait began: the end of yesterday's deploy is no answer to a wait for today's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bootstrap.client.wording import plain

ENDED = ("healthy", "failed")
# The reason of a time-out is one line.
MAX_SENTENCES = 3


class Early:
    """The servers and groups whose end is older than the wait, of those that are named without a deploy.

    The first update is made when the wait begins. An end is distinguished from a newer one by its deploy and state.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        # Name -> (deploy id, state); None before the first update.
        self._ends: dict[str, tuple[str, str]] | None = None
        self._sentences: dict[str, str] = {}

    def update(self, servers: dict[str, dict[str, Any]]) -> None:
        """Take the present state of each server, by name. The first time, warn about each that has already ended."""
        states = {name: (server["deploy_id"], server["state"]) for name, server in servers.items()}
        if self._ends is None:
            self._ends = {name: end for name, end in states.items() if end[1] in ENDED}
            for name in self._ends:
                self._sentences[name] = _sentence(servers[name])
                self._warn(f"{self._sentences[name]}; waiting for a newer deploy. {_advice(servers[name])}")
        # A server that has left its end once has begun anew: the next end is a result of this wait, whatever it is.
        for name in [name for name, end in self._ends.items() if name in states and states[name] != end]:
            del self._ends[name], self._sentences[name]

    def is_early(self, name: str) -> bool:
        """Whether the only result of this server is one from before the wait."""
        return name in (self._ends or ())

    def sentences(self) -> list[str]:
        """Return the reasons of a time-out: a sentence for each of the first few servers, and the number of others."""
        sentences = list(self._sentences.values())
        others = len(sentences) - MAX_SENTENCES
        return sentences[:MAX_SENTENCES] + ([f"{others} more had ended before it"] if others > 0 else [])


def _sentence(server: dict[str, Any]) -> str:
    """Say that a server or group had already ended, and when."""
    last_seen = server.get("last_seen")
    at = time.strftime(", at %Y-%m-%d %H:%M:%S UTC", time.gmtime(last_seen)) if last_seen is not None else ""
    state = f"{server['healthy']} of {server['count']} healthy" if "count" in server else server["state"]
    deploy = server["deploy_id"]
    return plain(f"{server['server']} had already ended ({state}, deploy {deploy}{at}) before this wait began")


def _advice(server: dict[str, Any]) -> str:
    """Return the commands that ask for the deploy that has ended, for somebody who meant that one."""
    manifest = f"build/{server['server']}"
    # The star of a group's name is quoted, or the shell would expand it.
    argument = f"'{manifest}'" if "count" in server else manifest
    return plain(f"To ask for that one: bootstrap wait {argument} (its manifest), or --deploy-id {server['deploy_id']}")
