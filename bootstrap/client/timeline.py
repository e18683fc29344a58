"""Events of a server as lines for people: the time, the stage, its result and how long it took. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

_NAME_WIDTH = 14
_TAIL_LINES = 12


class Timeline:
    """Turns events into lines, in order. begin: the time (seconds since 1970) that counts as 0.0 s."""

    def __init__(self, begin: float) -> None:
        self.begin = begin

    def line(self, at: float, name: str, text: str) -> str:
        """One line of the timeline: `  3.2 s  NAME            TEXT`."""
        return f"{max(0.0, at - self.begin):7.1f} s  {name:<{_NAME_WIDTH}}  {text}".rstrip()

    def lines(self, event: Mapping[str, Any]) -> list[str]:
        """The lines of one event; none for an event that people need not see."""
        kind = str(event.get("type", "")).replace(".", "_")
        lines_of = getattr(self, f"_{kind}", None)
        if lines_of is None:
            return []
        name, text, below = lines_of(event)
        return [self.line(float(event.get("at", self.begin)), name, text), *quoted(below)]

    def log(self, at: float, name: str, text: str) -> list[str]:
        """The last lines of a log below a line that names it; nothing for an empty log."""
        rows = last_lines(text)
        return [self.line(at, name, "its log ends with"), *quoted(rows)] if rows else []

    def _started(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        stages = event.get("stages") or []
        count = f"{len(stages)} stage{'' if len(stages) == 1 else 's'}"
        return "started", f"{count}, revision {event.get('revision', '?')}, Python {event.get('python', '?')}", []

    def _waiting(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        missing, reason = event.get("missing") or [], event.get("for")
        if not reason:
            return "waiting", "for " + ("; ".join(_missing(entry) for entry in missing) or "something"), []
        # A need of a stage is printed with the stage; every other reason names its own subject.
        stages = [str(entry.get("path")) for entry in missing if entry.get("why") == "needs"]
        return "waiting", f"for stage {stages[0]}: {reason}" if stages else str(reason), []

    def _every_boot(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        code = event.get("exit_code")
        tail = last_lines(str(event.get("tail") or "")) if code else []
        return str(event.get("name")), f"every boot: {'failed, ' if code else ''}exit {code}", tail

    def _fixed(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        was, now = event.get("was") or {}, event.get("now") or {}
        changed = [f"{key} {was.get(key)} -> {now.get(key)}" for key in now if was.get(key) != now.get(key)]
        aside = f", the old one is in {event['quarantined']}" if event.get("quarantined") else ""
        return "fixed", f"{event.get('path')}: {', '.join(changed) or 'replaced'}{aside}", []

    def _stage_started(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        return str(event.get("stage")), ", ".join(filter(None, ("running", _attempt(event)))), []

    def _stage_ended(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        result = str(event.get("result"))
        words = _RESULTS.get(result, result)
        if "took_s" in event and result != "skipped":
            words += f" {'in' if result == 'done' else 'after'} {event['took_s']:.1f} s"
        parts = [words]
        if result in {"failed", "interrupted"}:
            parts += [_ended(event)]
        parts += [_attempt(event)]
        if result == "failed":
            parts += ["for good" if event.get("final") else "will be tried again"]
        text = ", ".join(part for part in parts if part)
        tail = last_lines(str(event.get("tail") or "")) if result in {"failed", "interrupted"} else []
        return str(event.get("stage")), text, tail

    def _interrupted(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        killed = event.get("killed") or []
        ended = f"ended the {len(killed)} processes left of it" if killed else ""
        return str(event.get("stage")), ", ".join(filter(None, ("interrupted", _attempt(event), ended))), []

    def _health(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        if event.get("ok"):
            return "health", f"passed {event.get('passed', 1)}", []
        detail = str(event.get("saw") or "")
        return "health", f"not yet: {event.get('check', '?')}" + (f" (saw {_short(detail)})" if detail else ""), []

    def _rebooting(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        return "rebooting", f"after {event.get('stage')} (reboot {event.get('count', 1)} of this run)", []

    def _state(self, event: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        reason = event.get("reason") or event.get("cause")
        return "server", str(event.get("state")) + (f": {reason}" if reason else ""), []


# Results whose name in the journal does not explain itself.
_RESULTS = {"again": "not yet (exit 75)"}


def _attempt(event: Mapping[str, Any]) -> str:
    number = int(event.get("attempt") or 1)
    return f"attempt {number}" if number > 1 else ""


def _ended(event: Mapping[str, Any]) -> str:
    """`exit 100`, `signal 9 (oom)`, `timeout`: the number, and the cause where it says more."""
    cause = str(event.get("cause") or "")
    if "signal" in event:
        number = f"signal {event['signal']}"
    elif "exit_code" in event:
        number = f"exit {event['exit_code']}"
    else:
        return cause
    return number if cause in {"", "exit", "signal"} else f"{number} ({cause})"


def _missing(entry: Mapping[str, Any]) -> str:
    text = f"{entry.get('path', '?')} ({entry.get('saw') or entry.get('why', 'absent')}"
    if "have" in entry and "want" in entry:
        text += f", {entry['have']} of {entry['want']} bytes"
    return text + ")"


def _short(text: str) -> str:
    return textwrap.shorten(text, 160, placeholder=" ...")


def last_lines(text: str) -> list[str]:
    r"""The end of a log, for people. dpkg ends its lines with a carriage return, which a tail shows as `\x0d`."""
    # A text of blanks alone would print an empty frame.
    rows = [re.sub(r"(\r|\\x0d)+$", "", row) for row in text.rstrip("\n").split("\n")] if text.strip() else []
    return rows[-_TAIL_LINES:]


def quoted(rows: Sequence[str]) -> list[str]:
    """Lines of a log as they stand below a line of the timeline."""
    return [f"{'':12}| {row}".rstrip() for row in rows]


def verdict(server: str, state: str, took_s: float) -> str:
    """The last line: `hello-1: healthy in 3.2 s`."""
    joint = {"healthy": "in", "failed": "after", "off": "after"}.get(state, "still, after")
    return f"{server}: {state} {joint} {took_s:.1f} s"


def final_state(events: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """The server's state as its events tell it, and whether nothing more will happen."""
    # A later state outdates an earlier one: a file that comes after all heals a run that had failed.
    states = [event for event in events if event.get("type") == "state"]
    if not states:
        return "waiting", False
    last = states[-1]
    return str(last.get("state")), bool(last.get("final"))
