"""Reads JSON that strangers send: bounded, every value checked, and a refusal that names the place. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from bootstrap.collector.fields import EVENT, EVENT_BY_TYPE, LEASE, MANIFEST, POOL, REPORT, Fields
from bootstrap.collector.leases import LeaseRequest
from bootstrap.collector.model import Event, Expected, Report
from bootstrap.collector.refusal import malformed
from bootstrap.runner.contract import REPORT_VERSION

MAX_BODY_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_DEADLINE_S = 366 * 24 * 3600

_SURROGATE = re.compile("[\ud800-\udfff]")


def _check(raw: dict[str, Any], fields: Fields, where: str) -> None:
    for key, check in fields.items():
        plain_key = key.rstrip("!")
        value = raw.get(plain_key)
        if value is None:
            # An optional value may be spelled null.
            if key != plain_key:
                raise malformed(f"{where}{plain_key} is missing")
            continue
        if not check.holds(value):
            raise malformed(f"{where}{plain_key}: {_quoted(value)} is not {check.expected}")


def _quoted(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _no_constant(text: str) -> NoReturn:
    raise malformed(f"the body is not JSON: {text} is no number")


def _finite(text: str) -> float:
    # Python reads 1e999 as infinity, which it would write as `Infinity`: no browser reads that as JSON.
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
    # Almost no report needs either walk, and each walk costs as much as the parsing: a cheap test of the text decides.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _refuse_deep(value)
    return _without_surrogates(value) if "\\ud" in text or "\\uD" in text else value


def _refuse_deep(value: Any) -> None:
    """Raise Refusal 422 when lists and objects are nested deeper than MAX_DEPTH."""
    # A loop over levels, not a recursion: the depth is what must not be trusted here.
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise malformed(f"the body is nested deeper than {MAX_DEPTH}")
        level = [
            child
            for parent in level
            if isinstance(parent, list | dict)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, list | dict)
        ]


def _without_surrogates(value: Any) -> Any:
    """The value without lone surrogates: JSON can spell them, UTF-8 cannot, and no page or terminal could show them."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(child) for child in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(child) for key, child in value.items()}
    return value


def read_report(body: bytes, server: str, deploy_id: str, journal: str, first: int) -> Report:
    """The report of a signed body, which must repeat the ids of the signed webhook-id. Raises Refusal 422."""
    raw = loads(body)
    if not isinstance(raw, dict):
        raise malformed("the body is not an object")
    # True equals 1 in Python, so a version that is a bool is refused by its type.
    if raw.get("version") != REPORT_VERSION or isinstance(raw["version"], bool):
        raise malformed(f"version: {_quoted(raw.get('version'))} is not {REPORT_VERSION}")
    _check(raw, REPORT, "")
    for key, signed in (("server", server), ("deploy_id", deploy_id), ("journal", journal)):
        if raw[key] != signed:
            raise malformed(f"{key}: {_quoted(raw[key])} is not the one of webhook-id, {_quoted(signed)}")
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
    # A deadline in ten thousand years is no deadline, and no clock could hold the moment either.
    deadline_s = raw.get("deadline_s")
    bounded = None if deadline_s is None else min(float(deadline_s), MAX_DEADLINE_S)
    return Report(server, deploy_id, journal, first, checked, deadline_s=bounded, **optional)


def _event(event: Any, where: str) -> Event:
    if not isinstance(event, dict):
        raise malformed(f"{where.rstrip('.')} is not an object")
    _check(event, EVENT, where)
    _check(event, EVENT_BY_TYPE.get(event["type"], {}), where)
    return event


def read_expect(body: bytes) -> tuple[Expected, ...]:
    """The manifests of POST /v1/expect: a list, or {"manifests": […]}. Raises Refusal 422."""
    raw = loads(body)
    manifests = raw.get("manifests") if isinstance(raw, dict) else raw
    if not isinstance(manifests, list):
        raise malformed("the body is not a list of manifests")
    announced = []
    for i, manifest in enumerate(manifests):
        if not isinstance(manifest, dict):
            raise malformed(f"manifests[{i}] is not an object")
        _check(manifest, MANIFEST, f"manifests[{i}].")
        deadline_s = min(float(manifest["deadline_s"]), MAX_DEADLINE_S)
        runners = [target.get("bundle", {}).get("runner") for target in manifest.get("targets") or ()]
        names = manifest["server"], manifest["deploy_id"]
        announced.append(Expected(*names, deadline_s, manifest.get("revision"), tuple(filter(None, runners))))
    return tuple(announced)


def read_lease(pool: str, body: bytes) -> LeaseRequest:
    """The request of POST /v1/leases/POOL. Raises Refusal 422."""
    if not POOL.holds(pool):
        raise malformed(f"pool: {_quoted(pool)} is not {POOL.expected}")
    raw = loads(body)
    if not isinstance(raw, dict):
        raise malformed("the body is not an object")
    _check(raw, LEASE, "")
    if raw["ttl_s"] == 0 and raw.get("fence") is None:
        raise malformed("fence is missing: `ttl_s` 0 ends the lease that has this fence")
    return LeaseRequest(pool, raw["holder"], raw["ttl_s"], raw.get("fence"))
