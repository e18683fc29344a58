"""A file of 3 MB and a bundle through a real Swift: published, fetched by stub and runner, and what may go wrong."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keys
import pytest
from box import Box, needs_root
from keystone import Keystone
from oracle import said
from swift import Swift, needs_memcached

from bootstrap import api
from bootstrap.payload.sign import verify
from bootstrap.publish import result
from bootstrap.runner.host import BUNDLE, STUB, TRIGGER

pytestmark = [pytest.mark.integration, needs_memcached]
ROOT = Path(__file__).resolve().parents[2]
DATA = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(98_304))  # 3 MiB that nothing compresses
SHA256 = hashlib.sha256(DATA).hexdigest()
DEPLOY = "20261120T120000-ab12cd"
SPEC = f"""version: 1
name: web
files:
  - {{path: /srv/app.bin, source: app.bin, publish: true, mode: "0640"}}
  - {{path: /srv/again.bin, fetch: {{url: "swift://b/{SHA256[:16]}/app.bin", sha256: "{SHA256}"}}}}
stages:
  - {{name: one, run: "sha256sum /srv/app.bin /srv/again.bin"}}
health:
  checks: [{{file: /srv/again.bin}}]
"""


@dataclass
class Account:
    """Somebody's account: the environment that `bootstrap publish` finds it by."""

    environment: dict[str, str]
    swift: Swift

    def bootstrap(self, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith(("OS_", "ST_"))}
        return subprocess.run(
            [sys.executable, "-m", "bootstrap", *words], cwd=folder, capture_output=True, text=True, timeout=120,
            env={**own, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **self.environment}, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def publish(self, folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """`bootstrap publish web.yaml --container b` and these words."""
        done = self.bootstrap("publish", "web.yaml", "--container", "b", *words, folder=folder)
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with Swift(tmp_path_factory.mktemp("swift")) as swift:
        yield Account({"ST_AUTH": swift.auth, "ST_USER": swift.user, "ST_KEY": swift.key}, swift)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text(SPEC)
    (tmp_path / "app.bin").write_bytes(DATA)
    return tmp_path


def objects(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    return [(one["what"], one["did"]) for one in json.loads(done.stdout)["objects"]]


def published(folder: Path) -> dict[str, Any]:
    path = folder / "build" / result.NAME
    assert path.stat().st_mode & 0o777 == 0o600
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def overwrite(account: Account, name: str, data: bytes) -> None:
    """Put other bytes under the name of an object, as whoever has the key of the account could."""
    swift = account.swift
    log_in = urllib.request.Request(swift.auth, headers={"X-Auth-User": swift.user, "X-Auth-Key": swift.key})
    with urllib.request.urlopen(log_in, timeout=30) as answer:
        url, token = answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]
    put = urllib.request.Request(f"{url}/b/{name}", data, {"X-Auth-Token": token}, method="PUT")
    urllib.request.urlopen(put, timeout=30).close()


def run_stub(box: Box, stub: bytes, **how: Any) -> subprocess.CompletedProcess[str]:
    """Start it as cloud-init would."""
    box.put("/var/lib/cloud/instance/scripts/part-001", stub, 0o700)
    return box.run("/var/lib/cloud/instance/scripts/part-001", **how)


@needs_root
def test_a_stub_brings_bundle_and_files_and_the_server_is_healthy(account: Account, folder: Path) -> None:
    done = account.publish(folder, "--server", "web-1", "--deploy-id", DEPLOY, "--json")
    assert objects(done) == [
        ("/srv/app.bin", "uploaded"), ("/srv/again.bin", "found"), ("bundle of web-1", "uploaded"),
    ]  # fmt: skip
    # Nothing that is there with its digest is sent again, and the answer for people holds no URL and no key.
    again = account.publish(folder, "--server", "web-2")
    assert [line.split()[0] for line in again.stdout.splitlines()[1:4]] == ["there", "found", "uploaded"]
    assert "temp_url_sig" not in again.stdout + again.stderr
    within_the_hour = account.publish(folder, "--server", "web-1", "--deploy-id", DEPLOY, "--json")
    assert [did for _, did in objects(within_the_hour)] in (["there", "found", "there"], ["there", "found", "uploaded"])
    stub = (folder / "build/web-1/stub.sh").read_bytes()
    assert len(stub) <= 750
    assert b" by 20" in stub
    bundle = (folder / "build/web-1/bundle").read_bytes()
    assert len(bundle) < 60_000, "the file of 3 MB travels beside the bundle"
    with Box(network="host", server="web-1") as box:
        assert run_stub(box, stub).returncode == 0
        box.wait_for(lambda: box.state() == "healthy", 60)
        assert (box.read("/srv/app.bin"), box.stat("/srv/app.bin")[0]) == (DATA, "0640")
        assert box.read("/srv/again.bin") == DATA
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert box.sh("ls /run/ir.bundle").returncode != 0
        # Once more, by hand: it is over, and stays so.
        before = len(box.journal())
        assert run_stub(box, stub).returncode == 0
        assert (len(box.journal()), box.exists(TRIGGER)) == (before, False)


@needs_root
@pytest.mark.parametrize("left", ["curl", "wget", "python3"])
def test_files_of_750_bytes_and_whatever_program_is_there_are_enough(account: Account, folder: Path, left: str) -> None:
    account.publish(folder, "--server", "web-1", "--deploy-id", DEPLOY)
    words = ["--target", "personality", "--provider", "rackspace", "--published", "build/published.json"]
    done = account.bootstrap(
        "render", "web.yaml", "--server", "web-1", "--deploy-id", DEPLOY, *words, "-o", "out", folder=folder
    )
    assert done.returncode == 0, done.stderr
    lies = result.read(folder / "build" / result.NAME)
    project = api.load(folder / "web.yaml")
    rendering = project.plan("web-1", deploy_id=DEPLOY).render(published=lies)
    files = rendering.pack("personality", "rackspace").payload.files
    assert [file.path for file in files] == [STUB, TRIGGER]
    assert rendering.personality("rackspace") == json.loads((folder / "out/web-1/personality.json").read_text())
    assert max(len(file.content) for file in files) <= 750
    gone = [f"/usr/bin/{name}" for name in ("curl", "wget") if name != left]
    with Box(files, network="host", server="web-1", inject_mode=0o600) as box:
        box.sh(f"rm -f {' '.join(gone)}")
        if left != "python3" and box.sh(f"command -v {left}").returncode != 0:
            pytest.skip(f"no {left} here")
        # A stub that is not whole is not run.
        box.put(STUB, files[0].content[:-2])
        box.tick()
        assert not box.exists(BUNDLE)
        box.put(STUB, files[0].content)
        box.tick()
        box.wait_for(lambda: box.state() == "healthy", 60)
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert not box.exists(STUB), "it holds the URL of a bundle with all its secrets"


@needs_root
def test_a_bundle_that_was_tampered_with_is_not_run_and_that_is_said(account: Account, folder: Path) -> None:
    account.publish(folder, "--server", "web-1", "--deploy-id", "20261120T130000-ab12cd")
    bundle = (folder / "build/web-1/bundle").read_bytes()
    (name,) = [one["sha256"][:16] for one in published(folder)["bundles"].values()]
    overwrite(account, name, b"#!/bin/sh\ntouch /srv/owned\n")
    with Box(network="host", server="web-1") as box:
        box.put("/srv/stub", (folder / "build/web-1/stub.sh").read_bytes())
        box.sh("setsid sh /srv/stub </dev/null >/srv/said 2>&1 &")
        box.wait_for(lambda: "did NOT match" in box.text("/srv/said"))
        assert box.sh("test -e /srv/owned").returncode != 0
        assert not box.exists(BUNDLE)
        # It goes on asking: as soon as the right bytes are there again, they run.
        overwrite(account, name, bundle)
        box.wait_for(lambda: box.state() == "healthy", 60)


@needs_root
def test_a_file_that_was_tampered_with_fails_the_run_with_both_digests(account: Account, folder: Path) -> None:
    (folder / "app.bin").write_bytes(other := DATA[::-1])
    digest = hashlib.sha256(other).hexdigest()
    (folder / "web.yaml").write_text(SPEC.split("  - {path: /srv/again")[0] + "stages: [{name: one, run: 'true'}]\n")
    account.publish(folder, "--server", "web-1")
    overwrite(account, f"{digest[:16]}/app.bin", b"evil")
    with Box(network="host", server="web-1") as box:
        run_stub(box, (folder / "build/web-1/stub.sh").read_bytes())
        box.wait_for(lambda: box.state() == "failed", 60)
        evil = hashlib.sha256(b"evil").hexdigest()
        assert f"other bytes than the plan pins: SHA-256 {evil} of 4 bytes, not {digest}" in said(box, "why")[1]
        assert not box.exists("/srv/app.bin")
        assert "temp_url_sig" not in str(box.journal())
    # To publish again puts it right: there is no object of that content.
    assert ("/srv/app.bin", "uploaded") in objects(account.publish(folder, "--json"))


@needs_root
def test_an_expired_url_says_when_it_ended(account: Account, folder: Path) -> None:
    account.publish(folder)
    lies = published(folder)
    # A second that is over, signed with the right key: what a server that starts too late meets.
    late = account.bootstrap("publish", "web.yaml", "--container", "b", "--expires", "10s", folder=folder)
    assert (late.returncode, "too short for a server to start" in late.stderr) == (2, True)
    ended = int(time.time()) - 60
    (folder / "old.py").write_text(
        "import os, sys\n"
        "from bootstrap.publish import clouds, store\n"
        "account = store.log_in(clouds.find(None, os.environ))\n"
        f"print(store.temp_url(account.reachable, 'b', '{SHA256[:16]}/app.bin', account.container('b'), {ended}))\n"
    )
    environment = {**os.environ, **account.environment, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "old.py"], cwd=folder, env=environment, capture_output=True, text=True)
    url = done.stdout.strip()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=30)
    refused.value.close()
    assert refused.value.code == 401
    path = folder / "build" / result.NAME
    path.write_text(json.dumps(lies | {"urls": dict.fromkeys(lies["urls"], url)}))
    rendering = api.load(folder / "web.yaml").plan("web-1").render(published=result.read(path))
    with Box(rendering.pack("tree").payload.files, network="host", server="web-1") as box:
        assert box.tick().returncode == 5
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ended))
        assert f"answer 401 Unauthorized: the URL expired at {when}" in said(box, "why")[1]


