"""`doctor` names what keeps the runner from starting or from being heard, a real cron agrees, and --fix mends it."""

from __future__ import annotations

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, deliver, ran

from bootstrap.payload.model import Payload
from bootstrap.runner.host import BUNDLE, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
ONE = payload([stage("one", NOTE + "note ran")])
LINE = "@reboot root touch /srv/other\n"


def doctor(box: Box, *words: str) -> tuple[int, str]:
    """(exit code, what it prints), from the bundle itself: the first tick, which brings the command, may never come."""
    done = box.run("/bin/sh", BUNDLE, "doctor", *words)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_payload_without_room_for_it_says_so_and_does_all_else() -> None:
    with Box(payload([stage("one", NOTE + "note ran")], lean=2).files) as box:
        code, said = doctor(box)
        assert (code, "was left out of this payload" in said, "initialrunner why" in said) == (2, True, True)
        assert box.tick().returncode == 0
        assert (ran(box), box.state()) == (["ran"], "healthy")
        assert box.run("/usr/local/sbin/initialrunner", "status").returncode == 0


def cron_has_started(box: Box) -> None:
    box.copy.boot(cron="real")
    box.wait_for(lambda: "INFO (Running @reboot jobs)" in box.syslog())


def text_of(one: Payload) -> str:
    return one.files[-1].content.decode()


OTHER = "differs from the plan in line "
# How the entry is broken: (its text, mode, owner), what doctor says, what the real cron says or does.
BROKEN = {
    "others can write it": ((text_of(ONE), 0o664, (0, 0)), "mode 0664, others can write it", "INSECURE MODE"),
    "not root's": ((text_of(ONE), 0o644, (65534, 65534)), "belongs to user 65534", "WRONG FILE OWNER"),
    "CRLF": ((text_of(ONE).replace("\n", "\r\n"), 0o644, (0, 0)), "has CRLF line ends", None),
    "no newline": ((text_of(ONE)[:-1], 0o644, (0, 0)), "has no newline at its end", "Missing newline before EOF"),
    "byte order mark": (("\ufeff" + text_of(ONE), 0o644, (0, 0)), OTHER + "1: \\xfeff#", "bad minute"),
    "bad minute": ((text_of(ONE).replace("* *", "1/* *", 1), 0o644, (0, 0)), OTHER + "6: 1/* ", "bad minute"),
    "no user": ((text_of(ONE).replace("root ", "noone "), 0o644, (0, 0)), ": @reboot noone", "bad username"),
    "empty": (("", 0o644, (0, 0)), "is empty", None),
}


@pytest.mark.fault(11)
@pytest.mark.fault(21)
@pytest.mark.fault(22)
@pytest.mark.fault(23)
@pytest.mark.fault(24)
@pytest.mark.parametrize("how", BROKEN)
def test_an_entry_that_cron_does_not_run_is_named_and_mended(how: str) -> None:
    (text, mode, owner), said, cron_said = BROKEN[how]
    with Box() as box:
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.put(TRIGGER, text, mode, owner=owner)
        cron_has_started(box)
        if cron_said:
            box.wait_for(lambda: cron_said in box.syslog())
        assert ran(box) == []
        code, out = doctor(box)
        assert code == 5 and said in out and f"WRONG    trigger   {TRIGGER}" in out
        assert box.read(TRIGGER) == text.encode(), "without --fix it only looks"
        code, out = doctor(box, "--fix")
        assert (code, "good     trigger" in out, box.text(TRIGGER)) == (0, True, text_of(ONE))
        assert box.stat(TRIGGER)[:2] == ("0644", "root:root")
        box.reboot()
        box.wait_for(lambda: ran(box) == ["ran"])


@pytest.mark.fault(6)
@pytest.mark.fault(20)
def test_an_entry_whose_name_has_a_dot_is_named_and_taken_away() -> None:
    with Box() as box:
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.put(f"{TRIGGER}.cron", text_of(ONE), 0o644)
        box.put(f"{TRIGGER}.bak.1700000000.5", "* * * * * root old\n")
        cron_has_started(box)
        code, out = doctor(box)
        assert (code, ran(box)) == (5, [])
        assert f"{TRIGGER}.cron: cron ignores names with a dot" in out
        assert f"{TRIGGER}.bak.1700000000.5: left by an injection agent" in out
        assert f"{TRIGGER}: No such file or directory: nothing starts the runner" in out
        assert doctor(box, "--fix")[0] == 0
        assert box.sh("ls /etc/cron.d | grep initialrunner").stdout == "initialrunner\n"
        box.reboot()
        box.wait_for(lambda: ran(box) == ["ran"])


def test_what_others_could_write_is_put_aside_not_made_trusted() -> None:
    with Box() as box:
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.put(TRIGGER, "* * * * * root mine\n", 0o666)
        assert doctor(box, "--fix")[1].count("fixing") == 3
        assert box.text(TRIGGER) == text_of(ONE)
        assert box.sh(f"cat {STATE}/quarantine/*").stdout == "* * * * * root mine\n"
        assert [event["type"] for event in box.journal()] == ["started", "fixed"]


