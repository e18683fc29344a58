"""Makes the JSON Schema of a spec, for editors, from the models, so that the two agree."""

from __future__ import annotations

from typing import Any

from bootstrap.spec.models import SpecModel

_WORDS = ("network", "dns", "cloud-init")


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    draft = SpecModel.model_json_schema(by_alias=True)
    _as_written(draft)
    # A need is a word or a map with one key. pydantic knows only the map, since a validator reads the word.
    need = draft["$defs"]["Need"]
    draft["$defs"]["Need"] = {
        "title": "Need",
        "description": need["description"],
        "anyOf": [{"enum": list(_WORDS)}, {**need, "minProperties": 1, "maxProperties": 1}],
        "properties": need["properties"],
    }
    del draft["$defs"]["Need"]["anyOf"][1]["description"]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:initialrunner:spec:1"}
    return {**head, **draft, "title": "initialrunner spec"}


def _as_written(node: Any) -> None:
    """Write defaults as people do (`15m`, not 900.0), and take null away from keys that may be left out."""
    if isinstance(node, list):
        for item in node:
            _as_written(item)
    if not isinstance(node, dict):
        return
    default, kinds = node.get("default"), node.get("anyOf")
    if kinds and {"type": "null"} in kinds:
        kinds.remove({"type": "null"})
        if len(kinds) == 1:
            node.update(node.pop("anyOf")[0])
    if "default" in node and default is None:
        del node["default"]
    if isinstance(default, float):
        node["default"] = duration(default)
    for value in list(node.values()):
        _as_written(value)


def duration(seconds: float) -> str:
    """900.0 as `15m`."""
    # The largest unit that leaves no remainder is the one that people write.
    for size, unit in ((3600, "h"), (60, "m"), (1, "s")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms"
