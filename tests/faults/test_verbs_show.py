"""What the verbs that only look show: times, earlier journals, files beside the plan; and nothing a terminal obeys."""

from __future__ import annotations

import json
import re

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, deliver, ran, said, start_tick

from bootstrap.image import baked
from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER
from bootstrap.runner.later.verbs import USAGE
from bootstrap.runner.tick.journal import JOURNAL, seal

pytestmark = [pytest.mark.integration, needs_root]
TWO = stage("two", NOTE + "note two")
DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
# OSC, CSI, the same as C1 characters, a bell, DEL, right-to-left override, carriage return.
EVIL = "\x1b]0;PWN\x07\x1b[31m\x9b2J\x9d0;PWN\x9c\x7f\u202eh\r"
COLLECTOR = "http://127.0.0.1:8097"
VERBS = [line.split()[0] for line in USAGE.splitlines()[1:]]


def shape(out: str) -> list[str]:
    """Lines of output with single spaces, without what differs from run to run."""
    plain = re.sub(r"\d+\.\d s", "N s", re.sub(DATE, "DATE", out))
    return [" ".join(line.split()) for line in plain.splitlines()]


def answers(box: Box, text: str) -> None:
    """Start a collector that gives this answer to whatever it is asked."""
    serve = "import socket; s = socket.create_server(('127.0.0.1', 8097)); open('/srv/up', 'w')\n"
    serve += f"while True:\n c = s.accept()[0]; c.recv(99999); c.sendall({text.encode()!r}); c.close()\n"
    box.put("/srv/serve.py", serve)
    box.sh("setsid python3 /srv/serve.py </dev/null >/dev/null 2>&1 &")
    box.wait_for(lambda: box.exists("/srv/up"))


def test_the_timeline_in_its_order_and_by_what_took_longest() -> None:
    health = {"deadline_s": 9, "checks": [{"kind": "file", "path": "/srv/site"}]}
    slow = stage("slow", "sleep 1.2; touch /srv/site")
    fails = stage("fails", "test -e /srv/tried || { touch /srv/tried; exit 3; }", attempts=2, delay_s=0)
    needs = stage("needs", "sleep 0.4", needs=[{"file": "/srv/site"}])
    with Box(payload([slow, fails, needs], health=health).files) as box:
        assert box.tick().returncode == 0
        code, out, err = said(box, "timeline")
        assert (code, err) == (0, "")
        assert shape(out) == [
            "DATE N s stage slow done",
            "DATE N s stage fails failed",
            "DATE N s stage fails done",
            "DATE N s stage needs done",
            "DATE N s health",
        ]
        blamed = shape(said(box, "timeline --blame")[1])
        assert sorted(blamed) == sorted(shape(out))
        assert [line.split()[4] for line in blamed if "slow" in line or "needs" in line] == ["slow", "needs"]


def test_the_timeline_shows_what_is_waited_for_and_what_still_goes_on() -> None:
    one = stage("one", "true", needs=[{"file": "/srv/mounted"}])
    two = stage("two", NOTE + "note begin; block go")
    with Box(payload([one, two]).files) as box:
        start_tick(box)
        box.wait_for(lambda: box.events("waiting"))
        assert shape(said(box, "timeline")[1]) == ["DATE N s wait no file /srv/mounted so far"]
        code, out, _ = said(box, "status")
        assert code == 75 and "  reason: no file /srv/mounted\n" in out
        box.put("/srv/mounted", "")
        box.wait_for(lambda: ran(box) == ["begin"])
        assert shape(said(box, "timeline")[1]) == [
            "DATE N s wait no file /srv/mounted",
            "DATE N s stage one done",
            "DATE N s stage two so far",
        ]
        code, out, _ = said(box, "status")
        assert code == 75
        assert re.search(rf"^  two +running +{DATE} +\d+\.\d s  attempts 1", out, re.MULTILINE)
        assert re.search(r"^  took: \d+ s$", out, re.MULTILINE)
        assert re.search(r"^  deadline: in 3[56]\d\d s$", out, re.MULTILINE)


