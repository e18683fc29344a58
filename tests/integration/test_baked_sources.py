"""Each source of a baked image for real: volumes on loop devices, metadata services, stubs; and how each can fail."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from baked_box import attach, bake_into, find, image, looped, needs_loop, seen, serve
from box import Box, needs_root
from handmade import payload, stage

from bootstrap.runner.host import BUNDLE, COMMAND, TRIGGER
from bootstrap.targets import mime, seed, starter, stub

pytestmark = [pytest.mark.integration, needs_root]
ONE = payload([stage("one", "echo ran >>/srv/oracle")])
CONFIG_DRIVE = seed.config_drive(ONE, starter.text(ONE).encode())
NOCLOUD = seed.nocloud(ONE, mime.compose(ONE.bundle, mime.read(["#cloud-config\n{}\n"])))


def ends_healthy(box: Box, source: str) -> None:
    box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
    assert box.text("/srv/oracle") == "ran\n"
    found = json.loads(box.text("/var/lib/initialrunner/taken"))
    assert (found["source"], found["sha256"]) == (source, ONE.digest)


# --- volumes ---


def file_systems() -> list[str]:
    known = Path("/proc/filesystems").read_text()
    return [kind for kind in ("ext4", "iso9660") if f"\t{kind}\n" in known]


@needs_loop
@pytest.mark.parametrize("kind", file_systems())
@pytest.mark.parametrize("source", ["config-drive", "nocloud"])
def test_a_volume_is_mounted_read_and_left(tmp_path: Path, source: str, kind: str) -> None:
    one = CONFIG_DRIVE if source == "config-drive" else NOCLOUD
    with looped(image(one, tmp_path, kind)) as device, Box() as box:
        bake_into(box, "files", source)
        attach(box, device, one.label)
        find(box)
        assert device not in box.sh("cat /proc/mounts").stdout
        assert box.run(COMMAND, "take").returncode == 0
        ends_healthy(box, source)


@needs_loop
def test_without_udev_the_label_is_asked_of_blkid(tmp_path: Path) -> None:
    with looped(image(NOCLOUD, tmp_path, "ext4")) as device, Box() as box:
        bake_into(box, "nocloud")
        attach(box, device, None)
        find(box)
        assert "a whole bundle" in seen(box)["nocloud"]


@needs_loop
def test_a_volume_that_cannot_be_mounted_says_so_and_holds_up_no_other(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(1 << 20))
    with looped(tmp_path / "noise") as device, Box() as box:
        bake_into(box, "config-drive", "files")
        attach(box, device, "config-2")
        box.put(BUNDLE, ONE.bundle, 0o400)
        find(box)
        assert seen(box)["config-drive"] == f"{device} cannot be mounted: Invalid argument"
        assert "a whole bundle" in seen(box)["files"]


def test_without_a_volume_the_label_that_was_looked_for_is_named() -> None:
    with Box() as box:
        bake_into(box, "config-drive", "nocloud")
        assert box.run(COMMAND, "tick").returncode == 75
        assert seen(box) == {
            "config-drive": "no device with the label config-2",
            "nocloud": "no device with the label cidata",
        }


# --- metadata services ---


@pytest.mark.parametrize("what", ["injected files", "user-data"])
def test_an_openstack_metadata_service_is_asked(what: str) -> None:
    files = CONFIG_DRIVE.files if what == "injected files" else {"openstack/latest/user_data": ONE.bundle}
    with Box() as box:
        source = "openstack=" + serve(box, files)
        bake_into(box, "files", source)
        assert box.run(COMMAND, "tick").returncode == 0
        ends_healthy(box, source)


@pytest.mark.parametrize("behaviour", ["plain", "token"])
def test_an_ec2_metadata_service_is_asked_with_a_token_where_it_gives_one(behaviour: str) -> None:
    with Box() as box:
        source = "ec2=" + serve(box, {"latest/user-data": ONE.bundle}, behaviour)
        bake_into(box, source)
        # Neither is a proxy asked.
        done = box.run(COMMAND, "tick", environment={"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://[::1]:9"})
        assert done.returncode == 0
        ends_healthy(box, source)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("redirect", "answer 302"),
        ("drip", "no answer in 10 s"),
        ("endless", "more than 16777216 bytes"),
        ("broken", "cut off after"),
    ],
)
def test_a_service_that_misbehaves_is_left_in_time_and_said(behaviour: str, said: str) -> None:
    with Box() as box:
        url = serve(box, {"latest/user-data": ONE.bundle, "elsewhere/latest/user-data": ONE.bundle}, behaviour)
        bake_into(box, f"ec2={url}", "files")
        box.put(BUNDLE, ONE.bundle, 0o400)
        assert box.run(COMMAND, "tick").returncode == 0
        assert said in seen(box)[f"ec2={url}"]
        assert "elsewhere" not in box.text("/srv/service/log")
        ends_healthy(box, "files")


def test_a_service_without_user_data_says_so() -> None:
    with Box() as box:
        url = serve(box, {})
        bake_into(box, f"ec2={url}", f"openstack={url}")
        assert box.run(COMMAND, "tick").returncode == 75
        assert seen(box) == {f"ec2={url}": "no user-data", f"openstack={url}": "no openstack/latest"}


# --- stubs ---


@pytest.mark.parametrize("wrong", [False, True], ids=["the pinned bytes", "other bytes"])
def test_a_stub_in_user_data_is_followed_to_what_it_pins(wrong: bool) -> None:
    other = payload([stage("two", "echo other >>/srv/oracle")], deploy_id="20261121T120000-ab12cd")
    with Box() as box:
        url = serve(box, {"b": other.bundle if wrong else ONE.bundle})
        box.put("/var/lib/cloud/seed/nocloud/user-data", stub.text(f"{url}/b", ONE.digest))
        bake_into(box, "nocloud")
        assert box.run(COMMAND, "tick").returncode == (75 if wrong else 0)
        if wrong:
            saw = f"{url}/b: other bytes than the stub pins: SHA-256 {other.digest}"
            assert (seen(box)["nocloud"], box.text("/srv/oracle")) == (saw, "")
        else:
            ends_healthy(box, "nocloud")
