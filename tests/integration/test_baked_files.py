"""A baked host without cloud-init and a bundle with injected files beside it: those of its own plan come, no others."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import keys
import pytest
from baked_box import KILLED, RUN, assert_done_once, attach, bake_into, find, image, looped, needs_loop, seen, serve
from box import Box, needs_root
from handmade import DEPLOY_ID, payload, stage

import bootstrap
from bootstrap.image import own_paths
from bootstrap.payload.model import Payload
from bootstrap.payload.sign import signer
from bootstrap.payload.triggers import units
from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, TRIGGER
from bootstrap.targets import seed, starter

pytestmark = [pytest.mark.integration, needs_root]
HELLO = Path(__file__).parents[2] / "examples/hello/hello.yaml"
EXTRA, ODD = "/etc/rc.local.stage1", "/srv/new folder/ä"
FILES = (
    RenderedFile(EXTRA, b"#!/bin/sh\necho ran >>/srv/oracle\n", 0o755, deliver="inject"),
    RenderedFile(ODD, b"\0\xff" * 5000, 0o640, secret=True, deliver="inject"),
    RenderedFile("/srv/inside", b"in the bundle\n"),
)
STAGES = [stage("one", f"{EXTRA}; sha256sum '{ODD}' >/srv/saw")]
ONE = payload(STAGES, files=FILES)
UNIT = "/etc/systemd/system/initialrunner.timer"
TAKEN = "/var/lib/initialrunner/taken"
META = "openstack/latest/meta_data.json"


def drive(of: Payload) -> dict[str, bytes]:
    return dict(seed.config_drive(of, starter.text(of).encode()).files)


def listed(files: dict[str, bytes]) -> dict[str, str]:
    return {file["path"]: file["content_path"] for file in json.loads(files[META])["files"]}


def planted(files: dict[str, bytes], path: str, content: bytes) -> dict[str, bytes]:
    """The drive with one more file, listed like the others."""
    meta = json.loads(files[META])
    meta["files"].append({"path": path, "content_path": "/content/9999"})
    return {**files, META: json.dumps(meta).encode(), "openstack/content/9999": content}


def ends_healthy(box: Box, source: str, of: Payload = ONE) -> dict[str, str]:
    """What is noted of the files that came beside it."""
    box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
    assert box.text("/srv/oracle") == "ran\n"
    assert box.text("/srv/saw").split()[0] == hashlib.sha256(FILES[1].content).hexdigest()
    assert box.sh(f"stat -c %a {EXTRA} '{ODD}'").stdout == "755\n640\n"
    found = json.loads(box.text(TAKEN))
    assert (found["source"], found["sha256"]) == (source, of.digest)
    assert set(box.sh("ls -A /run/initialrunner").stdout.split()) <= {"lock", "seen.json", "drive", "bundle.json"}
    return dict(found.get("files", {}))


@needs_loop
@pytest.mark.parametrize("kind", ["ext4", "iso9660"])
def test_from_a_drive(tmp_path: Path, kind: str) -> None:
    if f"\t{kind}\n" not in Path("/proc/filesystems").read_text():
        pytest.skip(f"needs {kind} in this kernel")
    made = seed.config_drive(ONE, starter.text(ONE).encode())
    with looped(image(made, tmp_path, kind)) as device, Box() as box:
        bake_into(box, "files", "config-drive")
        attach(box, device, made.label)
        find(box)
        # What only looks has put nothing in place; nobody else reads what it has found.
        assert not box.exists(EXTRA)
        assert box.sh("stat -c %a /run/initialrunner /run/initialrunner/brought.*").stdout == "700\n600\n600\n"
        assert box.run(COMMAND, "take").returncode == 0
        assert ends_healthy(box, "config-drive") == {
            file.path: hashlib.sha256(file.content).hexdigest() for file in FILES[:2]
        }


def test_from_a_service() -> None:
    with Box() as box:
        source = "openstack=" + serve(box, drive(ONE))
        bake_into(box, source)
        assert box.run(COMMAND, "tick").returncode == 0
        assert f", with {EXTRA}, with {ODD}" in seen(box)[source]
        assert set(ends_healthy(box, source)) == {EXTRA, ODD}


@needs_loop
def test_hello_as_a_config_drive_ends_healthy_without_cloud_init(tmp_path: Path) -> None:
    made = bootstrap.load(HELLO).plan("hello-1", deploy_id=DEPLOY_ID).render().config_drive()
    with looped(image(made, tmp_path, "ext4")) as device, Box() as box:
        bake_into(box, "files", "config-drive")
        attach(box, device, made.label)
        find(box)
        assert box.run(COMMAND, "take").returncode == 0
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert set(json.loads(box.text(TAKEN))["files"]) == {"/etc/rc.local", "/etc/rc.local.stage1"}
        assert box.sh("stat -c %a /etc/rc.local /etc/rc.local.stage1").stdout == "755\n755\n"


def test_what_the_plan_does_not_list_is_never_written() -> None:
    strange = {
        "/root/.ssh/authorized_keys": b"ssh-ed25519 AAAA mallory\n",
        "/etc/cron.d/mallory": b"* * * * * root true\n",
        "/srv/inside": b"another text than the one in the bundle\n",
        UNIT: b"[Timer]\n",
        f"/etc/../etc{EXTRA.removeprefix('/etc')}.2": b"#!/bin/sh\n",
    }
    with Box() as box:
        files = drive(ONE)
        for number, (path, content) in enumerate(strange.items()):
            files = planted(files, path, content)
            files[f"openstack/content/{number + 100}"] = files.pop("openstack/content/9999")
            files[META] = files[META].replace(b"9999", b"%d" % (number + 100))
        box.sh("rm -f /root/.ssh/authorized_keys")
        bake_into(box, "openstack=" + serve(box, files))
        asked = listed(files)
        assert box.run(COMMAND, "find").returncode == 0
        assert box.sh("ls /run/initialrunner | grep -c brought").stdout == "2\n"
        assert box.run(COMMAND, "take").returncode == 0
        assert not any(box.exists(path) for path in strange if path != "/srv/inside")
        log = box.text("/srv/service/log")
        # Nor asked for, but for what its plan lists under that name with another text.
        assert [path for path in strange if f"/openstack{asked[path]}\n" in log] == [UNIT]
        box.wait_for(lambda: box.state() == "healthy")
        assert box.text("/srv/inside") == "in the bundle\n"


def test_the_trigger_is_never_copied() -> None:
    """Nor where the bundle's own plan, which nobody renders so, lists it."""
    own = RenderedFile(TRIGGER, b"# sha256sum\n* * * * * root touch /srv/mallory\n", deliver="inject")
    made = payload(STAGES, files=(*FILES, own))
    # On the drive once only, as the plan has it.
    made = dataclasses.replace(made, files=tuple(f for f in made.files if f.content != own.content))
    with Box() as box:
        bake_into(box, "openstack=" + serve(box, drive(made)))
        assert box.run(COMMAND, "find").returncode == 0
        assert json.loads(box.text("/run/initialrunner/found.json"))["files"].keys() == {EXTRA, ODD}
        assert box.run(COMMAND, "take").returncode == 0
        # What nobody would render waits for itself; meanwhile the entry is the bundle's own.
        box.wait_for(lambda: made.digest in box.text(TRIGGER))
        assert "mallory" not in box.text(TRIGGER)