def test_history_tells_of_earlier_deploys_and_of_what_was_put_aside() -> None:
    with Box() as box:
        deliver(box, payload([TWO], deploy_id="20261121T000000-aaaaaa"))
        assert box.tick().returncode == 0
        deliver(box, payload([TWO, stage("last", "exit 3")], deploy_id="20261122T000000-bbbbbb"))
        assert box.tick().returncode == 5
        assert said(box, "reset")[0] == 0
        assert box.tick().returncode == 5
        code, out, err = said(box, "history")
        assert (code, err) == (0, "")
        assert [re.sub(r"\.\d{4}", ".N", line) for line in shape(out)] == [
            "DATE healthy deploy 20261121T000000-aaaaaa revision 0123456789ab journal.old.N",
            "two done",
            "DATE failed deploy 20261122T000000-bbbbbb revision 0123456789ab journal.reset.N",
            "two skipped, last failed",
            "DATE failed deploy 20261122T000000-bbbbbb revision 0123456789ab journal",
            "two skipped, last failed",
        ]


def test_verify_names_every_file_that_is_not_as_it_was_placed() -> None:
    names = "same", "bytes", "mode", "owner", "gone", "link", "used"
    files = [RenderedFile(f"/srv/{name}", name.encode(), 0o640, keep=name != "used") for name in names]
    late = [{"path": "/srv/late", "min_size": 4}]
    with Box(payload([stage("one", "exit 75")], files=files, wait_for=late).files) as box:
        done = box.run("/bin/sh", BUNDLE, "verify")
        assert done.returncode == 5 and shape(done.stdout)[0] == "differs /srv/same No such file or directory"
        box.put("/srv/late", "whole")
        assert box.tick().returncode == 75
        code, out, err = said(box, "verify")
        assert (code, err) == (0, "")
        assert shape(out) == [f"same /srv/{name}" for name in (*names, "late")]
        box.put("/srv/bytes", "other", 0o640)
        box.sh("chmod 666 /srv/mode; chown 7:8 /srv/owner; rm /srv/gone /srv/link; ln -s /etc/passwd /srv/link")
        box.put("/srv/late", "cut")
        code, out, err = said(box, "verify")
        assert (code, err) == (5, "")
        assert shape(out) == [
            "same /srv/same",
            "differs /srv/bytes other content",
            "differs /srv/mode mode 0666",
            "differs /srv/owner owner 7:8",
            "differs /srv/gone No such file or directory",
            "differs /srv/link Too many levels of symbolic links",
            "same /srv/used",
            "differs /srv/late other content",
        ]


def test_after_success_verify_does_not_miss_what_went_with_it() -> None:
    files = [RenderedFile("/srv/kept", b"x"), RenderedFile("/srv/used", b"x", keep=False)]
    with Box(payload([TWO], files=files).files) as box:
        assert box.tick().returncode == 0
        assert not box.exists("/srv/used")
        assert said(box, "verify") == (0, "same    /srv/kept  \n", "")


def test_logs_of_all_stages_and_of_health_with_their_names() -> None:
    checks = [{"kind": "command", "text": "echo looked"}]
    with Box(payload([stage("one", "echo first"), stage("two", "echo second")], checks=checks).files) as box:
        assert box.tick().returncode == 0
        everything = "==> health <==\nlooked\n==> one <==\nfirst\n==> two <==\nsecond\n"
        assert said(box, "logs") == (0, everything, "")
        assert said(box, "logs health") == (0, "looked\n", "")


@pytest.mark.fault(123)
def test_the_exit_code_of_status_says_how_it_is() -> None:
    with Box(payload([stage("one", "test -e /srv/go || exit 75; test -e /srv/good")]).files) as box:
        assert box.tick().returncode == 75
        assert [said(box, words)[0] for words in ("status", "status --json", "why")] == [75, 75, 75]
        box.put("/srv/go", "")
        assert box.tick().returncode == 5
        assert [said(box, words)[0] for words in ("status", "status --json", "why")] == [5, 5, 5]
        box.put("/srv/good", "")
        for words in "run one --force", "run", "status", "status --json", "why":
            assert said(box, words)[0] == 0


