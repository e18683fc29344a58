"""A one-machine OpenStack: the real APIs of Nova and Octavia, with servers that answer HTTP, and a real HAProxy.

    with Site(tmp_path) as site, site.network.entered():
        servers = openstack.servers(site.settings)       # bootstrap.deploy.drivers
        site.nova.faults.append(…)                        # the fault proxies: site.nova, site.octavia
        http://192.168.1.1:PORT                           # a listener of the balancer

Everything is in a network of its own and ends with the site, also when the tests are killed. As root.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import venvs
from one_cloud import machines
from one_cloud.fault_proxy import FaultProxy
from one_cloud.network import Network

from bootstrap.deploy.drivers import openstack_api

HERE = Path(__file__).parent
SERVICES = ("nova", "octavia")
# What Nova's fixtures always have.
IMAGE, FLAVOR, NETWORK = "155d900f-4e14-4e4c-a73d-069cbf4541e6", "m1.tiny", "private"
PROJECT = "6f70656e737461636b20342065766572"
START_S, TRIES = 120, 3
# The time of the balancer for each change. A real one takes seconds.
LAG_S = 0.3
CLOUDS = """clouds:
  site:
    auth: {{auth_url: "{url}/v3", username: deployer, password: secret, project_name: shop,
      user_domain_name: Default, project_domain_name: Default}}
