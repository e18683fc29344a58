"""The volumes that cloud-init reads: what is in them, and images that are the same byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bootstrap.errors import PayloadError, UsageError
from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.targets import iso, seed

TRIGGER = InjectedFile("/etc/cron.d/initialrunner", b"@reboot root sh\n")
BUNDLE = InjectedFile("/etc/initialrunner/bundle", b"#!/bin/sh\n", 0o600)


def payload(server: str = "web-1", deploy_id: str = "20261120T120000-ab12cd") -> Payload:
    return Payload(server, deploy_id, "0" * 12, BUNDLE.content, "00", (BUNDLE, TRIGGER), {})


def meta(server: Payload) -> dict[str, str]:
    return dict(yaml.safe_load(seed.nocloud(server, b"").files["meta-data"]))


def test_nocloud_is_user_data_and_meta_data_and_nothing_of_the_network() -> None:
    volume = seed.nocloud(payload(), b"#!/bin/sh\n")

    assert (volume.label, sorted(volume.files)) == ("cidata", ["meta-data", "user-data"])
    assert volume.files["user-data"] == b"#!/bin/sh\n"
    assert sorted(meta(payload())) == ["instance-id", "local-hostname"]


def test_the_instance_id_is_that_of_server_and_deploy() -> None:
    instance_id = meta(payload())["instance-id"]

    assert instance_id == meta(payload())["instance-id"]
    assert len({instance_id, meta(payload("web-2"))["instance-id"], meta(payload(deploy_id="d2"))["instance-id"]}) == 3


@pytest.mark.parametrize(("server", "name"), [("web-1", "web-1"), ("web_1", "web-1"), ("1e3", "1e3"), ("web-*", None)])
def test_the_host_is_named_after_the_server_and_a_group_is_not(server: str, name: str | None) -> None:
    assert meta(payload(server)).get("local-hostname") == name
    facts = json.loads(seed.config_drive(payload(server), b"").files["openstack/latest/meta_data.json"])
    assert facts.get("hostname") == name


def test_a_config_drive_lists_every_file_in_order_with_its_bytes() -> None:
    volume = seed.config_drive(payload(), b"#cloud-boothook\n")

    facts = json.loads(volume.files["openstack/latest/meta_data.json"])
    carried = [(file["path"], volume.files[f"openstack{file['content_path']}"]) for file in facts["files"]]
    assert carried == [(BUNDLE.path, BUNDLE.content), (TRIGGER.path, TRIGGER.content)]
    assert volume.files["openstack/latest/user_data"] == b"#cloud-boothook\n"
    assert volume.label == "config-2"
    assert not any("network" in name for name in volume.files)


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        root = seed.config_drive(payload(), b"x").write(tmp_path / "config-2")
    finally:
        os.umask(before)

    modes = {path.stat().st_mode & 0o777 for path in [root, *root.rglob("*")] if path.is_dir()}
    assert modes == {0o700}
    assert {path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()} == {0o600}


VOLUMES = {"nocloud": seed.nocloud, "config-drive": seed.config_drive}


@pytest.mark.parametrize("target", VOLUMES)
def test_an_image_is_the_same_at_another_time_in_another_zone(target: str, tmp_path: Path) -> None:
    volume = VOLUMES[target](payload(), b"#!/bin/sh\n" + b"x" * 5_000)
    first = volume.image()
    volume.write(tmp_path)
    source = (
        "import sys, time, pathlib\n"
        "real = time.time\n"
        "time.time = lambda: real() + 86400 * 400\n"
        "from bootstrap.targets import iso\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "files = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}\n"
        "sys.stdout.buffer.write(iso.image(files, sys.argv[2], sys.argv[3]))\n"
    )
    argv = [sys.executable, "-c", source, tmp_path, volume.label, volume.deploy_id]
    top = Path(__file__).parents[3]
    done = subprocess.run(
        argv, capture_output=True, check=True, cwd=top, env={"TZ": "Asia/Tokyo", "PATH": os.environ["PATH"]}
    )

    assert done.stdout == first


def test_the_dates_are_those_of_the_roll_out() -> None:
    data = seed.nocloud(payload(), b"x").image()

    # The volume's creation, then its first record's date: years since 1900, month, day, hour, minute, second, zone.
    assert data[16 * 2048 + 813 : 16 * 2048 + 830] == b"2026112012000000\0"
    assert data[16 * 2048 + 156 + 18 : 16 * 2048 + 156 + 25] == bytes([126, 11, 20, 12, 0, 0, 0])
    assert iso.moment("by hand").tm_year == 1980


def names(data: bytes, kind: str) -> Iterator[str]:
    import io

    import pycdlib

    image = pycdlib.PyCdlib()
    image.open_fp(io.BytesIO(data))
    for folder, _, files in image.walk(**{kind: "/"}):
        yield from (f"{folder.rstrip('/')}/{name}" for name in files)
    image.close()


@pytest.mark.parametrize("kind", ["rr_path", "joliet_path"])
@pytest.mark.parametrize("target", VOLUMES)
def test_both_kinds_of_names_are_those_cloud_init_looks_for(kind: str, target: str) -> None:
    volume = VOLUMES[target](payload(), b"x")

    assert sorted(names(volume.image(), kind)) == sorted(f"/{name}" for name in volume.files)
    assert iso.read(volume.image()) == (volume.label, volume.files)


def test_a_damaged_image_is_refused() -> None:
    data = seed.nocloud(payload(), b"x").image()

    with pytest.raises(PayloadError, match="the image cannot be read: "):
        iso.read(data[: 20 * 2048])


def test_without_pycdlib_an_image_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycdlib", None)

    with pytest.raises(UsageError) as refused:
        seed.nocloud(payload(), b"x").image()

    assert refused.value.hint == "pip install 'initialrunner[iso]'"


def test_without_pycdlib_the_folder_is_all_of_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycdlib", None)

    output = seed.nocloud(payload(), b"x").output()

    assert (output.file, output.folder) == ("", "cidata/")
    assert output.lay is not None
    output.lay(tmp_path / "cidata")
    assert sorted(path.name for path in (tmp_path / "cidata").iterdir()) == ["meta-data", "user-data"]
