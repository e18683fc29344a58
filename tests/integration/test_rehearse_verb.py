"""`bootstrap rehearse`, run as people run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from box import needs_cron, needs_root

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.integration, needs_root]

HELLO = ROOT / "examples" / "hello"
INJECTED = """\
version: 1
name: web
files:
  - {path: /etc/rc.local.stage1, content: "#!/bin/sh\\ncat /proc/sys/kernel/random/boot_id\\n", deliver: inject}
stages:
  - {name: one, run: /bin/sh /etc/rc.local.stage1}
"""


def spec(folder: Path, text: str) -> Path:
    path = folder / "web.yaml"
    path.write_text(text)
    return path


def argv(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bootstrap", "rehearse", *map(str, arguments)]


def rehearse(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the verb with its temporary files under folder, and hold it to leaving none there."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    done = subprocess.run(
        argv(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "TMPDIR": str(scratch), "NO_COLOR": "1"},
    )  # fmt: skip
    assert os.listdir(scratch) == []
    return done


def stripped(text: str) -> list[str]:
    """The timeline without its times."""
    return [re.sub(r"\d+\.\d s", "T", line) for line in text.splitlines()]


def test_hello_ends_healthy_with_its_timeline(tmp_path: Path) -> None:
    done = rehearse(HELLO, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = stripped(done.stdout)
    assert re.fullmatch(r" +T  boot +4 files injected \([\d,]+ bytes, mode 0400\), cron: fast", lines[0])
    assert re.fullmatch(r" +T  started +1 stage, revision [0-9a-f]{12}, Python \d\.\d+", lines[1])
    site = [line.split()[1:] for line in lines if " site " in line]
    assert site == [["site", "running"], ["site", "done", "in", "T"]]
    assert re.fullmatch(r" +T  reports +\d+ events, each signed and taken by the collector", lines[-2])
    assert lines[-1] == "hello-1: healthy in T"


def test_json_has_the_state_and_every_event(tmp_path: Path) -> None:
    done = rehearse(HELLO, "--json", "--server", "hello-7", folder=tmp_path)
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, found["server"], found["state"]) == (0, "hello-7", "healthy")
    assert found["events"][0]["type"] == "started"
    assert found["events"][-1]["state"] == "healthy"
    assert [event["seq"] for event in found["events"]] == list(range(1, len(found["events"]) + 1))
    assert 0 < found["took_s"] < 60
    assert "site" in done.stderr


def test_without_reports_the_journal_tells_it(tmp_path: Path) -> None:
    done = rehearse(HELLO, "--no-report", folder=tmp_path)
    assert stripped(done.stdout)[-1] == "hello-1: healthy in T"
    assert "reports" not in done.stdout


@needs_cron
def test_real_cron_and_a_late_file(tmp_path: Path) -> None:
    late = ["--late", "/etc/rc.local.stage1=1"]
    done = rehearse(spec(tmp_path, INJECTED), "--cron", "real", *late, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    names = [line.split()[2] for line in done.stdout.splitlines()[:-1]]
    assert names.index("started") < names.index("injected") < names.index("one")
    (injected,) = [line for line in done.stdout.splitlines() if " injected  " in line]
    assert injected.split() == ["1.0", "s", "injected", "/etc/rc.local.stage1"]


@pytest.mark.parametrize("how", [["--torn"], ["--torn", "--order", "reverse"], ["--order", "random", "--seed", "3"]])
def test_torn_and_out_of_order_files_are_waited_for(tmp_path: Path, how: list[str]) -> None:
    done = rehearse(spec(tmp_path, INJECTED), *how, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    events = json.loads(done.stdout)["events"]
    assert [event["attempt"] for event in events if event["type"] == "stage.started"] == [1]


def test_a_spec_that_reports_elsewhere_reports_to_the_rehearsal(tmp_path: Path) -> None:
    text = INJECTED + 'report: {url: "https://deploy.example:8443"}\n'
    done = rehearse(spec(tmp_path, text), folder=tmp_path)
    assert "events, each signed and taken by the collector" in done.stdout
    assert rehearse(spec(tmp_path, text), "--no-report", folder=tmp_path).returncode == 0


def test_a_failed_stage_is_exit_5_with_the_end_of_its_log(tmp_path: Path) -> None:
    text = "version: 1\nname: web\nstages:\n  - {name: one, run: 'echo oh no; exit 42'}\n"
    done = rehearse(spec(tmp_path, text), folder=tmp_path)
    assert done.returncode == 5
    lines = stripped(done.stdout)
    place = next(number for number, line in enumerate(lines) if "failed after" in line)
    assert lines[place].endswith("one             failed after T, exit 42, for good")
    assert lines[place + 1] == "            | oh no"
    assert lines[-1] == "web-1: failed after T"


def test_no_end_in_time_is_exit_6(tmp_path: Path) -> None:
    text = "version: 1\nname: web\nstages:\n  - {name: one, run: sleep 60}\n"
    done = rehearse(spec(tmp_path, text), "--timeout", "1s", folder=tmp_path)
    assert (done.returncode, stripped(done.stdout)[-1]) == (6, "web-1: running still, after T")


def test_a_stage_that_reboots_goes_on_after_it(tmp_path: Path) -> None:
    text = "version: 1\nname: web\nstages:\n  - {name: one, run: 'true', reboot: after}\n  - {name: two, run: 'true'}\n"
    done = rehearse(spec(tmp_path, text), folder=tmp_path)
    names = [line.split()[2] for line in done.stdout.splitlines()[:-1]]
    assert done.returncode == 0, done.stdout
    assert names.index("one") < names.index("rebooting") < names.index("power") < names.index("two")


def test_another_hands_file_can_be_brought(tmp_path: Path) -> None:
    text = (
        "version: 1\nname: web\nwait_for:\n  - {path: /etc/web/tls.key, min_size: 1, settle: 100ms}\n"
        "stages:\n  - {name: one, run: cat /etc/web/tls.key}\n"
    )
    key = tmp_path / "key"
    key.write_text("the key\n")
    bring = ["--bring", f"/etc/web/tls.key={key}", "--late", "/etc/web/tls.key=0.5"]
    done = rehearse(spec(tmp_path, text), *bring, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the key" in done.stdout


def test_what_was_written_can_be_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = rehearse(spec(tmp_path, INJECTED), "--keep", kept, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((kept / "outcome.json").read_text())["state"] == "healthy"
    assert re.fullmatch(r"[0-9a-f-]{36}\n", (kept / "logs" / "one.log").read_text())
    assert (kept / "journal").read_bytes().startswith(b"{")
    assert (kept / "written" / "0" / "var/lib/initialrunner/journal").exists()
    assert (kept / "collector" / "collector.sqlite").exists()
    again = rehearse(spec(tmp_path, INJECTED), "--keep", kept, folder=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "the folder is not empty" in again.stderr


@pytest.mark.fault(138)
def test_a_relative_folder_is_kept_in_and_nothing_is_left_by_what_could_not_start(tmp_path: Path) -> None:
    path, scratch = spec(tmp_path, INJECTED), tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), "NO_COLOR": "1"}

    def kept(*options: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv(path, "--keep", "new/kept", *options), cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=120, env={**environment, **more},
        )  # fmt: skip

    # Each is refused at another moment: before the copy, by the kernel, by the collector.
    assert kept("--late", "/etc/none=3").returncode == 2
    assert kept("--root", str(scratch)).returncode == 2
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/uvicorn.py").write_text("raise ImportError('broken', name='uvicorn')\n")
    failed = kept(PYTHONPATH=f"{ROOT}:{tmp_path}/broken")
    assert (failed.returncode, "uvicorn, which is not installed" in failed.stderr) == (2, True), failed.stderr
    assert sorted(os.listdir(tmp_path)) == ["broken", "scratch", "web.yaml"]
    done = kept()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new/kept/collector/collector.sqlite").exists()
    assert "the folder is not empty" in kept().stderr


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    done = rehearse(spec(tmp_path, INJECTED), "--keep", "/proc/none/kept", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--keep /proc/none/kept: it cannot be created: No such file or directory" in done.stderr


@pytest.mark.fault(138)
def test_the_callers_folder_does_not_shadow_the_package(tmp_path: Path) -> None:
    (tmp_path / "bootstrap.py").write_text("raise SystemExit('the wrong bootstrap')\n")
    program = [str(Path(sys.executable).parent / "bootstrap"), "rehearse", str(spec(tmp_path, INJECTED))]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.fault(139)
@pytest.mark.parametrize("network", ["none", "host"])
def test_the_rehearsals_collector_answers_no_check_of_a_spec(tmp_path: Path, network: str) -> None:
    """Not on the port that it had, not to the name or the address of this machine, not as a process."""
    found = "ss -Hltn 2>/dev/null || true; ps -eo args"
    text = (
        "version: 1\nname: web\nstages:\n"
        f"  - {{name: look, run: '{found}'}}\n"
        "health:\n  deadline: 1s\n  checks: [{tcp: '127.0.0.1:8443'}]\n"
    )
    kept = tmp_path / "kept"
    done = rehearse(spec(tmp_path, text), "--network", network, "--keep", kept, folder=tmp_path)
    assert done.returncode == 5, done.stdout
    assert "tcp 127.0.0.1:8443" in done.stdout
    assert "each signed and taken by the collector" in done.stdout
    seen = (kept / "logs/look.log").read_text()
    assert "bootstrap serve" not in seen
    assert "bootstrap.rehearse" not in seen
    if network == "none" and shutil.which("ss"):
        assert [line.split()[3].rsplit(":", 1)[0] for line in seen.splitlines() if line.startswith("LISTEN")] == [
            "127.83.114.9"
        ]


@pytest.mark.fault(139)
def test_a_stage_may_listen_on_any_port_that_its_spec_names(tmp_path: Path) -> None:
    """All addresses, on the port that the collector had and on the first that it would take: both are the spec's."""
    serve = "setsid python3 -m http.server %d >/dev/null 2>&1 & "
    text = (
        "version: 1\nname: web\nstages:\n"
        f"  - {{name: one, run: '{serve % 8443}{serve % 23600}'}}\n"
        "health: {checks: [{tcp: '127.0.0.1:8443'}, {tcp: '127.0.0.1:23600'}]}\n"
    )
    done = rehearse(spec(tmp_path, text), folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "each signed and taken by the collector" in done.stdout


@pytest.mark.fault(139)
def test_a_spec_with_a_proxy_reports_to_the_rehearsal(tmp_path: Path) -> None:
    text = INJECTED + "proxy: {http: 'http://127.0.0.1:9', https: 'http://127.0.0.1:9'}\n"
    done = rehearse(spec(tmp_path, text), folder=tmp_path)
    assert "each signed and taken by the collector" in done.stdout, done.stdout


@pytest.mark.fault(140)
def test_the_timeline_tells_of_every_boot_of_needs_and_of_a_log_behind_a_failed_check(tmp_path: Path) -> None:
    text = (
        "version: 1\nname: web\nsecrets: {token: 'env:TOKEN_OF_A_TEST'}\n"
        "files: [{path: /etc/token, content: '{{ token }}', secret: true}]\nstages:\n"
        "  - {name: join, needs: [{file: /srv/late}], run: 'true'}\n"
        "every_boot:\n"
        "  - {name: first, run: 'echo never mind; exit 3'}\n"
        "  - {name: worker, run: '(sleep 0.5; cat /etc/token; echo; echo cannot write) & true'}\n"
        "health: {deadline: 2s, checks: [{process: no-such-worker}]}\n"
    )
    late = tmp_path / "late"
    late.write_text("here\n")
    bring = ["--bring", f"/srv/late={late}", "--late", "/srv/late=2"]
    done = subprocess.run(
        argv(spec(tmp_path, text), *bring), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "TOKEN_OF_A_TEST": "a-secret-of-a-test"},
    )  # fmt: skip
    assert done.returncode == 5, done.stdout + done.stderr
    lines = [line.split(" s  ", 1)[-1] for line in stripped(done.stdout)]
    said = [re.sub(r"^ +T +", "", line) for line in lines]
    assert "waiting         for stage join: no file /srv/late" in said
    place = said.index("first           every boot: failed, exit 3")
    assert said[place + 1] == "            | never mind"
    assert "worker          every boot: exit 0" in said
    place = said.index("worker          its log ends with")
    assert said[place + 1 : place + 3] == ["            | ******************", "            | cannot write"]
    assert "a-secret-of-a-test" not in done.stdout


