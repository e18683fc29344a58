"""Payloads without the runner on a baked image: every source takes them, in every form, signed or not, or says why."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import keys
import pytest
from baked_box import attach, bake_into, find, image, looped, needs_loop, seen, serve, survives_every_kill
from box import Box, needs_root
from handmade import payload, stage

from bootstrap.payload import sign
from bootstrap.payload.split import FOLDER, runner_text
from bootstrap.runner.baked import program
from bootstrap.runner.host import BUNDLE, COMMAND, STUB, TRIGGER
from bootstrap.targets import cloud_config, mime, seed, starter

pytestmark = [pytest.mark.integration, needs_root]
STAGES = [stage("one", "echo ran >>/srv/oracle")]
THIN = payload(STAGES, sources=[])
CARRIER = THIN.script
TEXT = runner_text()
PLACE = f"{FOLDER}/{TEXT.sha256}"
SEED, STORED = "/var/lib/cloud/seed/nocloud/user-data", "/var/lib/cloud/instance/user-data.txt"
WHOLE = f"a whole bundle of {len(THIN.bundle)} bytes, with the runner of this image"
MESSAGE = mime.compose(starter.in_background(CARRIER, THIN.deploy_id), mime.read(["#cloud-config\n{}\n"]))
FORMS = {
    "plain": CARRIER,
    "gzip": gzip.compress(CARRIER),
    "base64": base64.encodebytes(CARRIER),
    "base64 of gzip": base64.b64encode(gzip.compress(CARRIER)),
    "MIME": MESSAGE,
    "MIME, gzip": gzip.compress(MESSAGE),
    "cloud-config": cloud_config.text(THIN).encode(),
    "cloud-config, CRLF": cloud_config.text(THIN).replace("\n", "\r\n").encode(),
}  # fmt: skip


def ends_healthy(box: Box, source: str, digest: str = THIN.digest) -> None:
    box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
    assert box.text("/srv/oracle") == "ran\n"
    found = json.loads(box.text("/var/lib/initialrunner/taken"))
    assert (found["source"], found["sha256"]) == (source, digest)
    assert not box.exists(STUB) and not box.exists(program.REST)


def assert_found(box: Box, source: str) -> None:
    """The last look has found the very bundle that was rendered."""
    assert seen(box)[source] == WHOLE
    assert hashlib.sha256(box.read("/run/initialrunner/found") or b"").hexdigest() == THIN.digest
    box.sh("rm -rf /run/initialrunner")


# --- every source in every form ---


@dataclass(frozen=True)
class Way:
    """The source of an image, and the file of the box that it reads: in a folder, or of a service."""

    source: str
    path: str
    serves: bool = False


WAYS = (
    Way("files", BUNDLE),
    Way("files", STUB),
    Way("nocloud", SEED),
    Way("cloud-init", STORED),
    Way("openstack", "openstack/latest/user_data", serves=True),
    Way("ec2", "latest/user-data", serves=True),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.source} {way.path.rpartition('/')[2]}")
def test_a_source_takes_a_carrier_in_every_form(way: Way) -> None:
    with Box() as box:
        path, source = way.path, way.source
        if way.serves:
            path, source = f"/srv/service/{way.path}", f"{way.source}={serve(box, {})}"
        bake_into(box, source)
        for data in FORMS.values():
            box.put(path, data, 0o600)
            assert box.run(COMMAND, "find").returncode == 0
            assert_found(box, source)
        assert box.run(COMMAND, "tick").returncode == 0
        ends_healthy(box, source)


@needs_loop
@pytest.mark.parametrize("form", FORMS)
def test_a_volume_takes_a_carrier_in_every_form(tmp_path: Path, form: str) -> None:
    files = {"openstack/latest/user_data": FORMS[form], "openstack/latest/meta_data.json": b"{}"}
    drive = seed.Seed("config-2", "config-2", files)
    with looped(image(drive, tmp_path, "ext4")) as device, Box() as box:
        bake_into(box, "config-drive")
        attach(box, device, drive.label)
        find(box)
        assert_found(box, "config-drive")


@needs_loop
@pytest.mark.parametrize("source", ["config-drive", "nocloud"])
def test_the_volume_of_our_own_target_takes_a_carrier(tmp_path: Path, source: str) -> None:
    made = {
        "config-drive": lambda: seed.config_drive(THIN, starter.text(THIN).encode()),
        "nocloud": lambda: seed.nocloud(THIN, CARRIER),
    }[source]()
    with looped(image(made, tmp_path, "ext4")) as device, Box() as box:
        bake_into(box, source)
        attach(box, device, made.label)
        find(box)
        assert seen(box)[source] == WHOLE
        assert box.run(COMMAND, "take").returncode == 0
        ends_healthy(box, source)


def test_an_injected_carrier_counts_when_its_trigger_names_it() -> None:
    other = payload([stage("two", "echo other >>/srv/oracle")], sources=[], deploy_id="20261121T120000-ab12cd")
    with Box() as box:
        bake_into(box, "files")
        box.put(STUB, CARRIER, 0o400)
        box.put(TRIGGER, other.files[-1].content, 0o644)
        assert box.run(COMMAND, "tick").returncode == 75
        assert seen(box)["files"] == f"{TRIGGER} names a different bundle"
        box.put(TRIGGER, THIN.files[-1].content, 0o644)
        assert box.run(COMMAND, "tick").returncode == 0
        ends_healthy(box, "files")


def test_a_carrier_that_others_could_write_is_refused() -> None:
    with Box() as box:
        bake_into(box, "files")
        box.put(STUB, CARRIER, 0o666)
        assert box.run(COMMAND, "tick").returncode == 75
        assert seen(box)["files"] == f"{STUB} could be written by others: mode 0666, user 0"


# --- what is not whole ---


def test_a_torn_carrier_is_waited_for_and_its_bytes_are_counted() -> None:
    with Box() as box:
        bake_into(box, "nocloud")
        for cut in range(100, len(CARRIER), 401):
            box.put(SEED, CARRIER[:cut])
            assert box.run(COMMAND, "tick").returncode == 75
            assert seen(box)["nocloud"] == f"a torn carrier: {cut} bytes so far"
        assert "a torn carrier" in box.run(COMMAND, "why").stdout
        assert box.text("/srv/oracle") == ""
        box.put(SEED, CARRIER)
        assert box.run(COMMAND, "tick").returncode == 0
        ends_healthy(box, "nocloud")


def test_an_altered_carrier_is_never_run_and_the_next_source_is_asked() -> None:
    at = CARRIER.index(b"-\n") + 40
    altered = CARRIER[:at] + (b"a" if CARRIER[at : at + 1] != b"a" else b"b") + CARRIER[at + 1 :]
    with Box() as box:
        bake_into(box, "nocloud", "cloud-init")
        box.put(SEED, altered)
        box.put(STORED, CARRIER)
        assert box.run(COMMAND, "tick").returncode == 0
        differs = f"a carrier of {len(CARRIER)} bytes that differs from the digest on its last lines"
        assert f"nocloud: {differs}" in box.syslog()
        ends_healthy(box, "cloud-init")


# --- the text of the image ---


def newer_image(box: Box) -> str:
    """A box that another version of the toolkit has baked: it has that version's text only. Returns its name."""
    bake_into(box, "nocloud", "cloud-init")
    other = b"the text of another version"
    box.sh(f"rm {PLACE}")
    name = hashlib.sha256(other).hexdigest()
    box.put(f"{FOLDER}/{name}", other)
    return name


