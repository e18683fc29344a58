"""The fields of the JSON that strangers send: each with the check that judges it and the schema that describes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bootstrap.collector.leases import MAX_TTL_S, MIN_TTL_S
from bootstrap.runner.contract import EVENT_TYPES, NAME_PATTERN, REPORT_VERSION, SERVER_STATES

RESULTS = ("done", "failed", "again", "skipped", "interrupted")
# Browsers and jq read JSON numbers as doubles, which count in whole steps only below this.
NUMBER_LIMIT = 2**53
MAX_TEXT_IN_LIST = 4096
POOL_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}"
MAX_HOLDER = 300

Schema = dict[str, Any]

_NAME = re.compile(NAME_PATTERN, re.ASCII)


@dataclass(frozen=True)
class Check:
    """A rule for one value. expected: what a refusal says that the value should have been."""

    schema: Schema
    expected: str
    holds: Callable[[Any], bool]

    def problem(self, value: Any) -> str | None:
        """None for a good value, else what it should have been."""
        return None if self.holds(value) else self.expected


def is_number(value: Any) -> bool:
    # Python counts True as 1; in JSON it is no number.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < NUMBER_LIMIT


def _integer(low: int) -> Check:
    def holds(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value < NUMBER_LIMIT

    schema: Schema = {"type": "integer", "minimum": low, "exclusiveMaximum": NUMBER_LIMIT}
    return Check(schema, f"a whole number from {low}", holds)


def _text(limit: int) -> Check:
    return Check(
        {"type": "string", "maxLength": limit},
        f"text of at most {limit} characters",
        lambda value: isinstance(value, str) and len(value) <= limit,
    )


def _choice(words: tuple[str, ...]) -> Check:
    return Check(
        {"type": "string", "enum": list(words)},
        "one of " + ", ".join(words),
        lambda value: isinstance(value, str) and value in words,
    )


def _is_target_list(value: Any) -> bool:
    # A target of a manifest has more keys, of which only the digest of a runner text counts here.
    return isinstance(value, list) and all(
        isinstance(target, dict)
        and isinstance(bundle := target.get("bundle", {}), dict)
        and ((runner := bundle.get("runner")) is None or _is_digest(runner))
        for target in value
    )


def _is_missing_list(value: Any) -> bool:
    # `have` and `want` are not judged here: a reader gets them only when they are whole numbers.
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("path"), str)
        and all(isinstance(entry.get(key, ""), str) for key in ("why", "saw"))
        for entry in value
    )


NAME = Check(
    {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
    f"a name ({NAME_PATTERN})",
    lambda value: isinstance(value, str) and _NAME.fullmatch(value) is not None,
)
# A pool is named after a deploy file and one of its tiers, so it may be as long as two names.
_POOL = re.compile(POOL_PATTERN, re.ASCII)
POOL = Check(
    {"type": "string", "pattern": f"^{POOL_PATTERN}$"},
    f"the name of a pool ({POOL_PATTERN})",
    lambda value: isinstance(value, str) and _POOL.fullmatch(value) is not None,
)
_DIGEST_PATTERN = "[0-9a-f]{64}"


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(_DIGEST_PATTERN, value) is not None


DIGEST = Check(
    {"type": "string", "pattern": f"^{_DIGEST_PATTERN}$"}, "a SHA-256 of 64 hex digits in small letters", _is_digest
)
_SHORT, _LONG = _text(256), _text(65_536)
_TIME = Check(
    {"type": "number", "exclusiveMinimum": -NUMBER_LIMIT, "exclusiveMaximum": NUMBER_LIMIT},
    "a number of seconds",
    is_number,
)
_AMOUNT = Check(
    {"type": "number", "minimum": 0, "exclusiveMaximum": NUMBER_LIMIT},
    "a number from 0",
    lambda value: is_number(value) and value >= 0,
)
_FLAG = Check({"type": "boolean"}, "true or false", lambda value: isinstance(value, bool))
_TEXTS = Check(
    {"type": "array", "items": {"type": "string", "maxLength": MAX_TEXT_IN_LIST}},
    "a list of texts",
    lambda value: (
        isinstance(value, list) and all(isinstance(text, str) and len(text) <= MAX_TEXT_IN_LIST for text in value)
    ),
)
_MISSING = Check(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["path"],
            "properties": {"path": {"type": "string"}, "why": {"type": "string"}, "saw": {"type": "string"}},
        },
    },
    "a list of objects with a path",
    _is_missing_list,
)
_TARGETS = Check(
    {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "bundle": {
                    "type": "object",
                    "properties": {"runner": {"anyOf": [DIGEST.schema, {"type": "null"}]}},
                }
            },
        },
        "description": "As `render` writes them: the runner texts that these bundles need stay stored.",
    },
    "a list of targets, whose bundle.runner is a SHA-256",
    _is_target_list,
)
_OUTPUTS = Check(
    {"type": "object", "additionalProperties": {"type": "string"}},
    "an object of texts",
    lambda value: isinstance(value, dict) and all(isinstance(text, str) for text in value.values()),
)

_HOLDER_PATTERN = r"[^\u0000-\u001f\u007f-\u009f]+"
# A holder is shown to people, on terminals too.
_HOLDER = Check(
    {"type": "string", "maxLength": MAX_HOLDER, "pattern": f"^{_HOLDER_PATTERN}$"},
    f"text of 1 to {MAX_HOLDER} characters without control characters",
    lambda value: (
        isinstance(value, str) and len(value) <= MAX_HOLDER and re.fullmatch(_HOLDER_PATTERN, value) is not None
    ),
)
_TTL = Check(
    {"anyOf": [{"const": 0}, {"type": "number", "minimum": MIN_TTL_S, "maximum": MAX_TTL_S}]},
    f"0, or a number from {MIN_TTL_S} to {MAX_TTL_S:,}",
    lambda value: is_number(value) and (value == 0 or MIN_TTL_S <= value <= MAX_TTL_S),
)

# The keys of an object. "!" after a key marks one that must be there. Keys that are not listed are stored unread, so
# that an older collector can serve a newer runner.
Fields = dict[str, Check]
EVENT: Fields = {"seq!": _integer(1), "at!": _TIME, "uptime_s!": _TIME, "type!": _text(64)}
EVENT_BY_TYPE: dict[str, Fields] = {
    "started": {"stages": _TEXTS, "host_keys": _TEXTS, "addresses": _TEXTS, "deadline_s": _AMOUNT},
    "waiting": {"missing": _MISSING, "for": _LONG},
    "fixed": {"path": _LONG},
    "stage.started": {"stage!": _SHORT, "attempt": _integer(0)},
    "stage.ended": {
        "stage!": _SHORT,
        "result!": _choice(RESULTS),
        "attempt": _integer(0),
        "took_s": _AMOUNT,
        "exit_code": _integer(-(2**31)),
        "signal": _integer(0),
        "cause": _SHORT,
        "tail": _LONG,
        "outputs": _OUTPUTS,
        "final": _FLAG,
    },
    "interrupted": {"stage": _SHORT, "attempt": _integer(0)},
    "health": {"ok!": _FLAG, "passed": _integer(0), "check": _LONG, "saw": _LONG},
    "state": {"state": _choice(SERVER_STATES), "final": _FLAG, "reason": _LONG, "cause": _SHORT},
}
REPORT: Fields = {
    "server!": NAME,
    "deploy_id!": NAME,
    "journal!": NAME,
    "revision": _SHORT,
    "instance_id": _SHORT,
    "boot_id": _SHORT,
    "group": _SHORT,
    "state": _choice(SERVER_STATES),
    "deadline_s": _AMOUNT,
}
LEASE: Fields = {"holder!": _HOLDER, "ttl_s!": _TTL, "fence": _integer(1)}
MANIFEST: Fields = {
    "server!": NAME,
    "deploy_id!": NAME,
    "revision": _SHORT,
    "deadline_s!": _AMOUNT,
    "targets": _TARGETS,
}


def object_schema(*tables: Fields) -> Schema:
    """The JSON Schema of an object with these fields. An optional value may also be null."""
    properties: dict[str, Schema] = {}
    for key, check in (pair for fields in tables for pair in fields.items()):
        required = key.endswith("!")
        properties[key.rstrip("!")] = check.schema if required else {"anyOf": [check.schema, {"type": "null"}]}
    names = [key[:-1] for fields in tables for key in fields if key.endswith("!")]
    return {"type": "object", "required": names, "properties": properties}


def event_schema() -> Schema:
    """The JSON Schema of one event: the fields of every event, then those of its type."""
    # A type that no rule knows is free in its keys: an older collector stores the events of a newer runner.
    rules = [
        {"if": {"properties": {"type": {"const": kind}}}, "then": object_schema(fields)}
        for kind, fields in EVENT_BY_TYPE.items()
    ]
    types = ", ".join(f"`{kind}`" for kind in EVENT_TYPES)
    text = f"One event. `type` is one of {types}, or a word of a newer runner."
    return {**object_schema(EVENT), "description": text, "allOf": rules}


def report_schema() -> Schema:
    """The JSON Schema of the body of POST /v1/events."""
    schema = object_schema(REPORT)
    schema["required"] = ["version", *schema["required"], "events"]
    events = {"type": "array", "items": {"$ref": "#/components/schemas/ReportedEvent"}}
    schema["properties"] = {"version": {"const": REPORT_VERSION}, **schema["properties"], "events": events}
    return schema


def manifests_schema() -> Schema:
    """The JSON Schema of the body of POST /v1/expect."""
    manifests = {"type": "array", "items": object_schema(MANIFEST)}
    return {
        "anyOf": [manifests, {"type": "object", "required": ["manifests"], "properties": {"manifests": manifests}}]
    }
