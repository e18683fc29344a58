"""The trigger under the real cron daemon and by hand: what is not whole or not trusted starts nothing, quietly."""

from __future__ import annotations

import pytest
from box import Box, needs_root
from handmade import payload, stage

from bootstrap.payload.model import InjectedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
ORACLE = "/srv/oracle"
LOCK = "/run/initialrunner.lock"
# The trigger looks eleven times in its minute, with pauses: these stand for them. Its PATH has this folder first.
NO_PAUSE = ("/usr/local/sbin/sleep", b"#!/bin/sh\necho pause >>/srv/pauses\n")
ONE = payload([stage("one", "echo ran >>/srv/oracle")])


def ran(box: Box) -> int:
    return box.text(ORACLE).count("ran")


def bundle_of(files: tuple[InjectedFile, ...]) -> bytes:
    return next(file.content for file in files if file.path == BUNDLE)


def trigger_of(files: tuple[InjectedFile, ...]) -> bytes:
    return files[-1].content


@pytest.mark.fault(3)
@pytest.mark.parametrize("damage", ["missing", "empty", "torn", "another"])
def test_a_bundle_that_is_not_the_pinned_one_starts_nothing(damage: str) -> None:
    whole = ONE.bundle
    other = payload([stage("one", "echo ran >>/srv/oracle")], deploy_id="20200101T000000-000000").bundle
    content = {"missing": None, "empty": b"", "torn": whole[:-100], "another": other}[damage]
    with Box() as box:
        box.put(TRIGGER, trigger_of(ONE.files), 0o644)
        box.put(*NO_PAUSE, 0o755)
        if content is not None:
            box.put(BUNDLE, content, 0o400)
        for _ in range(12):
            box.tick()
        # It looks on for the rest of its minute, says so once a minute, and after ten minutes where people look.
        assert box.text("/srv/pauses").count("pause") == 12 * 11
        assert box.syslog().count(f"initialrunner: waits for a whole {BUNDLE}") == 12
        assert box.text("/etc/motd").count(f"initialrunner: waits for a whole {BUNDLE}") == 1
        assert (ran(box), box.exists(STATE)) == (0, False)
        box.put(BUNDLE, whole, 0o400)
        box.tick()
        assert ran(box) == 1


@pytest.mark.fault(7)
def test_pieces_start_when_the_last_of_them_is_there() -> None:
    files = payload([stage("one", "echo ran >>/srv/oracle")]).files
    whole = bundle_of(files)
    pieces = [whole[at : at + 7680] for at in range(0, len(whole), 7680)]
    names = [f"{BUNDLE}.{number}" for number in range(1, len(pieces) + 1)]
    trigger = trigger_of(files).replace(BUNDLE.encode(), " ".join(names).encode())
    with Box(cron="fast") as box:
        box.put(TRIGGER, trigger, 0o400)
        for name, piece in reversed(list(zip(names, pieces, strict=True))):
            assert ran(box) == 0
            # What an agent leaves beside them is not taken for a piece.
            box.put(f"{name}.bak.1700000000.5", b"old")
            box.put(name, piece, 0o400)
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert ran(box) == 1
        assert box.sh("ls /etc/initialrunner").stdout == ""


@pytest.mark.fault(6)
def test_leftovers_of_injection_agents_beside_our_files_are_removed() -> None:
    """cronie would go on running an old `initialrunner.bak.1.2`."""
    with Box(ONE.files) as box:
        box.put(f"{TRIGGER}.bak.1700000000.5", "* * * * * root echo old >>/srv/old\n")
        box.put(f"{TRIGGER}.tmp.1700000001", "torn")
        box.put("/etc/cron.d/initialrunner-of-mine", "# not ours\n")
        box.tick()
        assert box.sh("ls /etc/cron.d").stdout == "initialrunner-of-mine\n"


@pytest.mark.fault(21)
@pytest.mark.fault(22)
@pytest.mark.parametrize(("mode", "owner"), [(0o664, (0, 0)), (0o646, (0, 0)), (0o644, (65534, 65534))])
@pytest.mark.parametrize("added", [b"* * * * * root echo stolen >>/srv/oracle\n", b""], ids=["poisoned", "unaltered"])
def test_a_trigger_that_others_could_write_is_rendered_again_not_trusted(
    mode: int, owner: tuple[int, int], added: bytes
) -> None:
    found = trigger_of(ONE.files) + added
    with Box(without(TRIGGER)) as box:
        box.put(TRIGGER, found, mode, owner=owner)
        # The stage looks at the trigger while it is still there.
        box.sh(f"sh {BUNDLE} tick")
        (fixed,) = box.events("fixed", path=TRIGGER)
        assert (fixed["was"]["mode"], fixed["now"]["mode"]) == (f"{mode:04o}", "0644")
        assert (box.read(fixed["quarantined"]) or b"") == found
        assert box.stat(fixed["quarantined"])[:2] == ("0600", "root:root")
        assert "stolen" not in box.text(TRIGGER)


def without(path: str) -> list[InjectedFile]:
    return [file for file in ONE.files if file.path != path]