def test_an_image_of_another_version_says_so_and_the_next_source_is_asked() -> None:
    whole = payload([stage("one", "echo ran >>/srv/oracle")])
    with Box() as box:
        has = newer_image(box)
        box.put(SEED, CARRIER)
        assert box.run(COMMAND, "tick").returncode == 75
        told = (
            f"this image has the runner {has[:12]}, the payload needs {TEXT.sha256[:12]}: bake again with that "
            "toolkit, or render with --runner-from URL"
        )
        assert seen(box)["nocloud"] == told
        assert f"nocloud: {told}" in box.run(COMMAND, "why").stdout
        assert told in box.run(COMMAND, "status").stdout
        box.put(STORED, whole.bundle)
        assert box.run(COMMAND, "tick").returncode == 0
        ends_healthy(box, "cloud-init", whole.digest)


@pytest.mark.parametrize("harm", ["another version", "damaged"])
def test_a_carrier_with_a_url_works_on_an_image_whose_text_does_not_serve(harm: str) -> None:
    with Box() as box:
        url = serve(box, {"runner": TEXT.content, "wrong?signature=secret": TEXT.content[:-1]})
        newer_image(box)
        if harm == "damaged":
            box.put(PLACE, TEXT.content[:-1])
        carrier = payload(STAGES, sources=[f"{url}/wrong?signature=secret", f"{url}/none"]).script
        box.put(SEED, carrier)
        assert box.run(COMMAND, "tick").returncode == 75
        reasons = seen(box)["nocloud"].split("; ")
        assert reasons[0].endswith(" is damaged" if harm == "damaged" else f"the payload needs {TEXT.sha256[:12]}")
        assert reasons[1].startswith(f"{url}/wrong: other bytes than the carrier names: SHA-256 ")
        assert reasons[2:] == [f"{url}/none: answer 404"]
        assert "secret" not in box.syslog() + box.run(COMMAND, "why").stdout
        box.put(SEED, payload(STAGES, sources=[f"{url}/none", f"{url}/runner"]).script)
        assert box.run(COMMAND, "tick").returncode == 0
        assert f", with the runner from {url}/runner" in box.syslog()
        ends_healthy(box, "nocloud")


