"""The kinds of health checks: their keys in a spec, and the table that plan, render, `show` and the packer read.

A new kind takes a key of `Check`, a row in the table above it, and a function `look_KIND` in runner/tick/checks.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import pydantic

from bootstrap.runner.defaults import CHECK
from bootstrap.spec import types as t
from bootstrap.spec.strict import Strict, one_of


@dataclass(frozen=True)
class Field:
    """One value of a check, from the spec to the host plan.

    key: in the host plan; place: its keys in the spec, below the check; rule: of types.RULES, what a template must
    render to; is_script: sh runs it, so its first line is judged; words: how it is shown to people.
    """

    key: str
    place: tuple[str, ...]
    rule: str | None = None
    is_script: bool = False
    words: str = "{}"


_FREE = "{:,} bytes free"
# In the order of the keys of `Check`. A text is a template; a number goes to the host as it is.
CHECK_KINDS: dict[str, tuple[Field, ...]] = {
    "http": (
        Field("url", ("http",), rule="url"),
        Field("status", ("status",)),
        Field("contains", ("contains",), words="contains {!r}"),
    ),
    "tcp": (Field("address", ("tcp",), rule="address"),),
    "unit": (Field("name", ("unit",)),),
    "process": (Field("name", ("process",)),),
    "command": (Field("text", ("command",), is_script=True),),
    "file": (Field("path", ("file",), rule="path"),),
    "disk": (Field("path", ("disk", "path"), rule="folder"), Field("free", ("disk", "free"), words=_FREE)),
    "memory": (Field("free", ("memory", "free"), words=_FREE),),
}


class Disk(Strict):
    """Free space."""

    path: t.Folder = pydantic.Field(description="on the file system of this path")
    free: t.Size = pydantic.Field(description="at least")


class Memory(Strict):
    """Available memory."""

    free: t.Size = pydantic.Field(description="at least")


class Check(Strict):
    """One health check; all must pass at once."""

    http: t.Url | None = pydantic.Field(None, description="URL; no redirect is followed")
    status: t.Int = pydantic.Field(CHECK["status"], description="with http: the status wanted")
    contains: t.Text | None = pydantic.Field(None, description="with http: text wanted in the answer")
    tcp: t.Address | None = pydantic.Field(None, description="HOST:PORT accepts a connection")
    unit: t.Text | None = pydantic.Field(None, description="a systemd unit is active")
    process: t.Text | None = pydantic.Field(None, description="a program of this name runs")
    command: t.Text | None = pydantic.Field(None, description="exits 0 under sh -eu")
    file: t.AbsolutePath | None = pydantic.Field(None, description="a path exists")
    disk: Disk | None = pydantic.Field(None, description="free space")
    memory: Memory | None = pydantic.Field(None, description="available memory")

    _exactly_one = one_of(*CHECK_KINDS)
