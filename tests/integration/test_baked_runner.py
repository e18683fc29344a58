"""A baked copy of this machine: it takes a whole bundle once, on no builder, through kills, and says why not."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from baked_box import survives_every_kill
from box import Box, needs_root
from handmade import payload, stage

from bootstrap.image import bake, own_paths
from bootstrap.image.bake import Settings
from bootstrap.runner.host import BUNDLE, COMMAND, TRIGGER
from bootstrap.targets import mime

pytestmark = [pytest.mark.integration, needs_root]
NOTE = "echo ran >>/srv/oracle"
ONE = payload([stage("one", NOTE)])
TAKEN, USER_DATA = "/var/lib/initialrunner/taken", "/var/lib/cloud/instance/user-data.txt"
UUID = "4c4c4544-0042-3510-8052-b4c04f4d3032"


def bake_into(box: Box, *sources: str, **more: Any) -> None:
    # The copy is this machine, whose cloud-init has nothing to say there.
    root = Path(f"/proc/{box.copy.pid}/root")
    bake.bake(root, Settings(sources or ("files",), **{"trigger": "cron", **more}))


def tick(box: Box) -> int:
    return box.run(COMMAND, "tick").returncode


def why(box: Box) -> str:
    return box.run(COMMAND, "why").stdout


def taken(box: Box) -> dict[str, str]:
    return dict(json.loads(box.text(TAKEN) or "{}"))


def ran(box: Box) -> int:
    return box.text("/srv/oracle").count("ran")


def healthy(box: Box) -> bool:
    return box.state() == "healthy" and not box.exists(TRIGGER)


def test_an_injected_bundle_is_taken_and_its_source_is_told() -> None:
    with Box() as box:
        bake_into(box)
        assert tick(box) == 75
        assert why(box) == (
            "no source has a bundle yet (files: no /etc/initialrunner/bundle). Look again: initialrunner tick\n"
        )
        box.put(BUNDLE, ONE.bundle, 0o400)
        assert tick(box) == 0
        box.wait_for(lambda: healthy(box))
        assert ran(box) == 1
        assert {k: v for k, v in taken(box).items() if k != "at"} == {"source": "files", "sha256": ONE.digest}
        assert "handed over to the bundle" in box.syslog()
        # The bundle's own command now, and the entry of the image starts nothing.
        assert box.run(COMMAND, "status").stdout.startswith("box-1  healthy")
        assert json.loads(box.run(COMMAND, "status", "--json").stdout)["source"] == "files"
        before = box.syslog()
        assert box.run("/usr/bin/python3", "-I", "-S", own_paths.PROGRAM, "tick").returncode == 0
        assert (ran(box), box.syslog()) == (1, before)


@pytest.mark.parametrize("form", ["plain", "message", "stored by cloud-init"])
def test_user_data_on_the_disk_is_taken(form: str) -> None:
    data = ONE.bundle if form == "plain" else mime.compose(ONE.bundle, mime.read(["#cloud-config\n{}\n"]))
    source, path = ("nocloud", "/var/lib/cloud/seed/nocloud/user-data")
    if form == "stored by cloud-init":
        source, path = "cloud-init", "/var/lib/cloud/instances/i-1/user-data.txt"
    with Box() as box:
        bake_into(box, "files", source)
        box.put(path, data)
        box.sh("rm -rf /var/lib/cloud/instance; ln -s /var/lib/cloud/instances/i-1 /var/lib/cloud/instance")
        assert tick(box) == 0
        box.wait_for(lambda: healthy(box))
        assert (ran(box), taken(box)["source"]) == (1, source)


def test_a_torn_bundle_is_waited_for_and_what_is_there_is_told() -> None:
    with Box() as box:
        bake_into(box)
        box.put(BUNDLE, ONE.bundle[:9000], 0o400)
        assert tick(box) == 75
        assert "files: a torn bundle: 9000 bytes so far" in why(box)
        assert not box.exists(TRIGGER)
        assert tick(box) == 75
        assert box.syslog().count("a torn bundle: 9000 bytes so far") == 1
        for number, start in enumerate(range(0, len(ONE.bundle), 9000), 1):
            box.put(f"{BUNDLE}.{number}", ONE.bundle[start : start + 9000], 0o400)
        assert tick(box) == 75  # the torn file is still there, and comes first
        box.sh(f"rm {BUNDLE}")
        assert tick(box) == 0
        box.wait_for(lambda: healthy(box))
        assert ran(box) == 1


def test_a_bundle_that_others_could_write_is_not_taken() -> None:
    with Box() as box:
        bake_into(box)
        for mode, owner in ((0o666, (0, 0)), (0o664, (0, 33)), (0o600, (33, 33))):
            box.put(BUNDLE, ONE.bundle, mode, owner)
            assert tick(box) == 75
            assert "could be written by others: mode %04o, user %d" % (mode, owner[0]) in why(box)  # noqa: UP031
        box.put(BUNDLE, ONE.bundle, 0o660)
        assert tick(box) == 0


def test_no_other_bundle_than_an_injected_trigger_names_is_taken() -> None:
    other = payload([stage("one", "echo other >>/srv/oracle")], deploy_id="20261121T120000-ab12cd")
    with Box() as box:
        bake_into(box)
        box.put(TRIGGER, ONE.files[-1].content)
        box.put(BUNDLE, other.bundle, 0o400)
        assert tick(box) == 75
        assert f"files: {TRIGGER} names a different bundle" in why(box)
        box.put(BUNDLE, ONE.bundle, 0o400)
        assert tick(box) == 0
        box.wait_for(lambda: healthy(box))
        assert box.text("/srv/oracle") == "ran\n"


def test_what_its_own_trigger_has_started_is_left_alone() -> None:
    with Box(ONE.files, inject_mode=0o644) as box:
        bake_into(box)
        assert box.tick().returncode == 0
        assert box.run("/usr/bin/python3", "-I", "-S", own_paths.PROGRAM, "tick").returncode == 0
        assert taken(box)["source"] == "another way"
        assert ran(box) == 1


@pytest.mark.parametrize("same", [True, False], ids=["the same", "of another roll-out"])
def test_what_cloud_init_has_started_is_left_alone_and_its_source_is_told(same: bool) -> None:
    other = payload([stage("one", "echo other >>/srv/oracle")], deploy_id="20261121T120000-ab12cd")
    with Box() as box:
        bake_into(box, "files", "nocloud")
        box.put("/srv/user-data", ONE.bundle)
        assert box.sh("sh /srv/user-data").returncode == 0
        box.wait_for(lambda: healthy(box))
        box.put("/var/lib/cloud/seed/nocloud/user-data", (ONE if same else other).bundle)
        # It is no hindrance that cloud-init is still at work.
        box.sh("mkdir -p /run/systemd/system /run/cloud-init /etc/systemd/system; touch /run/cloud-init/enabled")
        box.sh(": >/etc/systemd/system/cloud-final.service")
        assert box.run("/usr/bin/python3", "-I", "-S", own_paths.PROGRAM, "tick").returncode == 0
        assert box.text("/srv/oracle") == "ran\n"
        found = {k: v for k, v in taken(box).items() if k != "at"}
        nobody = {"source": "another way", "sha256": None}
        assert found == ({"source": "nocloud", "sha256": ONE.digest} if same else nobody)
        assert ("source: nocloud" in box.run(COMMAND, "status").stdout) == same


def test_the_real_cron_starts_it_at_boot() -> None:
    with Box() as box:
        bake_into(box)
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.copy.boot(cron="real")
        box.wait_for(lambda: healthy(box), timeout_s=70)
        assert (ran(box), taken(box)["source"]) == (1, "files")


def signed_by(key: Path, bundle: bytes) -> bytes:
    """The bundle with a fourth part: the signature of its first three, made by ssh-keygen itself."""
    plain = key.with_name("plain")
    plain.write_bytes(bundle)
    plain.with_suffix(".sig").unlink(missing_ok=True)
    argv = ["ssh-keygen", "-Y", "sign", "-n", "initialrunner", "-f", key, plain]
    subprocess.run(argv, check=True, capture_output=True)
    signature = b"\n".join(plain.with_suffix(".sig").read_bytes().splitlines()[1:-1])
    body = bundle.rsplit(b"_bundle ", 1)[0]
    end = body.rindex(b"'\neval ")
    body = body[:end] + b"\n-\n" + signature + body[end:]
    return body + b'_bundle %s "$@"\n' % hashlib.sha256(body).hexdigest().encode()


def made_key(folder: Path, name: str) -> Path:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name]
    subprocess.run(argv, check=True, capture_output=True)
    return folder / name


def test_an_image_with_keys_takes_nothing_unsigned_and_nothing_of_other_keys(tmp_path: Path) -> None:
    good, other = made_key(tmp_path, "good"), made_key(tmp_path, "other")
    signers = b'release@example.com namespaces="initialrunner" ' + good.with_suffix(".pub").read_bytes()
    with Box() as box:
        bake_into(box, signers=signers)
        for bundle in (ONE.bundle, signed_by(other, ONE.bundle)):
            box.put(BUNDLE, bundle, 0o400)
            assert tick(box) == 75
            assert "files: refused: " in why(box)
            assert (box.exists(TRIGGER), ran(box)) == (False, 0)
        box.put(BUNDLE, signed_by(good, ONE.bundle), 0o400)
        assert tick(box) == 0
        box.wait_for(lambda: healthy(box))
        assert taken(box)["signer"].startswith("release@example.com")


def test_a_bundle_that_cannot_start_is_told_and_asked_again() -> None:
    body = b"#!/bin/sh\n# initialrunner: sets this server up once.\nexit 7\n"
    broken = body + b'_bundle %s "$@"\n' % hashlib.sha256(body).hexdigest().encode()
    with Box() as box:
        bake_into(box)
        box.put(BUNDLE, broken, 0o400)
        assert (tick(box), tick(box)) == (75, 75)
        assert why(box) == (
            "the bundle from files ended with exit 7 instead of starting. Look again: initialrunner tick\n"
        )
        assert box.sh("ls /var/lib/initialrunner").stdout == ""
        box.put(BUNDLE, ONE.bundle, 0o400)
        assert tick(box) == 0
        box.wait_for(lambda: healthy(box))


def test_a_bundle_that_could_not_make_itself_durable_is_handed_over_to_again() -> None:
    with Box() as box:
        bake_into(box)
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.sh(f"mkdir -p {TRIGGER}/full")  # as a disk that takes the journal and not the entry
        assert tick(box) == 75
        assert box.exists("/var/lib/initialrunner/journal")
        box.sh(f"rm -r {TRIGGER}")
        assert (box.run("/usr/bin/python3", "-I", "-S", own_paths.PROGRAM, "tick").returncode, box.exists(TAKEN)) == (
            0,
            True,
        )
        box.wait_for(lambda: healthy(box))
        assert (ran(box), taken(box)["source"]) == (1, "files")


# --- the builder, and its clones ---


def mark(box: Box, **of: str) -> None:
    box.put("/var/lib/initialrunner/builder", json.dumps(of))


def test_the_builder_takes_nothing_and_its_clone_does() -> None:
    with Box(dmi={"product_uuid": UUID}) as box:
        bake_into(box)
        box.put(BUNDLE, ONE.bundle, 0o400)
        mark(box, boot_id=box.text("/proc/sys/kernel/random/boot_id").strip(), product_uuid="")
        assert tick(box) == 0
        assert why(box).startswith("this machine is the builder of the image: only its clones take a bundle.")
        box.copy.boot(cron=None)
        box.reboot()
        assert tick(box) == 0
        box.wait_for(lambda: healthy(box))


def test_after_a_reboot_the_builder_is_known_by_its_product_uuid() -> None:
    with Box(dmi={"product_uuid": UUID}) as box:
        bake_into(box)
        box.put(BUNDLE, ONE.bundle, 0o400)
        mark(box, boot_id="of an earlier boot", product_uuid=UUID)
        assert (tick(box), ran(box), box.exists(TAKEN)) == (0, 0, False)
        mark(box, boot_id="of an earlier boot", product_uuid="another")
        assert tick(box) == 0
        box.wait_for(lambda: healthy(box))


def test_a_mark_that_cannot_be_read_is_taken_for_the_builders() -> None:
    with Box() as box:
        bake_into(box)
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.put("/var/lib/initialrunner/builder", b"{")
        assert (tick(box), box.exists(TAKEN)) == (0, False)
        assert "cannot be read, so this machine may be the builder of the image" in why(box)


# --- cloud-init ---


def test_it_waits_for_cloud_init_and_not_longer_than_it_may() -> None:
    enabled = "mkdir -p /run/systemd/system /run/cloud-init; touch /run/cloud-init/enabled"
    unit = "mkdir -p /etc/systemd/system; : >/etc/systemd/system/cloud-final.service"
    with Box() as box:
        bake_into(box, cloud_init_deadline_s=3600)
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.sh(f"{enabled}; {unit}")
        assert tick(box) == 75
        assert why(box).startswith("waits for cloud-init to end, for at most 3")
        assert ran(box) == 0
        box.sh("touch /run/cloud-init/result.json")
        assert tick(box) == 0
        box.wait_for(lambda: ran(box) == 1)
    with Box() as box:
        bake_into(box, cloud_init_deadline_s=0)
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.sh(f"{enabled}; {unit}")
        assert tick(box) == 0
        assert "cloud-init's end: did not come in time; going on without it" in box.syslog()
        box.wait_for(lambda: ran(box) == 1)


@pytest.mark.parametrize(
    "off",
    [
        "mkdir -p /etc/cloud; touch /etc/cloud/cloud-init.disabled",
        "touch /run/cloud-init/disabled",
        "rm /run/cloud-init/enabled",
        "ln -sf /dev/null /etc/systemd/system/cloud-final.service",
    ],
)
def test_a_cloud_init_that_is_off_is_not_waited_for(off: str) -> None:
    with Box() as box:
        bake_into(box, cloud_init_deadline_s=3600)
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.sh("mkdir -p /run/systemd/system /run/cloud-init /etc/systemd/system; touch /run/cloud-init/enabled")
        box.sh(": >/etc/systemd/system/cloud-final.service")
        assert tick(box) == 75
        box.sh(off)
        assert tick(box) == 0


# --- kills, power cuts and company ---

def test_a_kill_between_any_two_steps_loses_nothing_and_runs_nothing_twice() -> None:
    assert survives_every_kill(lambda box: box.put(BUNDLE, ONE.bundle, 0o400), "files") >= 10


def test_the_mark_comes_after_the_bundle_is_durable() -> None:
    """In the order of what reaches the disk: bundle, entry, then that it was taken."""
    with Box() as box:
        bake_into(box)
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.run(
            "strace", "-f", "-qq", "-y", "-o", "/srv/trace", "-e", "signal=none",
            "-e", "trace=rename,renameat,renameat2,fsync", "/usr/bin/python3", "-I", "-S", own_paths.PROGRAM, "tick",
        )  # fmt: skip
        box.wait_for(lambda: healthy(box))
        lines = box.text("/srv/trace").splitlines()

    def first(*words: str) -> int:
        return next(n for n, line in enumerate(lines) if all(word in line for word in words))

    entry, mark_ = first("rename", '"initialrunner"', "/etc/cron.d"), first("rename", '"taken"')
    synced = first("fsync", "/etc/initialrunner/")
    assert max(entry, synced) < mark_
    # Only the calls of the process that writes the mark: the bundle's own runner is at work beside it.
    pid = lines[mark_].split()[0]
    calls = [line for line in lines if line.split()[0] == pid]
    mark_ = calls.index(lines[mark_])
    assert "fsync" in calls[mark_ - 1]
    assert "fsync" in calls[mark_ + 1] and "/var/lib/initialrunner>" in calls[mark_ + 1]


def test_of_two_at_a_time_one_looks() -> None:
    with Box() as box:
        bake_into(box)
        box.sh("mkdir -p /run/initialrunner; touch /run/initialrunner/lock")
        box.put(BUNDLE, ONE.bundle, 0o400)
        held = box.sh(f"flock /run/initialrunner/lock {COMMAND} tick")
        assert (held.returncode, box.exists(TAKEN)) == (0, False)
        assert tick(box) == 0
        assert box.exists(TAKEN)


def test_after_ten_minutes_console_and_motd_say_where_to_look_once() -> None:
    with Box() as box:
        bake_into(box)
        assert tick(box) == 75
        assert "waits for a bundle" not in box.text("/etc/motd")
        # As ten minutes later.
        uptime = float(box.python("import time; print(time.monotonic())"))
        box.put("/run/initialrunner/bundle.json", json.dumps({"since_s": uptime - 600}))
        assert (tick(box), tick(box)) == (75, 75)
        line = "initialrunner: waits for a bundle; try: initialrunner why"
        assert box.text("/etc/motd").count(line) == 1
        assert box.console().count(line) == 1


def test_verbs_before_a_bundle_has_come() -> None:
    with Box() as box:
        bake_into(box, "files", "ec2=http://127.0.0.1:9")
        assert box.run(COMMAND, "help").stdout.startswith("usage: initialrunner VERB")
        assert box.run(COMMAND, "reset").returncode == 2
        assert tick(box) == 75
        found = json.loads(box.run(COMMAND, "status", "--json").stdout)
        assert (found["state"], found["signed_only"]) == ("waiting", False)
        assert found["sources"]["files"] == "no /etc/initialrunner/bundle"
        assert "Connection refused" in found["sources"]["ec2=http://127.0.0.1:9"]
        lines = box.run(COMMAND, "status").stdout.splitlines()
        assert lines[0] == "waiting: no source has a bundle yet"
        assert lines[2] == "  files          no /etc/initialrunner/bundle"
        assert box.run(COMMAND, "why").returncode == 75
