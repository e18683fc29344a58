"""An instance with a role, as a program on it sees one: the metadata service (IMDSv2) and S3, on one port of loopback.

    with Instance() as instance:
        done = instance.fetch("s3://acme-boot/web-1", target)
        instance.answers = [(403, "AccessDenied", None)]     # the next requests to S3; then all are right

Its S3 takes only requests whose signature botocore itself finds right, for the region that the bucket is in.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from bundle_server import holders

from bootstrap.payload import role

TOKEN = "AQAAAK-imds-token"
KEY_ID, SECRET, SESSION = "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjE+/=="
BODY = b"the bundle\n"


class Instance:
    """The two services. home: the region of the bucket; region: of the instance; asked: every request to S3.

    names_home: whether an answer names the bucket's region when the request was for another. has_role, gives_token:
    cleared, the metadata service answers as one without. held: processes whose arguments or environment held a secret.
    """

    def __init__(self) -> None:
        self.home = self.region = "eu-west-1"
        self.has_role = self.gives_token = self.names_home = True
        self.answers: list[tuple[int, str, str | None]] = []
        self.asked: list[str] = []
        self.held: list[bytes] = []
        instance = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                is_right = self.path == "/latest/api/token" and instance.gives_token
                is_right = is_right and int(self.headers["X-aws-ec2-metadata-token-ttl-seconds"]) > 0
                self.answer(200 if is_right else 403, TOKEN)

            def do_GET(self) -> None:
                if not self.path.startswith("/latest/"):
                    instance.serve(self)
                elif self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                    self.answer(401, "")
                else:
                    text = instance.metadata().get(self.path.removeprefix("/latest/meta-data/"))
                    self.answer(404 if text is None else 200, text or "")

            def answer(self, status: int, text: str | bytes, **headers: str) -> None:
                body = text if isinstance(text, bytes) else text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def metadata(self) -> dict[str, str]:
        """What the service knows, by its path."""
        keys = {"Code": "Success", "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Token": SESSION}
        place = "iam/security-credentials/"
        roles = {place: "web", f"{place}web": json.dumps(keys)} if self.has_role else {}
        return {"placement/region": self.region, **roles}

    def serve(self, request: object) -> None:
        """Answer one request to S3."""
        assert isinstance(request, http.server.BaseHTTPRequestHandler)
        answer = request.answer  # type: ignore[attr-defined]
        self.asked.append(request.path)
        self.held += [each for word in (SECRET, SESSION, TOKEN) for each in holders(word.encode())]
        signed_for = request.headers["Authorization"].split("/")[2]
        if self.answers:
            status, code, region = self.answers.pop(0)
            answer(status, _xml(code, region))
        elif signed_for != self.home:
            named = {"x_amz_bucket_region": self.home} if self.names_home else {}
            answer(301, _xml("PermanentRedirect", None), Location=f"{self.url}/elsewhere", **named)
        elif not self.is_signed(request):
            answer(403, _xml("SignatureDoesNotMatch", None))
        else:
            answer(200, BODY)

    def is_signed(self, request: http.server.BaseHTTPRequestHandler) -> bool:
        """Whether botocore signs the same request in the same way."""
        words = dict(part.split("=", 1) for part in request.headers["Authorization"].split(" ", 1)[1].split(", "))
        signed = {name: request.headers[name] for name in words["SignedHeaders"].split(";")}
        same = AWSRequest("GET", self.url + request.path, headers=signed)
        same.context["timestamp"] = signed["x-amz-date"]
        auth = S3SigV4Auth(Credentials(KEY_ID, SECRET, SESSION), "s3", self.home)
        signature = auth.signature(auth.string_to_sign(same, auth.canonical_request(same)), same)
        return signature == words["Signature"] and signed.get("x-amz-security-token") == SESSION

    def fetch(self, address: str, target: Path, python: Path | str = "python3") -> subprocess.CompletedProcess[str]:
        """Fetch as a host does. address: without an endpoint, which is this service."""
        endpoint = f"{'&' if '?' in address else '?'}endpoint={self.url}"
        command = role.fetcher('"$1"').replace("python3 ", f"{python} ", 1)
        environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url}
        # No proxy leads to the metadata service.
        environment |= {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
        return subprocess.run(
            ["sh", "-c", command, "sh", target], input=f"{address}{endpoint}\n", env=environment, capture_output=True,
            text=True, timeout=60,
        )  # fmt: skip

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _xml(code: str, region: str | None) -> str:
    named = f"<Region>{region}</Region>" if region else ""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message>{named}</Error>"
