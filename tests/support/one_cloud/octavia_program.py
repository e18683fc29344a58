"""A real Octavia API in one process, whose provider is a real HAProxy.

    python octavia_program.py FOLDER

FOLDER/octavia.json appears when it listens. What a call changes is done FOLDER/lag_s.json seconds later, as by any
provider: until then the load balancer is PENDING, and Octavia answers 409 to other changes. The status of a member is
HAProxy's word about it. FOLDER/balancer_status.json lets every load balancer end in that status. It ends when its
standard input does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

sys.path.append(str(Path(__file__).parent))

import machines
from balancer import Backend, Balancer, Listener, Member
from octavia.api import app as api
from octavia.api.drivers.driver_agent.driver_updater import DriverUpdater
from octavia.api.drivers.noop_driver.driver import NoopProviderDriver
from octavia.db import api as database
from octavia.db import base_models, models
from octavia.network.data_models import Network, Subnet
from octavia.network.drivers.noop_driver import driver as neutron
from octavia.tests.functional.db.base import OctaviaDBTestBase
from oslo_config import cfg

FOLDER = Path(sys.argv[1])
CONFIG = """[DEFAULT]
transport_url = fake://
[api_settings]
auth_strategy = noauth
enabled_provider_drivers = noop_driver:HAProxy
default_provider_driver = noop_driver
[database]
connection = sqlite:///{folder}/octavia.db
[controller_worker]
network_driver = network_noop_driver
compute_driver = compute_noop_driver
amphora_driver = amphora_noop_driver
"""
TABLES = {
    "loadbalancers": models.LoadBalancer, "listeners": models.Listener, "pools": models.Pool,
    "members": models.Member, "healthmonitors": models.HealthMonitor,
}  # fmt: skip
# The network of Nova's fixtures and its subnet, as the stand-in for Neutron is to know them.
NETWORK, SUBNET = "3cb9bc59-5699-4588-a4b1-b87f96708bc6", "f8a6e8f8-c2ec-497c-9f23-da9616de54ef"
MODES = {"HTTP": "http"}


class Provider:
    """The worker behind the API. HAProxy becomes what the tables say, and their status what HAProxy says."""

    def __init__(self, lock: threading.Lock) -> None:
        self._balancer = Balancer(FOLDER)
        self._updater = DriverUpdater()
        self._lock = lock
        self._told: dict[str, str] = {}

    def later(self) -> None:
        """Something was asked for: do it in a while."""
        threading.Timer(json.loads((FOLDER / "lag_s.json").read_text()), self._settle).start()

    def watch(self) -> None:
        """Tell Octavia each change of a member's state, for ever."""
        while True:
            time.sleep(0.1)
            with self._lock:
                states = self._balancer.states()
                news = [
                    {"id": member, "operating_status": state}
                    for member, state in states.items()
                    if self._told.get(member) != state
                ]
                if news:
                    self._tell({"members": news})
                    self._told = states

    def _settle(self) -> None:
        with self._lock:
            session = database.get_session()
            with session.begin():
                self._balancer.apply(frozenset(_ports(session)), _members(session))
                statuses = {name: [*_settled(session, name, table)] for name, table in TABLES.items()}
            self._tell({name: status for name, status in statuses.items() if status})
            # A status may have been written anew with its object.
            self._told.clear()

    def _tell(self, statuses: dict[str, list[dict[str, str]]]) -> None:
        answer = self._updater.update_loadbalancer_status(statuses)
        if answer.get("status_code") != 200:
            print("octavia refused", statuses, answer, flush=True)


def _is_leaving(row: Any) -> bool:
    """Whether an object goes, or the load balancer that it belongs to goes with all that it has."""
    pool = getattr(row, "pool", None)
    balancer = row if isinstance(row, models.LoadBalancer) else (pool or row).load_balancer
    return any(one.provisioning_status in ("PENDING_DELETE", "DELETED") for one in (row, balancer))


