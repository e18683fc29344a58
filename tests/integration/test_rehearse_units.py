"""Units in a copy: the stand-in for systemctl starts real programs from real unit files and says how they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import Box, needs_root

from bootstrap.rehearse.standin.places import log_of

pytestmark = [pytest.mark.integration, needs_root, pytest.mark.fault(141)]
ETC = "/etc/systemd/system"
# A daemon as they used to be: two forks, a pid file, and a parent that ends when it is ready.
FORKING = """#!/bin/sh
setsid sh -c 'echo $$ >/run/forker.pid; trap "echo term >>/srv/forker; exit 0" TERM; while :; do sleep 0.05; done' &
while ! [ -s /run/forker.pid ]; do sleep 0.02; done
"""
READY = """import os, socket, time
time.sleep(0.3)
open("/srv/ready", "w").close()
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1\\nSTATUS=at work\\n", os.environ["NOTIFY_SOCKET"])
time.sleep(600)
"""


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """One box for all; every test has units of its own."""
    with Box(units=True) as made:
        made.sh("mkdir -p /srv")
        yield made


def unit(box: Box, name: str, service: str, more: str = "", folder: str = ETC) -> None:
    box.put(f"{folder}/{name}", f"[Unit]\nDescription=A unit of a test\n{more}\n[Service]\n{service}\n")


def systemctl(box: Box, *words: str, code: int = 0) -> str:
    """Both outputs; the exit code must be this one."""
    done = box.run("systemctl", *words)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def pid(box: Box, name: str) -> int:
    return int(systemctl(box, "show", "-p", "MainPID", "--value", name))


def alive(box: Box, number: int) -> bool:
    return box.sh(f"kill -0 {number}").returncode == 0


def test_a_simple_service_runs_as_its_unit_says(box: Box) -> None:
    box.put("/etc/default/simple", '# a file\nWORD="two words"\nEMPTY=\n')
    service = (
        'User=nobody\nUMask=0027\nWorkingDirectory=/srv\nEnvironment=A=1 "B=x y"\nEnvironmentFile=/etc/default/simple\n'
        "EnvironmentFile=-/etc/default/none\nRuntimeDirectory=simple\nExecStartPre=/bin/echo before\n"
        'ExecStart=/bin/sh -c "id -un; pwd; umask; env | sort; echo $$1 ${WORD}/$A; exec sleep 600" name word\n'
        "ExecReload=/bin/sh -c 'echo reloaded $MAINPID'"
    )
    unit(box, "simple.service", service)
    assert systemctl(box, "start", "simple") == ""
    assert systemctl(box, "is-active", "simple") == "active\n"
    main = pid(box, "simple")
    box.wait_for(lambda: "two words/1" in box.text(log_of("simple")))
    rows = box.text(log_of("simple")).splitlines()
    assert rows[:4] == ["before", "nobody", "/srv", "0027"]
    assert rows[-1] == "word two words/1"
    variables = dict(row.split("=", 1) for row in rows if "=" in row)
    assert {key: variables[key] for key in ("A", "B", "WORD", "EMPTY", "USER", "HOME")} == {
        "A": "1", "B": "x y", "WORD": "two words", "EMPTY": "", "USER": "nobody", "HOME": "/nonexistent"
    }  # fmt: skip
    assert (variables["RUNTIME_DIRECTORY"], box.stat("/run/simple")[:2]) == (
        "/run/simple",
        ("0755", "nobody:root"),
    ) or (box.stat("/run/simple")[1].startswith("nobody:"))
    assert "INITIALRUNNER_MARK" not in variables
    systemctl(box, "reload", "simple")
    assert f"reloaded {main}" in box.text(log_of("simple"))
    systemctl(box, "restart", "simple")
    assert not alive(box, main) and alive(box, pid(box, "simple"))
    main = pid(box, "simple")
    systemctl(box, "stop", "simple")
    assert not alive(box, main) and not box.exists("/run/simple")
    assert systemctl(box, "is-active", "simple", code=3) == "inactive\n"


def test_a_forking_service_is_known_by_its_pid_file_and_stopped(box: Box) -> None:
    box.put("/srv/forker.sh", FORKING)
    unit(box, "forker.service", "Type=forking\nPIDFile=/run/forker.pid\nExecStart=/bin/sh /srv/forker.sh")
    systemctl(box, "start", "forker")
    main = pid(box, "forker")
    assert main == int(box.text("/run/forker.pid"))
    systemctl(box, "stop", "forker")
    assert (alive(box, main), box.text("/srv/forker")) == (False, "term\n")
    # Without a pid file the only process there is counts, and its end is noticed.
    unit(box, "guessed.service", "Type=forking\nExecStart=/bin/sh -c 'setsid sleep 600 &'")
    systemctl(box, "start", "guessed")
    box.copy.kill(pid(box, "guessed"))
    box.wait_for(lambda: systemctl_state(box, "guessed") == "failed")


def test_a_daemon_that_puts_another_in_its_place_goes_on_as_that_one(box: Box) -> None:
    """As nginx does when its package is upgraded: the new one writes the pid file, and the old one ends well."""
    box.put("/srv/heir.sh", "#!/bin/sh\nsetsid sh -c 'echo $$ >/run/heir.pid; exec sleep 600' &\n"
            "while ! [ -s /run/heir.pid ]; do sleep 0.02; done\n")  # fmt: skip
    box.put("/srv/old.sh", "#!/bin/sh\ntrap 'rm /run/heir.pid; sh /srv/heir.sh; exit 0' USR2\n"
            "echo $$ >/run/heir.pid\nwhile :; do sleep 0.05; done\n")  # fmt: skip
    unit(box, "heir.service", "Type=forking\nPIDFile=/run/heir.pid\nExecStart=/bin/sh -c 'setsid sh /srv/old.sh &'")
    systemctl(box, "start", "heir")
    old = pid(box, "heir")
    systemctl(box, "kill", "-s", "USR2", "heir")
    box.wait_for(lambda: pid(box, "heir") not in (0, old))
    assert (systemctl_state(box, "heir"), pid(box, "heir")) == ("active", int(box.text("/run/heir.pid")))
    systemctl(box, "stop", "heir")
    assert not alive(box, int(box.text("/run/heir.pid")))


def systemctl_state(box: Box, name: str) -> str:
    return box.run("systemctl", "is-active", name).stdout.strip()


def test_a_oneshot_is_waited_for_and_remains_only_if_it_says_so(box: Box) -> None:
    lines = "ExecStart=/bin/sh -c 'sleep 0.3; echo one >>/srv/once'\nExecStart=/bin/sh -c 'echo two >>/srv/once'"
    unit(box, "once.service", f"Type=oneshot\n{lines}")
    systemctl(box, "start", "once")
    assert box.text("/srv/once") == "one\ntwo\n"
    assert systemctl(box, "is-active", "once", code=3) == "inactive\n"
    stay = f"Type=oneshot\nRemainAfterExit=yes\n{lines}\nExecStop=/bin/sh -c 'echo stopped >>/srv/once'"
    unit(box, "stay.service", stay)
    systemctl(box, "start", "stay")
    assert systemctl(box, "is-active", "stay") == "active\n"
    systemctl(box, "start", "stay")
    systemctl(box, "stop", "stay")
    assert box.text("/srv/once") == "one\ntwo\n" * 2 + "stopped\n"


def test_a_service_that_notifies_is_started_when_it_says_so(box: Box) -> None:
    box.put("/srv/ready.py", READY)
    unit(box, "ready.service", "Type=notify\nExecStart=/usr/bin/python3 /srv/ready.py")
    systemctl(box, "start", "ready")
    assert box.exists("/srv/ready")
    assert systemctl(box, "show", "-p", "StatusText", "ready") == "StatusText=at work\n"
    systemctl(box, "stop", "ready")
    unit(box, "mute.service", "Type=notify\nTimeoutStartSec=500ms\nExecStart=/bin/sleep 600")
    assert "it has not sent READY=1 in time" in systemctl(box, "start", "mute", code=1)
    unit(box, "early.service", "Type=notify\nExecStart=/bin/true")
    assert "/bin/true ended with exit 0" in systemctl(box, "start", "early", code=1)


def test_a_failing_service_says_its_last_line(box: Box) -> None:
    unit(box, "broken.service", "ExecStart=/bin/sh -c 'echo line one; echo no such database >&2; exit 3'")
    systemctl(box, "start", "broken")
    box.wait_for(lambda: systemctl_state(box, "broken") == "failed")
    said = systemctl(box, "is-active", "broken", code=3)
    assert said == "failed\nbroken.service: its main process ended with exit 3; it said: no such database\n"
    assert systemctl(box, "is-failed", "broken") == "failed\n"
    shown = systemctl(box, "show", "-p", "ActiveState,Result,ExecMainStatus", "broken")
    assert shown == "ActiveState=failed\nResult=exit-code\nExecMainStatus=3\n"
    assert "no such database" in systemctl(box, "status", "broken", code=3)
    assert box.run("journalctl", "-u", "broken", "-n", "50", "--no-pager").stdout.splitlines()[:2] == [
        "line one", "no such database"
    ]  # fmt: skip
    unit(box, "prepared.service", "ExecStartPre=/bin/sh -c 'echo not yet; exit 1'\nExecStart=/bin/touch /srv/never")
    said = systemctl(box, "start", "prepared", code=1)
    assert said.startswith("Job for prepared.service failed: prepared.service: /bin/sh ended with exit 1\n")
    assert "    not yet" in said and not box.exists("/srv/never")
    systemctl(box, "reset-failed")
    assert systemctl_state(box, "broken") == "inactive"


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("User=nosuch\nExecStart=/bin/true", "'nosuch'"),
        ("EnvironmentFile=/etc/none\nExecStart=/bin/true", "Failed to load environment files: there is no /etc/none"),
        ("Type=exec", "a service of type exec needs exactly one ExecStart="),
        ("Type=forking\nTimeoutStartSec=300ms\nExecStart=/bin/sleep 600", "ExecStart= /bin/sleep has taken too long"),
        ("Type=oneshot\nExecStart=/no/such/program", "/no/such/program ended with exit 203"),
        ("Type=oneshot\nWorkingDirectory=/no/folder\nExecStart=/bin/true", "/bin/true ended with exit 200"),
    ],
)
def test_what_cannot_start_is_said(box: Box, service: str, said: str) -> None:
    unit(box, "wrong.service", service)
    assert said in systemctl(box, "start", "wrong", code=1)
    assert systemctl_state(box, "wrong") == "failed"


def test_restart_policies_are_kept(box: Box) -> None:
    flaky = "echo x >>/srv/again; [ $(wc -l </srv/again) -ge 3 ] && exec sleep 600; exit 1"
    unit(box, "again.service", f"Restart=on-failure\nRestartSec=50ms\nExecStart=/bin/sh -c '{flaky}'")
    systemctl(box, "start", "again")
    box.wait_for(lambda: box.text("/srv/again") == "x\n" * 3 and systemctl_state(box, "again") == "active")
    assert systemctl(box, "show", "-p", "NRestarts", "--value", "again") == "2\n"
    systemctl(box, "stop", "again")
    unit(box, "loop.service", "Restart=always\nRestartSec=10ms\nExecStart=/bin/sh -c 'echo y >>/srv/loop'")
    systemctl(box, "start", "loop")
    box.wait_for(lambda: systemctl_state(box, "loop") == "failed")
    assert box.text("/srv/loop") == "y\n" * 5
    assert systemctl(box, "show", "-p", "Result", "--value", "loop") == "start-limit-hit\n"
    # One that is about to be started again can be stopped.
    unit(box, "later.service", "Restart=always\nRestartSec=600\nExecStart=/bin/false")
    systemctl(box, "start", "later")
    box.wait_for(lambda: systemctl_state(box, "later") == "activating")
    systemctl(box, "stop", "later")
    assert systemctl_state(box, "later") == "inactive"


def test_templates_drop_ins_and_aliases(box: Box) -> None:
    unit(
        box, "tpl@.service", "ExecStart=/bin/sh -c 'echo %i %I %n %p; exec sleep 600'", folder="/usr/lib/systemd/system"
    )
    box.put(
        f"{ETC}/tpl@.service.d/10.conf", "[Service]\nExecStart=\nExecStart=/bin/sh -c 'echo all %i; exec sleep 600'\n"
    )
    box.put("/run/systemd/system/tpl@a-b.service.d/20.conf", "[Service]\nExecStart=\nExecStart=/bin/echo one %I %n\n")
    systemctl(box, "start", "tpl@blue", "tpl@a-b")
    box.wait_for(lambda: box.text(log_of("tpl@blue")) == "all blue\n")
    box.wait_for(lambda: box.text(log_of("tpl@a-b")).startswith("one a/b tpl@a-b.service\n"))
    assert "10.conf" in systemctl(box, "cat", "tpl@blue")
    systemctl(box, "stop", "tpl@*")
    assert systemctl_state(box, "tpl@blue") == "inactive"
    box.sh(f"ln -s /usr/lib/systemd/system/tpl@.service {ETC}/other@.service")
    systemctl(box, "start", "other@green")
    assert systemctl_state(box, "tpl@green") == "active"


def test_enabling_makes_the_links_of_install(box: Box) -> None:
    install = "[Install]\nWantedBy=multi-user.target\nAlias=called.service\nAlso=also.service\n"
    box.put(f"{ETC}/wanted.service", f"[Service]\nExecStart=/bin/sleep 600\n{install}")
    box.put(f"{ETC}/also.service", "[Service]\nExecStart=/bin/true\n[Install]\nRequiredBy=wanted.service\n")
    assert systemctl(box, "is-enabled", "wanted", code=1) == "disabled\n"
    systemctl(box, "enable", "--now", "wanted")
    assert (
        box.sh(f"readlink {ETC}/multi-user.target.wants/wanted.service {ETC}/called.service").stdout.split()
        == [f"{ETC}/wanted.service"] * 2
    )
    assert systemctl(box, "is-enabled", "wanted", "also") == "enabled\nenabled\n"
    assert systemctl_state(box, "called") == "active"
    systemctl(box, "disable", "--now", "wanted")
    assert systemctl(box, "is-enabled", "wanted", code=1) == "disabled\n"
    assert (systemctl_state(box, "wanted"), box.exists(f"{ETC}/called.service")) == ("inactive", False)
    unit(box, "plain.service", "ExecStart=/bin/true")
    box.put("/etc/systemd/system-preset/50-test.preset", "disable left*\nenable *\n")
    box.put(f"{ETC}/left.service", f"[Service]\nExecStart=/bin/true\n{install}".replace("called", "leftover"))
    systemctl(box, "preset", "left")
    assert systemctl(box, "is-enabled", "left", code=1) == "disabled\n"
    assert "no installation config" in systemctl(box, "enable", "plain")
    assert systemctl(box, "is-enabled", "plain") == "static\n"
    assert "Failed to get unit file state" in systemctl(box, "is-enabled", "none", code=1)


def test_a_masked_or_missing_unit_does_not_start(box: Box) -> None:
    unit(box, "hidden.service", "ExecStart=/bin/true", folder="/usr/lib/systemd/system")
    systemctl(box, "mask", "hidden")
    assert "Unit hidden.service is masked." in systemctl(box, "start", "hidden", code=5)
    assert systemctl(box, "is-enabled", "hidden", code=1) == "masked\n"
    assert systemctl(box, "show", "-p", "LoadState", "hidden") == "LoadState=masked\n"
    systemctl(box, "unmask", "hidden")
    systemctl(box, "start", "hidden")
    assert "Unit none.service could not be found." in systemctl(box, "start", "none", code=5)
    assert systemctl(box, "is-active", "none", code=3) == "inactive\n"


def test_what_a_unit_requires_is_started_first_and_failure_is_passed_on(box: Box) -> None:
    unit(box, "base.service", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo base >>/srv/order'")
    unit(box, "bad.service", "Type=oneshot\nExecStart=/bin/false")
    unit(box, "top.service", "Type=oneshot\nExecStart=/bin/sh -c 'echo top >>/srv/order'",
         "Requires=base.service\nWants=bad.service network-online.target\nAfter=base.service")  # fmt: skip
    systemctl(box, "start", "top")
    assert box.text("/srv/order") == "base\ntop\n"
    unit(box, "needy.service", "ExecStart=/bin/touch /srv/needy", "Requires=bad.service")
    assert "A dependency job for needy.service failed" in systemctl(box, "start", "needy", code=1)
    assert not box.exists("/srv/needy")
    unit(box, "asked.service", "Type=oneshot\nExecStart=/bin/touch /srv/asked", "ConditionPathExists=!/srv/order")
    assert "unmet condition check" in systemctl(box, "start", "asked")
    assert not box.exists("/srv/asked")


def test_what_is_not_done_is_said_once(box: Box) -> None:
    unit(box, "boxed.service", "PrivateTmp=yes\nProtectSystem=strict\nLimitNOFILE=1024\nExecStart=/bin/sleep 600",
         "After=network.target cron.service\nOnFailure=x.service")  # fmt: skip
    said = systemctl(box, "start", "boxed")
    assert said == (
        "systemctl (stand-in): boxed.service: without effect in a rehearsal: After=, OnFailure=, PrivateTmp=, "
        "ProtectSystem=\n"
    )
    assert systemctl(box, "restart", "boxed") == ""
    box.put(f"{ETC}/soon.timer", "[Timer]\nOnBootSec=1\n[Install]\nWantedBy=timers.target\n")
    assert "nothing is started when its time comes" in systemctl(box, "enable", "--now", "soon.timer")
    assert systemctl(box, "is-active", "soon.timer") == "active\n"
    assert "a rehearsal mounts nothing" in (box.put(f"{ETC}/data.mount", "[Mount]\nWhat=x\n") and "") + systemctl(
        box, "start", "data.mount", code=1
    )
    assert "'isolate' does not work in a rehearsal" in systemctl(box, "isolate", "rescue.target", code=1)
    assert "do not work in a rehearsal" in systemctl(box, "--user", "start", "x", code=1)
    assert "cron.service: counts as active" in systemctl(box, "restart", "cron")


def test_its_own_processes_are_none_that_a_check_looks_for(box: Box) -> None:
    unit(box, "kept.service", "ExecStart=/bin/sleep 600")
    systemctl(box, "start", "kept")
    names = box.sh("for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | cut -d' ' -f1-2; cat $p/comm; done").stdout
    assert "python" not in names
    assert "init\n" in names and "systemd\n" in names


def test_a_killed_keeper_is_a_failed_unit(box: Box) -> None:
    unit(box, "orphan.service", "ExecStart=/bin/sleep 600")
    systemctl(box, "start", "orphan")
    keeper = box.sh(f"ps -o ppid= -p {pid(box, 'orphan')}").stdout
    box.copy.kill(int(keeper))
    box.wait_for(lambda: systemctl_state(box, "orphan") == "failed")
    systemctl(box, "restart", "orphan")
    assert systemctl_state(box, "orphan") == "active"


def test_stop_ends_all_that_the_service_started(box: Box) -> None:
    unit(box, "family.service", "TimeoutStopSec=500ms\nExecStart=/bin/sh -c "
         "'setsid sleep 601 & setsid sh -c \"trap : TERM; while :; do sleep 0.1; done\" & exec sleep 602'")  # fmt: skip
    systemctl(box, "start", "family")
    box.wait_for(lambda: len(box.run("pgrep", "-f", "^sleep 60[12]|^sh -c trap").stdout.split()) == 3)
    systemctl(box, "stop", "family")
    assert box.run("pgrep", "-f", "^sleep 60[12]|^sh -c trap").stdout == ""


def test_a_unit_survives_the_stage_that_started_it_and_two_starts_at_once_are_one(box: Box) -> None:
    unit(box, "slow.service", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'sleep 0.3; echo z >>/srv/slow'")
    done = box.sh("systemctl start slow & systemctl start slow & wait; systemctl is-active slow")
    assert (done.stdout, box.text("/srv/slow")) == ("active\n", "z\n")
    unit(box, "long.service", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'sleep 1; touch /srv/long'")
    begin = time.monotonic()
    systemctl(box, "start", "--no-block", "long")
    assert not box.exists("/srv/long") or time.monotonic() - begin > 1
    box.wait_for(lambda: box.exists("/srv/long"))


def test_a_unit_holds_nothing_of_who_started_it(box: Box) -> None:
    """debconf waits for the end of a pipe that a package's script passes on without knowing."""
    unit(box, "apart.service", "ExecStart=/bin/sleep 600")
    assert box.sh("{ systemctl start apart 3>&1 4>&1 9>&1; } | cat; echo ended", timeout_s=20).stdout == "ended\n"
    assert systemctl_state(box, "apart") == "active"
    assert box.sh(f"ls /proc/{pid(box, 'apart')}/fd").stdout.split() == ["0", "1", "2"]


