"""A copy of this machine behaves like a machine: identity, boots, reboots, cron, files that arrive in many ways."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import Box, needs_cron, needs_root
from handmade import payload, stage
from pytest_mock import MockerFixture

from bootstrap.errors import HostError, UsageError
from bootstrap.payload.model import InjectedFile
from bootstrap.rehearse.copy import Copy, journal_events

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.integration, needs_root]


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """One box for all that does not change it."""
    with Box(server="web-7", dmi={"product_uuid": "11111111-2222-3333-4444-555555555555\n"}) as made:
        yield made


def test_it_has_a_name_and_ids_of_its_own(box: Box) -> None:
    assert box.sh("hostname; cat /etc/hostname").stdout == "web-7\nweb-7\n"
    assert box.sh("getent hosts web-7").stdout.split()[:2] == ["127.0.1.1", "web-7"]
    machine_id = box.text("/etc/machine-id")
    assert len(machine_id) == 33 and int(machine_id, 16)
    assert machine_id != Path("/etc/machine-id").read_text()
    assert box.stat("/etc/machine-id")[:2] == ("0444", "root:root")
    assert box.text("/proc/sys/kernel/random/boot_id") != Path("/proc/sys/kernel/random/boot_id").read_text()
    assert box.text("/sys/class/dmi/id/product_uuid") == "11111111-2222-3333-4444-555555555555\n"


def test_two_copies_differ() -> None:
    with Box() as one, Box() as other:
        for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
            assert one.text(path) != other.text(path)


def test_a_clone_can_be_given_another_product_uuid() -> None:
    with Box(dmi={"product_uuid": "a\n"}) as box:
        box.copy.set_dmi({"product_uuid": "b\n"})
        assert box.text("/sys/class/dmi/id/product_uuid") == "b\n"


def test_devices_are_few_and_none_is_a_disk(box: Box) -> None:
    found = box.sh("find /dev -type b; find / -xdev -type b").stdout
    assert found == ""
    names = set(box.sh("ls /dev").stdout.split())
    assert names == {
        "console", "fd", "full", "log", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
        "urandom", "zero",
    }  # fmt: skip
    assert box.sh("head -c 3 /dev/zero | od -An -tx1; echo x >/dev/full").stdout.split() == ["00", "00", "00"]
    assert box.sh("test -f /dev/console").returncode == 0


def test_homes_and_memory_file_systems_are_empty(box: Box) -> None:
    assert box.sh("ls -A /root /tmp /dev/shm").stdout.split() == ["/dev/shm:", "/root:", "/tmp:"]
    assert box.sh("ls -A /run").stdout.split() == ["lock"]
    assert box.sh("find /home -mindepth 2").stdout == ""


def test_only_the_loopback_is_there(box: Box) -> None:
    assert [line.split(":")[0].strip() for line in box.text("/proc/net/dev").splitlines()[2:]] == ["lo"]
    listen = "import socket; s = socket.create_server(('127.0.0.1', 0))"
    assert box.python(f"{listen}; socket.create_connection(s.getsockname()); print('up')") == "up\n"


def test_a_program_gives_its_code_and_both_its_outputs(box: Box) -> None:
    done = box.run("sh", "-c", "head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2; cat; exit 3", input=b"end")
    assert (done.returncode, len(done.stdout), len(done.stderr)) == (3, 200_003, 200_000)
    assert box.run("no-such-program").returncode == 127
    assert box.sh("kill -9 $$").returncode == -9
    done = box.sh("id -un; pwd; umask; env", user="nobody", cwd="/usr", umask=0o27, environment={"A": "b"})
    assert done.stdout.split() == ["nobody", "/usr", "0027", "A=b", "PWD=/usr"]


def test_a_program_is_waited_for_and_its_daemon_is_not(box: Box) -> None:
    begin = time.monotonic()
    done = box.sh("sleep 300 & echo started")
    assert (done.returncode, done.stdout) == (0, "started\n")
    assert time.monotonic() - begin < 60


def test_a_program_out_of_time_is_killed(box: Box) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        box.sh("echo $$ >/tmp/pid; exec sleep 300", timeout_s=0.2)
    box.wait_for(lambda: box.sh("kill -0 $(cat /tmp/pid)").returncode != 0)


def test_files_go_in_with_mode_and_owner_and_come_out_again() -> None:
    with Box() as box:
        box.put("/etc/new/folder/file", b"x" * 300_000, 0o400, owner=(1, 2))
        assert box.read("/etc/new/folder/file") == b"x" * 300_000
        assert box.stat("/etc/new/folder/file") == ("0400", "daemon:bin", 300_000)
        box.put("/etc/new/folder/file", "y", method="append")
        assert box.stat("/etc/new/folder/file")[2] == 300_001
        assert box.read("/etc/none") is None
        with pytest.raises(HostError, match="IsADirectoryError"):
            box.put("/etc/new", "x", method="direct")


def test_a_path_of_the_copy_is_never_followed_outside(tmp_path: Path) -> None:
    """A payload may plant links anywhere; what the rehearsal writes stays inside all the same."""
    with Box() as box:
        box.sh(f"mkdir -p {tmp_path}; ln -s {tmp_path} /etc/trap; ln -s /proc/1/root{tmp_path} /etc/trap2")
        box.put("/etc/trap/file", "x")
        box.put("/etc/trap2/file", "x", method="direct")
        assert box.text(f"{tmp_path}/file") == "x"
    assert os.listdir(tmp_path) == []


def test_what_is_not_a_file_is_not_read() -> None:
    with Box() as box:
        box.sh("ln -s /dev/zero /etc/endless; mkfifo /etc/pipe")
        for path in ("/etc/endless", "/etc/pipe", "/etc"):
            with pytest.raises(HostError, match="not a regular file"):
                box.read(path)


def test_a_payload_that_breaks_everything_does_not_break_process_1() -> None:
    with Box(cron="fast", tick_s=0.05, size="20m") as box:
        box.put("/etc/cron.d/initialrunner", "* * * * * root echo tick >>/run/ticks\n@reboot root rm -f /run/ticks\n")
        box.wait_for(lambda: box.text("/run/ticks"))
        box.sh("rm -rf /dev/null /dev/console /var/mail /dev/log; touch /var/mail; cat /dev/zero >/var/full")
        ticks = box.text("/run/ticks")
        box.wait_for(lambda: box.text("/run/ticks") > ticks)
        box.sh("rm -rf --no-preserve-root /var /usr/share /run/lock; touch /run/lock", timeout_s=60)
        box.reboot()
        box.wait_for(lambda: box.text("/run/ticks"))
        assert box.copy.status()["boots"] == 2


def test_a_slow_writer_keeps_its_file_open() -> None:
    with Box() as box:
        box.copy.hold("/etc/slow", mode=0o755)
        assert box.read("/etc/slow") == b""
        box.copy.chunk("/etc/slow", b"#!/bin/sh\n")
        box.copy.chunk("/etc/slow", b"echo ran\n")
        assert "Text file busy" in box.sh("/etc/slow").stderr
        box.copy.release("/etc/slow")
        assert box.sh("/etc/slow").stdout == "ran\n"


@pytest.mark.parametrize("how", ["reboot", "systemctl reboot", "shutdown -r now", "/sbin/reboot -f", "api"])
def test_a_reboot_is_one(how: str) -> None:
    with Box() as box:
        before = box.text("/proc/sys/kernel/random/boot_id")
        box.put("/etc/rc.local", "#!/bin/sh\necho $1 >>/var/log/booted\n", 0o755)
        box.boot()
        box.wait_for(lambda: box.text("/var/log/booted") == "start\n")
        box.sh("touch /run/a /tmp/a /dev/shm/a /var/lib/a; (trap '' TERM; exec sleep 300) >/dev/null 2>&1 &")
        if how == "api":
            box.reboot()
        else:
            box.sh(f"{how}; sleep 60")
        box.wait_for(lambda: box.text("/var/log/booted") == "start\nstart\n")
        assert box.sh("ls /run /tmp /dev/shm; ls /var/lib/a").stdout.split() == [
            "/dev/shm:", "/run:", "lock", "/tmp:", "/var/lib/a",
        ]  # fmt: skip
        assert "sleep 300" not in box.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
        assert box.text("/proc/sys/kernel/random/boot_id") != before
        assert box.copy.status()["boots"] == 2


def test_rc_local_runs_only_when_it_is_executable() -> None:
    with Box() as box:
        box.put("/etc/rc.local", "#!/bin/sh\necho ran >>/var/log/booted\n", 0o400)
        box.boot()
        box.reboot()
        assert box.sh("sleep 0.2; cat /var/log/booted").stdout == ""


def test_a_power_cut_ends_everything_and_leaves_it_off() -> None:
    with Box(cron="fast", tick_s=0.05) as box:
        box.put("/etc/cron.d/initialrunner", "* * * * * root echo tick >>/var/log/ticks\n")
        box.wait_for(lambda: box.text("/var/log/ticks"))
        box.sh("(trap '' TERM HUP; exec sleep 300) >/dev/null 2>&1 &")
        box.power_cut()
        assert (box.copy.status()["on"], box.copy.status()["pids"]) == (False, [])
        ticks = box.text("/var/log/ticks")
        time.sleep(0.2)
        assert box.text("/var/log/ticks") == ticks
        box.boot()
        box.wait_for(lambda: box.text("/var/log/ticks") > ticks)
        assert box.copy.status()["boots"] == 2


def test_switched_off_from_inside_it_stays_off() -> None:
    with Box(cron="fast") as box:
        box.sh("poweroff; sleep 60")
        box.wait_for(lambda: not box.copy.status()["on"])
        assert box.copy.status()["events"][-1]["type"] == "off"


CRON = "@reboot root echo boot >>/var/log/said\n* * * * * root echo minute >>/var/log/said\n"


def test_fast_cron_runs_reboot_once_and_the_minute_over_and_over() -> None:
    with Box([InjectedFile("/etc/cron.d/initialrunner", CRON.encode())], cron="fast", tick_s=0.05) as box:
        box.wait_for(lambda: box.text("/var/log/said").count("minute") >= 3)
        assert box.text("/var/log/said").count("boot") == 1
        box.reboot()
        box.wait_for(lambda: box.text("/var/log/said").count("boot") == 2)


@pytest.mark.parametrize(
    ("mode", "owner", "name"),
    [(0o664, 0, "initialrunner"), (0o644, 65534, "initialrunner"), (0o644, 0, "initialrunner.bak.1")],
)
def test_fast_cron_refuses_what_cron_refuses_and_heals_at_the_next_minute(mode: int, owner: int, name: str) -> None:
    with Box(cron="fast", tick_s=0.05) as box:
        box.put(f"/etc/cron.d/{name}", CRON, mode, owner=(owner, owner))
        box.put("/etc/cron.d/witness", CRON.replace("said", "seen"))
        box.wait_for(lambda: box.text("/var/log/seen").count("minute") >= 2)
        assert box.text("/var/log/said") == ""
        box.sh(f"cd /etc/cron.d && chown root:root {name} && chmod 644 {name} && mv {name} initialrunner")
        box.wait_for(lambda: "minute" in box.text("/var/log/said"))


def test_fast_cron_runs_minutes_beside_each_other() -> None:
    with Box(cron="fast", tick_s=0.05) as box:
        box.put("/etc/cron.d/initialrunner", "* * * * * root echo $$ >>/var/log/said; sleep 60\n")
        box.wait_for(lambda: len(box.text("/var/log/said").split()) >= 3)


@needs_cron
def test_the_real_cron_daemon_runs_only_what_was_injected() -> None:
    files = [
        InjectedFile("/etc/cron.d/initialrunner", CRON.replace("echo boot", "env").encode()),
        InjectedFile("/etc/cron.d/loose", b"@reboot root touch /var/log/loose\n"),
    ]
    with Box(files[:1]) as box:
        box.put(files[1].path, files[1].content, 0o664)
        box._cron = "real"
        box.boot()
        box.wait_for(lambda: "PWD" in box.text("/var/log/said"))
        assert set(box.text("/var/log/said").split()) == {
            "HOME=/root", "LOGNAME=root", "PATH=/usr/bin:/bin", "SHELL=/bin/sh", "PWD=/root",
        }  # fmt: skip
        box.wait_for(lambda: "INSECURE MODE" in box.syslog())
        assert not box.exists("/var/log/loose")
        assert box.sh("ls -A /etc/cron.d").stdout.split() == ["initialrunner", "loose"]
        assert box.sh("ls -A /var/spool/cron/crontabs; cat /etc/crontab").stdout == ""


def test_real_cron_that_is_not_installed_is_named(mocker: MockerFixture) -> None:
    mocker.patch("bootstrap.rehearse.copy.cron_program", return_value=None)
    with Copy() as copy, pytest.raises(UsageError) as caught:
        copy.boot(cron="real")
    assert caught.value.hint == "apt-get install cron, or use --cron fast"


def test_a_real_payload_becomes_healthy_and_reports() -> None:
    with Box() as box:
        made = payload([stage("a", "echo hello\n")], report=(box.collector.url, box.collector.secret))
        for file in made.files:
            box.put(file.path, file.content, 0o400)
        assert box.tick().returncode == 0
        assert box.state() == "healthy"
        assert box.log("a") == "hello\n"
        server = box.collector.get("/v1/servers/box-1")
        assert (server["state"], [one["state"] for one in server["stages"]]) == ("healthy", ["done"])


def test_kill_runner_kills_the_one_that_holds_the_lock() -> None:
    with Box(payload([stage("a", "sleep 300\n")]).files, cron="fast") as box:
        box.wait_for(lambda: box.events("stage.started"))
        pid = box.kill_runner()
        assert pid is not None
        box.wait_for(lambda: box.sh(f"kill -0 {pid}").returncode != 0)


EARLIER = """
set -e
mount -t tmpfs none "$1"
for top in etc usr/local var/lib; do
  mkdir -p "$1/$top/upper" "$1/$top/work"
  mount -t overlay -o "lowerdir=/$top,upperdir=$1/$top/upper,workdir=$1/$top/work" none "/$top"
