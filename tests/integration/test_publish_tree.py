"""A folder published whole to a real Swift and to moto's S3: killed on the way, resumed, compared, mended, restored."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from box import Box, needs_root
from moto_server import MotoServer
from swift import Swift, needs_memcached

from bootstrap.publish import clouds, preflight, store
from bootstrap.publish.objects import Objects
from bootstrap.publish.s3_login import open_bucket
from bootstrap.publish.swift import SwiftObjects
from bootstrap.publish.tree_publish import Progress, TreePublisher

pytestmark = [pytest.mark.integration, needs_memcached]
ROOT = Path(__file__).resolve().parents[2]
SMALL = (60, 2)
# CI has no time for 10,000 files, which take a quarter of an hour at each store.
MANY = int(os.environ.get("INITIALRUNNER_TREE_FILES", "1000"))
LARGE = pytest.param((MANY, 10), marks=[pytest.mark.slow, pytest.mark.timeout(3000)], id="many files, ten kills")


@dataclass
class Account:
    """A place of somebody: its name for --to, the environment of the command, and a hand of its own in the store."""

    to: str
    environment: dict[str, str]
    objects: Objects
    # Changes one byte of an object, as nothing that belongs to `publish` would.
    meddle: Callable[[str], None]
    # Whether the listing shows such a change.
    is_listed: bool

    def start(self, folder: Path, *words: str) -> subprocess.Popen[str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith(("OS_", "ST_", "AWS_"))}
        own |= {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder)}
        return subprocess.Popen(
            [sys.executable, "-m", "bootstrap", "publish", *words, "--to", self.to], cwd=folder, text=True,
            env={**own, **self.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def publish(self, folder: Path, *words: str, code: int = 0) -> str:
        """Run it to its end. Return stdout and stderr."""
        process = self.start(folder, *words)
        out, err = process.communicate(timeout=2000)
        assert process.returncode == code, out + err
        return out + err

    def answer(self, folder: Path, *words: str) -> dict[str, Any]:
        """Run it to its end. Return what --json prints; stderr may tell how far it is meanwhile."""
        process = self.start(folder, *words, "--json")
        out, err = process.communicate(timeout=2000)
        assert process.returncode == 0, out + err
        facts: dict[str, Any] = json.loads(out)
        return facts

    def count(self) -> int:
        return sum(1 for _ in self.objects.listing())


def of_swift(swift: Swift) -> Account:
    environment = {"ST_AUTH": swift.auth, "ST_USER": swift.user, "ST_KEY": swift.key}
    account = store.log_in(clouds.find(None, environment))
    container = uuid.uuid4().hex
    objects = SwiftObjects(account, preflight.choose(account, "public", None)[0], container, "back/up")

    def meddle(name: str) -> None:
        """Rot on the disk of the object server: neither its database nor its listing knows of it."""
        content = b"".join(objects.read(name))
        for path in (swift.folder / "srv").rglob("*.data"):
            if path.stat().st_size == len(content) and path.read_bytes() == content:
                path.write_bytes(bytes([content[0] ^ 1]) + content[1:])

    return Account(f"swift://{container}/back/up", environment, objects, meddle, is_listed=False)


def of_moto(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> Account:
    bucket = uuid.uuid4().hex
    moto.make_bucket(bucket)
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    objects = open_bucket(bucket, "back/up")

    def meddle(name: str) -> None:
        content = b"".join(objects.read(name))
        key = f"back/up/{name}"
        moto.client("s3").put_object(Bucket=bucket, Key=key, Body=bytes([content[0] ^ 1]) + content[1:])

    return Account(f"s3://{bucket}/back/up", dict(moto.environment), objects, meddle, is_listed=True)


@pytest.fixture(params=["swift", "s3"])
def account(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Account:
    if request.param == "swift":
        return of_swift(request.getfixturevalue("swift"))
    return of_moto(request.getfixturevalue("moto"), monkeypatch)


def grow(folder: Path, count: int) -> Path:
    """A tree of that many files, with names and kinds that occur in real ones."""
    root = folder / "data"
    for number in range(count):
        below = root / f"part {number // 100:03}"
        below.mkdir(parents=True, exist_ok=True)
        size = 20 + number % 1500
        (below / f"{number:05} ü+&.txt").write_bytes(hashlib.shake_128(b"%d" % number).digest(size))
    (root / "empty").touch()
    (root / "large.bin").write_bytes(hashlib.shake_128(b"large").digest(17 << 20))
    (root / "none/at all").mkdir(parents=True)
    (root / "program").write_text("#!/bin/sh\n")
    (root / "program").chmod(0o750)
    (root / "link").symlink_to("part 000")
    return root


def described(root: Path) -> dict[str, object]:
    """Everything of a tree that a restore has to bring back."""
    facts: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            facts[str(path.relative_to(root))] = str(path.readlink())
        elif path.is_dir():
            facts[str(path.relative_to(root))] = status.st_mode
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            facts[str(path.relative_to(root))] = (digest, status.st_mode, status.st_mtime_ns)
    return facts


def kill_at(account: Account, folder: Path, objects: int) -> bool:
    """Start a publish, and kill it once that many objects are there. Return whether it was killed before its end."""
    process = account.start(folder, "data")
    try:
        while process.poll() is None and account.count() < objects:
            # A listing of thousands of objects is work for the store, too.
            time.sleep(0.05 if objects < 100 else 0.5)
        process.send_signal(signal.SIGKILL)
    finally:
        process.communicate(timeout=60)
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("size", [pytest.param(SMALL, id="60 files"), LARGE])
def test_a_tree_is_complete_after_kills_and_a_changed_byte_is_found(
    account: Account, size: tuple[int, int], tmp_path: Path
) -> None:
    count, kills = size
    root = grow(tmp_path, count)
    # From the very first object on, which is the draft, to the last files.
    for number in range(kills):
        reached = 1 + number * count // kills
        assert kill_at(account, tmp_path, reached), f"it had ended by itself before {reached} objects were there"
        assert account.count() >= reached
    unfinished = account.publish(tmp_path, "--verify", "--quick", code=4)
    assert "a publish has begun and has not ended: the tree is not complete" in unfinished
    answer = account.answer(tmp_path, "data")
    files = count + 3
    assert answer["files"] == files
    assert answer["sent"] <= files - reached + 1, "what was there already was sent again"
    assert account.count() == files + 1
    assert (answer["extra"], answer["foreign"]) == ([], [])

    said = account.publish(tmp_path, "--verify", "--manifest", "build/data.tree.json")
    assert f"{files:,} files, " in said and f"manifest {answer['sha256']}" in said
    again = account.answer(tmp_path, "data")
    assert (again["sent"], again["manifest_sent"], again["sha256"]) == (0, False, answer["sha256"])

    changed = f"part 000/{count // 200:05} ü+&.txt"
    account.meddle(changed)
    said = account.publish(tmp_path, "--verify", code=4)
    (line,) = [line for line in said.splitlines() if line.startswith("error")]
    digest = hashlib.sha256((root / changed).read_bytes()).hexdigest()
    assert line.startswith(f"error[publish.altered]: altered: {changed} has SHA-256 ")
    assert f"not {digest} of " in line

    if account.is_listed:
        assert f"altered: {changed} has MD5 " in account.publish(tmp_path, "--verify", "--quick", code=4)
        account.publish(tmp_path, "data", "--verify")
    else:
        # Nobody who reads only listings can see it; whoever has read it back is told the way.
        assert "publish the tree again with --resend" in said
        account.publish(tmp_path, "data", "--resend", "--verify")
    account.publish(tmp_path, "--restore", "back")
    assert described(tmp_path / "back") == described(root)


def test_files_that_are_gone_are_left_until_they_are_to_be_removed(account: Account, tmp_path: Path) -> None:
    root = grow(tmp_path, 5)
    account.publish(tmp_path, "data")
    account.objects.put("other/object", b"x", hashlib.sha256(b"x").hexdigest())
    (root / "program").unlink()
    (root / "large.bin").write_text("small now")
    answer = account.answer(tmp_path, "data")
    assert (answer["sent"], answer["extra"], answer["foreign"]) == (1, ["program"], ["other/object"])
    # What a publish has left there is known to the manifest; the other is not of this tree, and is said.
    said = account.publish(tmp_path, "--verify", code=4)
    assert [line for line in said.splitlines() if line.startswith("error")] == [
        "error[publish.extra]: extra: other/object is not in the manifest"
    ]
    tried = account.answer(tmp_path, "data", "--delete", "--dry-run")
    assert tried["removed"] == ["program"] and account.objects.digest("program") is not None
    answer = account.answer(tmp_path, "data", "--delete")
    assert (answer["sent"], answer["removed"], answer["extra"]) == (0, ["program"], [])
    assert account.objects.digest("program") is None
    assert account.objects.digest("other/object") is not None
    account.objects.remove("other/object")
    account.publish(tmp_path, "--verify")


def test_a_missing_object_is_sent_again(account: Account, tmp_path: Path) -> None:
    grow(tmp_path, 5)
    account.publish(tmp_path, "data")
    account.objects.remove("program")
    assert "error[publish.missing]: missing: program, 10 bytes" in account.publish(tmp_path, "--verify", code=4)
    assert account.answer(tmp_path, "data", "--verify")["sent"] == 1


@needs_root
def test_the_files_of_a_published_folder_reach_the_server(swift: Swift, tmp_path: Path) -> None:
    account = of_swift(swift)
    root = grow(tmp_path, 20)
    (root / "link").unlink()
    (root / "program").write_text("#!/bin/sh\necho run\n")
    (tmp_path / "web.yaml").write_text(
        "version: 1\nname: web\nfiles: [{path: /srv/data, source: data, publish: true, owner: 'nobody:root'}]\n"
        "stages: [{name: one, run: '/srv/data/program >/srv/said'}]\nhealth: {checks: [{file: /srv/said}]}\n"
    )
    account.publish(tmp_path, "web.yaml", "--server", "web-1")
    assert (tmp_path / "build/web-1/bundle").stat().st_size < 60_000, "the files travel beside the bundle"
    with Box(network="host", server="web-1") as box:
        box.put("/var/lib/cloud/instance/scripts/part-001", (tmp_path / "build/web-1/stub.sh").read_bytes(), 0o700)
        assert box.run("/var/lib/cloud/instance/scripts/part-001").returncode == 0
        box.wait_for(lambda: box.state() == "healthy", 120)
        assert box.text("/srv/said") == "run\n"
        for path in (path for path in root.rglob("*") if path.is_file()):
            there = f"/srv/data/{path.relative_to(root)}"
            assert box.read(there) == path.read_bytes()
            assert box.stat(there)[:2] == ("0755" if path.name == "program" else "0644", "nobody:root")


def test_a_token_that_ends_on_the_way_is_renewed(swift: Swift, tmp_path: Path) -> None:
    account, root, renewed, once = of_swift(swift), grow(tmp_path, 30), [], threading.Lock()

    def forget_tokens(progress: Progress) -> None:
        # TempAuth keeps its tokens in memcached.
        if progress.done >= 5 and once.acquire(blocking=False):
            with socket.create_connection(("127.0.0.1", swift.ports[4]), 10) as memcached:
                memcached.sendall(b"flush_all\r\n")
                assert memcached.recv(100) == b"OK\r\n"

    assert isinstance(account.objects, SwiftObjects)
    log_in = account.objects.account.renew
    assert log_in is not None
    account.objects.account.renew = lambda: renewed.append(1) or log_in()  # type: ignore[func-returns-value]
    assert TreePublisher(account.objects, root, on_progress=forget_tokens).run().sent == 33
    assert len(renewed) == 1
    account.publish(tmp_path, "--verify")


def test_wrong_credentials_send_nothing_and_are_not_shown(swift: Swift, tmp_path: Path) -> None:
    grow(tmp_path, 1)
    account = of_swift(swift)
    account.environment["ST_KEY"] = "hunter2"
    said = account.publish(tmp_path, "data", code=4)
    assert "auth v1: the service answers 401 Unauthorized" in said and "hunter2" not in said
    assert account.count() == 0


def test_a_log_gets_plain_lines_of_what_is_done_so_far(account: Account, tmp_path: Path) -> None:
    grow(tmp_path, 30)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **account.environment, "HOME": str(tmp_path)}
    program = (
        "from bootstrap.cli import publish_tree\npublish_tree.HEARTBEAT_S = 0.0\n"
        "from bootstrap.cli.main import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "publish", "data", "--to", account.to], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].startswith("published 33 of 33 files, 33 sent (")
    assert "\r" not in done.stderr