@pytest.mark.parametrize("wrong", ["altered", "longer", "cut off", "not there", "a link out of the folder"])
def test_a_file_that_is_not_the_plans_is_never_written_and_said(wrong: str) -> None:
    with Box() as box:
        files = drive(ONE)
        place = "openstack" + listed(files)[EXTRA]
        if wrong == "not there":
            del files[place]
        elif wrong == "a link out of the folder":
            files[META] = files[META].replace(listed(files)[EXTRA].encode(), b"/content/../latest/user_data")
        else:
            data = files[place]
            files[place] = {"altered": data[:-1] + b"!", "longer": data + b"\n", "cut off": data[:-1]}[wrong]
        source = "openstack=" + serve(box, files)
        bake_into(box, source)
        assert box.run(COMMAND, "tick").returncode == 0
        said = seen(box)[source]
        assert f", with {ODD}" in said and EXTRA not in json.loads(box.text(TAKEN))["files"]
        why = "listed but missing" if wrong == "not there" else "other bytes than the plan names"
        assert said.endswith(f", without {EXTRA}: {why}") or wrong.startswith("a link")
        box.wait_for(lambda: box.exists(ODD))
        assert not box.exists(EXTRA)
        assert not box.exists("/srv/oracle")
        # What only the bundle can know by now: it waits, and takes the right one from whoever brings it.
        box.put(EXTRA, FILES[0].content, 0o400)
        box.wait_for(lambda: box.state() == "healthy")


