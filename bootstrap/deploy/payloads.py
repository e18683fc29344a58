"""Renders what servers carry, each with the addresses and outputs of the tiers before its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bootstrap.deploy.model import DeployPlan, TierPlan

if TYPE_CHECKING:
    from bootstrap.api import Key
    from bootstrap.deploy.file import DeployFile
    from bootstrap.rendering import Rendering

# The value of a spec that holds the earlier tiers.
VALUE = "tiers"


@dataclass(frozen=True)
class Payload:
    """The load of one server. A driver asks it for the form that its create call takes."""

    # A log of the object would show secrets.
    rendering: Rendering = field(repr=False)


class _AnyOutput(dict[str, str]):
    """Outputs that no stage has made yet: each has a text that stands for it."""

    def __missing__(self, key: str) -> str:
        return f"output-{key}"


def stand_in_values(plan: DeployPlan, tier: TierPlan) -> dict[str, Any]:
    """The values of a tier before there are any servers, as the roll-out gives them later, to judge payloads with.

    The addresses are those of TEST-NET-1 (RFC 5737), with as many digits as they can have.
    """
    tiers = {}
    for other in plan.tiers[: plan.tiers.index(tier)]:
        addresses = [f"192.0.2.{100 + slot % 155}" for slot in other.slots]
        names = [plan.server_name(other, slot, 1) for slot in other.slots]
        servers = [
            {"name": name, "address": address, "outputs": _AnyOutput()}
            for name, address in zip(names, addresses, strict=True)
        ]
        tiers[other.name] = {"addresses": addresses, "servers": servers}
    return {VALUE: tiers}


class SpecPayloads:
    """The payloads of one roll-out, rendered from the specs of its deploy file (protocols.Payloads).

    secret: the deployer's 32 bytes, needed when a spec reports. sign: the key that signs the bundles.
    """

    def __init__(
        self, deploy_file: DeployFile, deploy_id: str, secret: bytes | None = None, *, sign: Key | None = None
    ) -> None:
        self._file, self._deploy_id, self._secret, self._sign = deploy_file, deploy_id, secret, sign
        self._with_tiers: dict[str, bool] = {}

    def payload(self, tier: str, server: str, values: Mapping[str, Any]) -> Payload:
        """The payload of one server. values: `tiers`. Raises RenderError, and UsageError without a secret."""
        from bootstrap.api import Project

        project = Project(self._file.tier(tier).spec)
        server_values = dict(values) if self._sees_tiers(tier) else {}
        plan = project.plan(server, server_values, deploy_id=self._deploy_id)
        return Payload(plan.render(self._secret, sign=self._sign))

    def _sees_tiers(self, tier: str) -> bool:
        """Whether a template of the spec uses the earlier tiers. One that does not is rendered without them."""
        if tier not in self._with_tiers:
            from bootstrap.plan.resolve import resolve
            from bootstrap.render.template_names import names_read

            spec = self._file.tier(tier).spec
            plan = resolve(spec, server=spec.example_server, deploy_id=self._deploy_id)
            # A spec may declare a stand-in of its own, so that `check` works on it alone.
            self._with_tiers[tier] = VALUE in names_read(plan)
        return self._with_tiers[tier]
