"""The real file and the real socket of a HAProxy: what goes wrong with them is a fault, and nothing is lost."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootstrap.deploy.drivers.haproxy_local import LocalProcess
from bootstrap.deploy.faults import Broken, Busy, Denied, Unknown


def process(folder: Path, **more: str) -> LocalProcess:
    return LocalProcess(str(folder / "haproxy.cfg"), more.pop("socket", str(folder / "admin.sock")), **more)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "haproxy.cfg"
    path.write_bytes(b"global # \xff\r\n")
    return path


@contextmanager
def answering(server: socket.socket, *answers: bytes) -> Iterator[list[bytes]]:
    """A socket that gives these answers, one a connection. The commands that it got."""
    commands: list[bytes] = []

    def answer() -> None:
        for text in answers:
            connection, _ = server.accept()
            with connection:
                commands.append(connection.recv(1000))
                connection.sendall(text)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with server:
        yield commands
        thread.join(10)


def unix(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_text_is_written_whole_with_the_owner_and_the_mode_of_the_old(tmp_path: Path, config: Path) -> None:
    config.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(config, 1234, 1235)
    os.utime(config, (1, 1))
    before = config.stat()
    local = process(tmp_path)
    text = local.read_file()
    local.write_file(text, text + "more\r\n")
    after = config.stat()
    assert config.read_bytes() == b"global # \xff\r\nmore\r\n"
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (before.st_uid, before.st_gid, 0o640)
    # The old file is still whole for whoever reads it now, and the new one is newer.
    assert after.st_ino != before.st_ino and after.st_mtime > before.st_mtime
    assert os.listdir(tmp_path) == ["haproxy.cfg"]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path, config: Path) -> None:
    link = tmp_path / "link.cfg"
    link.symlink_to(config)
    local = LocalProcess(str(link), "nowhere:1")
    local.write_file(local.read_file(), "new\n")
    assert link.is_symlink() and config.read_text() == "new\n"


def test_what_a_killed_program_has_left_is_replaced(tmp_path: Path, config: Path) -> None:
    (tmp_path / ".haproxy.cfg.initialrunner").write_text("half")
    local = process(tmp_path)
    local.write_file(local.read_file(), "new\n")
    assert os.listdir(tmp_path) == ["haproxy.cfg"] and config.read_text() == "new\n"


def test_a_file_that_somebody_changes_meanwhile_is_left_as_it_is(tmp_path: Path, config: Path) -> None:
    local = process(tmp_path)
    text = local.read_file()
    config.write_text("of somebody else\n")
    with pytest.raises(Busy) as refusal:
        local.write_file(text, "ours\n")
    assert refusal.value.message == f"somebody else has changed {config} just now"
    assert config.read_text() == "of somebody else\n"


def test_a_missing_file_or_folder_is_broken(tmp_path: Path) -> None:
    with pytest.raises(Broken) as refusal:
        process(tmp_path).read_file()
    assert refusal.value.message == f"cannot read {tmp_path}/haproxy.cfg: No such file or directory"
    with pytest.raises(Broken), process(tmp_path / "nowhere").locked():
        pass


def test_two_deployers_do_not_change_a_file_at_once(tmp_path: Path, config: Path) -> None:
    with process(tmp_path).locked():
        with pytest.raises(Busy) as refusal, process(tmp_path).locked():
            pass
        assert refusal.value.message == f"another deployer is changing {config}"
    with process(tmp_path).locked():
        pass
    assert os.listdir(tmp_path) == ["haproxy.cfg"]


# --- the socket -------------------------------------------------------------------------------------------------------


def test_a_command_is_one_line_and_its_answer_is_whole(tmp_path: Path) -> None:
    with answering(unix(tmp_path / "admin.sock"), b"a" * 100_000 + b"\n") as commands:
        assert process(tmp_path).ask("show info") == "a" * 100_000 + "\n"
    assert commands == [b"show info\n"]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_the_socket_may_be_a_host_and_a_port(tmp_path: Path, host: str) -> None:
    family = socket.AF_INET6 if "::" in host else socket.AF_INET
    server = socket.create_server((host.strip("[]"), 0), family=family)
    with answering(server, b"yes\n"):
        assert process(tmp_path, socket=f"{host}:{server.getsockname()[1]}").ask("x") == "yes\n"


def test_a_socket_on_which_nobody_answers_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with pytest.raises(Unknown) as refusal:
        process(tmp_path).ask("show info")
    assert refusal.value.message == (
        f"nobody answers on the admin socket {path}: [Errno 2] No such file or directory; is HAProxy running?"
    )
    unix(path).close()
    with pytest.raises(Unknown, match="Connection refused; is HAProxy running"):
        process(tmp_path).ask("show info")
    with pytest.raises(Unknown, match="nobody answers on the admin socket here"):
        process(tmp_path, socket="here").ask("show info")


@pytest.mark.parametrize("answer", [b"", b"pxname,svn"])
def test_an_answer_that_is_cut_is_unknown(tmp_path: Path, answer: bytes) -> None:
    with answering(unix(tmp_path / "admin.sock"), answer), pytest.raises(Unknown, match="was cut short"):
        process(tmp_path).ask("show info")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user for a moment")
def test_a_user_without_the_right_is_denied(tmp_path: Path, config: Path) -> None:
    path = tmp_path / "admin.sock"
    with unix(path):
        path.chmod(0o600)
        config.chmod(0o600)
        tmp_path.chmod(0o755)
        for folder in tmp_path.parents:
            if folder.stat().st_uid == 0 and folder.name.startswith("pytest-"):
                folder.chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(Denied) as refusal:
                process(tmp_path).ask("show info")
            assert refusal.value.message == f"this user may not use the admin socket {path}: Permission denied"
            with pytest.raises(Denied) as refusal:
                process(tmp_path).read_file()
            assert refusal.value.message == f"this user may not read {config}: Permission denied"
        finally:
            os.seteuid(0)


# --- the reload -------------------------------------------------------------------------------------------------------


def test_a_reload_waits_for_another_process(tmp_path: Path) -> None:
    pids = [b"Pid: 1\n"] * 3 + [b"Pid: 2\n", b"Pid: 1\n"] + [b"Pid: 2\n"] * 3
    with answering(unix(tmp_path / "admin.sock"), *pids) as commands:
        process(tmp_path, reload=f"touch {tmp_path}/reloaded").reload()
    # An old process that answers once more begins the count again.
    assert commands == [b"show info\n"] * 8
    assert (tmp_path / "reloaded").exists()


def test_a_reload_whose_command_fails_says_why(tmp_path: Path) -> None:
    with answering(unix(tmp_path / "admin.sock"), b"Pid: 1\n"), pytest.raises(Broken) as refusal:
        process(tmp_path, reload="echo no such unit >&2; exit 5").reload()
    assert refusal.value.message == "`echo no such unit >&2; exit 5` ended with 5: no such unit"


def test_a_process_without_a_master_here_needs_a_command(tmp_path: Path) -> None:
    with answering(unix(tmp_path / "admin.sock"), b"Pid: 999999999\n"), pytest.raises(Broken) as refusal:
        process(tmp_path).reload()
    assert refusal.value.message == (
        "HAProxy has to be reloaded, and its process 999999999 has no master on this machine: set "
        "`cloud.haproxy.reload` to a command that reloads it"
    )


def test_an_answer_without_a_number_is_broken(tmp_path: Path) -> None:
    with answering(unix(tmp_path / "admin.sock"), b"Permission denied\n"), pytest.raises(Broken) as refusal:
        process(tmp_path).reload()
    assert refusal.value.message == "HAProxy answered `show info` with: Permission denied"


# A master that, as HAProxy's, ignores the signal until it has started, and a worker of it.
MASTER = """
import os, signal, sys, time
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
worker = os.fork()
if not worker:
    time.sleep(60)
    os._exit(0)
def end(*_):
    os.kill(worker, signal.SIGKILL)
    os._exit(7)
print(worker, flush=True)
time.sleep(0.3)
signal.signal(signal.SIGUSR2, end)
time.sleep(60)
end()
"""


def test_the_signal_waits_until_the_master_listens_for_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", MASTER], stdout=subprocess.PIPE, text=True) as master:
        try:
            assert master.stdout
            worker = f"Pid: {master.stdout.readline()}".encode()
            with answering(unix(tmp_path / "admin.sock"), worker, *[b"Pid: 1\n"] * 3):
                process(tmp_path).reload()
            assert master.wait(30) == 7
        finally:
            master.kill()