def test_scripts_in_init_d_are_units_too(box: Box) -> None:
    script = "#!/bin/sh\necho $1 >>/srv/classic\n[ $1 != start ] || setsid sleep 600 &\n"
    box.put("/etc/init.d/classic", script, 0o755)
    systemctl(box, "start", "classic")
    assert systemctl(box, "is-active", "classic") == "active\n"
    assert systemctl(box, "is-enabled", "classic", code=1) == "disabled\n"
    systemctl(box, "stop", "classic")
    assert box.text("/srv/classic") == "start\nstop\n"


def test_the_programs_beside_it(box: Box) -> None:
    box.sh("echo UTC >/etc/timezone")
    assert box.run("timedatectl", "set-timezone", "Europe/Berlin").returncode == 0
    assert box.run("timedatectl", "show", "-p", "Timezone", "--value").stdout == "Europe/Berlin\n"
    assert box.sh("readlink /etc/localtime; cat /etc/timezone").stdout.split() == [
        "/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"
    ]  # fmt: skip
    assert "Invalid or not installed" in box.run("timedatectl", "set-timezone", "Mars/Olympus").stderr
    done = box.run("hostnamectl", "set-hostname", "other-1")
    assert (done.returncode, box.text("/etc/hostname")) == (0, "other-1\n")
    assert "the running name stays box-1" in done.stderr
    assert box.run("localectl", "set-locale", "LANG=C.UTF-8").returncode == 0
    box.sh("ln -s /usr/bin/systemctl /usr/local/bin/runlevel")
    assert box.run("runlevel").stdout == "N 5\n"
    assert box.run("systemctl", "is-system-running").stdout in ("running\n", "degraded\n")


