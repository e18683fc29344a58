"""Recognizes words of specs and of other tools in a deploy file, so that a hint can say where they go."""

from __future__ import annotations

from pathlib import Path

from bootstrap.errors import Problem, Where
from bootstrap.spec import tree
from bootstrap.spec.deploy_models import DeployModel
from bootstrap.spec.models import SpecModel
from bootstrap.spec.storage import DISK, Storage
from bootstrap.spec.validate import Format

_IN_SPEC = "this key belongs in a spec, which a tier names: spec: FILE"
_TOP = {
    "spec": "write tiers: [{spec: FILE}]",
    "count": "each tier has its own count:",
    "pools": "each tier has its own pools:",
    "gate": "each tier has its own gate:",
    "server": "each tier has its own server:",
    "servers": "write cloud: {servers: DRIVER}",
    "pool": "write cloud: {pool: DRIVER}",
    "provider": "write cloud: {openstack: {provider: NAME}}",
}
_OF_TIERS = {
    "image": "write server: {image: NAME}",
    "flavor": "write server: {flavor: NAME}",
    "network": "write server: {network: NAME}",
    "probe": "write gate: {probe: URL}",
    "contains": "write gate: {contains: TEXT}",
    "stable": "write gate: {stable: 30s}",
    "deadline": "write gate: {deadline: 15m}",
    "timeout": "write gate: {deadline: 15m}",
    "before_swap": "write gate: {before_swap: COMMAND}",
    "hook": "write gate: {before_swap: COMMAND}",
    "health_check": "write gate: {probe: URL}",
    "replicas": "write count:",
    "instances": "write count:",
    "size": "write count:",
    "min": "write floor:",
    "min_healthy": "write floor:",
    "port": "write pools: [{name: NAME, port: 8080}]",
    "listen": "write pools: [{name: NAME, port: 8080, listen: 80}]",
    "pool": "write pools: [{name: NAME, port: 8080}]",
    "max_surge": "write batch:",
}
START = "start with `version: 1`, `name: ...`, `cloud: {servers: ...}`, `tiers: [{spec: ...}]`"


def key_hint(above: tree.Path_, key: str) -> str | None:
    """A hint for a key of another place or another tool, or None. above: the path of its map."""
    if not above:
        return _TOP.get(key) or (_IN_SPEC if key in SpecModel.model_fields else None)
    if len(above) == 2 and above[0] == "tiers":
        return _OF_TIERS.get(key) or (_IN_SPEC if key in SpecModel.model_fields else None)
    return None


def form_hint(path: tree.Path_, node: tree.Node | None) -> str | None:
    """A hint for a list in the place of one value or of a map, or None."""
    # `contains` may be a list, so that a fault of one text is none of the form.
    if not isinstance(node, tree.Sequence) or path[-1:] == ("contains",):
        return None
    return "write {key: value}" if path[-1:] in (("server",), ("values",)) else "write one value"


DEPLOY = Format(DeployModel, key_hint, form_hint)


def other_file(path: Path, label: str, storage: Storage = DISK) -> Problem | None:
    """The problem of a file that is a spec and not a deploy file; None if it may be one, or is unreadable."""
    try:
        text = storage.read(path).decode("utf-8") if storage.is_file(path) else ""
    except (OSError, UnicodeDecodeError):
        return None
    # A reader of its own keeps the faults of the file to itself: they are reported when it is read.
    root = tree.Reader().parse_any(text, label) if text.strip() else None
    keys = set(root.items) if isinstance(root, tree.Map) else set()
    # An included file may hold any part of a deploy file. A spec without one of these keys does nothing.
    of_specs = keys & {"stages", "files", "every_boot", "health"}
    if not of_specs or keys & {"cloud", "tiers"}:
        return None
    first = text.splitlines()[0]
    hint = f"name the deploy file, which names this spec in its tiers: [{{spec: {path.name}}}]"
    return Problem("deploy.spec", "the file is a spec, not a deploy file", Where(label, 1, 1, first, len(first)), hint)
