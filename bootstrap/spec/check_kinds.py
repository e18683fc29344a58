"""The kinds of health checks, one row each: the planner, the renderer, `show` and the packer read them.

A new kind takes a key of `models.Check`, a row here, and a function `look_KIND` in runner/tick/checks.py.
"""

from __future__ import annotations

from dataclasses import dataclass


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
# In the order of the keys of `models.Check`. A text is a template; a number goes to the host as it is.
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
