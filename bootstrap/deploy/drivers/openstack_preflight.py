"""Every reason why servers cannot be made in an OpenStack now, found without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bootstrap.deploy.drivers import openstack_payload
from bootstrap.deploy.drivers.openstack_api import Api, compute_regions
from bootstrap.deploy.drivers.openstack_names import FLAVOR, IMAGE, NETWORK, Names, networks_of
from bootstrap.deploy.drivers.openstack_settings import RACKSPACE, SERVER_KEYS, ServerSettings
from bootstrap.deploy.faults import Broken
from bootstrap.deploy.model import ServerRequest
from bootstrap.errors import BootstrapError

# The absolute limits of Nova: what is asked of each, the limit, how much of it is used.
LIMITS = (
    ("instances", "maxTotalInstances", "totalInstancesUsed"),
    ("cores", "maxTotalCores", "totalCoresUsed"),
    ("ram", "maxTotalRAMSize", "totalRAMUsed"),
)
UNITS = {"ram": " MiB"}


def problems(settings: ServerSettings, nova: Api, names: Names, requests: Sequence[ServerRequest]) -> list[str]:
    """The reasons, each once. Raises the fault of a cloud that does not answer."""
    if wrong := _region(settings):
        return [wrong]
    reasons = [
        reason
        for request in requests
        for reason in (*_keys(request), *_names(settings, names, request), *_payload(settings, request))
    ]
    # Without its flavor nobody knows what a server needs of the quota.
    if not any(reason.startswith("flavor") for reason in reasons):
        reasons += _quota(nova, names, requests)
    return [*dict.fromkeys(reasons)]


def _region(settings: ServerSettings) -> str | None:
    regions = compute_regions(settings)
    if settings.region is None or settings.region in regions:
        return None
    there = ", ".join(sorted(regions)) or "none"
    return f"cloud.openstack.region: the cloud has no compute service in {settings.region!r}; it has one in {there}"


def _keys(request: ServerRequest) -> Iterator[str]:
    for key in request.settings:
        if key not in SERVER_KEYS:
            yield f"server.{key}: the openstack driver knows no such key, only {', '.join(SERVER_KEYS)}"
    for key in ("image", "flavor"):
        if not request.settings.get(key):
            yield f"{key}: it is missing: give its name or its id in the tier's `server:` map"


def _names(settings: ServerSettings, names: Names, request: ServerRequest) -> Iterator[str]:
    wanted = request.settings
    checks: list[Callable[[], Any]] = []
    for kind in (IMAGE, FLAVOR):
        if wanted.get(kind.word):
            checks.append(lambda kind=kind: names.entry(kind, str(wanted[kind.word])))  # type: ignore[misc]
    if settings.provider != RACKSPACE:
        checks += [lambda name=name: names.entry(NETWORK, name) for name in networks_of(request)]  # type: ignore[misc]
    if wanted.get("key_name"):
        checks.append(lambda: names.key_pair(str(wanted["key_name"])))
    for check in checks:
        try:
            check()
        except Broken as error:
            yield error.message


def _payload(settings: ServerSettings, request: ServerRequest) -> Iterator[str]:
    try:
        openstack_payload.carried(settings, request.payload)
    except BootstrapError as error:
        yield f"the payload of {request.name}: {error}" + (f" ({error.hint})" if error.hint else "")


def _quota(nova: Api, names: Names, requests: Sequence[ServerRequest]) -> Iterator[str]:
    flavors = [names.entry(FLAVOR, str(request.settings["flavor"])) for request in requests]
    want = {
        "instances": len(flavors),
        "cores": sum(int(flavor["vcpus"]) for flavor in flavors),
        "ram": sum(int(flavor["ram"]) for flavor in flavors),
    }
    absolute = nova.call("GET", "/limits")["limits"]["absolute"]
    for resource, limit_key, used_key in LIMITS:
        limit, used, unit = int(absolute.get(limit_key, -1)), int(absolute.get(used_key, 0)), UNITS.get(resource, "")
        # A limit below 0 is none.
        if 0 <= limit < used + want[resource]:
            yield (
                f"quota: {want[resource]}{unit} of {resource} are needed, but {max(0, limit - used)}{unit} are left "
                f"({used} of {limit} are used): delete something, or ask for a larger quota"
            )