def _ports(session: Any) -> Iterator[Listener | Backend]:
    for pool in session.query(models.Pool):
        if not _is_leaving(pool):
            monitor = pool.health_monitor if pool.health_monitor and not _is_leaving(pool.health_monitor) else None
            path = monitor.url_path if monitor and monitor.type == "HTTP" else None
            yield Backend(pool.id, MODES.get(pool.protocol, "tcp"), monitor is not None, path)
    for listener in session.query(models.Listener):
        address = listener.load_balancer.vip.ip_address
        if listener.default_pool_id and not _is_leaving(listener):
            own = ["ip", "address", "replace", f"{address}/{machines.PREFIX}", "dev", machines.BRIDGE]
            subprocess.run(own, check=True)
            mode = MODES.get(listener.protocol, "tcp")
            yield Listener(address, listener.protocol_port, mode, listener.default_pool_id)


def _members(session: Any) -> dict[str, Member]:
    return {
        row.id: Member(row.id, row.pool_id, row.ip_address, row.protocol_port, row.weight)
        for row in session.query(models.Member)
        if not _is_leaving(row)
    }


def _settled(session: Any, name: str, table: Any) -> Iterator[dict[str, str]]:
    """The end of each pending status."""
    for row in session.query(table):
        if _is_leaving(row):
            yield {"id": row.id, "provisioning_status": "DELETED"}
            continue
        if not row.provisioning_status.startswith("PENDING"):
            continue
        status = {"id": row.id, "provisioning_status": "ACTIVE"}
        if name == "loadbalancers" and (wanted := FOLDER / "balancer_status.json").exists():
            status["provisioning_status"] = json.loads(wanted.read_text())
        if name not in ("members", "healthmonitors"):
            status["operating_status"] = "ONLINE"
        yield status


def provide(provider: Provider) -> None:
    """Let every changing call of the driver that does nothing be followed by the provider's work."""

    def followed(method: Any) -> Any:
        def call(self: Any, *arguments: Any, **named: Any) -> Any:
            answer = method(self, *arguments, **named)
            provider.later()
            return answer

        return call

    for kind in ("loadbalancer", "listener", "pool", "member", "health_monitor"):
        for verb in ("create", "update", "delete"):
            name = f"{kind}_{verb}"
            setattr(NoopProviderDriver, name, followed(getattr(NoopProviderDriver, name)))
    NoopProviderDriver.member_batch_update = followed(NoopProviderDriver.member_batch_update)


def application(lock: threading.Lock) -> Any:
    """The API with its tables. Its migrations are for other databases, so they are made as in its own tests."""
    config = FOLDER / "octavia.conf"
    config.write_text(CONFIG.format(folder=FOLDER))
    app = api.setup_app(argv=["octavia-api", "--config-file", str(config)])
    # SQLite's pool of connections takes no such setting.
    cfg.CONF.set_override("pool_timeout", None, group="database")
    base_models.BASE.metadata.create_all(database.get_engine())
    session = database.get_session()
    with session.begin():
        OctaviaDBTestBase.__new__(OctaviaDBTestBase)._seed_lookup_tables(session)

    def of_one_project(environ: dict[str, Any], start: Any) -> Any:
        roles = "member,load-balancer_member"
        environ.update(HTTP_X_PROJECT_ID="a" * 32, HTTP_X_USER_ID="u" * 32, HTTP_X_ROLES=roles)
        # SQLite refuses a transaction that read before another one wrote, which no other database does.
        with lock:
            return list(app(environ, start))

    return of_one_project


class Server(ThreadingMixIn, WSGIServer):
    """Every request in a thread of its own."""

    daemon_threads = True
    request_queue_size = 64


class Quiet(WSGIRequestHandler):
    """No line for each request."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def join_networks() -> None:
    """Let the stand-in for Neutron have the network of the servers."""
    known = neutron._NOOP_MANAGER_VARS
    known["networks"][NETWORK] = Network(id=NETWORK, name="private", subnets=[SUBNET], port_security_enabled=True)
    known["subnets"][SUBNET] = Subnet(
        id=SUBNET, name="private", network_id=NETWORK, cidr="192.168.1.0/24", gateway_ip=machines.GATEWAY, ip_version=4
    )


def main() -> None:
    """Serve until standard input ends."""
    lock = threading.Lock()
    app = application(lock)
    join_networks()
    provider = Provider(lock)
    provide(provider)
    threading.Thread(target=provider.watch, daemon=True).start()
    server = make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    part = FOLDER / "octavia.part"
    part.write_text(json.dumps(f"http://127.0.0.1:{server.server_port}"))
    part.rename(FOLDER / "octavia.json")
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