@pytest.mark.fault(21)
@pytest.mark.fault(22)
@pytest.mark.fault(20)
@pytest.mark.fault(23)
@pytest.mark.fault(24)
@pytest.mark.fault(12)
@pytest.mark.fault(11)
def test_the_real_cron_runs_ours_from_a_file_injected_0400_and_none_of_the_broken_ones() -> None:
    """One boot of the daemon for all: each broken file would touch its own name at @reboot."""
    line = "@reboot root touch /srv/{}\n"
    broken = {
        "with.dot": (line, 0o644, (0, 0)),
        "group-writable": (line, 0o664, (0, 0)),
        "foreign": (line, 0o644, (65534, 65534)),
        "no-newline": (line.rstrip("\n"), 0o644, (0, 0)),
        "bad-minute": ("1/* * * * * root :\n" + line, 0o644, (0, 0)),
        "no-user": ("@reboot touch /srv/{}\n", 0o644, (0, 0)),
        "bom": ("\ufeff" + line, 0o644, (0, 0)),
        "crlf": (line.replace("\n", "\r\n"), 0o644, (0, 0)),
        "fine": (line, 0o400, (0, 0)),
    }
    with Box(ONE.files) as box:
        for name, (text, mode, owner) in broken.items():
            box.put(f"/etc/cron.d/{name}", text.format(name), mode, owner=owner)
        box.copy.boot(cron="real")
        box.wait_for(lambda: box.state() == "healthy")
        box.wait_for(lambda: box.exists("/srv/fine"))
        assert ran(box) == 1
        # CRLF goes into the command: the file it makes has a carriage return in its name.
        made = set(box.sh("ls -b /srv").stdout.split())
        assert made == {"fine", "oracle", r"crlf\r"}


@pytest.mark.fault(26)
def test_a_stage_has_the_environment_a_script_expects_not_crons() -> None:
    text = "env >/srv/env; pwd >>/srv/env; umask >>/srv/env; ! tty -s; readlink /proc/self/fd/0 >>/srv/env\n"
    with Box(payload([stage("one", text)]).files) as box:
        box.tick()
        lines = box.text("/srv/env").splitlines()
        env = dict(line.split("=", 1) for line in lines if "=" in line)
        assert env["PATH"].split(":") == [
            "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
        ]  # fmt: skip
        assert (env["LANG"], env["HOME"], env["DEBIAN_FRONTEND"]) == ("C.UTF-8", "/root", "noninteractive")
        assert env["INITIALRUNNER_SERVER"] == "box-1"
        assert lines[-3:] == ["/", "0022", "/dev/null"]


@pytest.mark.fault(27)
@pytest.mark.fault(84)
def test_thirty_ticks_at_once_run_one_stage_once() -> None:
    with Box(payload([stage("one", "echo ran >>/srv/oracle; sleep 0.5")]).files) as box:
        command = box.sh(f"sed -n 's/^@reboot root //p' {TRIGGER}").stdout
        box.put("/root/tick", command)
        box.sh("for n in $(seq 30); do sh /root/tick & done; wait", timeout_s=120)
        box.wait_for(lambda: box.state() == "healthy")
        assert ran(box) == 1


@pytest.mark.fault(27)
def test_a_tick_beside_a_working_runner_leaves_without_starting_python() -> None:
    with Box(ONE.files) as box:
        box.sh(f"touch {LOCK}; (flock {LOCK} sleep 300) </dev/null >/dev/null 2>&1 &")
        box.wait_for(lambda: box.sh(f"flock -n {LOCK} true").returncode == 1)
        box.put("/usr/local/sbin/python3", "#!/bin/sh\necho started >>/srv/oracle\n", 0o755)
        box.tick()
        assert box.text(ORACLE) == ""


@pytest.mark.fault(32)
def test_output_is_kept_without_a_mail_agent() -> None:
    with Box(payload([stage("one", "echo to stdout; echo to stderr >&2")]).files, cron="real") as box:
        box.wait_for(lambda: box.state() == "healthy")
        assert box.log("one") == "to stdout\nto stderr\n"


@pytest.mark.fault(33)
def test_the_trigger_is_the_last_thing_to_go() -> None:
    """Killed right after any step of finish, the next tick finds a trigger and takes the rest of the steps."""
    with Box(payload([stage("one", "echo ran >>/srv/oracle; test -e /etc/cron.d/initialrunner")]).files) as box:
        box.tick()
        assert (ran(box), box.exists(TRIGGER), box.exists(BUNDLE)) == (1, False, False)
        assert box.sh(f"{COMMAND} status").stdout.startswith("box-1  healthy")
    with Box(payload([stage("one", "echo ran >>/srv/oracle; exit 3")]).files) as box:
        assert box.tick().returncode == 5
        assert box.exists(TRIGGER)


def test_after_a_final_failure_a_tick_is_one_test() -> None:
    with Box(payload([stage("one", "echo ran >>/srv/oracle; exit 3")]).files) as box:
        assert box.tick().returncode == 5
        marks = box.sh(f"ls {STATE}").stdout.split()
        assert any(name.startswith("ended.") for name in marks)
        # Nothing but the shell's own test may run: every program it could call is gone.
        traced = box.sh(f"sed -n 's/^@reboot root //p' {TRIGGER} >/root/tick; PATH=/nowhere /bin/sh -x /root/tick 2>&1")
        assert traced.stdout.splitlines()[-1:] == ["+ exit"] and ran(box) == 1


@pytest.mark.fault(34)
@pytest.mark.fault(29)
def test_rc_local_starts_the_bundle_where_cron_does_not() -> None:
    from bootstrap.plan.resolve import resolve
    from bootstrap.render.render import render
    from bootstrap.spec.load import load

    spec = load("examples/hello/hello.yaml")
    rc_local = render(resolve(spec, server="box-1", deploy_id="d1")).rc_local
    assert rc_local is not None
    with Box(ONE.files) as box:
        box.put("/etc/rc.local", rc_local, 0o755)
        box.sh("/etc/rc.local")
        box.wait_for(lambda: box.state() == "healthy")
        assert ran(box) == 1
