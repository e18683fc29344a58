"""The parameters of queries: each is described and read by one object, so that the reference page cannot differ."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request

from bootstrap.collector.fields import NAME, Schema
from bootstrap.collector.refusal import malformed
from bootstrap.collector.state import STATES

DEFAULT_WAIT_S = 30.0
MAX_WAIT_S = 300.0  # proxies cut longer silences; a caller asks again
# The life of a bundle's URL: long enough for a server to start, and not for ever, since it opens a secret.
MIN_LIFETIME_S, LIFETIME_S, MAX_LIFETIME_S = 60, 7 * 86400, 366 * 86400
# A refusal quotes what the caller sent, but never a megabyte of it.
QUOTED = 60

T = TypeVar("T")


@dataclass(frozen=True)
class Parameter(Generic[T]):
    """One parameter of a query. parse: reads its text, and raises Refusal 422; default: its value when it is absent."""

    name: str
    text: str
    schema: Schema
    parse: Callable[[str], T]
    default: T

    def of(self, request: Request) -> T:
        """The value in a request. Raises Refusal 422."""
        value = request.query_params.get(self.name)
        return self.default if value is None else self.parse(value)


def checked_name(key: str, value: str) -> str:
    """A name that a query or a path holds. Raises Refusal 422 when it cannot be one."""
    if (expected := NAME.problem(value)) is not None:
        raise malformed(f"{key}: {value[:QUOTED]!r} is not {expected}")
    return value


def _name(key: str, text: str) -> Parameter[str | None]:
    return Parameter(key, text, NAME.schema, lambda value: checked_name(key, value), None)


def _word(key: str, text: str, words: tuple[str, ...], default: str | None = None) -> Parameter[str | None]:
    def parse(value: str) -> str:
        if value not in words:
            allowed = words[0] if len(words) == 1 else f"one of {', '.join(words)}"
            raise malformed(f"{key}: {value[:QUOTED]!r} is not {allowed}")
        return value

    schema: Schema = {"type": "string", "enum": list(words)}
    return Parameter(key, text, schema if default is None else {**schema, "default": default}, parse, default)


def _read_number(key: str, value: str, low: float) -> float:
    # Python's float() also reads nan, inf, 1e9 and 1_000: none of them may set a deadline.
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value, re.ASCII) is None or float(value) < low:
        raise malformed(f"{key}: {value[:QUOTED]!r} is not a number from {low:g}")
    return float(value)


DEPLOY = _name("deploy_id", "One roll-out. Without it: the current deploy of each server, which is the greatest id.")
STREAM_DEPLOY = _name("deploy_id", "Changes in this roll-out only.")
AFTER = _name("after", "Only the end of a deploy with a greater id than this one is an answer.")
STATE = _word("state", "Only servers in this state.", STATES)
# People type the address of the page: all servers help them more than an error does.
STATE_OF_PAGE: Parameter[str | None] = Parameter(
    "state",
    "Only servers in this state. Another word shows all.",
    {"type": "string"},
    lambda value: value if value in STATES else None,
    None,
)
# A group is not checked: nobody is a member of an impossible one, so its list is empty.
GROUP: Parameter[str | None] = Parameter(
    "group", "Only members of this group, for example `web-*`.", {"type": "string"}, str, None
)
GROUP_OF_ASKER: Parameter[str | None] = Parameter(
    "group", "With a signature: the group whose key has signed.", {"type": "string"}, str, None
)
BRIEF: Parameter[bool] = Parameter(
    "brief",
    "`1` or `true`: without stages and the other long parts, for lists of thousands.",
    {"type": "string", "default": "0"},
    lambda value: value in ("1", "true"),
    False,
)
WAIT_FOR = _word("for", "The state to wait for.", ("healthy",), "healthy")
TIMEOUT_S: Parameter[float] = Parameter(
    "timeout_s",
    f"Seconds after which the answer comes in any case. More than {MAX_WAIT_S:g} is taken as {MAX_WAIT_S:g}.",
    {"type": "number", "minimum": 0, "default": int(DEFAULT_WAIT_S)},
    lambda value: min(_read_number("timeout_s", value, 0), MAX_WAIT_S),
    DEFAULT_WAIT_S,
)
def _read_lifetime(value: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", value) is None or not MIN_LIFETIME_S <= int(value) <= MAX_LIFETIME_S:
        expected = f"whole seconds from {MIN_LIFETIME_S} to {MAX_LIFETIME_S}"
        raise malformed(f"expires_s: {value[:QUOTED]!r} is not {expected}")
    return int(value)


EXPIRES_S: Parameter[int] = Parameter(
    "expires_s",
    "Seconds for which the URL is good.",
    {"type": "integer", "minimum": MIN_LIFETIME_S, "maximum": MAX_LIFETIME_S, "default": LIFETIME_S},
    _read_lifetime,
    LIFETIME_S,
)
# Both are judged together: a wrong one is answered like a missing one.
EXPIRES: Parameter[str | None] = Parameter(
    "expires", "The end of the URL, seconds since 1970.", {"type": "string"}, str, None
)
SIGNATURE: Parameter[str | None] = Parameter("signature", "The collector's signature.", {"type": "string"}, str, None)
COUNT: Parameter[int | None] = Parameter(
    "count",
    "The number of servers that must be healthy. Without it: all that were announced or have reported.",
    {"type": "integer", "minimum": 1},
    lambda value: int(_read_number("count", value, 1)),
    None,
)
FAILURES: Parameter[int] = Parameter(
    "failures",
    "The number of servers that may fail before the roll-out has failed.",
    {"type": "integer", "minimum": 0, "default": 0},
    lambda value: int(_read_number("failures", value, 0)),
    0,
)
