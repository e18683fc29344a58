"""Credentials of an object store, from clouds.yaml or the environment. The command line would show them to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import UsageError

# In the order of openstacksdk. Source: docs.openstack.org/openstacksdk, "Config Files".
PLACES = ("clouds.yaml", "~/.config/openstack/clouds.yaml", "/etc/openstack/clouds.yaml")


@dataclass(frozen=True)
class Cloud:
    """The data of a log-in. version: 3 for Keystone, 1 for Swift's own auth v1.

    auth: for version 3 the fields of clouds.yaml's `auth`; for version 1 the URL (`auth`), `user` and `key`. region: of
    the object store, None when nothing names it. verify: a file of CA certificates, or whether to check them at all.
    """

    version: int
    auth: dict[str, str] = field(repr=False)
    region: str | None = None
    verify: str | bool = True


def find(name: str | None, environment: Mapping[str, str]) -> Cloud:
    """Return the cloud of that name in clouds.yaml; without a name that of OS_CLOUD, OS_* or ST_*, in this order.

    Raises UsageError, which names what is missing.
    """
    name = name or environment.get("OS_CLOUD")
    if name:
        return _from_file(name, environment)
    if environment.get("OS_AUTH_URL"):
        variables = {key: value for key, value in environment.items() if key.startswith("OS_") and value}
        # The variables are named like the fields of clouds.yaml: OS_PROJECT_NAME is project_name.
        fields = {key.removeprefix("OS_").lower(): value for key, value in variables.items()}
        return _keystone(fields, fields.get("region_name"), fields.get("cacert") or True, "the environment")
    if environment.get("ST_AUTH"):
        missing = [key for key in ("ST_USER", "ST_KEY") if not environment.get(key)]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            raise UsageError(f"ST_AUTH is set, but {' and '.join(missing)} {verb} not", hint="export what is missing")
        auth = {key: environment[f"ST_{key.upper()}"] for key in ("auth", "user", "key")}
        return Cloud(1, auth, environment.get("OS_REGION_NAME"), environment.get("OS_CACERT") or True)
    raise UsageError(
        "no credentials for the object store",
        hint="name a cloud of clouds.yaml with --cloud, or set OS_AUTH_URL and its companions, or ST_AUTH, ST_USER and "
        "ST_KEY, in the environment",
    )


def _from_file(name: str, environment: Mapping[str, str]) -> Cloud:
    """Return one cloud of the first clouds.yaml that exists."""
    import yaml

    places = [environment["OS_CLIENT_CONFIG_FILE"]] if environment.get("OS_CLIENT_CONFIG_FILE") else list(PLACES)
    path = next((p for p in (Path(place).expanduser() for place in places) if p.is_file()), None)
    if path is None:
        raise UsageError(f"there is no clouds.yaml for --cloud {name}", hint=f"looked for {', '.join(places)}")
    clouds: dict[str, Any] = _mapping(yaml, path).get("clouds") or {}
    # Passwords may be in a second file beside it, whose values win; openstacksdk reads it in the same way.
    secure = path.with_name("secure.yaml")
    private: dict[str, Any] = (_mapping(yaml, secure).get("clouds") or {}) if secure.is_file() else {}
    if not isinstance(clouds, dict) or not isinstance(clouds.get(name), dict):
        listed = ", ".join(sorted(map(str, clouds))) if isinstance(clouds, dict) else ""
        raise UsageError(f"{path} has no cloud {name!r}", hint=f"there are: {listed}")
    cloud = {**clouds[name], **{k: v for k, v in (private.get(name) or {}).items() if k != "auth"}}
    # `auth` is merged key by key: the second file usually holds nothing of it but the password.
    auth = {**(clouds[name].get("auth") or {}), **((private.get(name) or {}).get("auth") or {})}
    # A password of digits is a number in YAML.
    fields = {key: str(value) for key, value in auth.items() if value is not None}
    verify = cloud.get("cacert") or cloud.get("verify", True)
    return _keystone(fields, cloud.get("region_name"), verify, str(path))


def _mapping(yaml: Any, path: Path) -> dict[str, Any]:
    """Read a YAML file that has to be a map. Raises UsageError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} is not a map of clouds", hint="its top key has to be `clouds:`")
    return content


def _keystone(fields: dict[str, str], region: str | None, verify: str | bool, source: str) -> Cloud:
    """Return a cloud of Keystone v3, once all that its way to log in needs is there. source: the name of the source."""
    if "application_credential_secret" in fields:
        required = ["auth_url", "application_credential_id"]
    else:
        required = ["auth_url", "username", "password"]
    missing = [key for key in required if not fields.get(key)]
    if missing:
        raise UsageError(
            f"{source} does not set {' and '.join(missing)}", hint="see docs/how-to/publish-and-fetch.md"
        )
    return Cloud(3, fields, region, verify)
