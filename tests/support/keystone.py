"""A real Keystone on the loopback: SQLite, Fernet tokens, a project with an administrator, a catalog that a test fills.

It runs in an environment of its own (tests/locks/keystone.in).
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import venvs
from swift import free_ports, reachable

CONFIG = """[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = sqlite:///{folder}/keystone.db
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
"""
# Set up and served by one process: to import all of it takes longer than the work.
PROGRAM = """
import os, sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
port, config, urls, owner = int(sys.argv[1]), sys.argv[2], sys.argv[3], str(os.geteuid())
from keystone.cmd import cli
from keystone.server.wsgi import initialize_public_application
own = ["--keystone-user", owner, "--keystone-group", owner]
for words in (["db_sync"], ["fernet_setup", *own], ["credential_setup", *own], ["bootstrap", *urls.split()]):
    child = os.fork()
    if child == 0:
        sys.argv = ["keystone-manage", "--config-file", config, *words]
        cli.main(sys.argv)
        sys.exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit("keystone-manage " + words[0])
class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
class Handler(WSGIRequestHandler):
    def log_message(self, *words):
        pass
sys.argv = ["keystone"]
application = initialize_public_application()
make_server("127.0.0.1", port, application, server_class=Server, handler_class=Handler).serve_forever()
"""


class Keystone:
    """The service, from start to end. url: as OS_AUTH_URL wants it; user and project are `admin`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.password = folder, secrets.token_hex(16)
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}/v3"
        self._stack = ExitStack()

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
        python, folder = venvs.python("keystone"), self.folder
        config, base = folder / "keystone.conf", f"http://127.0.0.1:{self.port}/v3/"
        config.write_text(CONFIG.format(folder=folder))
        environment = {"PATH": os.environ["PATH"], "OS_KEYSTONE_CONFIG_FILES": str(config)}
        environment |= {"OS_BOOTSTRAP_PASSWORD": self.password, "PYTHONWARNINGS": "ignore"}
        for name in ("fernet", "credential"):
            (folder / name).mkdir(mode=0o700)
        urls = [f"--bootstrap-{kind}-url {base}" for kind in ("public", "internal", "admin")]
        argv = [python, "-c", PROGRAM, str(self.port), config, " ".join([*urls, "--bootstrap-region-id ONE"])]
        log = stack.enter_context((folder / "out.log").open("wb"))
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        stack.callback(process.wait, 20)
        stack.callback(process.kill)
        reachable(base, process, folder / "out.log")

    def call(self, method: str, path: str, body: Any, token: str | None = None) -> tuple[Any, str]:
        """(JSON answer, new token or "") of one request."""
        headers = {"content-type": "application/json"} | ({"x-auth-token": token} if token else {})
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read()), answer.headers.get("x-subject-token", "")

    def environment(self) -> dict[str, str]:
        """OS_* for its administrator."""
        return {
            "OS_AUTH_URL": self.url, "OS_USERNAME": "admin", "OS_PASSWORD": self.password,
            "OS_PROJECT_NAME": "admin", "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default",
        }  # fmt: skip

    def offer(self, kind: str, *endpoints: tuple[str, str, str]) -> None:
        """Put a service into the catalog: (region, interface, URL) of each endpoint."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.password}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        _, token = self.call("POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        service, _ = self.call("POST", "/services", {"service": {"type": kind, "name": kind}}, token)
        for region in {region for region, _, _ in endpoints} - {"ONE"}:
            self.call("POST", "/regions", {"region": {"id": region}}, token)
        for region, interface, url in endpoints:
            endpoint = {"service_id": service["service"]["id"], "region_id": region, "interface": interface, "url": url}
            self.call("POST", "/endpoints", {"endpoint": endpoint}, token)
