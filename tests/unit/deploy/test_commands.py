"""Commands of a deploy file, as real children: their codes, their last lines, and that nothing of them stays."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_process import until

from bootstrap.deploy import commands
from bootstrap.deploy.clock import boot_clock
from bootstrap.deploy.commands import run_command
from bootstrap.deploy.signals import Stop
from bootstrap.deploy.stopping import Left


def sleepers(folder: Path) -> list[int]:
    """The processes whose numbers the command has written into files of the folder, and that still run."""
    pids = [int(path.read_text()) for path in folder.glob("*.pid") if path.read_text().strip()]
    return [pid for pid in pids if Path(f"/proc/{pid}/environ").exists() and is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path) -> Iterator[None]:
    """Whatever a test leaves running ends with it."""
    yield
    for pid in sleepers(tmp_path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("true", (0, "")),
        ("echo good; echo bad >&2; exit 3", (3, "good\nbad")),
        ("kill -9 $$", (137, "")),
        ("no-such-command-at-all", (127, "/bin/sh: 1: no-such-command-at-all: not found")),
        ("cat", (0, "")),
    ],
)
def test_the_exit_code_and_the_last_lines(line: str, expected: tuple[int, str]) -> None:
    assert run_command(line, {}, 60) == expected


def test_the_environment_is_ours_and_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "a")
    monkeypatch.setenv("BOTH", "ours")
    assert run_command("echo $OURS $BOTH $GIVEN", {"BOTH": "given", "GIVEN": "b"}, 60) == (0, "a given b")


def test_it_runs_in_a_session_of_its_own() -> None:
    code, text = run_command("ps -o sid= -p $$; echo $$", {}, 60)
    session, process = text.split()
    assert (code, session) == (0, process)


def test_a_line_that_is_too_long_for_the_kernel_is_said() -> None:
    assert run_command("true " + "x" * 200_000, {}, 60) == (127, "/bin/sh cannot be started: Argument list too long")


def test_the_last_lines_are_bounded_and_hold_no_control_characters() -> None:
    code, text = run_command(r"seq 100000; printf '\033[2J\033]0;title\007 end\n'", {}, 60)
    lines = text.splitlines()
    assert (code, len(lines), lines[0]) == (0, commands.TAIL_LINES, "99962")
    assert all(line.isprintable() for line in lines)
    assert lines[-1].endswith(" end")
    _, long = run_command("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end", {}, 60)
    assert long == "end"


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file: once the command has made it, an hour is over."""
    path, looks = tmp_path / "begun", itertools.count()
    # The first look is that at the beginning, however fast the command is.
    monkeypatch.setattr(commands, "boot_clock", lambda: boot_clock() + (3600 if next(looks) and path.exists() else 0))
    return path


def test_after_its_time_everything_that_it_started_ends(
    tmp_path: Path, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what has left its session, what ignores TERM, and what has cleaned its environment."""
    line = f"""
    cd {tmp_path}
    sleep 600 & echo $! > plain.pid
    setsid sleep 600 & echo $! > session.pid
    (trap '' TERM; echo $(exec sh -c 'echo $PPID') > stubborn.pid; while :; do sleep 0.1; done) &
    env -i sleep 600 & echo $! > clean.pid
    until [ -s stubborn.pid ]; do sleep 0.01; done
    echo begun; touch begun
    wait
    """
    monkeypatch.setattr(commands, "GRACE_S", 0.5)
    assert run_command(line, {}, 600) == (124, "begun\nthe command had not ended after 600 s, and was ended")
    assert begun.exists()
    assert len(list(tmp_path.glob("*.pid"))) == 4
    until(lambda: sleepers(tmp_path) == [])


def test_a_command_may_end_its_work_when_it_is_told_to(tmp_path: Path, begun: Path) -> None:
    line = f"trap 'echo rolled back > {tmp_path}/end; exit 1' TERM; touch {begun}; sleep 600 & wait"
    assert run_command(line, {}, 600)[0] == 124
    assert (tmp_path / "end").read_text() == "rolled back\n"


def test_what_a_good_command_leaves_running_is_left_and_not_waited_for(tmp_path: Path) -> None:
    assert run_command(f"sleep 600 & echo $! > {tmp_path}/daemon.pid; echo done", {}, 60) == (0, "done")
    assert len(sleepers(tmp_path)) == 1


def test_the_first_wish_to_stop_lets_it_end_and_the_second_ends_all(tmp_path: Path) -> None:
    stop, begun = Stop(), tmp_path / "begun"
    line = f"sleep 600 & echo $! > {tmp_path}/child.pid; touch {begun}; wait"

    def ask() -> None:
        until(begun.exists)
        os.kill(os.getpid(), signal.SIGINT)
        until(stop.stop_asked)
        assert len(sleepers(tmp_path)) == 1
        os.kill(os.getpid(), signal.SIGINT)

    user = threading.Thread(target=ask)
    with stop.listening():
        user.start()
        with pytest.raises(Left):
            run_command(line, {}, 600)
    user.join()
    until(lambda: sleepers(tmp_path) == [])


def test_while_it_runs_the_lease_is_kept() -> None:
    beats: list[int] = []
    assert run_command("sleep 0.2", {}, 60, lambda: beats.append(1))[0] == 0
    assert len(beats) > 1
