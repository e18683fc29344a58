"""Whose object store: credentials from clouds.yaml, OS_* or ST_* in the environment, never from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import UsageError

PLACES = ("clouds.yaml", "~/.config/openstack/clouds.yaml", "/etc/openstack/clouds.yaml")


@dataclass(frozen=True)
class Cloud:
    """How to log in. auth: for version 3 the fields of clouds.yaml's `auth`; for version 1 url, user and key.

    region: of the object store, None when not said. verify: a file with authorities, or whether to check at all.
    """

    version: int
    auth: dict[str, str] = field(repr=False)
    region: str | None = None
    verify: str | bool = True


def find(name: str | None, environment: Mapping[str, str]) -> Cloud:
    """The cloud of that name in clouds.yaml; without a name OS_CLOUD, then OS_*, then ST_* of the environment.

    Raises UsageError that says what is missing.
    """
    name = name or environment.get("OS_CLOUD")
    if name:
        return _from_file(name, environment)
    if environment.get("OS_AUTH_URL"):
        given = {key: value for key, value in environment.items() if key.startswith("OS_") and value}
        fields = {key.removeprefix("OS_").lower(): value for key, value in given.items()}
        return _keystone(fields, fields.get("region_name"), fields.get("cacert") or True, "the environment")
    if environment.get("ST_AUTH"):
        missing = [key for key in ("ST_USER", "ST_KEY") if not environment.get(key)]
        if missing:
            raise UsageError(f"ST_AUTH is set, and {' and '.join(missing)} is not", hint="export it")
        auth = {key: environment[f"ST_{key.upper()}"] for key in ("auth", "user", "key")}
        return Cloud(1, auth, environment.get("OS_REGION_NAME"), environment.get("OS_CACERT") or True)
    raise UsageError(
        "nothing says whose object store it is",
        hint="--cloud NAME of clouds.yaml, or OS_AUTH_URL and so on, or ST_AUTH, ST_USER and ST_KEY in the environment",
    )


def _from_file(name: str, environment: Mapping[str, str]) -> Cloud:
    import yaml

    places = [environment["OS_CLIENT_CONFIG_FILE"]] if environment.get("OS_CLIENT_CONFIG_FILE") else list(PLACES)
    path = next((p for p in (Path(place).expanduser() for place in places) if p.is_file()), None)
    if path is None:
        raise UsageError(f"there is no clouds.yaml for --cloud {name}", hint=f"looked for {', '.join(places)}")
    found: dict[str, Any] = _mapping(yaml, path).get("clouds") or {}
    # Secrets may lie in a file of their own beside it, as openstacksdk reads it.
    secure = path.with_name("secure.yaml")
    private: dict[str, Any] = (_mapping(yaml, secure).get("clouds") or {}) if secure.is_file() else {}
    if not isinstance(found, dict) or not isinstance(found.get(name), dict):
        listed = ", ".join(sorted(map(str, found))) if isinstance(found, dict) else ""
        raise UsageError(f"{path} has no cloud {name!r}", hint=f"there are: {listed}")
    cloud = {**found[name], **{k: v for k, v in (private.get(name) or {}).items() if k != "auth"}}
    auth = {**(found[name].get("auth") or {}), **((private.get(name) or {}).get("auth") or {})}
    fields = {key: str(value) for key, value in auth.items() if value is not None}
    verify = cloud.get("cacert") or cloud.get("verify", True)
    return _keystone(fields, cloud.get("region_name"), verify, str(path))


def _mapping(yaml: Any, path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} is not a map of clouds")
    return found


def _keystone(fields: dict[str, str], region: str | None, verify: str | bool, source: str) -> Cloud:
    if "application_credential_secret" in fields:
        wanted = ["auth_url", "application_credential_id"]
    else:
        wanted = ["auth_url", "username", "password"]
    missing = [key for key in wanted if not fields.get(key)]
    if missing:
        raise UsageError(f"{source} does not say {' and '.join(missing)}", hint="see the page on publishing")
    return Cloud(3, fields, region, verify)