done
mkdir -p /etc/initialrunner /var/lib/initialrunner /usr/local/sbin
echo old | tee /etc/initialrunner/bundle /var/lib/initialrunner/journal /usr/local/sbin/initialrunner \\
  /etc/cron.d/initialrunner /etc/cron.d/other /etc/rc.local >/dev/null
chmod 755 /etc/rc.local
exec "$2" -c "$3" "$4"
"""


SHOW = """
import sys; sys.path.insert(0, sys.argv[1])
from bootstrap.rehearse.copy import Copy
look = (
    "cat /etc/initialrunner/bundle /var/lib/initialrunner/journal /usr/local/sbin/initialrunner /etc/rc.local; "
    "ls -A /etc/cron.d; test -s /etc/passwd && echo and passwd"
)
with Copy() as copy:
    print(copy.run(["sh", "-c", look]).stdout, end="")
"""


def test_an_earlier_run_on_this_machine_does_not_show(tmp_path: Path) -> None:
    argv = ["unshare", "--mount", "sh", "-c", EARLIER, "sh", str(tmp_path), sys.executable, SHOW, str(ROOT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("and passwd\n", "")
    assert not Path("/etc/cron.d/other").exists()


def test_a_machine_that_forbids_it_is_told_why() -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); from bootstrap.rehearse.copy import Copy; Copy().start()"
    argv = ["setpriv", "--bounding-set=-sys_admin", sys.executable, "-c", script, str(ROOT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "cannot make a copy of this machine: unshare: unshare failed: Operation not permitted" in done.stderr


ROOTLESS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from bootstrap.errors import BootstrapError
from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.rehearse.copy import Copy
from bootstrap.rehearse.rehearsal import Run, Settings, steps_of
files = tuple(InjectedFile(path, text.encode()) for path, text in json.load(sys.stdin))
made = Payload("hello-1", "d", "r", b"", "", files, {})
settings = Settings(Path("x"), report=False, timeout_s=30)
with Copy("hello-1", units=True) as copy:
    outcome = Run(copy, None, made, settings, lambda line: None).follow(steps_of(made, settings))
    copy.put("/etc/systemd/system/a.service", b"[Service]\\nExecStart=/bin/sleep 600\\n")
    unit = copy.run(["sh", "-c", "systemctl start a; systemctl is-active a"])
    said = copy.run(["sh", "-c", "id -u; touch /etc/new /usr/local/sbin/new /srv/new && echo written"]).stdout.split()
def refused(call):
    try: call()
    except BootstrapError as error: return error.message
with Copy("hello-2") as copy:
    real = refused(lambda: copy.boot(cron="real"))
host = refused(Copy("hello-3", network="host").start)
print(json.dumps([outcome.state, said, outcome.events, real, host, unit.stdout + unit.stderr]))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter, which tmp_path is not."""
    with tempfile.TemporaryDirectory(prefix="rootless-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_without_root_hello_is_rehearsed_all_the_same(place: Path) -> None:
    if not user_namespaces():
        pytest.skip("this kernel gives users no namespaces of their own")
    python = next((p for p in (sys.executable, "/usr/bin/python3") if usable_by_nobody(p)), None)
    if python is None:
        pytest.skip("no Python >= 3.11 that another user may run")
    shutil.copytree(ROOT / "bootstrap", place / "bootstrap")
    files = [(file.path, file.content.decode()) for file in payload([stage("a", "echo hi\n")], server="hello-1").files]
    scratch = place / "scratch"
    scratch.mkdir()
    os.chown(scratch, 65534, 65534)
    done = subprocess.run(
        [*AS_NOBODY, python, "-B", "-c", ROOTLESS, str(place)], input=json.dumps(files), capture_output=True, text=True,
        check=False, env={"TMPDIR": str(scratch), "PATH": "/usr/bin:/bin"}, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    state, said, events, real, host, unit = json.loads(done.stdout)
    assert unit == "active\n"
    assert (state, said) == ("healthy", ["0", "written"]), events
    assert [event["type"] for event in events][:1] == ["started"]
    assert (real, host) == ("--cron real needs root", "--network host needs root")
    assert os.listdir(scratch) == []


# setpriv itself still has root's powers when it starts a program; env has none.
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env"]


def user_namespaces() -> bool:
    return subprocess.run([*AS_NOBODY, "unshare", "-Urmpf", "true"], capture_output=True, check=False).returncode == 0


def usable_by_nobody(python: str) -> bool:
    probe = [*AS_NOBODY, python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0
    except OSError:
        return False


def test_a_torn_line_of_a_journal_is_left_out() -> None:
    assert journal_events(b'{"seq": 1, "crc": "0"}\nrubbish\n[]\n{"seq": 2}\n{"seq": 3') == [{"seq": 1}, {"seq": 2}]
