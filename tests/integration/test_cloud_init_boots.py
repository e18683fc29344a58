"""The four stages of Debian's cloud-init boot what we wrote: script, MIME message, cloud-config and config drive."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import presigned
import pytest
import yaml
from box import Box, needs_root
from bundle_server import BundleServer
from cloud_init import boot, first_boot, seeded
from runner_server import RunnerServer

import bootstrap
from bootstrap.payload.split import FOLDER, runner_text
from bootstrap.rendering import Rendering
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, STUB, TRIGGER
from bootstrap.targets import starter

pytestmark = [
    pytest.mark.integration,
    needs_root,
    pytest.mark.skipif(not shutil.which("cloud-init"), reason="needs Debian's cloud-init"),
]
HELLO = Path(__file__).parents[2] / "examples/hello/hello.yaml"
THEIRS = """\
#cloud-config
write_files:
- {path: /srv/theirs, content: "written by cloud-init", permissions: "0640"}
runcmd:
- [touch, /srv/run-by-cloud-init]
"""
THEIR_SCRIPT = "#!/bin/sh\necho '#cloud-boothook in the middle, and: ünïcode' >/srv/their-script\n"


@pytest.fixture(scope="module")
def hello() -> Rendering:
    return bootstrap.load(HELLO).plan("hello-1", deploy_id="20261120T120000-ab12cd").render()


def healthy(box: Box) -> bool:
    return box.state() == "healthy" and not box.exists(TRIGGER) and not box.exists(BUNDLE)


def test_as_nocloud_user_data_hello_ends_healthy(hello: Rendering) -> None:
    with Box() as box:
        seeded(box, "nocloud", hello.nocloud().files)
        first_boot(box)
        box.wait_for(lambda: healthy(box))
        assert [e["stage"] for e in box.events("stage.started")] == ["site"]


def test_beside_the_users_own_parts_all_of_it_happens_and_a_lost_start_is_made_up_for(hello: Rendering) -> None:
    volume = hello.nocloud(beside=[THEIRS, THEIR_SCRIPT]).files
    with Box() as box:
        seeded(box, "nocloud", volume)
        first_boot(box)
        box.wait_for(lambda: healthy(box))
        assert box.text("/srv/theirs") == "written by cloud-init" and box.stat("/srv/theirs")[0] == "0640"
        assert box.exists("/srv/run-by-cloud-init")
        assert box.text("/srv/their-script") == "#cloud-boothook in the middle, and: ünïcode\n"
        # A later boot: cloud-init starts our part again, and it does nothing.
        before = box.journal()
        boot(box)
        assert box.journal() == before and not box.exists(TRIGGER)
        # As if a power cut had lost all of ours and spared cloud-init's marks: the next boot begins anew.
        box.sh(f"rm -rf {STATE} {COMMAND} /etc/initialrunner /srv/hello /srv/theirs")
        boot(box)
        box.wait_for(lambda: healthy(box))
        assert not box.exists("/srv/theirs"), "the others are once an instance"


@pytest.mark.fault(148)
def test_a_stub_beside_the_users_own_parts_brings_the_bundle_and_does_nothing_at_later_boots(hello: Rendering) -> None:
    with BundleServer() as server, Box(network="host") as box:
        server.body = hello.pack("stub", url=server.url).payload.bundle
        message = hello.stub(server.url, "ec2", beside=[THEIRS, THEIR_SCRIPT])
        assert isinstance(message, str) and len(message) < 4_000
        seeded(box, "nocloud", hello.nocloud().files | {"user-data": message.encode()})
        first_boot(box)
        box.wait_for(lambda: healthy(box))
        assert box.text("/srv/theirs") == "written by cloud-init" and box.exists("/srv/run-by-cloud-init")
        assert box.text("/srv/their-script") == "#cloud-boothook in the middle, and: ünïcode\n"
        assert (len(server.asked), server.told) == (1, [])
        # A later boot, and the URL may have ended long ago: nobody asks for it.
        before = box.journal()
        boot(box)
        assert box.journal() == before and not box.exists(TRIGGER) and len(server.asked) == 1
        # As if a power cut had lost all of ours and spared cloud-init's marks: the next boot begins anew.
        box.sh(f"rm -rf {STATE} {COMMAND} /etc/initialrunner /srv/hello")
        boot(box)
        box.wait_for(lambda: healthy(box))
        assert len(server.asked) == 2
        logs = box.text("/var/log/cloud-init.log") + box.text("/var/log/cloud-init-output.log")
        assert presigned.SIGNATURE not in logs


def test_as_cloud_config_hello_ends_healthy_and_the_schema_is_content(hello: Rendering, tmp_path: Path) -> None:
    text = hello.cloud_config()
    with Box() as box:
        seeded(box, "nocloud", hello.nocloud().files | {"user-data": text.encode()})
        first_boot(box)
        box.wait_for(lambda: healthy(box))
        box.put("/root/cloud-config.yaml", text)
        assert box.sh("cloud-init schema -c /root/cloud-config.yaml").stdout.startswith("Valid cloud-config")


def test_from_a_config_drive_whose_files_cron_ignores_hello_ends_healthy(hello: Rendering) -> None:
    with Box() as box:
        seeded(box, "config_drive", hello.config_drive().files)
        first_boot(box)
        box.wait_for(lambda: healthy(box))
        # Who wrote it, and that it was not made trusted but written anew.
        (fixed,) = box.events("fixed", path=TRIGGER)
        assert fixed["was"]["mode"] == "0660" and box.stat(fixed["quarantined"])[0] == "0600"
        before = box.journal()
        boot(box)
        assert box.journal() == before and not box.exists(TRIGGER)


@pytest.mark.parametrize("ours", ["bundle", "stub"])
def test_what_cloud_init_makes_of_a_message_is_what_we_put_in(hello: Rendering, tmp_path: Path, ours: str) -> None:
    """Its own reader, part by part: types, order, and every byte of the bundle, or of the stub."""
    beside = [THEIRS, THEIR_SCRIPT.replace("\n", "\r\n"), "#include\nhttp://127.0.0.1:1/x\n"]
    if ours == "bundle":
        message, first = hello.user_data(beside=beside), hello.pack("user-data").payload.bundle
    else:
        message = hello.stub(presigned.url(), beside=beside)
        first = starter.in_background(hello.pack("stub", url=presigned.url()).blob, hello.deploy_id)
    (tmp_path / "user-data").write_text(str(message))
    source = (
        "import sys, json, base64, email\nfrom cloudinit import user_data, util\n"
        "m = email.message_from_bytes(open(sys.argv[1], 'rb').read())\n"
        "parts = [p for p in m.walk() if not user_data.is_skippable(p)]\n"
        "print(json.dumps([[p.get_content_type(), p.get_filename(),"
        " base64.b64encode(util.fully_decoded_payload(p) if isinstance(util.fully_decoded_payload(p), bytes)"
        " else util.fully_decoded_payload(p).encode()).decode()] for p in parts]))\n"
    )
    import base64
    import json
    import subprocess

    done = subprocess.run(["/usr/bin/python3", "-c", source, tmp_path / "user-data"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    parts = [(kind, name, base64.b64decode(text)) for kind, name, text in json.loads(done.stdout)]
    assert parts[0] == ("text/cloud-boothook", "initialrunner", first)
    assert [part[0] for part in parts[1:]] == ["text/cloud-config", "text/x-shellscript", "text/x-include-url"]
    assert yaml.safe_load(parts[1][2])["runcmd"] == [["touch", "/srv/run-by-cloud-init"]]
    assert parts[2][2].decode() == THEIR_SCRIPT


def test_cloud_init_finds_the_volumes_by_their_layout(hello: Rendering, tmp_path: Path) -> None:
    """Its own readers of both, from the directory form and from what the image holds."""
    import subprocess

    from bootstrap.targets import iso

    source = (
        "import sys\nfrom cloudinit import util\nfrom cloudinit.sources.helpers import openstack\n"
        "seen = util.pathprefix2dict(sys.argv[1], required=['user-data', 'meta-data'])\n"
        "print(util.load_yaml(seen['meta-data'])['local-hostname'])\n"
        "drive = openstack.ConfigDriveReader(sys.argv[2]).read_v2()\n"
        "print(drive['metadata']['hostname'], sorted(drive['files']), len(drive['userdata']))\n"
    )
    nocloud, drive = hello.nocloud(), hello.config_drive()
    for name, seed in (("a", nocloud), ("b", drive)):
        assert iso.read(seed.image()) == (seed.label, seed.files)
        seed.write(tmp_path / name)
    argv = ["/usr/bin/python3", "-c", source, tmp_path / "a", tmp_path / "b"]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    paths = sorted(file.path for file in hello.pack("config-drive").payload.files)
    size = len(drive.files["openstack/latest/user_data"])
    assert done.stdout == f"hello-1\nhello-1 {paths} {size}\n", done.stderr


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside the user's own"])
def test_a_carrier_with_the_text_on_the_disk_needs_no_network(hello: Rendering, beside: bool) -> None:
    own = [THEIRS, THEIR_SCRIPT] if beside else []
    blob = hello.split("disk").user_data_bytes("ec2", beside=own)
    assert blob.startswith(b"\x1f\x8b") and len(blob) < 4_500
    with Box() as box:
        box.put(f"{FOLDER}/{runner_text().sha256}", runner_text().content)
        seeded(box, "nocloud", hello.nocloud().files | {"user-data": blob})
        first_boot(box)
        box.wait_for(lambda: healthy(box))
        assert not box.exists(STUB) and box.exists("/srv/theirs") == beside
        before = box.journal()
        boot(box)
        assert box.journal() == before and not box.exists(TRIGGER)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside the user's own"])
def test_a_carrier_whose_source_comes_late_is_healthy_later_without_cloud_init(hello: Rendering, beside: bool) -> None:
    with RunnerServer() as server, Box(network="host") as box:
        server.answers = ["404"] * 6
        own = [THEIRS, THEIR_SCRIPT] if beside else []
        blob = hello.split(server.url).user_data_bytes("ec2", beside=own)
        seeded(box, "nocloud", hello.nocloud().files | {"user-data": blob})
        first_boot(box)
        box.wait_for(lambda: box.exists(STUB) and box.exists(TRIGGER))
        assert box.exists("/srv/theirs") == beside
        # The state is healthy before the bundle goes, and the entry goes last: each of these ticks has an entry.
        while not box.exists(BUNDLE) and box.state() != "healthy":
            box.tick()
        box.wait_for(lambda: healthy(box))
        assert not box.exists(STUB)


def test_a_cloud_config_with_a_carrier_is_valid_and_starts_it(hello: Rendering) -> None:
    text = hello.split("disk").cloud_config()
    with Box() as box:
        box.put(f"{FOLDER}/{runner_text().sha256}", runner_text().content)
        seeded(box, "nocloud", hello.nocloud().files | {"user-data": text.encode()})
        first_boot(box)
        box.wait_for(lambda: healthy(box))
        box.put("/root/cloud-config.yaml", text)
        assert box.sh("cloud-init schema -c /root/cloud-config.yaml").stdout.startswith("Valid cloud-config")


def test_a_config_drive_with_a_carrier_is_started_by_its_starter(hello: Rendering) -> None:
    with Box() as box:
        box.put(f"{FOLDER}/{runner_text().sha256}", runner_text().content)
        seeded(box, "config_drive", hello.split("disk").config_drive().files)
        first_boot(box)
        box.wait_for(lambda: healthy(box))
        assert not box.exists(STUB)
