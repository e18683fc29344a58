"""Makes the JSON Schemas of a spec and of a deploy file, for editors, from the models, so that the two agree."""

from __future__ import annotations

from typing import Any

from bootstrap.spec.models import SpecModel
from bootstrap.spec.types import TEMPLATE

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
    return _whole(draft, "spec", "spec")


def deploy_schema() -> dict[str, Any]:
    """The schema of a deploy file. Its texts are rendered first, so that a template may stand for any value."""
    # The models of a deploy file are not needed for a spec.
    from bootstrap.spec.deploy_models import DeployModel

    draft = DeployModel.model_json_schema(by_alias=True)
    _as_written(draft)
    for model in (draft, *draft["$defs"].values()):
        for key, value in model["properties"].items():
            if model is not draft or key not in ("version", "include", "values"):
                model["properties"][key] = _or_template(value)
    return _whole(draft, "deploy", "deploy file")


def _whole(draft: dict[str, Any], name: str, title: str) -> dict[str, Any]:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:initialrunner:{name}:1"}
    return {**head, **draft, "title": f"initialrunner {title}"}


def _or_template(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value, or of a template that makes such a value."""
    about = {key: value for key, value in schema.items() if key in ("title", "description", "default")}
    kind = {key: value for key, value in schema.items() if key not in (*about, "$comment", "not")}
    # Below a map or a list each value has a schema of its own.
    if "$ref" in kind or kind.get("type") == "array":
        return schema
    if kind.get("type") == "object":
        return {**schema, "$comment": TEMPLATE}
    if kind.get("type") == "string" and "pattern" not in kind:
        return {**about, **kind, "$comment": TEMPLATE}
    template = {"type": "string", "pattern": r"\{[{%]", "$comment": TEMPLATE}
    return {**about, "anyOf": [*kind.get("anyOf", [kind]), template], "$comment": TEMPLATE}


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