@keys.needs_ssh_keygen
def test_what_is_published_is_the_signed_bundle(account: Account, folder: Path) -> None:
    key = keys.key(folder)
    done = account.publish(folder, "--server", "web-1", "--deploy-id", DEPLOY, "--sign", "key")
    assert f"signed by ssh-ed25519 {keys.fingerprint(key)}\n" in done.stdout
    at = published(folder)["bundles"]["web-1"]
    with urllib.request.urlopen(at["url"], timeout=30) as answer:
        bundle = answer.read()
    assert hashlib.sha256(bundle).hexdigest() == at["sha256"]
    assert at["sha256"] in (folder / "build/web-1/stub.sh").read_text()
    assert verify(bundle, keys.allowed(folder / "allowed", key)) == f"deploy@example.org {keys.fingerprint(key)}"

    words = ["render", "web.yaml", "--server", "web-1", "--deploy-id", DEPLOY, "--target", "stub", "-o", "again"]
    words += ["--published", "build/published.json"]
    assert account.bootstrap(*words, "--sign", "key", folder=folder).returncode == 0
    assert (folder / "again/web-1/stub.sh").read_bytes() == (folder / "build/web-1/stub.sh").read_bytes()
    unsigned = account.bootstrap(*words, folder=folder)
    assert unsigned.returncode == 4 and "differs from the one rendered now" in unsigned.stderr


