"""Every place that `bootstrap publish` puts objects to passes the contract; a collector, which keeps less, a part."""

from __future__ import annotations

import functools
import http.server
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_process import DEPLOY_TOKEN, CollectorProcess
from handmade import payload, stage
from moto_server import MotoServer
from objects_contract import CONTRACT, SMALL, Behaviour, fetched, name_of, sha256, soon
from swift import Swift, needs_memcached

from bootstrap.client.collector import Collector
from bootstrap.payload.split import runner_text
from bootstrap.publish import clouds, preflight, store
from bootstrap.publish.collector import CollectorObjects
from bootstrap.publish.folder import FolderObjects
from bootstrap.publish.objects import Objects, PublishError, Unfit
from bootstrap.publish.s3_login import open_bucket
from bootstrap.publish.swift import SwiftObjects

pytestmark = [pytest.mark.integration, needs_memcached]


class SwiftBench:
    is_tried = True

    def __init__(self, swift: Swift, prefix: str) -> None:
        environment = {"ST_AUTH": swift.auth, "ST_USER": swift.user, "ST_KEY": swift.key}
        self.account = store.log_in(clouds.find(None, environment))
        self.endpoint, _ = preflight.choose(self.account, "public", None)
        self.container, self.prefix = uuid.uuid4().hex, prefix

    def objects(self) -> Objects:
        return SwiftObjects(self.account, self.endpoint, self.container, self.prefix)


class S3Bench:
    """environment: of boto3, which finds service and key by it."""

    is_tried = True

    def __init__(self, environment: dict[str, str], prefix: str) -> None:
        import boto3

        # A test of one process has no environment of its own.
        self.environment, self.bucket, self.prefix = environment, uuid.uuid4().hex, prefix
        os.environ.update(environment)
        boto3.session.Session().client("s3").create_bucket(Bucket=self.bucket, **self.where())

    def where(self) -> dict[str, dict[str, str]]:
        region = self.environment["AWS_DEFAULT_REGION"]
        return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}

    def objects(self) -> Objects:
        return open_bucket(self.bucket, self.prefix)


class FolderBench:
    is_tried = False

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def objects(self) -> Objects:
        return FolderObjects(self.folder, self.url)


@pytest.fixture
def no_other_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the caller's own: neither variables nor files. What a bench sets is gone with the test."""
    for name in [*(name for name in os.environ if name.startswith("AWS_")), *MotoServer().environment]:
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
@pytest.mark.parametrize("prefix", ["", "boot/web"])
def test_swift(behaviour: Behaviour, prefix: str, swift: Swift, tmp_path: Path) -> None:
    behaviour(SwiftBench(swift, prefix), tmp_path)


@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
def test_s3_of_moto(behaviour: Behaviour, moto: MotoServer, tmp_path: Path, no_other_aws: None) -> None:
    behaviour(S3Bench(moto.environment, ""), tmp_path)


@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
def test_s3_of_swift_which_checks_signatures(
    behaviour: Behaviour, swift: Swift, tmp_path: Path, no_other_aws: None
) -> None:
    behaviour(S3Bench(swift.s3, "boot/web"), tmp_path)


@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
def test_a_folder(behaviour: Behaviour, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            behaviour(FolderBench(tmp_path / "served", f"http://127.0.0.1:{server.server_port}"), tmp_path)
        finally:
            server.shutdown()


# --- a collector: bundles and the runner's text only, which hosts read ---


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorObjects]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as collector:
        yield CollectorObjects(Collector(collector.url, DEPLOY_TOKEN), soon(), collector.url)


def test_a_collector_gives_a_bundle_by_a_signed_url(kept: CollectorObjects) -> None:
    bundle = payload([stage("one", "true")], channel="single").bundle
    name = sha256(bundle)[:16]
    kept.put(name, bundle, sha256(bundle))
    url = kept.url(name, kept.expires)
    assert fetched(url) == bundle
    assert len(kept.untried_url(name, kept.expires)) == len(url)
    kept.put(name, bundle, sha256(bundle))
    assert kept.url(name, kept.expires) == url


def test_a_collector_gives_the_runner_to_everybody(kept: CollectorObjects) -> None:
    runner = runner_text()
    kept.put(runner.sha256, runner.content, runner.sha256)
    assert fetched(kept.url(runner.sha256, 0)) == runner.content
    assert kept.url(runner.sha256, 0) == kept.untried_url(runner.sha256, 0) == f"{kept.place}/v1/runner/{runner.sha256}"


def test_a_collector_refuses_what_it_does_not_keep(kept: CollectorObjects, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="was to be published"):
        kept.put("bundle", SMALL, sha256(b"else"))
    with pytest.raises(Unfit) as refused:
        kept.check(["0123456789abcdef", "0123456789abcdef/app.bin", "fedcba9876543210/b"])
    assert len(refused.value.problems) == 2
    for question in (kept.listing, lambda: kept.read("bundle")):
        with pytest.raises(PublishError, match="is a collector, which"):
            question()
