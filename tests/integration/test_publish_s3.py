"""`bootstrap publish --to s3://…`: to a Swift that speaks S3 and checks signatures, and to moto with its policies."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from box import Box, needs_root
from instance import Instance
from moto_server import MotoServer
from oracle import said
from swift import Swift, needs_memcached

from bootstrap import api
from bootstrap.errors import PayloadError
from bootstrap.payload.split import runner_text
from bootstrap.publish import result
from bootstrap.render.model import Published

pytestmark = [pytest.mark.integration, needs_memcached]
ROOT = Path(__file__).resolve().parents[2]
DATA = hashlib.shake_128(b"s3").digest(3 << 20)
SHA256 = hashlib.sha256(DATA).hexdigest()
DEPLOY = "20261130T120000-ab12cd"
SPEC = """version: 1
name: web
files:
  - {path: /srv/app.bin, source: app.bin, publish: true, mode: "0640"}
stages:
  - {name: one, run: "sha256sum /srv/app.bin"}
health:
  checks: [{file: /srv/app.bin}]
"""
BUCKET = "acme-boot"


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    with Swift(tmp_path_factory.mktemp("swift")) as swift:
        boto3.session.Session().client(
            "s3", endpoint_url=swift.url, region_name="us-east-1", aws_access_key_id=swift.user,
            aws_secret_access_key=swift.key,
        ).create_bucket(Bucket=BUCKET)  # fmt: skip
        yield swift


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with MotoServer() as moto:
        moto.make_bucket(BUCKET)
        moto.make_bucket("acme-west", "us-west-2")
        yield moto


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text(SPEC)
    (tmp_path / "app.bin").write_bytes(DATA)
    return tmp_path


def bootstrap(
    folder: Path, environment: dict[str, str], *words: str, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """The program with this login and no other: neither variables nor files of the caller's."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("OS_", "ST_", "AWS_"))}
    own |= {"HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "bootstrap", *words], cwd=folder, capture_output=True, text=True, timeout=120,
        env={**own, **environment}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


def publish(folder: Path, environment: dict[str, str], *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    return bootstrap(folder, environment, "publish", "web.yaml", *words, code=code)


def did(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    return [(entry["what"], entry["did"]) for entry in json.loads(done.stdout)["objects"]]


@needs_root
def test_a_stub_brings_bundle_and_file_by_presigned_urls(swift: Swift, folder: Path) -> None:
    words = ["--to", f"s3://{BUCKET}/web", "--server", "web-1", "--deploy-id", DEPLOY, "--expires", "12h", "--runner"]
    first = publish(folder, swift.s3, *words)
    head, *rows = first.stdout.splitlines()
    assert re.fullmatch(r"s3://acme-boot/web, region us-east-1; URLs are good until \S+Z", head)
    assert [row.split()[0] for row in rows[:3]] == ["uploaded"] * 3
    again = publish(folder, swift.s3, *words, "--json")
    whats = ["runner's text", "/srv/app.bin", "bundle of web-1"]
    # Within the hour the URLs are the same, and so is the bundle that names them.
    assert did(again)[:2] == [(what, "there") for what in whats[:2]]
    assert did(again)[2] in ((whats[2], "there"), (whats[2], "uploaded"))
    for text in (first.stdout, first.stderr, again.stderr):
        assert "X-Amz-Signature" not in text and swift.key not in text.replace("testing ", "")
    published = result.read(folder / "build" / result.NAME)
    (url,) = published.runner
    assert url.split("?")[0] == f"{swift.url}/{BUCKET}/web/{runner_text().sha256}"
    fetched = subprocess.run(["curl", "-gsSf", "-K-"], input=f"url={url}\n".encode(), capture_output=True, check=True)
    assert fetched.stdout == runner_text().content
    with Box(network="host", server="web-1") as box:
        box.put("/var/lib/cloud/instance/scripts/part-001", (folder / "build/web-1/stub.sh").read_bytes(), 0o700)
        assert box.run("/var/lib/cloud/instance/scripts/part-001").returncode == 0
        box.wait_for(lambda: box.state() == "healthy", 60)
        assert (box.read("/srv/app.bin"), box.stat("/srv/app.bin")[0]) == (DATA, "0640")
        assert "X-Amz-Signature" not in str(box.journal())


@needs_root
def test_an_expired_url_is_refused_and_the_server_says_when_it_ended(swift: Swift, folder: Path) -> None:
    publish(folder, swift.s3, "--to", f"s3://{BUCKET}")
    ended = int(time.time()) - 60
    (folder / "old.py").write_text(
        "from bootstrap.publish.s3_login import open_bucket\n"
        f"print(open_bucket('{BUCKET}').untried_url('{SHA256[:16]}/app.bin', {ended}))\n"
    )
    environment = {**os.environ, **swift.s3, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    argv = [sys.executable, "old.py"]
    url = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    rendering = api.load(folder / "web.yaml").plan("web-1").render(published=Published({SHA256: url}))
    with Box(rendering.pack("tree").payload.files, network="host", server="web-1") as box:
        assert box.tick().returncode == 5
        moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ended))
        assert f"answer 403 Forbidden: the URL expired at {moment}" in said(box, "why")[1]


def test_what_arrives_is_checked_by_the_service_and_private(moto: MotoServer, folder: Path) -> None:
    publish(folder, moto.environment, "--to", f"s3://{BUCKET}")
    client = moto.client("s3")
    key = f"{SHA256[:16]}/app.bin"
    head = client.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumSHA256"]).hex() == SHA256
    assert head["Metadata"] == {"sha256": SHA256}
    grants = client.get_object_acl(Bucket=BUCKET, Key=key)["Grants"]
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


def test_a_dry_run_logs_in_and_sends_nothing(moto: MotoServer, folder: Path) -> None:
    moto.make_bucket("acme-dry")
    words = ["--to", "s3://acme-dry/x", "--server", "web-1", "--runner", "--dry-run", "--json"]
    whats = ["runner's text", "/srv/app.bin", "bundle of web-1"]
    assert did(publish(folder, moto.environment, *words)) == [(what, "would upload") for what in whats]
    assert moto.client("s3").list_objects_v2(Bucket="acme-dry")["KeyCount"] == 0
    assert not (folder / "build").exists()


def test_the_region_of_the_bucket_is_found_and_said(moto: MotoServer, folder: Path) -> None:
    done = publish(folder, moto.environment, "--to", "s3://acme-west", "--region", "eu-west-1")
    assert done.stdout.startswith(
        "s3://acme-west, region us-west-2, and the servers are in eu-west-1: traffic between regions costs money; URLs"
    )
    (url,) = result.read(folder / "build" / result.NAME).urls.values()
    assert "%2Fus-west-2%2Fs3%2Faws4_request" in url


@pytest.mark.parametrize("provider", ["ec2", "gce", "azure", "digitalocean", "hetzner", "oci", "scaleway", "exoscale"])
def test_a_presigned_url_with_a_token_fits_every_user_data(moto: MotoServer, folder: Path, provider: str) -> None:
    login = {**moto.environment, "AWS_SESSION_TOKEN": "x" * 900}
    publish(folder, login, "--to", f"s3://{BUCKET}", "--server", "web-1", "--deploy-id", DEPLOY)
    url = result.read(folder / "build" / result.NAME).bundles["web-1"]["url"]
    assert len(url) > 1_100
    words = ["--server", "web-1", "--deploy-id", DEPLOY, "--published", "build/published.json", "--target", "stub"]
    done = bootstrap(folder, {}, "render", "web.yaml", *words, "--provider", provider, "-o", "out")
    assert f"stub ({provider})" in done.stdout
    assert (folder / "out/web-1/stub.sh").read_text().count(url) == 1


# --- temporary credentials ---


def test_temporary_credentials_end_their_urls_and_that_is_said(moto: MotoServer, folder: Path) -> None:
    login = {**moto.environment, "AWS_SESSION_TOKEN": "token"}
    done = publish(folder, login, "--to", f"s3://{BUCKET}")
    note = "the credentials are temporary, so the URLs end when they do, at an hour that the credentials do not tell"
    assert done.stderr == f"note: {note}\n"
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5400))
    done = publish(folder, {**login, "AWS_CREDENTIAL_EXPIRATION": ends}, "--to", f"s3://{BUCKET}")
    assert done.stderr.startswith(f"note: the URLs end at {ends}, together with the temporary credentials")
    assert f"URLs are good until {ends}" in done.stdout
    over = {**login, "AWS_CREDENTIAL_EXPIRATION": "2026-01-01T00:00:00Z"}
    done = publish(folder, over, "--to", f"s3://{BUCKET}", code=4)
    assert "but the refreshed credentials are still expired" in done.stderr
    assert done.stderr.splitlines()[-1] == "  log in again, or export new credentials"