@pytest.mark.parametrize(
    ("behaviour", "said"), [("redirect", "answer 302"), ("broken", "cut off after"), ("endless", "other bytes than")]
)
def test_a_url_that_misbehaves_is_left_and_said(behaviour: str, said: str) -> None:
    with Box() as box:
        url = serve(box, {"runner": TEXT.content, "elsewhere/runner": TEXT.content}, behaviour)
        newer_image(box)
        box.put(SEED, payload(STAGES, sources=[f"{url}/runner"]).script)
        assert box.run(COMMAND, "tick").returncode == 75
        assert f"; {url}/runner: " in seen(box)["nocloud"] and said in seen(box)["nocloud"]
        assert not box.exists("/run/initialrunner/found") and not box.exists(program.REST)


# --- kills and power cuts ---


def test_a_kill_between_any_two_steps_loses_nothing_and_runs_nothing_twice() -> None:
    assert survives_every_kill(lambda box: box.put(STUB, CARRIER, 0o400), "files") >= 10


def test_a_carrier_that_was_started_and_waits_is_taken_from_where_it_left_itself() -> None:
    """As cloud-init starts it on an image of another version; its own trigger would ask again a minute later."""
    with Box() as box:
        newer_image(box)
        bake_into(box, "files")
        box.sh(f"rm {PLACE}")
        box.put("/root/user-data", CARRIER)
        assert box.sh("sh /root/user-data").returncode == 75
        assert box.run(COMMAND, "tick").returncode == 75
        assert seen(box)["files"].endswith("or render with --runner-from URL")
        box.put(PLACE, TEXT.content)
        assert box.run(COMMAND, "tick").returncode == 0
        ends_healthy(box, "files")


# --- signed ---


@keys.needs_ssh_keygen
@pytest.mark.parametrize("source", ["nocloud", "ec2"])
def test_a_signed_carrier_is_taken_where_only_signed_ones_are(tmp_path: Path, source: str) -> None:
    key = keys.key(tmp_path, "key")
    signers = keys.allowed(tmp_path / "allowed_signers", key).read_bytes()
    signed = payload(STAGES, sources=[], sign=sign.signer(key).sign)
    stranger = payload(STAGES, sources=[], sign=sign.signer(keys.key(tmp_path, "stranger")).sign)
    with Box() as box:
        path, where = SEED, source
        if source == "ec2":
            path, where = "/srv/service/latest/user-data", f"ec2={serve(box, {})}"
        bake_into(box, where, signers=signers)
        for refused, reason in ((THIN, "the bundle is not signed"), (stranger, "does not allow")):
            box.put(path, refused.script)
            assert box.run(COMMAND, "tick").returncode == 75
            assert seen(box)[where].startswith("refused: ") and reason in seen(box)[where]
        assert box.text("/srv/oracle") == ""
        box.put(path, gzip.compress(signed.script))
        assert box.run(COMMAND, "tick").returncode == 0
        ends_healthy(box, where, signed.digest)
        assert json.loads(box.text("/var/lib/initialrunner/taken"))["signer"].endswith(keys.fingerprint(key))