@pytest.mark.fault(29)
def test_a_cron_that_does_not_run_is_started_and_a_masked_one_is_left() -> None:
    with Box(ONE.files) as box:
        box.sh(f"chmod 644 {TRIGGER}")
        box.sh("mkdir -p /etc/systemd/system; ln -sf /dev/null /etc/systemd/system/cron.service")
        code, out = doctor(box, "--fix")
        assert code == 5 and "cron.service is masked" in out
        assert "-> systemctl unmask cron.service && systemctl enable --now cron.service" in out
        assert (box.sh("pgrep -x cron").stdout, ran(box)) == ("", [])
        box.sh("rm /etc/systemd/system/cron.service")
        code, out = doctor(box)
        assert code == 5 and "cron is installed but does not run" in out
        assert doctor(box, "--fix")[0] == 0
        box.wait_for(lambda: ran(box) == ["ran"])


@pytest.mark.fault(28)
def test_a_host_without_cron_is_told_what_to_install() -> None:
    with Box(ONE.files) as box:
        box.sh("rm -f /usr/sbin/cron /usr/sbin/crond /sbin/crond")
        code, out = doctor(box)
        assert code == 5 and "no cron on this host" in out and "install the package cron" in out


@pytest.mark.fault(30)
def test_a_root_password_that_must_be_changed_keeps_cron_from_running_anything() -> None:
    with Box(ONE.files) as box:
        box.sh("chage -d 0 root")
        cron_has_started(box)
        box.wait_for(lambda: "Authentication token is no longer valid" in box.console())
        assert ran(box) == []
        code, out = doctor(box)
        assert code == 5 and "root's password has expired" in out and "-> chage -d -1 root" in out
        box.sh("chage -d -1 root")
        assert doctor(box)[0] == 0
        box.reboot()
        box.wait_for(lambda: ran(box) == ["ran"])


@pytest.mark.fault(42)
@pytest.mark.fault(43)
def test_a_full_disk_is_named() -> None:
    with Box(ONE.files, size="24M") as box:
        box.sh("head -c 500M /dev/zero >/var/tmp/much")
        code, out = doctor(box)
        assert code == 5 and "no space or no inodes left" in out
        box.sh("rm /var/tmp/much")
        assert "good     disk" in doctor(box)[1]


@pytest.mark.fault(59)
def test_a_clock_before_the_payload_was_made_is_named() -> None:
    one = payload([stage("one", "true")], deploy_id="29991231T000000-future")
    with Box(one.files) as box:
        code, out = doctor(box)
        assert code == 5 and "before this payload was made: certificates will be invalid" in out


@pytest.mark.fault(60)
@pytest.mark.fault(70)
def test_a_collector_that_does_not_answer_is_named_with_the_reason() -> None:
    with Box() as box:
        collector = box.collector
        deliver(box, payload([stage("one", "true")], report=("http://127.0.0.1:1", collector.secret)))
        code, out = doctor(box)
        assert code == 5 and "http://127.0.0.1:1: ConnectionRefusedError" in out
        deliver(box, payload([stage("one", "true")], report=(collector.url, collector.secret)))
        assert "good     collector" in doctor(box)[1]


@pytest.mark.fault(59)
def test_a_clock_that_differs_from_the_collectors_is_named() -> None:
    late = "HTTP/1.1 200 OK\r\ndate: Fri, 02 Jan 1970 00:00:00 GMT\r\ncontent-length: 0\r\n\r\n"
    serve = "import socket; s = socket.create_server(('127.0.0.1', 8098)); open('/srv/up', 'w'); c = s.accept()[0]; "
    serve += f"c.recv(999); c.sendall({late.encode()!r})"
    with Box(payload([stage("one", "true")], report=("http://127.0.0.1:8098", bytes(32))).files) as box:
        box.put("/srv/serve.py", serve)
        box.sh("setsid python3 /srv/serve.py </dev/null >/dev/null 2>&1 &")
        box.wait_for(lambda: box.exists("/srv/up"))
        code, out = doctor(box)
        assert code == 5 and "this clock and the collector's differ by " in out


def test_after_success_nothing_has_to_start_any_more() -> None:
    with Box(ONE.files) as box:
        assert box.tick().returncode == 0
        done = box.sh("initialrunner doctor")
        assert (done.returncode, "WRONG" in done.stdout) == (0, False)


def test_a_newer_entry_is_not_taken_for_a_broken_one() -> None:
    newer = payload([stage("one", "true")], deploy_id="20270101T000000-aaaaaa")
    with Box() as box:
        box.put(BUNDLE, ONE.bundle, 0o400)
        box.put(TRIGGER, text_of(newer), 0o644)
        code, out = doctor(box, "--fix")
        assert code == 5 and "waits for a different bundle" in out
        assert box.text(TRIGGER) == text_of(newer)