@pytest.mark.fault(140)
def test_the_timeline_tells_why_a_runner_cannot_go_on(tmp_path: Path) -> None:
    """What a runner leaves where its journal cannot be written."""
    for path in ("/var/lib/initialrunner/stuck", "/run/initialrunner.stuck"):
        text = (
            "version: 1\nname: web\nstages:\n  - name: one\n    run: |\n"
            f"      echo '[Errno 28] No space left on device' >{path}; sleep 2; rm {path}\n"
        )
        done = rehearse(spec(tmp_path, text), folder=tmp_path)
        assert done.returncode == 0
        assert re.search(r" s  waiting +cannot go on yet: \[Errno 28\] No space left on device\n", done.stdout)
        assert done.stdout.count("Errno 28") == 1


def test_values_reach_the_payload(tmp_path: Path) -> None:
    stages = "stages:\n  - {name: say, run: 'echo said {{ word }}'}\n"
    text = "version: 1\nname: web\nvalues: {word: one}\n" + stages
    values = tmp_path / "values.yaml"
    values.write_text("word: two\n")
    for options, word in ((["--set", "word=three"], "three"), (["--values", str(values)], "two"), ([], "one")):
        assert f"said {word}" in rehearse(spec(tmp_path, text), *options, "--json", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--late", "/etc/none=3"], 2, "--late /etc/none: no such file is injected"),
        (["--late", "etc/x=3"], 2, "has no PATH= before its value, or PATH is not absolute"),
        (["--late", "/etc/x=soon"], 2, "'soon' is not a number of seconds"),
        (["--bring", "/etc/x=/no/such/file"], 2, "/no/such/file cannot be read"),
        (["--inject-mode", "9"], 2, "'9' is not a mode in octal"),
        (["--timeout", "90"], 2, "'90' is not a duration with a unit"),
        (["--set", "nothing"], 2, "nothing"),
    ],
)
def test_wrong_options_are_refused_before_anything_starts(
    tmp_path: Path, options: list[str], code: int, said: str
) -> None:
    done = rehearse(spec(tmp_path, INJECTED), *options, folder=tmp_path)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr


