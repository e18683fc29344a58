"""Clouds that have no emulator, by their own names on loopback: every request is kept, every answer is from a script.

    with ScriptedClouds(folder, {("POST", "api.hetzner.cloud/v1/servers"): (201, {...})}) as clouds:
        subprocess.run([...], env={**os.environ, **clouds.environment})
        clouds.bodies("api.hetzner.cloud/v1/servers")

An SDK reaches them as it would through a company's proxy, so that nothing in it or in the code under test has to be
told: HTTPS_PROXY and the authority's certificate are in the environment, the names stay those of the clouds.
"""

from __future__ import annotations

import fnmatch
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from neighbours import Authority

HOSTS = (
    "api.hetzner.cloud", "api.digitalocean.com", "api.linode.com", "compute.googleapis.com", "oauth2.googleapis.com",
    "management.azure.com", "login.microsoftonline.com",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One request as it arrived. url: host and path, without the query."""

    method: str
    url: str
    body: bytes


class ScriptedClouds:
    """answers: (method, host and path, which may hold a *) -> (status, what to answer as JSON)."""

    def __init__(self, folder: Path, answers: Mapping[tuple[str, str], tuple[int, Any]]) -> None:
        self.answers = answers
        self.requests: list[Request] = []
        authority = Authority(folder / "authority")
        self._ca = folder / "authority/ca.pem"
        certificate = folder / "clouds.pem"
        certificate.write_bytes(authority.certificate(",".join(f"DNS:{host}" for host in HOSTS)))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        clouds = self

        class Bound(_Handler):
            """Its requests go to these clouds."""

            told = clouds

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which a program asks these clouds instead of the real ones."""
        proxy, ca = f"http://127.0.0.1:{self._server.server_port}", str(self._ca)
        return {
            "HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": ca, "SSL_CERT_FILE": ca, "CURL_CA_BUNDLE": ca,
        }  # fmt: skip

    def bodies(self, url: str) -> list[bytes]:
        """The bodies that arrived at a URL (* as above), in order."""
        return [request.body for request in self.requests if fnmatch.fnmatch(request.url, url)]

    def answer(self, method: str, url: str) -> tuple[int, Any]:
        """The status and the JSON that the script has for a request."""
        for (verb, pattern), answer in self.answers.items():
            if verb == method and fnmatch.fnmatch(url, pattern):
                return answer
        return 404, {"error": f"the script has no answer for {method} {url}"}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """A proxy whose every tunnel ends here, in TLS of ours."""

    protocol_version = "HTTP/1.1"
    told: ScriptedClouds
    host = ""

    def do_CONNECT(self) -> None:
        self.host = self.path.rpartition(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.told.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        # The same connection goes on with requests to that host, whatever HTTP the proxy was asked in.
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        # The tunnel's socket, which the server does not know of.
        self.connection.close()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = self.host + self.path.partition("?")[0]
        self.told.requests.append(Request(self.command, url, body))
        status, answer = self.told.answer(self.command, url)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