def test_a_file_whose_path_differs_by_server_is_one_object_named_after_its_source(
    account: Account, folder: Path
) -> None:
    text = SPEC.split("  - {path: /srv/again")[0].replace("path: /srv/app.bin", 'path: "/srv/{{ server }}"')
    (folder / "web.yaml").write_text(text)

    done = account.publish(folder, "--server", "web-1", "--deploy-id", DEPLOY, "--dry-run", "--json")

    file = json.loads(done.stdout)["objects"][0]
    assert (file["what"], file["object"]) == ("app.bin", f"b/{SHA256[:16]}/app.bin")


def test_a_dry_run_sends_nothing(account: Account, folder: Path) -> None:
    (folder / "app.bin").write_bytes(DATA[:1000])
    (folder / "web.yaml").write_text(SPEC.split("  - {path: /srv/again")[0])
    done = account.publish(folder, "--dry-run", "--json", "--server", "web-1")
    assert objects(done) == [("/srv/app.bin", "would upload"), ("bundle of web-1", "would upload")]
    assert not (folder / "build").exists()
    assert objects(account.publish(folder, "--dry-run", "--json"))[0][1] == "would upload"


def test_what_cannot_be_published_is_said(account: Account, folder: Path) -> None:
    (folder / "web.yaml").write_text(SPEC.replace(f"swift://b/{SHA256[:16]}/app.bin", "swift://b/nothing"))
    done = account.publish(folder, code=4)
    assert done.stderr.splitlines()[-2:] == [
        "error[publish]: /srv/again.bin: there is no b/nothing in this account", "  upload it first",
    ]  # fmt: skip
    wrong = Account({**account.environment, "ST_KEY": "wrong"}, account.swift)
    done = wrong.publish(folder, code=4)
    assert "auth v1: the service answers 401 Unauthorized" in done.stderr
    assert "wrong" not in done.stdout + done.stderr
    nobody = Account({**account.environment, "ST_AUTH": "http://127.0.0.1:9/auth/v1.0"}, account.swift)
    assert "http://127.0.0.1:9/auth/v1.0 does not answer" in nobody.publish(folder, code=4).stderr
    none = Account({}, account.swift)
    assert "no credentials for the object store" in none.publish(folder, code=2).stderr