def test_a_boot_starts_what_the_copy_enabled_and_nothing_of_the_machines_own() -> None:
    with Box(units=True) as box:
        box.boot()
        install = "[Install]\nWantedBy=multi-user.target\n"
        box.put(
            f"{ETC}/mine.service", f"[Service]\nExecStart=/bin/sh -c 'echo boot >>/srv/mine; exec sleep 600'\n{install}"
        )
        systemctl(box, "enable", "mine")
        assert not box.exists("/srv/mine")
        box.reboot()
        box.wait_for(lambda: systemctl_state(box, "mine") == "active")
        assert box.sh("ls /run/systemd/stand-in/*.json").stdout.split() == ["/run/systemd/stand-in/mine.service.json"]


def test_a_copy_without_it_is_as_before(tmp_path: Path) -> None:
    with Box() as box:
        assert not box.exists("/run/systemd/system")
        assert not box.exists("/usr/lib/rehearsal")


POSTINST = """#!/bin/sh
set -e
# As debhelper writes it.
deb-systemd-helper unmask pkg.service >/dev/null || true
if deb-systemd-helper --quiet was-enabled pkg.service; then deb-systemd-helper enable pkg.service >/dev/null || true; fi
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
  deb-systemd-invoke start pkg.service >/dev/null || true
fi
"""
CONTROL = "Package: pkg\nVersion: 1\nArchitecture: all\nMaintainer: a test <t@example.org>\nDescription: a test\n"