@pytest.mark.fault(121)
def test_the_command_without_a_word_is_status_and_starts_nothing() -> None:
    with Box(payload([stage("one", NOTE + "note asked; exit 75")]).files) as box:
        assert box.tick().returncode == 75
        code, out, _ = said(box, "")
        assert (code, out.split()[:2]) == (75, ["box-1", "running"])
        assert box.sh("flock -n /run/initialrunner.lock true").returncode == 0
        assert ran(box) == ["asked"]
        # The bundle itself, as cloud-init runs it, still installs and starts.
        assert box.run("/bin/sh", BUNDLE).returncode == 0
        box.wait_for(lambda: ran(box) == ["asked", "asked"])


@pytest.mark.fault(126)
def test_an_output_that_is_closed_or_full() -> None:
    with Box(payload([stage("one", "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); echo line $i; done")]).files) as box:
        assert box.tick().returncode == 0
        for words in "logs one", "source", "status", "why":
            done = box.sh(f"{{ {COMMAND} {words}; echo $? >/srv/code; }} | :")
            assert (done.stderr, box.text("/srv/code")) == ("", "141\n"), words
        full = "initialrunner: [Errno 28] No space left on device\n"
        for words in "status", "why", "logs one", "source", "help", "--version", "history", "timeline":
            done = box.sh(f"{COMMAND} {words} >/dev/full")
            assert (done.returncode, done.stderr) == (5, full), words
        assert box.sh(f"{COMMAND} status >&-").stderr == ""


def evil_events() -> list[dict[str, object]]:
    """A journal in which every word of another hand is one that a terminal would obey."""
    stages = {"stages": ["one", "two"], "digests": {"one": "0", "two": "0"}}
    about = {"deploy_id": "20261120T120000-ab12cd", "revision": EVIL, "boot_id": EVIL, **stages}
    ended = {"stage": "one", "result": "failed", "attempt": 1, "exit_code": 3, "took_s": 1.0, "cause": EVIL}
    return [
        {"type": "started", "journal": "1", **about},
        {"type": "waiting", "missing": [{"path": "/srv/x", "why": "a link", "saw": EVIL}]},
        {"type": "state", "state": "running", "reason": "placed"},
        {"type": "waiting", "missing": [{"path": "one", "why": "needs"}], "for": EVIL},
        {"type": "stage.started", "stage": "one", "attempt": 1, "boot_id": EVIL, "pid": 1, "start": "1"},
        {"type": "stage.ended", **ended, "tail": EVIL, "outputs": {"key": EVIL}},
        {"type": "every_boot", "name": EVIL, "exit_code": 1, "boot_id": EVIL},
        {"type": "health", "ok": False, "check": EVIL, "saw": EVIL},
        {"type": "state", "state": "failed", "reason": EVIL, "cause": "deadline", "final": True},
    ]


@pytest.mark.fault(122)
@pytest.mark.parametrize("verb", [*VERBS, "nonsense" + EVIL, "status --json", "run --dry-run", "run one --force"])
def test_no_verb_hands_on_what_a_terminal_would_obey(verb: str) -> None:
    one = payload(
        [stage("one", "cat /srv/evil; exit 3"), TWO],
        files=[RenderedFile("/srv/x", b"x")],
        # Only these two ask it; the others would wait for it.
        report=(COLLECTOR, bytes(32)) if verb in ("report", "doctor") else None,
    )
    with Box(one.files) as box:
        lines = [seal({**event, "seq": n, "at": 1.0, "uptime_s": 1.0}) for n, event in enumerate(evil_events(), 1)]
        box.put(JOURNAL, "".join(lines))
        box.put("/srv/evil", EVIL)
        box.put(f"{STATE}/logs/one.log", EVIL.encode() + b"\x9b31m\n")
        box.put(f"{STATE}/unsent", f"0 {EVIL}\n")
        box.put(f"{STATE}/every-boot.failed", EVIL + "\n")
        box.put(f"/etc/cron.d/{EVIL}", box.text(TRIGGER))
        answers(box, f"HTTP/1.1 500 {EVIL}\r\ncontent-length: {len(EVIL.encode())}\r\n\r\n{EVIL}")
        words = [verb] if EVIL in verb else verb.split()
        box.run("/usr/bin/python3", "-c", CAPTURE, BUNDLE, *words)
        out = (box.read("/srv/shown") or b"").decode().replace("\r\n", "\n")
        left = {c for c in out if not c.isprintable() and c not in "\n\t"}
        assert out and left == set(), f"{verb}: {left} in {out!r}"
        if verb == "status --json":
            assert json.loads(out)["stages"][0]["outputs"] == {"key": EVIL}


