"""A real Swift on the loopback: proxy, account, container and object server, one replica, one folder, free ports.

    with Swift(tmp_path) as swift:                        # accounts of its own (auth v1, TempAuth)
    with Swift(tmp_path, keystone=keystone) as swift:     # accounts of a Keystone's projects

swift.s3 is the environment in which boto3 talks to it: it understands S3 as well, and checks every signature.

It runs in an environment of its own (tests/locks/swift.in) and needs memcached, which holds TempAuth's tokens.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pytest
import venvs

if TYPE_CHECKING:
    from keystone import Keystone

START_S = 120.0
MEMCACHED = shutil.which("memcached")
needs_memcached = pytest.mark.skipif(MEMCACHED is None, reason="needs memcached (apt-get install memcached)")

RINGS = """
import sys
from swift.common.ring import RingBuilder
folder, *ports = sys.argv[1:]
for name, port in zip(("account", "container", "object"), ports):
    ring = RingBuilder(4, 1, 1)
    ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "d1", "weight": 1.0,
                  "replication_ip": "127.0.0.1", "replication_port": int(port), "meta": ""})
    ring.rebalance()
    ring.get_ring().save(folder + "/" + name + ".ring.gz")
"""
COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
log_level = INFO
"""
BACKEND = (
    COMMON
    + """devices = {folder}/srv
mount_check = false
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
)
PROXY = (
    COMMON
    + """[pipeline:main]
pipeline = catch_errors healthcheck cache {auth} slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
[filter:slo]
use = egg:swift#slo
[filter:tempurl]
use = egg:swift#tempurl
[filter:tempauth]
use = egg:swift#tempauth
storage_url_scheme = http
user_test_tester = testing .admin
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {keystone}
auth_url = {keystone}
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = admin
username = admin
password = {password}
delay_auth_decision = True
interface = public
region_name = ONE
cache = swift.cache
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
"""
)


def free_ports(count: int) -> list[int]:
    """Ports that nobody had a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in sockets]


def reachable(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something answers there; fail with the log's end when it does not in time, or has ended."""
    end = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{url}: {error}\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)


class Swift:
    """The servers, from start to end. url: of the proxy; auth, user, key: what ST_AUTH, ST_USER and ST_KEY want."""

    user, key = "test:tester", "testing"

    def __init__(self, folder: Path, *, keystone: Keystone | None = None) -> None:
        self.folder, self.keystone = folder, keystone
        self.ports = free_ports(5)
        self.url = f"http://127.0.0.1:{self.ports[3]}"
        self.auth = f"{self.url}/auth/v1.0"
        self._stack = ExitStack()

    @property
    def s3(self) -> dict[str, str]:
        """What boto3 reads of where and who, for the accounts of TempAuth."""
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": self.user,
            "AWS_SECRET_ACCESS_KEY": self.key,
        }  # fmt: skip

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, stack: ExitStack) -> None:
        python, folder = venvs.python("swift"), self.folder
        (folder / "srv" / "d1").mkdir(parents=True)
        (folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n"
            "[storage-policy:0]\nname = one\ndefault = yes\n"
        )
        ports = [str(port) for port in self.ports]
        rings = [python, "-c", RINGS, folder, *ports[:3]]
        environment = {"PATH": os.environ["PATH"], "SWIFT_DIR": str(folder)}
        done = subprocess.run(rings, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-2000:]
        user = pwd.getpwuid(os.geteuid()).pw_name
        memcached = [str(MEMCACHED), "-l", "127.0.0.1", "-p", ports[4], "-U", "0", "-m", "32"]
        self._run(stack, "memcached", [*memcached, *(["-u", "nobody"] if user == "root" else [])])
        started = {}
        for name, port in zip(("account", "container", "object", "proxy"), ports, strict=False):
            words = {"name": name, "port": port, "user": user, "folder": folder, "memcached": ports[4]}
            words |= {"keystone": "", "password": "", "auth": "s3api tempurl tempauth"}
            if self.keystone:
                words |= {"keystone": self.keystone.url, "password": self.keystone.password}
                words["auth"] = "tempurl authtoken keystoneauth"
            (folder / f"{name}.conf").write_text((PROXY if name == "proxy" else BACKEND).format(**words))
            argv = [str(python.parent / f"swift-{name}-server"), str(folder / f"{name}.conf"), "verbose"]
            started[name] = self._run(stack, name, argv)
        for name, port in zip(("account", "container", "object"), ports, strict=False):
            # A backend says nothing of its health: that it listens has to do.
            self._listens(int(port), started[name], folder / f"{name}.log")
        reachable(f"{self.url}/healthcheck", started["proxy"], folder / "proxy.log")

    def _run(self, stack: ExitStack, name: str, argv: list[str]) -> subprocess.Popen[bytes]:
        log = stack.enter_context((self.folder / f"{name}.log").open("wb"))
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "SWIFT_DIR": str(self.folder)}
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.folder
        )
        stack.callback(process.wait, 20)
        stack.callback(process.kill)
        return process

    def _listens(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        end = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                return
            except OSError as error:
                if process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"port {port}: {error}\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)
