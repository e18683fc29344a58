"""Opens what a deploy file names: the drivers of servers and pools, the collector, the clock, the right to deploy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.deploy.drivers import table
from bootstrap.deploy.model import PoolPlan
from bootstrap.deploy.preflight import Findings
from bootstrap.deploy.protocols import Lease, Outside, Pool, Servers
from bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from bootstrap.client.collector import Collector
    from bootstrap.deploy.file import DeployFile
    from bootstrap.deploy.lease import CollectorLease
    from bootstrap.deploy.lock import LocalLease
    from bootstrap.deploy.signals import Stop

# Locks on this machine, one file a tier, for deploy files without a collector.
LEASES = "leases"
TOKEN = "token"  # noqa: S105 - the name of a file, which `bootstrap serve` makes


@dataclass(frozen=True)
class Cloud:
    """What one deployer works with. facts: labels and texts of it, for people."""

    servers: Servers
    pools: Mapping[str, Pool]
    outside: Outside
    lease: Lease
    facts: Mapping[str, str]

    def with_pools_of(self, earlier: DeployFile, deploy_file: DeployFile) -> Cloud:
        """The same with the pools of an earlier deploy file, at the balancer of today's. Raises UsageError."""
        return replace(self, pools=_pools(deploy_file, earlier))


def open_cloud(
    deploy_file: DeployFile,
    deploy_id: str,
    state: Path,
    stop: Stop,
    findings: Findings,
    show: Callable[[str], None] = lambda text: None,
) -> Cloud | None:
    """Open everything; what cannot be opened is added to the findings, and then there is no cloud.

    state: the folder of this machine's state. stop: the user's wish to stop. show: is told why something takes long.
    """
    cloud = deploy_file.model.cloud
    servers = _opened(findings, lambda: _servers(deploy_file))
    pools = _opened(findings, lambda: _pools(deploy_file))
    has_collector = deploy_file.collector is not None and not is_simulated(deploy_file)
    collector = _opened(findings, lambda: open_collector(deploy_file, state)) if has_collector else None
    if servers is None or pools is None or (has_collector and collector is None):
        return None
    lease = _lease(deploy_file, deploy_id, state, collector, show)
    outside = _outside(deploy_file, stop, collector, lease)
    words = f"servers by {cloud.servers}" + (f", pools by {cloud.pool}" if cloud.pool else "")
    right = f"a lease at {collector.url}" if collector else "a lock on this machine, which other machines do not see"
    return Cloud(servers, pools, outside, lease, {"cloud": words, "right": right})


def is_simulated(deploy_file: DeployFile) -> bool:
    """Whether the servers are simulated, so that their time and their reports are too, and no collector has them."""
    return hasattr(table.find(deploy_file.model.cloud.servers, table.SERVERS).code(), "outside")


def open_collector(deploy_file: DeployFile, state: Path) -> Collector:
    """Connect to the collector of a deploy file, and ask it whether the token has the right. Raises its errors."""
    from bootstrap.client.collector import Collector, connect, patiently

    model = deploy_file.collector
    if model is None:
        raise ValueError("this deploy file has no collector")
    ca = Path(model.ca) if model.ca else None
    token = deploy_file.token()
    if token is not None:
        collector = Collector(model.url, token, ca=ca)
    else:
        collector = connect(model.url, None, default_token=state / TOKEN, ca=ca)
    # A wrong token would else be found when servers exist already.
    patiently(collector.leases, 5.0)
    return collector


def _opened(findings: Findings, opening: Any) -> Any:
    """The result of some opening; None where it failed, which is then among the findings."""
    try:
        return opening()
    except BootstrapError as error:
        findings.take(error)
        return None


def _servers(deploy_file: DeployFile) -> Servers:
    name = deploy_file.model.cloud.servers
    return table.find(name, table.SERVERS).code().servers(deploy_file.settings(name))


def _pools(deploy_file: DeployFile, named_by: DeployFile | None = None) -> dict[str, Pool]:
    """The pools by name. named_by: the file that names them, where it is another one."""
    name = deploy_file.model.cloud.pool
    if name is None:
        return {}
    code, settings = table.find(name, table.POOL).code(), deploy_file.settings(name)
    tiers = (named_by or deploy_file).tiers
    plans = [PoolPlan(pool.name, pool.port, pool.listen) for tier in tiers for pool in tier.model.pools]
    return {plan.name: code.pool(settings, plan) for plan in plans}


def _lease(
    deploy_file: DeployFile, deploy_id: str, state: Path, collector: Collector | None, show: Callable[[str], None]
) -> CollectorLease | LocalLease:
    import time

    from bootstrap.deploy.lease import TTL_S, CollectorLease, holder_words
    from bootstrap.deploy.lock import LocalLease

    names = [f"{deploy_file.name}.{tier.name}" for tier in deploy_file.tiers]
    holder = holder_words(deploy_id, time.time())
    if collector is not None:
        # A resume waits for the lease that its killed predecessor has left behind.
        return CollectorLease(collector, names, holder, wait_s=TTL_S + 5, show=show)
    return LocalLease(state / LEASES, names, holder)


def _outside(
    deploy_file: DeployFile, stop: Stop, collector: Collector | None, lease: CollectorLease | LocalLease
) -> Outside:
    """The world's time, probes and reports. A simulated cloud brings its own."""
    name = deploy_file.model.cloud.servers
    code: Any = table.find(name, table.SERVERS).code()
    if is_simulated(deploy_file):
        simulated: Outside = code.outside(deploy_file.settings(name), stop)
        return simulated
    from bootstrap.deploy.outside import RealOutside

    # Commands begin in the folder of the deploy file by themselves: the plan has its absolute path.
    return RealOutside(collector, stop, beat=lease.keep)