# As bytes: an output that is decoded has its line ends changed. At a terminal, since `tick` speaks to no one else.
CAPTURE = """
import os, pty, sys
with open("/srv/shown", "wb") as file:
    def read(fd):
        data = os.read(fd, 9999)
        file.write(data)
        return data
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    pty.spawn(["sh"] + sys.argv[1:], read)
"""


@pytest.mark.fault(122)
@pytest.mark.parametrize("verb", ["status", "why", "status --json", "help", "nonsense\x1b[31m"])
def test_nor_does_the_runner_of_an_image(verb: str) -> None:
    with Box() as box:
        box.put("/srv/baked.py", baked.text())
        box.put(
            "/etc/initialrunner/image.json", json.dumps({"version": 1, "sources": ["files", EVIL], "trigger": EVIL})
        )
        box.put("/run/initialrunner/seen.json", json.dumps({"sources": {"files": EVIL}}))
        box.put("/run/initialrunner/refused.json", json.dumps({"source": EVIL, "code": EVIL}))
        words = [verb] if "\x1b" in verb else verb.split()
        box.put("/srv/run", 'exec python3 -I -S /srv/baked.py "$@"\n')
        box.run("/usr/bin/python3", "-c", CAPTURE, "/srv/run", *words)
        out = (box.read("/srv/shown") or b"").decode().replace("\r\n", "\n")
        assert out and {c for c in out if not c.isprintable() and c not in "\n\t"} == set()


@pytest.mark.fault(125)
@pytest.mark.parametrize("link", [False, True], ids=["a file", "a link"])
def test_motd_is_healed_when_the_host_is(link: bool) -> None:
    path = "/var/lib/motd" if link else "/etc/motd"
    with Box(payload([stage("one", "test -e /srv/good")]).files) as box:
        box.put(path, b"Welcome to \xe9\n", 0o640, owner=(0, 4))
        if link:
            box.sh("ln -sf /var/lib/motd /etc/motd")
        assert box.tick().returncode == 5
        box.sh("echo 'initialrunner: waits for a whole /etc/initialrunner/bundle' >>/etc/motd")
        box.sh("echo 'initialrunner: box-10 failed: another one' >>/etc/motd; echo last >>/etc/motd")
        assert "initialrunner: box-1 failed: stage one failed" in box.text("/etc/motd")
        box.put("/srv/good", "")
        for words in "run one --force", "run":
            assert said(box, words)[0] == 0
        assert box.read(path) == b"Welcome to \xe9\ninitialrunner: box-10 failed: another one\nlast\n"
        assert box.stat(path)[:2] == ("0640", "root:adm")
        assert box.sh("test -L /etc/motd").returncode == (0 if link else 1)


@pytest.mark.parametrize("acked", ["true", "1", "0"])
def test_a_collector_that_takes_nothing_is_not_told_of_as_none(acked: str) -> None:
    with Box() as box:
        body = f'{{"acked": {acked}}}'
        answers(box, f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}")
        deliver(box, payload([TWO], report=(COLLECTOR, bytes(32))))
        assert box.tick().returncode == 75
        for words in "status", "why", "report":
            out = said(box, words)[1]
            assert "not reported: " in out and "None" not in out, words


def test_doctor_says_in_words_what_the_collector_answers() -> None:
    with Box() as box:
        answers(box, "HTTP/1.1 501 No\r\ncontent-length: 0\r\n\r\n")
        deliver(box, payload([TWO], report=(COLLECTOR, bytes(32))))
        out = box.run("/bin/sh", BUNDLE, "doctor").stdout
        assert f"WRONG    collector {COLLECTOR}: answers 501, not 200\n" in out