def test_more_than_seven_days_are_refused_with_the_reason(moto: MotoServer, folder: Path) -> None:
    done = publish(folder, {}, "--to", f"s3://{BUCKET}", "--expires", "14d", code=2)
    assert done.stderr.splitlines()[0] == (
        "error[usage]: --expires 14d is too long: a presigned URL of S3 is good for 7 days at most"
    )


# --- the role of the instance ---


def test_with_an_instance_role_the_stub_signs_for_itself(moto: MotoServer, folder: Path) -> None:
    (folder / "web.yaml").write_text("version: 1\nname: web\nstages: [{name: one, run: 'true'}]\n")
    words = ["--to", f"s3://{BUCKET}/web", "--server", "web-1", "--deploy-id", DEPLOY, "--runner", "--instance-role"]
    done = publish(folder, moto.environment, *words)
    assert done.stdout.splitlines()[0] == f"s3://{BUCKET}/web, region eu-west-1"
    published = result.read(folder / "build" / result.NAME)
    query = f"?region=eu-west-1&endpoint={moto.url}"
    assert published.runner == (f"s3://{BUCKET}/web/{runner_text().sha256}{query}",)
    url = published.bundles["web-1"]["url"]
    assert url == f"s3://{BUCKET}/web/{published.bundles['web-1']['sha256'][:16]}{query}"
    assert f"u='{url}'\n" in (folder / "build/web-1/stub.sh").read_text()
    rendering = api.load(folder / "web.yaml").plan("web-1", deploy_id=DEPLOY).render(published=published)
    assert len(rendering.pack("stub", "ec2").blob) < 6_000
    with pytest.raises(PayloadError, match="an instance of gce has no role that S3 takes"):
        rendering.pack("stub", "gce")
    with Instance() as instance:
        target = folder / "bundle"
        assert instance.fetch(url.split("&")[0], target).stderr == ""