"""


class NotStarted(Exception):
    """A service did not come up. The words of its log are in it."""


class Site:
    """folder: a new one, for all of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        # Before the network is private: the making of an environment fetches packages.
        for name in SERVICES:
            venvs.python(name)
        with ExitStack() as stack:
            self.network = Network()
            stack.callback(self.network.close)
            with self.network.entered():
                self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def settings(self) -> dict[str, Any]:
        """`cloud.openstack` of a deploy file for this site."""
        return {"cloud": "site", "region": "one"}

    @property
    def pool_settings(self) -> dict[str, Any]:
        """`cloud.octavia` likewise."""
        return {
            **self.settings, "load_balancer": "shop", "network": NETWORK, "address": machines.GATEWAY,
            "monitor": {"path": "/ping"},
        }  # fmt: skip

    @property
    def server_settings(self) -> dict[str, Any]:
        """The `server:` map of a tier."""
        return {"image": IMAGE, "flavor": FLAVOR, "network": NETWORK}

    def compute(self, method: str, path: str, body: Any = None, token: str = "an-admin") -> dict[str, Any]:
        """A request to Nova past the proxy, with an administrator's rights or as an ordinary user."""
        url = f"{self.nova.target}/v2.1{path}"
        answer = requests.request(method, url, json=body, headers={"X-Auth-Token": token}, timeout=60)
        # What is to be deleted may have gone by itself.
        assert answer.ok or (method == "DELETE" and answer.status_code == 404), answer.text
        return dict(answer.json()) if answer.content else {}

    def balance(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """A request to Octavia past the proxy. It waits while a load balancer is at work."""
        deadline = time.monotonic() + 30
        while True:
            answer = requests.request(method, f"{self.octavia.target}/v2.0/lbaas{path}", json=body, timeout=60)
            if answer.status_code != 409 or time.monotonic() > deadline:
                assert answer.ok, answer.text
                return dict(answer.json()) if answer.content else {}
            time.sleep(0.1)

    def quota(self, **limits: int) -> None:
        """The limits of the project: instances, cores, ram."""
        self.compute("PUT", f"/os-quota-sets/{PROJECT}", {"quota_set": {**limits, "force": True}})

    def refuse_builds(self, **words: str) -> None:
        """Let the builds fail whose name has this part, with these words."""
        self._written("nova/refuse.json", words)

    def build_time(self, seconds: float) -> None:
        """Let each build take that long."""
        self._written("nova/build_s.json", seconds)

    def balancer_time(self, seconds: float) -> None:
        """Let the balancer take that long for each change; it takes no other meanwhile."""
        self._written("octavia/lag_s.json", seconds)

    def balancer_status(self, status: str | None) -> None:
        """Let load balancers end in this status after the next change; None: in ACTIVE."""
        if status is None:
            (self.folder / "octavia/balancer_status.json").unlink(missing_ok=True)
        else:
            self._written("octavia/balancer_status.json", status)

    def foreign(self, name: str, metadata: dict[str, str]) -> str:
        """Make somebody else's server: its id."""
        body = {"name": name, "imageRef": IMAGE, "flavorRef": "1", "metadata": metadata}
        return str(self.compute("POST", "/servers", {"server": body}, "a-token")["server"]["id"])

    def servers(self) -> list[dict[str, Any]]:
        """All servers, of everybody."""
        return list(self.compute("GET", "/servers/detail", token="a-token")["servers"])

    def clear(self) -> None:
        """No servers, no load balancers, no faults, no limits: as new."""
        self.nova.calm()
        self.octavia.calm()
        self.refuse_builds()
        self.build_time(0)
        self.balancer_time(LAG_S)
        self.balancer_status(None)
        self.quota(instances=-1, cores=-1, ram=-1)
        for server in self.servers():
            self.compute("DELETE", f"/servers/{server['id']}")
        for balancer in self.balance("GET", "/loadbalancers")["loadbalancers"]:
            self.balance("DELETE", f"/loadbalancers/{balancer['id']}?cascade=true")
        deadline = time.monotonic() + 60
        while self.servers() or self.balance("GET", "/loadbalancers")["loadbalancers"]:
            assert time.monotonic() < deadline, "the site does not get empty"
            time.sleep(0.1)
        self.nova.calm()
        self.octavia.calm()

    def _start(self, stack: ExitStack) -> None:
        machines.bridge()
        self.nova, self.elsewhere, self.octavia = (
            self._proxy(stack, name) for name in ("compute", "compute of the region two", "load-balancer")
        )
        catalog = [
            ("compute", "one", f"{self.nova.url}/v2.1"), ("compute", "two", f"{self.elsewhere.url}/v2.1"),
            ("load-balancer", "one", self.octavia.url),
        ]  # fmt: skip
        nova, octavia = self.folder / "nova", self.folder / "octavia"
        for folder in (nova / "tmp", octavia / "tmp"):
            folder.mkdir(parents=True)
        self.build_time(0)
        self.balancer_time(LAG_S)
        # Both at the same time; either alone takes seconds.
        argv = ["octavia_program.py", str(octavia)]
        balancing = self._service(stack, "octavia", argv, octavia / "octavia.json")
        argv = ["nova_program.py", str(nova), json.dumps(catalog), sys.executable]
        computing = self._service(stack, "nova", argv, nova / "urls.json")
        self.octavia.target = balancing()
        urls = computing()
        self.nova.target = self.elsewhere.target = urls["nova"]
        clouds = self.folder / "clouds.yaml"
        clouds.write_text(CLOUDS.format(url=urls["keystone"]))
        # An earlier site of this process had other ports.
        openstack_api._connection.cache_clear()
        before = os.environ.get("OS_CLIENT_CONFIG_FILE")
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(clouds)
        stack.callback(_restored, before)

    def _proxy(self, stack: ExitStack, name: str) -> FaultProxy:
        proxy = FaultProxy(name)
        stack.callback(proxy.stop)
        return proxy

    def _service(self, stack: ExitStack, name: str, argv: list[str], ready: Path) -> Any:
        """Start a service in its environment; a function that waits for what it writes when it listens."""
        state: list[subprocess.Popen[bytes]] = []

        def start() -> None:
            state.append(self._process(name, argv))

        def stop() -> None:
            process = state.pop()
            process.kill()
            process.wait(timeout=30)
            assert process.stdin
            process.stdin.close()

        def wait() -> Any:
            for attempt in range(TRIES):
                deadline = time.monotonic() + START_S
                while time.monotonic() < deadline and state[0].poll() is None:
                    if ready.exists():
                        return json.loads(ready.read_text())
                    time.sleep(0.1)
                # Each has been seen to hang while it starts, on a machine with much else to do.
                if attempt < TRIES - 1:
                    stop()
                    start()
            raise NotStarted(f"{name}: {(self.folder / f'{name}.log').read_text(errors='replace')[-3000:]}")

        start()
        stack.callback(stop)
        return wait

    def _process(self, name: str, argv: list[str]) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OS_"))}
        environment["TMPDIR"] = str(self.folder / name / "tmp")
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                # -P: the folder of the tests has modules with the names of others'.
                [venvs.python(name), "-P", "-W", "ignore", HERE / argv[0], *argv[1:]],
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self.folder, env=environment,
            )  # fmt: skip

    def _written(self, path: str, value: Any) -> None:
        part = self.folder / f"{path}.part"
        part.write_text(json.dumps(value))
        part.rename(self.folder / path)


def _restored(before: str | None) -> None:
    if before is None:
        del os.environ["OS_CLIENT_CONFIG_FILE"]
    else:
        os.environ["OS_CLIENT_CONFIG_FILE"] = before
