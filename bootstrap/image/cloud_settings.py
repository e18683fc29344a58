"""The settings of cloud-init in an image, merged as cloud-init merges them."""

from __future__ import annotations

from typing import Any

from bootstrap.image.cloud_init import SETTINGS
from bootstrap.image.tree import Tree


def cloud_settings(tree: Tree) -> dict[str, Any]:
    """cloud.cfg and its drop-ins; a later file wins. A file that is no YAML counts as missing, as for cloud-init.

    Source: cloudinit/util.py, read_conf_with_confd and mergemanydict.
    """
    import yaml

    merged: dict[str, Any] = {}
    for place in SETTINGS:
        for entry in tree.glob(place):
            target = tree.look(entry.path, follow=True)
            try:
                settings = yaml.safe_load((tree.read(target.path) if target else None) or b"")
            except (yaml.YAMLError, ValueError):
                continue
            if isinstance(settings, dict):
                merged = _over(merged, settings)
    return merged


def _over(under: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Lay settings over others: maps are merged, everything else is replaced."""
    merged = dict(under)
    for key, value in settings.items():
        before = merged.get(key)
        both_maps = isinstance(before, dict) and isinstance(value, dict)
        merged[key] = _over(before, value) if both_maps else value  # type: ignore[arg-type]
    return merged
