"""Everything that can be refused before the first server is made, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bootstrap.deploy.faults import Fault, Gone
from bootstrap.deploy.model import DeployPlan, Marks, ServerRequest, TierPlan
from bootstrap.deploy.protocols import Payloads, Pool, Servers
from bootstrap.errors import BootstrapError, ExitCode, Problem

if TYPE_CHECKING:
    from bootstrap.rendering import Rendering

CODE = "deploy.preflight"


class Refused(BootstrapError):
    """A roll-out that cannot come through. Nothing was changed. Its problems are all that were found."""

    exit_code = ExitCode.REFUSED
    code = CODE

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


class Findings:
    """Collects problems, each text once: ten servers that lack one image are one problem."""

    def __init__(self) -> None:
        self._problems: dict[str, Problem] = {}

    def add(self, message: str, hint: str | None = None) -> None:
        """Add one problem."""
        self._problems.setdefault(message, Problem(CODE, message, None, hint))

    def take(self, error: BootstrapError) -> None:
        """Add the problems of an error."""
        for problem in error.problems:
            self._problems.setdefault(problem.message, problem)

    @property
    def is_empty(self) -> bool:
        """Whether there is no problem yet."""
        return not self._problems

    def end(self) -> None:
        """Raise Refused if there is any problem."""
        if self._problems:
            raise Refused(tuple(self._problems.values()))


def judge_pools(findings: Findings, plan: DeployPlan, pools: Mapping[str, Pool]) -> None:
    """Look at each pool once. One that does not exist is made later; one without a monitor proves nothing."""
    for tier in plan.tiers:
        for pool in tier.pools:
            try:
                pools[pool.name].members()
            except Gone:
                continue
            except Fault as fault:
                findings.add(f"pool {pool.name} of tier {tier.name} cannot be used: {fault.message}")


def requests(plan: DeployPlan, payloads: Payloads, values: Mapping[str, Mapping[str, object]]) -> list[ServerRequest]:
    """Return what the first attempt of each slot will ask for. values: by tier, those of its earlier tiers.

    Raises the errors of rendering.
    """
    return [
        _request(plan, tier, slot, payloads, values.get(tier.name, {}))
        for tier in plan.tiers
        if not tier.adopted
        for slot in tier.slots
    ]


def _request(
    plan: DeployPlan, tier: TierPlan, slot: int, payloads: Payloads, values: Mapping[str, object]
) -> ServerRequest:
    name = plan.server_name(tier, slot, 1)
    marks = Marks(tier.pool, plan.deploy_id, slot, 1, tier.revision)
    return ServerRequest(name, marks, tier.settings, payloads.payload(tier.name, name, values))


def judge_servers(findings: Findings, servers: Servers, wanted: Iterable[ServerRequest]) -> None:
    """Ask the driver what it could not make of all that is wanted at the same time."""
    try:
        problems = servers.preflight(list(wanted))
    except Fault as fault:
        problems = [f"the cloud cannot be asked: {fault.message}"]
    for problem in problems:
        findings.add(problem)


def size_text(rendering: Rendering, channel: str, provider: str | None) -> str:
    """Return `user-data 9,123 of 65,535 bytes`, or what the bundle takes where no limit is known."""
    try:
        packed = rendering.pack(channel, provider)
    except BootstrapError as error:
        return error.message
    texts = [
        f"{measure.what} {measure.used:,}" + (f" of {measure.limit:,}" if measure.limit else "") + f" {measure.unit}"
        for measure in packed.measures
    ]
    return "; ".join(texts) or f"{len(packed.payload.bundle):,} bytes"
