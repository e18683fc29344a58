"""The program that nova.py starts: a real Nova in one process on loopback, in the environment of tests/locks/nova.lock.

    python nova_process.py FOLDER

Nova's own functional fixtures give it SQLite files, a message bus in memory, a scheduler, a conductor and a compute
service with the fake driver, and stand-ins for Neutron, Glance and Cinder. Beside it answers the little of Keystone
that SDKs ask for. FOLDER/urls.json appears when both listen; FOLDER/spawned/ID.json is what the driver's spawn() got.
It ends when its standard input does, so nothing is left of it when the tests were killed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
import threading
import time
import unittest
from collections.abc import Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

# Read when nova is imported. Its threads are to be the system's.
os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "1"

import nova.tests.functional  # first of all: it forbids eventlet
import webob.dec  # nova only imports webob, and uses these
import webob.exc  # noqa: F401
from nova.api import wsgi
from nova.api.metadata.base import InstanceMetadata
from nova.tests.fixtures.nova import PROJECT_ID, CellDatabases
from nova.tests.functional.integrated_helpers import _IntegratedTestBase
from nova.virt.fake import FakeDriver

FOLDER = Path(sys.argv[1])
SPAWNED = FOLDER / "spawned"
REGION = "one"
# The token with an administrator's rights, for what tests arrange, such as a quota.
ADMIN = "an-admin"


class Server(ThreadingMixIn, WSGIServer):
    """Every request in a thread of its own; none of them keeps the process alive."""

    daemon_threads = True
    request_queue_size = 64


class Quiet(WSGIRequestHandler):
    """No line on stderr for each request."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def listen(app: Any) -> str:
    """Serve app on a free port; its URL."""
    server = make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def written_whole(path: Path, value: Any) -> None:
    """A file is there when all of it is."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.rename(path)


def noting(spawn: Any) -> Any:
    """The driver's spawn(), which first notes what a hypervisor would now bring to the server."""

    def noted(
        self: Any, context: Any, instance: Any, image_meta: Any, files: Any, password: Any, *more: Any, **kw: Any
    ):
        drive = InstanceMetadata(instance, content=files).metadata_for_config_drive()
        received = {
            "injected_files": [[path, base64.b64encode(content).decode()] for path, content in files],
            "user_data": instance.user_data,
            "config_drive": bool(instance.config_drive),
            "drive": {
                path: base64.b64encode(data if isinstance(data, bytes) else str(data).encode()).decode()
                for path, data in drive
            },
        }
        written_whole(SPAWNED / f"{instance.uuid}.json", received)
        return spawn(self, context, instance, image_meta, files, password, *more, **kw)

    return noted


def keystone(services: Iterable[tuple[str, str, str]]) -> Any:
    """Any password gives a token, with a catalogue of these services: (type, region, URL)."""

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path, headers, status = environ["PATH_INFO"].rstrip("/"), [], "200 OK"
        # Some clients do not start without images and networks in the catalogue, others ask there once it has them.
        prefix, others = ("/all", ("image", "network")) if path.startswith("/all") else ("", ())
        identity, path = f"http://{environ['HTTP_HOST']}{prefix}/v3", path.removeprefix(prefix)
        links = [{"rel": "self", "href": f"{identity}/"}]
        version = {"id": "v3.14", "status": "stable", "media-types": [], "links": links}
        answer: dict[str, Any] = {"version": version}
        if not path:
            status, answer = "300 Multiple Choices", {"versions": {"values": [version]}}
        elif path.endswith("/auth/tokens"):
            status, headers = "201 Created", [("X-Subject-Token", "a-token")]
            catalog = [*services, *((name, REGION, identity) for name in ("identity", *others))]
            answer = {"token": token(catalog)}
        body = json.dumps(answer).encode()
        start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers])
        return [body]

    return app


def token(services: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """Keystone's answer about a token. services: (type, region, URL); nobody need answer for all of them."""
    now = time.time()
    domain = {"id": "default", "name": "Default"}

    def stamp(seconds: float) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))

    def ends(kind: str, region: str, url: str) -> list[dict[str, str]]:
        return [
            {"id": f"{kind}-{region}-{end}", "interface": end, "region": region, "region_id": region, "url": url}
            for end in ("public", "internal", "admin")
        ]

    catalog: dict[str, dict[str, Any]] = {}
    for kind, region, url in services:
        names = {"type": kind, "name": {"compute": "nova"}.get(kind, kind), "id": kind, "endpoints": []}
        catalog.setdefault(kind, names)["endpoints"] += ends(kind, region, url)

    return {
        "methods": ["password"],
        "user": {"id": "fake", "name": "fake", "domain": domain},
        "project": {"id": PROJECT_ID, "name": "demo", "domain": domain},
        "roles": [{"id": "member", "name": "member"}],
        "issued_at": stamp(now),
        "expires_at": stamp(now + 86_400),
        "audit_ids": ["one"],
        "catalog": [*catalog.values()],
    }


class Serve(_IntegratedTestBase):
    """Nova's own test of everything together, except that the test is to serve."""

    CAST_AS_CALL = False

    def setUp(self) -> None:
        FakeDriver.spawn = noting(FakeDriver.spawn)
        # There is one cell besides cell0, so what is aimed at no cell is meant for that one, and the fixture need not
        # switch between cells under a lock: builds that overlap can hang in it.
        CellDatabases._wrap_target_cell = lambda self, context, cell: self._real_target_cell(context, cell)
        super().setUp()
        self.flags(instances=-1, cores=-1, ram=-1, group="quota")

    def _setup_compute_service(self) -> Any:
        # The driver of the fixture has room for eight servers.
        self.flags(compute_driver="fake.FakeDriver")
        return super()._setup_compute_service()

    def services(self, nova_url: str) -> Iterable[tuple[str, str, str]]:
        """The catalogue: (type, region, URL)."""
        return [("compute", REGION, f"{nova_url}/v2.1")]

    def runTest(self) -> None:
        """Serve until standard input ends."""
        api = wsgi.Loader().load_app("osapi_compute")

        def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            roles = "admin,member,reader" if environ.get("HTTP_X_AUTH_TOKEN") == ADMIN else "member,reader"
            environ.update(HTTP_X_AUTH_USER="fake", HTTP_X_AUTH_PROJECT_ID=PROJECT_ID, HTTP_X_ROLES=roles)
            return api(environ, start)

        nova_url = listen(app)
        written_whole(
            FOLDER / "urls.json", {"nova": nova_url, "keystone": listen(keystone(self.services(nova_url)))}
        )
        sys.stdin.read()
        os._exit(0)


def main(serve: type[Serve] = Serve) -> None:
    """Start, or say why not."""
    SPAWNED.mkdir(exist_ok=True)
    # The wheel puts etc/ at the top of the environment, and nova looks for it beside its package.
    with contextlib.suppress(FileExistsError):
        (Path(nova.__file__).parents[1] / "etc").symlink_to(Path(sys.prefix) / "etc")
    result = unittest.TestResult()
    serve()(result)
    for _, trace in [*result.errors, *result.failures]:
        print(trace, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