def test_a_wrong_spec_is_exit_3(tmp_path: Path) -> None:
    done = rehearse(spec(tmp_path, "version: 1\nname: web\nstagez: []\n"), folder=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "web.yaml:3:1" in done.stderr


def test_a_folder_without_its_spec_is_refused(tmp_path: Path) -> None:
    done = rehearse(tmp_path, folder=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path} holds 0 specs" in done.stderr


def test_a_root_without_a_system_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = rehearse(HELLO, "--root", empty, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{empty} holds no root file system: there is no {empty}/bin/sh" in done.stderr
    assert "mmdebstrap" in done.stderr


def test_sharing_the_network_is_said_loudly(tmp_path: Path) -> None:
    text = "version: 1\nname: web\nstages:\n  - {name: one, run: 'grep -c : /proc/net/dev'}\n"
    done = rehearse(spec(tmp_path, text), "--network", "host", "--json", folder=tmp_path)
    assert done.stderr.startswith("WARNING: web-1 shares THIS MACHINE'S NETWORK (--network host)")
    interfaces = Path("/proc/net/dev").read_text().count(":")
    (ended,) = [event for event in json.loads(done.stdout)["events"] if event["type"] == "stage.ended"]
    assert ended["tail"] == f"{interfaces}\n"


def copies_under(scratch: Path) -> list[int]:
    """Processes whose view of the file systems has an overlay under this folder."""
    found = []
    for pid in (name for name in os.listdir("/proc") if name.isdigit()):
        try:
            if f"upperdir={scratch}/" in Path(f"/proc/{pid}/mountinfo").read_text():
                found.append(int(pid))
        except OSError:
            continue
    return found


def collectors_under(scratch: Path) -> list[int]:
    found = []
    for pid in (name for name in os.listdir("/proc") if name.isdigit()):
        try:
            if f"sqlite:///{scratch}/".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_an_interrupted_rehearsal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    path = spec(tmp_path, "version: 1\nname: web\nstages:\n  - {name: one, run: 'setsid sleep 600 & sleep 600'}\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        argv(path), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
        # A test run in the background has SIGINT ignored, and what it starts would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as program:  # fmt: skip
        assert program.stdout is not None
        while " running" not in (line := program.stdout.readline()) or " one " not in line:
            assert line, "it ended early"
        assert copies_under(scratch)
        assert collectors_under(scratch)
        # As a terminal does it: to the whole group.
        os.killpg(program.pid, number)
        _, said = program.communicate(timeout=30)
    assert (program.returncode, said.strip()) == (130, "interrupted")
    deadline = time.monotonic() + 10
    while (copies_under(scratch) or collectors_under(scratch)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert copies_under(scratch) == []
    assert collectors_under(scratch) == []
    assert os.listdir(scratch) == []


UNIT = """\
version: 1
name: web
files:
  - path: /etc/systemd/system/web.service
    content: |
      [Unit]
      Description=A server of a test
      [Service]
      User=nobody
      ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 8080 --directory /srv
      [Install]
      WantedBy=multi-user.target
stages:
  - {name: web, run: "test -d /run/systemd/system; systemctl daemon-reload; systemctl enable --now web", reboot: after}
health:
  stable: 3
  checks: [{unit: web.service}, {http: "http://127.0.0.1:8080/"}]
"""


@pytest.mark.fault(141)
@pytest.mark.parametrize("trigger", ["auto", "systemd", "both"])
def test_a_spec_with_a_unit_is_rehearsed_and_its_service_runs_again_after_a_reboot(
    tmp_path: Path, trigger: str
) -> None:
    kept = tmp_path / "kept"
    text = UNIT + f"trigger: {trigger}\nevery_boot: [{{name: note, run: 'echo noted'}}]\n"
    done = rehearse(spec(tmp_path, text), "--keep", kept, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "power           boot 2" in done.stdout
    # The folder that says systemd is there has made the runner no units of its own.
    names = {path.name for path in (kept / "written").rglob("*") if "systemd/system" in str(path)}
    assert not any(name.startswith("initialrunner") for name in names - {"initialrunner-boot.service"})
    assert not (kept / "written/0/etc/cron.d/initialrunner").exists()


@pytest.mark.fault(141)
def test_a_unit_that_fails_is_a_failed_check_with_its_last_line(tmp_path: Path) -> None:
    text = UNIT.replace("/usr/bin/python3 -m", "/bin/sh -c 'echo no such database; exit 3' -m")
    text = text.replace(", reboot: after", "").replace("stable: 3", "stable: 3\n  deadline: 1s")
    done = rehearse(spec(tmp_path, text), folder=tmp_path)
    assert done.returncode == 5, done.stdout
    saw = "failed web.service: its main process ended with exit 3; it said: no such database"
    assert f"not yet: unit web.service (saw {saw})" in done.stdout
    lines = stripped(done.stdout)
    place = next(number for number, line in enumerate(lines) if "web.service     its log ends with" in line)
    assert lines[place + 1] == "            | no such database"
