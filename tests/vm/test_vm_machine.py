"""The machine of a trial: its power switch, its console and screen, BIOS and UEFI, and the network of a cloud."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny_images
from collector_process import ROOT
from images import Image
from tiny_images import HELLO

from bootstrap.errors import UsageError
from bootstrap.trial import disk, firmware, programs
from bootstrap.trial.machine import Machine, MachineError, NotInTime, NotYet, Start

BOOT_S = 120.0


@pytest.fixture
def start(tmp_path: Path) -> Start:
    return disk.opened(tiny_images.boot_sector(tmp_path / "image"), tmp_path)


def hello(machine: Machine) -> bool:
    return machine.wait_for(lambda: HELLO in machine.console(), BOOT_S, "the boot sector's text")


def test_power_and_reset_begin_a_boot_each(start: Start, tmp_path: Path) -> None:
    with Machine(start, tmp_path) as machine:
        assert not machine.is_on
        machine.boot()
        assert hello(machine) and machine.is_on
        assert machine.console() == f"{HELLO}\n"
        assert machine.screen().splitlines()[-1] == HELLO
        machine.reset()
        assert hello(machine) and machine.since() < BOOT_S
        machine.power_cut()
        assert not machine.is_on and machine.screen() == ""
        machine.boot()
        assert hello(machine)
        assert machine.console(all_boots=True) == f"{HELLO}\n" * 3
        process = machine.process
    assert process and process.poll() == -signal.SIGKILL


def test_a_wait_ends_with_the_last_lines_and_when_the_machine_does(start: Start, tmp_path: Path) -> None:
    def not_yet() -> bool:
        raise NotYet("nobody answers")

    with Machine(start, tmp_path) as machine:
        machine.boot()
        hello(machine)
        with pytest.raises(NotInTime) as late:
            machine.wait_for(not_yet, 0.3, "the login prompt")
        last = f"The last lines of the console:\n{HELLO}"
        assert late.value.message == f"not in 0 s: the login prompt (nobody answers)\n{last}"
        machine._control().call("quit")
        with pytest.raises(MachineError) as ended:
            machine.wait_for(lambda: False, BOOT_S, "the login prompt")
        assert ended.value.message == (
            f"the machine has switched itself off, while this was waited for: the login prompt\n{last}"
        )
        with pytest.raises(MachineError, match="the machine was not reset: the machine is off"):
            machine.reset()
    with Machine(start, tmp_path, options=["-nonsense"]) as machine:
        machine.boot()
        with pytest.raises(MachineError, match=r"QEMU has ended with 1 \(.*-nonsense: invalid option\), while"):
            machine.wait_for(lambda: False, BOOT_S, "the login prompt")


def test_a_silent_console_is_told_with_the_text_of_the_screen(tmp_path: Path) -> None:
    # A disk whose boot sector says nothing: it stands still.
    image = tiny_images.partitioned(tmp_path / "image", "label: dos\nstart=2048\n", mib=4, sector=b"\xf4\xeb\xfd")
    with Machine(disk.opened(image, tmp_path), tmp_path) as machine:
        machine.boot()
        machine.wait_for(lambda: "Booting from Hard Disk" in machine.screen(), BOOT_S, "the BIOS")
        with pytest.raises(NotInTime) as error:
            machine.wait_for(lambda: False, 0, "the login prompt")
    lines = error.value.message.splitlines()
    assert lines[1] == (
        "The console (ttyS0) was silent. The image's own boot loader decides what appears there: console=ttyS0 on the "
        "kernel's line. The screen:"
    )
    assert lines[-1] == "Booting from Hard Disk..."


def test_a_machine_ends_with_its_owner_even_when_that_is_killed(start: Start, tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom bootstrap.trial.machine import Machine, Start\n"
        "machine = Machine(Start(Path(sys.argv[1]), 'qcow2'), Path(sys.argv[2])).__enter__()\nmachine.boot()\n"
        "print(machine.process.pid, flush=True)\ntime.sleep(1000)\n"
    )
    argv = [sys.executable, "-c", script, str(start.disk), str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as owner:
        assert owner.stdout
        pid = int(owner.stdout.readline())
        os.kill(pid, 0)
        owner.kill()
    end = time.monotonic() + BOOT_S
    while Path(f"/proc/{pid}/status").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}/status").exists()


def test_a_missing_qemu_is_named(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "path_of", lambda name: None if name == programs.QEMU else f"/usr/bin/{name}")
    with Machine(start, tmp_path) as machine, pytest.raises(UsageError) as error:
        machine.boot()
    assert error.value.message == "qemu-system-x86_64 is missing on this machine"
    assert error.value.hint == "apt-get install qemu-system-x86"


def test_a_disk_for_uefi_is_started_by_it(tmp_path: Path) -> None:
    table = "label: gpt\nstart=2048,size=2048,type=uefi\nstart=8192,type=linux\n"
    start = disk.opened(tiny_images.partitioned(tmp_path / "image", table), tmp_path)
    template = firmware.ovmf()[1].read_bytes()
    with Machine(start, tmp_path) as machine:
        machine.boot()
        # The partition is empty: the firmware looks for a loader on the disk, and says that there is none.
        machine.wait_for(lambda: "BdsDxe" in machine.console(), BOOT_S, "the firmware's word")
    assert firmware.ovmf()[1].read_bytes() == template


ASKS = """\
#!/bin/sh
exec >/dev/console 2>&1
python3 - <<'END'
import time, urllib.request
for url in ("http://169.254.169.254/one", "http://169.254.169.254/two", "http://{host}:{port}/collector"):
    for _ in range(300):
        try:
            print("asked:", urllib.request.urlopen(url, timeout=10).read().decode(), flush=True)
            break
        except OSError as error:
            time.sleep(0.2)
    else:
        print(url, error, flush=True)
END
"""


@contextmanager
def listening() -> Iterator[int]:
    """The port of a server that answers with the path that it was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"{self.path} of {self.headers['host']}".encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.timeout(900)
def test_a_guest_in_the_network_of_a_cloud_finds_its_metadata_service_and_the_collector(
    image: Callable[..., Image], tmp_path: Path, note: Callable[[str, float], None]
) -> None:
    # A bare file system: its kernel comes out of it.
    start = disk.opened(image().disk, tmp_path, raw=True)
    with listening() as port:
        text = ASKS.format(host="169.254.2.2", port=port)
        disk.inject(start, {"/etc/rc.local": text.encode()}, {"/etc/rc.local": 0o755})
        with Machine(start, tmp_path, memory_mib=512, network="metadata", metadata_port=port) as machine:
            assert machine.collector_host == "169.254.2.2"
            machine.boot()
            machine.wait_for(lambda: machine.console().count("asked: ") == 3, 400, "three answers")
            note("three answers in the network of a cloud", machine.since())
    answers = [line.partition("asked: ")[2] for line in machine.console().splitlines() if "asked: " in line]
    assert answers == [
        "/one of 169.254.169.254", "/two of 169.254.169.254", f"/collector of 169.254.2.2:{port}",
    ]  # fmt: skip