def test_a_service_that_fails_in_between_is_asked_again_before_anything_starts() -> None:
    with Box() as box:
        source = "openstack=" + serve(box, drive(ONE), "hiccup")
        bake_into(box, source)
        said = []
        while box.run(COMMAND, "tick").returncode:
            assert not box.exists(EXTRA)
            said.append(seen(box)[source])
        # Once for the bundle and for its trigger, then for each file beside it.
        assert [": answer 500" in line for line in said] == [True] * 4
        assert ["its injected files: http" in line for line in said] == [False, False, True, True]
        assert set(ends_healthy(box, source)) == {EXTRA, ODD}


@pytest.mark.parametrize(
    ("there", "after"),
    [
        (b"", "ours"),
        (FILES[0].content[:7], "ours"),
        (FILES[0].content[:7] + bytes(5), "ours"),
        (bytes(len(FILES[0].content)), "ours"),
        (b"#!/bin/sh\nexit 0\n", "theirs"),
        (FILES[0].content + b"\n", "theirs"),
    ],
    ids=["empty", "cut off", "cut off, zeros behind", "zeros", "another", "longer"],
)
def test_only_what_is_absent_or_torn_is_written(there: bytes, after: str) -> None:
    with Box() as box:
        bake_into(box, "openstack=" + serve(box, drive(ONE)))
        box.put(EXTRA, there, 0o755)
        assert box.run(COMMAND, "tick").returncode == 0
        if after == "ours":
            box.wait_for(lambda: box.state() == "healthy")
            assert box.text("/srv/oracle") == "ran\n"
        else:
            assert box.read(EXTRA) == there
            assert f"{EXTRA} differs from the file that came with the bundle, and stays as it is" in box.syslog()


def test_no_link_is_followed() -> None:
    with Box() as box:
        bake_into(box, "openstack=" + serve(box, drive(ONE)))
        box.sh(f"ln -s /srv/target {EXTRA}; mkdir /srv/elsewhere; ln -s /srv/elsewhere '/srv/new folder'")
        box.sh("chown -h 33:33 '/srv/new folder'")
        assert box.run(COMMAND, "tick").returncode == 0
        assert not box.exists("/srv/target")
        assert box.sh("ls -A /srv/elsewhere").stdout == ""
        assert box.syslog().count("cannot be put in place") == 2


def test_units_come_along_where_their_text_is_the_plans() -> None:
    made = payload(STAGES, files=FILES, units=True)
    timer, service, conf = units("auto")
    with Box() as box:
        files = drive(made)
        files["openstack" + listed(files)[timer]] += b"# altered\n"
        bake_into(box, "openstack=" + serve(box, files))
        box.put(service, "# of the image\n")
        assert box.run(COMMAND, "tick").returncode == 0
        assert set(json.loads(box.text(TAKEN))["files"]) == {EXTRA, ODD, service, conf}
        assert not box.exists(timer)
        assert box.text(service) == "# of the image\n"
        assert ("differs from the file that came with the bundle" in box.syslog()) and service in box.syslog()
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(conf))


# --- images that take only what is signed ---


