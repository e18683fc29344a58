"""What fetches from S3 with the role of an instance: signatures that botocore and moto check, regions, and refusals."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from baked_box import SERVICE
from box import Box, needs_root
from handmade import payload, stage
from instance import BODY, KEY_ID, SECRET, SESSION, TOKEN, Instance
from moto_server import Login, MotoServer

from bootstrap.payload import role
from bootstrap.runner.host import BUNDLE
from bootstrap.targets import stub

pytestmark = pytest.mark.integration
PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3"))
BUCKET, KEY = "acme-boot", "boot/0123456789abcdef"
ADDRESS = f"s3://{BUCKET}/{KEY}"


@pytest.fixture
def instance() -> Iterator[Instance]:
    with Instance() as instance:
        yield instance


def is_secret(text: str) -> bool:
    return any(word in text for word in (SECRET, SESSION, TOKEN))


def test_an_object_is_fetched_and_no_process_shows_a_secret(instance: Instance, tmp_path: Path) -> None:
    done = instance.fetch(ADDRESS, tmp_path / "bundle")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "bundle").read_bytes() == BODY
    assert instance.asked == [f"/{BUCKET}/{KEY}"]
    assert instance.held == []


@pytest.mark.parametrize("key", ["a/b~c", "a+b,c;d=e", "a%20b", "a!b$c&d(e)*", "a:b@c"])
def test_keys_with_marks_are_signed_as_botocore_signs_them(instance: Instance, tmp_path: Path, key: str) -> None:
    done = instance.fetch(f"s3://{BUCKET}/{key}", tmp_path / "bundle")
    assert done.stderr == ""
    assert (tmp_path / "bundle").read_bytes() == BODY


@pytest.mark.skipif(not PYTHONS, reason="no other interpreters here")
@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: path.parts[-3])
def test_every_python_of_a_host_runs_it(instance: Instance, tmp_path: Path, python: Path) -> None:
    assert instance.fetch(ADDRESS, tmp_path / "bundle", python).stderr == ""
    assert (tmp_path / "bundle").read_bytes() == BODY


def test_a_bucket_of_another_region_is_followed_there_once(instance: Instance, tmp_path: Path) -> None:
    instance.home = "us-west-2"
    done = instance.fetch(ADDRESS, tmp_path / "bundle")
    assert (done.stderr, len(instance.asked)) == ("", 2)
    assert (tmp_path / "bundle").read_bytes() == BODY
    instance.answers = [(400, "AuthorizationHeaderMalformed", "us-west-2")]
    assert instance.fetch(ADDRESS, tmp_path / "bundle").stderr == ""
    instance.answers = [(400, "AuthorizationHeaderMalformed", f"region-{number}") for number in (1, 2)]
    done = instance.fetch(ADDRESS, tmp_path / "bundle")
    assert done.returncode == 1
    assert done.stderr == f"{ADDRESS}: the service names one region after the other, at last region-2\n"


def test_the_region_of_the_address_is_used_at_once(instance: Instance, tmp_path: Path) -> None:
    instance.home = "us-west-2"
    assert instance.fetch(f"{ADDRESS}?region=us-west-2", tmp_path / "bundle").stderr == ""
    assert len(instance.asked) == 1


def test_a_redirect_without_a_region_is_said_and_not_followed(instance: Instance, tmp_path: Path) -> None:
    instance.home, instance.names_home = "us-west-2", False
    done = instance.fetch(ADDRESS, tmp_path / "bundle")
    assert (done.returncode, instance.asked) == (1, [f"/{BUCKET}/{KEY}"])
    assert done.stderr == f"{ADDRESS}: answer 301 PermanentRedirect in region eu-west-1: no\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, "AccessDenied", None), "403 AccessDenied in region eu-west-1: role web needs s3:GetObject for it"),
        ((404, "NoSuchKey", None), "404 NoSuchKey in region eu-west-1: there is no such object, or no such bucket"),
        ((503, "SlowDown", None), "503 SlowDown in region eu-west-1: no"),
    ],
)
def test_a_refusal_is_said_with_its_reason(
    instance: Instance, tmp_path: Path, answer: tuple[int, str, str | None], words: str
) -> None:
    instance.answers = [answer]
    done = instance.fetch(ADDRESS, tmp_path / "bundle")
    assert done.returncode == 1 and done.stderr.startswith(f"{ADDRESS}: answer {words}")
    assert done.stderr.count("\n") == 1 and not is_secret(done.stderr)
    assert not (tmp_path / "bundle").exists()


KEYS = {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Token": SESSION}


@pytest.mark.parametrize(
    ("name", "keys", "reason"),
    [
        ("web", [], "gives no credentials: 'list' object has no attribute"),
        ("web", {}, "of role web: they have another form"),
        ("web", {**KEYS, "SecretAccessKey": 6}, "of role web: they have another form"),
        ("web", {**KEYS, "Token": f"{SESSION}\r\nX: 1"}, "of role web: they have another form"),
        ("web", {"Code": "\x1b]0;x"}, "of role web: ?]0;x"),
        ("w\x1beb", KEYS, "gives no credentials: URL can't contain control characters"),
        ("rôle", KEYS, "gives no credentials: "),
    ],
    ids=["list", "empty", "number", "two-lines", "code", "role-escape", "role-letter"],
)
def test_a_metadata_service_that_answers_anything_ends_in_one_line(
    instance: Instance, tmp_path: Path, name: str, keys: object, reason: str
) -> None:
    place = "iam/security-credentials/"
    instance.metadata = lambda: {place: name, f"{place}{name}": json.dumps(keys)}  # type: ignore[method-assign]
    done = instance.fetch(f"{ADDRESS}?region=eu-west-1", tmp_path / "bundle")
    assert done.returncode == 1 and reason in done.stderr and done.stderr.startswith("the metadata service gives no")
    assert (done.stderr.count("\n"), instance.asked) == (1, []) and not is_secret(done.stderr)
    assert done.stderr[:-1].isprintable()


def test_what_a_server_says_moves_no_cursor_and_a_region_leads_nowhere_else(instance: Instance, tmp_path: Path) -> None:
    instance.answers = [(403, "\x1b[31mX", None)]
    done = instance.fetch(ADDRESS, tmp_path / "bundle")
    assert done.stderr.startswith(f"{ADDRESS}: answer 403 ?[31mX in region") and done.stderr[:-1].isprintable()
    # Without an endpoint, whose host does not depend on the region.
    instance.region = "evil.example/#"
    environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.url}
    done = subprocess.run(
        ["sh", "-c", role.fetcher("/dev/null")], input=f"{ADDRESS}\n", env=environment, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.stderr == "evil.example/# is not the name of a region\n"


def test_an_instance_without_a_role_or_without_a_metadata_service_is_told_so(
    instance: Instance, tmp_path: Path
) -> None:
    instance.has_role = False
    done = instance.fetch(ADDRESS, tmp_path / "bundle")
    assert done.stderr == "this instance has no role: attach an instance profile that may read the bucket\n"
    instance.gives_token = False
    done = instance.fetch(ADDRESS, tmp_path / "bundle")
    assert done.stderr.startswith("the metadata service gives no token (IMDSv2), so there is no role: ")
    assert instance.asked == []


# --- the whole way: moto checks signature, token and policy; the metadata service of the box hands out a real role ---


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with MotoServer() as moto:
        moto.make_bucket(BUCKET)
        moto.require_login()
        yield moto


def stub_at(moto: MotoServer, body: bytes, digest: str) -> bytes:
    moto.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=body)
    return stub.text(f"{ADDRESS}?endpoint={moto.url}", digest)


def start(box: Box, script: bytes, login: Login) -> str:
    """Start a stub beside a metadata service that gives these credentials; what it writes is /srv/said."""
    keys = {"Code": "Success", "AccessKeyId": login.access_key, "SecretAccessKey": login.secret_key}
    files = {
        "placement/region": "eu-west-1", "iam/security-credentials/index": "web",
        "iam/security-credentials/web": json.dumps({**keys, "Token": login.token}),
    }  # fmt: skip
    for name, text in files.items():
        box.put(f"/srv/service/latest/meta-data/{name}", text)
    box.put("/srv/service/log", "")
    box.run("/usr/bin/python3", "-c", SERVICE.read_text(), "/srv/port", "token", "/srv/service")
    port = box.wait_for(lambda: box.text("/srv/port"))
    box.put("/srv/stub", script)
    at = f"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:{port}"
    box.sh(f"{at} setsid sh /srv/stub </dev/null >/srv/said 2>&1 &")
    return at


@needs_root
def test_a_stub_brings_the_bundle_with_its_role_and_the_server_is_healthy(moto: MotoServer) -> None:
    one = payload([stage("one", "echo once >>/srv/oracle")], channel="single")
    login = moto.role("web", "s3:GetObject", bucket=BUCKET)
    with Box(network="host") as box:
        start(box, stub_at(moto, one.bundle, one.digest), login)
        box.wait_for(lambda: box.state() == "healthy", 60)
        assert box.text("/srv/oracle") == "once\n"
        assert login.secret_key not in box.text("/srv/said") + str(box.journal())
        assert box.sh("ls /run/ir.bundle").returncode != 0


@needs_root
def test_a_role_that_may_not_read_is_said_and_nothing_is_run(moto: MotoServer) -> None:
    one = payload([stage("one", "true")], channel="single")
    login = moto.role("other", "s3:ListBucket", bucket=BUCKET)
    with Box(network="host") as box:
        start(box, stub_at(moto, one.bundle, one.digest), login)
        words = "answer 403 AccessDenied in region eu-west-1: role web needs s3:GetObject for it"
        box.wait_for(lambda: words in box.text("/srv/said"))
        assert login.secret_key not in box.text("/srv/said")
        assert not box.exists(BUNDLE)