def test_files_are_not_fetched_with_a_role(moto: MotoServer, folder: Path) -> None:
    done = publish(folder, moto.environment, "--to", f"s3://{BUCKET}", "--instance-role", code=2)
    assert done.stderr.splitlines() == [
        "error[usage]: --instance-role is for bundles and the runner's text: a server fetches its files by URL",
        "  publish the files without it; their URLs then end after 7 days at most",
    ]


# --- what is refused ---


def test_a_login_that_is_wrong_is_said_without_its_key(swift: Swift, folder: Path) -> None:
    wrong = {**swift.s3, "AWS_SECRET_ACCESS_KEY": "hunter2hunter2"}
    done = publish(folder, wrong, "--to", f"s3://{BUCKET}", code=4)
    assert "the service answers SignatureDoesNotMatch" in done.stderr and "check the credentials" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    none = {"AWS_ENDPOINT_URL": swift.url}
    assert "error[usage]: no credentials for S3" in publish(folder, none, "--to", f"s3://{BUCKET}", code=2).stderr
    profile = {"AWS_PROFILE": "nobody"}
    done = publish(folder, profile, "--to", f"s3://{BUCKET}", code=2)
    assert "The config profile (nobody) could not be found" in done.stderr


def test_a_bucket_or_a_service_that_is_not_there_is_said(moto: MotoServer, folder: Path) -> None:
    done = publish(folder, moto.environment, "--to", "s3://acme-none", "--dry-run", code=4)
    assert "s3://acme-none cannot be opened: there is no bucket acme-none" in done.stderr
    elsewhere = ["--endpoint-url", "http://127.0.0.1:9"]
    done = publish(folder, moto.environment, "--to", f"s3://{BUCKET}", *elsewhere, code=4)
    assert "http://127.0.0.1:9 does not answer: EndpointConnectionError" in done.stderr
    clear = ["--endpoint-url", "http://minio.example"]
    done = publish(folder, moto.environment, "--to", f"s3://{BUCKET}", *clear, code=4)
    assert "the endpoint http://minio.example is not encrypted: hosts fetch by https only" in done.stderr


def test_names_and_addresses_that_do_not_go_are_refused_at_once(moto: MotoServer, folder: Path) -> None:
    moto.make_bucket("acme-names")
    text = SPEC.replace("stages:", f'  - {{path: /srv/b, fetch: {{url: "swift://b/x", sha256: "{SHA256}"}}}}\nstages:')
    (folder / "web.yaml").write_text(text)
    done = publish(folder, moto.environment, "--to", f"s3://acme-names/{'x' * 1004}", code=4)
    assert done.stderr.count("error[publish") == 2
    assert "it has 1,029 bytes with the prefix" in done.stderr
    assert "/srv/b: swift://b/x is in a Swift account, and not in s3://acme-names/" in done.stderr
    assert moto.client("s3").list_objects_v2(Bucket="acme-names")["KeyCount"] == 0


def test_without_boto3_the_extra_is_named(folder: Path) -> None:
    (folder / "boto3.py").write_text("raise ImportError\n")
    done = publish(folder, {"PYTHONPATH": f"{folder}:{ROOT}"}, "--to", f"s3://{BUCKET}", code=2)
    assert done.stderr.splitlines() == ["error[usage]: S3 needs boto3", "  pip install 'initialrunner[s3]'"]


def test_a_user_without_the_right_to_write_is_told_which_one_it_needs(folder: Path) -> None:
    with MotoServer() as moto:
        moto.make_bucket(BUCKET)
        moto.require_login()
        login = moto.role("reader", "s3:GetObject", "s3:ListBucket", bucket=BUCKET)
        done = publish(folder, {**moto.environment, **login.environment}, "--to", f"s3://{BUCKET}", code=4)
    assert "cannot be uploaded: the service answers AccessDenied: Access Denied" in done.stderr
    assert f"the user needs s3:GetObject and s3:PutObject on arn:aws:s3:::{BUCKET}/*" in done.stderr
