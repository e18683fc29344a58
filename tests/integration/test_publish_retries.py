"""A store that answers "later" is asked again, with the whole content, and not for ever."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import boto3
import pytest
import requests
from botocore.config import Config

from bootstrap.publish import store
from bootstrap.publish.objects import Objects, PublishError
from bootstrap.publish.s3 import S3Objects
from bootstrap.publish.sigv4 import Credentials
from bootstrap.publish.store import Account, Endpoint
from bootstrap.publish.swift import SwiftObjects

pytestmark = pytest.mark.integration
# Larger than what is sent from memory.
DATA = hashlib.shake_128(b"again").digest(17 << 20)
MD5 = hashlib.md5(DATA).hexdigest()


class Busy:
    """A store that takes uploads, after it has answered some of them with other codes. bodies: of all uploads."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.bodies: list[str] = []
        busy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                left, digest = int(self.headers["Content-Length"]), hashlib.md5()
                while left:
                    block = self.rfile.read(min(left, 1 << 20))
                    left -= len(block)
                    digest.update(block)
                busy.bodies.append(digest.hexdigest())
                status = busy.answers.pop(0) if busy.answers else 200
                self.send_response(status)
                self.send_header("ETag", f'"{digest.hexdigest()}"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_HEAD(self) -> None:
                self.send_response(200)
                self.send_header(store.KEY_META, "key")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def swift(self) -> Objects:
        endpoint = Endpoint(f"{self.url}/v1/AUTH_x", "public", None)
        return SwiftObjects(Account((endpoint,), None, "token", requests.Session()), endpoint, "boot")

    def s3(self) -> Objects:
        client = boto3.session.Session().client(
            "s3", endpoint_url=self.url, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b",
            config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
        )  # fmt: skip
        return S3Objects(client, Credentials("a", "b"), "boot", region="eu-west-1", own_endpoint=self.url)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def busy() -> Iterator[Busy]:
    with Busy() as busy:
        yield busy


def test_swift_is_asked_again_with_the_whole_file(busy: Busy, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(DATA)
    busy.answers = [503, 429]
    busy.swift().put("large", tmp_path / "large", hashlib.sha256(DATA).hexdigest())
    assert busy.bodies == [MD5] * 3


def test_s3_is_asked_again_with_the_whole_content(busy: Busy) -> None:
    small = DATA[:1000]
    busy.answers = [503, 500]
    busy.s3().put("small", small, hashlib.sha256(small).hexdigest())
    assert busy.bodies == [hashlib.md5(small).hexdigest()] * 3


def test_a_store_that_stays_busy_is_not_asked_for_ever(busy: Busy) -> None:
    busy.answers = [503] * 100
    with pytest.raises(PublishError, match="cannot be uploaded: the service answers 503"):
        busy.swift().put("one", b"1", hashlib.sha256(b"1").hexdigest())
    assert len(busy.bodies) == 1 + len(store.PAUSES_S)
    with pytest.raises(PublishError, match="cannot be uploaded: the service answers 503"):
        busy.s3().put("one", b"1", hashlib.sha256(b"1").hexdigest())
    assert len(busy.bodies) == 1 + len(store.PAUSES_S) + 5


def test_what_is_refused_is_not_sent_again(busy: Busy) -> None:
    for objects in (busy.swift(), busy.s3()):
        busy.answers, busy.bodies = [403], []
        with pytest.raises(PublishError, match="the service answers 403"):
            objects.put("one", b"1", hashlib.sha256(b"1").hexdigest())
        assert len(busy.bodies) == 1