@keys.needs_ssh_keygen
def test_a_signed_only_image_brings_nothing_beside_a_bundle_it_refuses(tmp_path: Path) -> None:
    key = keys.key(tmp_path)
    signers = b'release@example.com namespaces="initialrunner" ' + key.with_suffix(".pub").read_bytes()
    signed = payload(STAGES, files=FILES, sign=signer(key).sign)
    with Box() as box:
        source = "openstack=" + serve(box, drive(ONE))
        bake_into(box, source, signers=signers)
        assert box.run(COMMAND, "tick").returncode == 75
        assert seen(box)[source].startswith("refused: the bundle is not signed")
        place = listed(drive(ONE))[EXTRA]
        assert place not in box.text("/srv/service/log"), "nothing of an unverified plan is asked for"
        assert box.sh("ls /run/initialrunner | grep -c brought").stdout == "0\n"
        assert not box.exists(EXTRA)
        for path, data in drive(signed).items():
            box.put(f"/srv/service/{path}", data)
        assert box.run(COMMAND, "tick").returncode == 0
        assert set(ends_healthy(box, source, signed)) == {EXTRA, ODD}
        assert json.loads(box.text(TAKEN))["signer"].startswith("release@example.com ")


# --- kills and power cuts ---


def test_a_kill_between_any_two_steps_loses_no_file_and_runs_nothing_twice() -> None:
    steps, before_handover = 0, 0
    while True:
        with Box() as box:
            bake_into(box, "openstack=" + serve(box, drive(ONE)))
            box.run("/usr/bin/python3", "-I", "-S", "-c", KILLED % (own_paths.PROGRAM, steps))
            was_cut = box.exists("/srv/cut")
            if steps % 2:
                box.copy.boot(cron=None)
                box.power_cut()
                box.sh("rm -f /srv/port")
                box.boot()
                if box.exists(TRIGGER):
                    box.tick()
                bake_into(box, "openstack=" + serve(box, drive(ONE)))
            before_handover += not box.exists("/var/lib/initialrunner/journal")
            assert box.sh(f"{RUN} tick").returncode == 0
            box.wait_for(lambda box=box: box.state() == "healthy")  # type: ignore[misc]
            assert_done_once(box, box.text("/srv/oracle").count("ran"), was_cut=bool(steps % 2))
            assert box.sh(f"stat -c %a {EXTRA} '{ODD}'").stdout == "755\n640\n"
            assert box.sh(f"{RUN} tick").returncode == 0
            assert json.loads(box.text(TAKEN))["source"].startswith("openstack="), steps
            assert not box.exists("/var/lib/initialrunner/taking")
        if not was_cut:
            break
        steps += 1
    assert steps >= 14 and before_handover >= 8


def test_the_files_are_durable_before_the_bundle_is_started() -> None:
    with Box() as box:
        bake_into(box, "openstack=" + serve(box, drive(ONE)))
        box.run(
            "strace", "-f", "-qq", "-y", "-o", "/srv/trace", "-e", "signal=none",
            "-e", "trace=rename,renameat,renameat2,fsync,execve",
            "/usr/bin/python3", "-I", "-S", own_paths.PROGRAM, "tick",
        )  # fmt: skip
        box.wait_for(lambda: box.state() == "healthy")
        lines = box.text("/srv/trace").splitlines()

    def first(*words: str) -> int:
        return next(n for n, line in enumerate(lines) if all(word in line for word in words))

    mine, started = first("rename", '"rc.local.stage1"'), first("execve", "/run/initialrunner/found")
    assert "fsync" in lines[mine - 1] and "fsync" in lines[mine + 1] and "/etc>" in lines[mine + 1]
    assert mine < started


def test_an_injected_bundle_needs_nothing_of_this() -> None:
    """What an agent injects it injects whole: nothing is read out of its plan."""
    with Box() as box:
        bake_into(box, "files")
        box.put(BUNDLE, ONE.bundle, 0o400)
        assert box.run(COMMAND, "tick").returncode == 0
        assert "files" not in json.loads(box.text(TAKEN))