# --- Keystone: endpoints and regions ---


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    made = tmp_path_factory.mktemp
    with Keystone(made("keystone")) as keystone, Swift(made("swift"), keystone=keystone) as swift:
        at = "/v1/AUTH_%(project_id)s"
        # The same servers under another name stand for the private way.
        private = swift.url.replace("127.0.0.1", "localhost")
        keystone.offer(
            "object-store",
            ("ONE", "public", swift.url + at), ("ONE", "internal", private + at),
            ("TWO", "public", "http://127.0.0.1:9" + at), ("TWO", "internal", "http://storage.example" + at),
        )  # fmt: skip
        yield Account(keystone.environment(), swift)


def test_hosts_come_by_the_private_way_where_the_region_is_theirs(clouds: Account, folder: Path) -> None:
    one = Account({**clouds.environment, "OS_REGION_NAME": "ONE"}, clouds.swift)
    expected = {"ONE": "internal", "TWO": "public"}
    for region, interface in expected.items():
        done = one.publish(folder, "--region", region, "--json")
        found = json.loads(done.stdout)
        assert (found["region"], found["endpoint"]) == ("ONE", interface)
        host = "localhost" if interface == "internal" else "127.0.0.1"
        for url in published(folder)["urls"].values():
            assert url.startswith(f"http://{host}:{clouds.swift.ports[3]}/v1/AUTH_")
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.read() == DATA


def test_another_region_is_said_before_anything_is_sent(clouds: Account, folder: Path) -> None:
    one = Account({**clouds.environment, "OS_REGION_NAME": "ONE"}, clouds.swift)
    done = one.publish(folder, "--region", "TWO", "--endpoint", "internal", code=4)
    assert done.stderr.splitlines()[-2:] == [
        "error[publish]: other region: the internal endpoint is in ONE, the servers are in TWO; every request from "
        "there would be answered by 404",
        "  --endpoint public, or an object store in TWO: region_name, OS_REGION_NAME",
    ]
    assert not (folder / "build").exists()
    several = clouds.publish(folder, code=4)
    assert "several regions have an object store: there are ONE, TWO" in several.stderr
    nowhere = Account({**clouds.environment, "OS_REGION_NAME": "SIX"}, clouds.swift).publish(folder, code=4)
    assert "there is no object store in region SIX: there are ONE, TWO" in nowhere.stderr
    two = Account({**clouds.environment, "OS_REGION_NAME": "TWO"}, clouds.swift)
    clear = two.publish(folder, "--region", "TWO", "--endpoint", "internal", code=4)
    assert "the internal endpoint http://storage.example is not encrypted" in clear.stderr


def test_a_cloud_of_clouds_yaml_is_found_by_its_name_and_its_password_is_not_shown(
    clouds: Account, folder: Path
) -> None:
    given = clouds.environment
    (folder / "clouds.yaml").write_text(
        f"clouds:\n  mine:\n    region_name: ONE\n    auth:\n      auth_url: {given['OS_AUTH_URL']}\n"
        "      username: admin\n      project_name: admin\n      user_domain_id: default\n"
        "      project_domain_id: default\n"
    )
    (folder / "secure.yaml").write_text(f"clouds: {{mine: {{auth: {{password: '{given['OS_PASSWORD']}'}}}}}}\n")
    bare = Account({}, clouds.swift)
    done = bare.publish(folder, "--cloud", "mine")
    assert "region ONE, endpoint public" in done.stdout
    assert given["OS_PASSWORD"] not in done.stdout + done.stderr
    assert "has no cloud 'other'" in bare.publish(folder, "--cloud", "other", code=2).stderr
    (folder / "secure.yaml").write_text("clouds: {mine: {auth: {password: 'hunter2'}}}\n")
    refused = bare.publish(folder, "--cloud", "mine", code=4)
    assert "Keystone: the service answers 401 " in refused.stderr
    assert "hunter2" not in refused.stdout + refused.stderr