@pytest.mark.fault(142)
def test_a_package_that_is_installed_starts_its_service_as_on_a_server(tmp_path: Path) -> None:
    """By Debian's own helpers, where the policy of a container would refuse it."""
    install = "[Install]\nWantedBy=multi-user.target\n"
    with Box(units=True) as box:
        assert not box.exists("/usr/sbin/policy-rc.d")
        box.put("/srv/pkg/DEBIAN/control", CONTROL)
        box.put("/srv/pkg/DEBIAN/postinst", POSTINST, 0o755)
        box.put("/srv/pkg/usr/lib/systemd/system/pkg.service", f"[Service]\nExecStart=/bin/sleep 600\n{install}")
        done = box.sh("dpkg-deb -b /srv/pkg /srv/pkg.deb && dpkg -i /srv/pkg.deb")
        assert done.returncode == 0, done.stderr
        assert systemctl_state(box, "pkg") == "active"
        assert systemctl(box, "is-enabled", "pkg") == "enabled\n"
        assert box.sh("invoke-rc.d pkg restart && service pkg status").returncode == 0
        # A newer systemd that a stage installs puts its programs beside the stand-in.
        shown = box.sh("dpkg-divert --truename /usr/bin/systemctl; dpkg-divert --truename /bin/systemctl").stdout
        assert shown.split() == ["/usr/bin/systemctl.machine", "/bin/systemctl.machine"]
