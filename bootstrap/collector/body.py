"""Reads JSON that strangers send: bounded, every value checked, and a refusal that names the place. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from bootstrap.collector.model import Event, Expected, Report
from bootstrap.collector.refusal import malformed
from bootstrap.runner.contract import NAME_PATTERN, REPORT_VERSION, SERVER_STATES

MAX_BODY_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_DEADLINE_S = 366 * 24 * 3600
RESULTS = ("done", "failed", "again", "skipped", "interrupted")

_NAME = re.compile(NAME_PATTERN, re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")

# A check takes a value and says what it should have been, None when it is right.
Check = Callable[[Any], str | None]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _whole(low: int) -> Check:
    def check(value: Any) -> str | None:
        right = isinstance(value, int) and not isinstance(value, bool) and low <= value < 2**53
        return None if right else f"a whole number from {low}"

    return check


def _amount(value: Any) -> str | None:
    return None if _number(value) and value >= 0 else "a number from 0"


def _time(value: Any) -> str | None:
    return None if _number(value) else "a number of seconds"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _text(limit: int) -> Check:
    return lambda value: (
        None if isinstance(value, str) and len(value) <= limit else f"text of at most {limit} characters"
    )


def _texts(value: Any) -> str | None:
    right = isinstance(value, list) and all(isinstance(one, str) and len(one) <= 4096 for one in value)
    return None if right else "a list of texts"


def _missing(value: Any) -> str | None:
    right = isinstance(value, list) and all(
        isinstance(one, dict)
        and isinstance(one.get("path"), str)
        and all(isinstance(one.get(key, ""), str) for key in ("why", "saw"))
        for one in value
    )
    return None if right else "a list of objects with a path"


def _outputs(value: Any) -> str | None:
    return (
        None
        if isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        else "an object of texts"
    )


def _one_of(words: tuple[str, ...]) -> Check:
    return lambda value: None if isinstance(value, str) and value in words else "one of " + ", ".join(words)


def name(value: Any) -> str | None:
    """The check of a server, a deploy id and a journal."""
    return None if isinstance(value, str) and _NAME.fullmatch(value) else f"a name ({NAME_PATTERN})"


_SHORT, _LONG = _text(256), _text(65_536)

# What each type of event carries; "!" after a key: it must be there. What is not listed is kept as it is.
_EVENT: dict[str, Check] = {"seq!": _whole(1), "at!": _time, "uptime_s!": _time, "type!": _text(64)}
_FIELDS: dict[str, dict[str, Check]] = {
    "started": {"stages": _texts, "host_keys": _texts, "addresses": _texts, "deadline_s": _amount},
    "waiting": {"missing": _missing, "for": _LONG},
    "fixed": {"path": _LONG},
    "stage.started": {"stage!": _SHORT, "attempt": _whole(0)},
    "stage.ended": {
        "stage!": _SHORT,
        "result!": _one_of(RESULTS),
        "attempt": _whole(0),
        "took_s": _amount,
        "exit_code": _whole(-(2**31)),
        "signal": _whole(0),
        "cause": _SHORT,
        "tail": _LONG,
        "outputs": _outputs,
        "final": _flag,
    },
    "interrupted": {"stage": _SHORT, "attempt": _whole(0)},
    "health": {"ok!": _flag, "passed": _whole(0), "check": _LONG, "saw": _LONG},
    "state": {"state": _one_of(SERVER_STATES), "final": _flag, "reason": _LONG, "cause": _SHORT},
}
_REPORT: dict[str, Check] = {
    "server!": name,
    "deploy_id!": name,
    "journal!": name,
    "revision": _SHORT,
    "instance_id": _SHORT,
    "boot_id": _SHORT,
    "group": _SHORT,
    "state": _one_of(SERVER_STATES),
    "deadline_s": _amount,
}
_EXPECT: dict[str, Check] = {"server!": name, "deploy_id!": name, "revision": _SHORT, "deadline_s!": _amount}


def _check(raw: dict[str, Any], fields: dict[str, Check], where: str) -> None:
    for key, check in fields.items():
        plain = key.rstrip("!")
        value = raw.get(plain)
        if value is None:
            # An optional value may be spelled null.
            if key != plain:
                raise malformed(f"{where}{plain} is missing")
            continue
        wanted = check(value)
        if wanted is not None:
            raise malformed(f"{where}{plain}: {_shown(value)} is not {wanted}")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _no_constant(text: str) -> NoReturn:
    raise malformed(f"the body is not JSON: {text} is no number")


def _finite(text: str) -> float:
    # 1e999: what Python would make of it could be written down as no JSON that a browser reads.
    value = float(text)
    if math.isinf(value):
        raise malformed(f"the number {text[:60]} is too large")
    return value


def loads(body: bytes) -> Any:
    """The JSON value of a body. Raises Refusal 422: not UTF-8, not JSON, no number, or nested deeper than MAX_DEPTH."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_float=_finite, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise malformed(f"the body is not UTF-8: byte {error.start}") from error
    except RecursionError as error:
        raise malformed(f"the body is nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        raise malformed(f"the body is not JSON: {str(error)[:200]}") from error
    # Both walks are needed by almost no report, so each is asked for by a test that costs nothing.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _bounded(value)
    return _scrubbed(value) if "\\ud" in text or "\\uD" in text else value


def _bounded(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise malformed(f"the body is nested deeper than {MAX_DEPTH}")
        level = [
            child
            for one in level
            if isinstance(one, list | dict)
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, list | dict)
        ]


def _scrubbed(value: Any) -> Any:
    """The value without lone surrogates: JSON can spell them, UTF-8 cannot, and no page or terminal could show them."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_scrubbed(one) for one in value]
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(one) for key, one in value.items()}
    return value


def read_report(body: bytes, server: str, deploy_id: str, journal: str, first: int) -> Report:
    """The report of a signed body, which must repeat the ids of the signed webhook-id. Raises Refusal 422."""
    raw = loads(body)
    if not isinstance(raw, dict):
        raise malformed("the body is not an object")
    if raw.get("version") != REPORT_VERSION or isinstance(raw["version"], bool):
        raise malformed(f"version: {_shown(raw.get('version'))} is not {REPORT_VERSION}")
    _check(raw, _REPORT, "")
    for key, signed in (("server", server), ("deploy_id", deploy_id), ("journal", journal)):
        if raw[key] != signed:
            raise malformed(f"{key}: {_shown(raw[key])} is not the one of webhook-id, {_shown(signed)}")
    events = raw.get("events")
    if not isinstance(events, list):
        raise malformed("events is not a list")
    checked = tuple(_event(event, f"events[{i}].") for i, event in enumerate(events))
    if checked and checked[0]["seq"] != first:
        raise malformed(f"events[0].seq: {checked[0]['seq']} is not the one of webhook-id, {first}")
    for i in range(1, len(checked)):
        if checked[i]["seq"] <= checked[i - 1]["seq"]:
            raise malformed(f"events[{i}].seq: {checked[i]['seq']} does not come after {checked[i - 1]['seq']}")
    optional = {key: raw.get(key) for key in ("revision", "instance_id", "boot_id", "state", "group")}
    # A deadline in ten thousand years is no deadline, and would not fit a clock either.
    deadline_s = raw.get("deadline_s")
    bounded = None if deadline_s is None else min(float(deadline_s), MAX_DEADLINE_S)
    return Report(server, deploy_id, journal, first, checked, deadline_s=bounded, **optional)


def _event(event: Any, where: str) -> Event:
    if not isinstance(event, dict):
        raise malformed(f"{where.rstrip('.')} is not an object")
    _check(event, _EVENT, where)
    _check(event, _FIELDS.get(event["type"], {}), where)
    return event


def read_expect(body: bytes) -> tuple[Expected, ...]:
    """The manifests of POST /v1/expect: a list, or {"manifests": […]}. Raises Refusal 422."""
    raw = loads(body)
    manifests = raw.get("manifests") if isinstance(raw, dict) else raw
    if not isinstance(manifests, list):
        raise malformed("the body is not a list of manifests")
    found = []
    for i, manifest in enumerate(manifests):
        if not isinstance(manifest, dict):
            raise malformed(f"manifests[{i}] is not an object")
        _check(manifest, _EXPECT, f"manifests[{i}].")
        deadline_s = min(float(manifest["deadline_s"]), MAX_DEADLINE_S)
        found.append(Expected(manifest["server"], manifest["deploy_id"], deadline_s, manifest.get("revision")))
    return tuple(found)
