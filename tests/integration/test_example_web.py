"""The story of a disposable web server, for real: apache from the distribution, by the real cron, in a copy.

On the machine's network, since apt needs it: that is where a copy could do most harm, so what is outside is compared.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import outside
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("cron") is None, reason="needs cron"),
]
TOP = Path(__file__).parents[2]
REHEARSE = [sys.executable, "-m", "bootstrap", "rehearse"]
ON_THE_NETWORK = ["--cron", "real", "--network", "host", "--timeout", "8m", "--json"]
HARM = {
    "mkfs": "for disk in /dev/vda /dev/sda /dev/nvme0n1; do mkfs.ext4 -F $disk; done",
    "mknod": "mknod /root/disk b 8 0 && dd if=/dev/zero of=/root/disk count=1",
    "clock": "date -s 2001-01-01",
    "sysctl": "sysctl -w kernel.panic=77; echo 77 >/proc/sys/kernel/panic",
    "modprobe": "modprobe dummy",
    "firewall": "iptables -A INPUT -j DROP; iptables -F; nft flush ruleset",
    "home": "touch /home/harm /root/harm",
    "system": "touch /etc/harm /usr/harm /var/harm /boot/harm; rm -rf /usr/share/doc /var/lib/dpkg",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def rehearse(*arguments: str) -> dict:
    done = subprocess.run(
        [*REHEARSE, *arguments, *ON_THE_NETWORK], cwd=TOP, capture_output=True, text=True, timeout=290
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict = json.loads(done.stdout)
    return found


def differences(before: dict[str, str]) -> set[str]:
    """What changed outside, but for the temporary folders and sockets of tests, and byte code in this checkout."""
    moves = ("/tmp/", "tcp", "udp", f"{TOP}/")
    return {name for name in outside.changed(before, outside.snapshot()) if not name.startswith(moves)}


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_apache_is_installed_in_the_copy_and_nowhere_else() -> None:
    before, port = outside.snapshot(), free_port()
    found = rehearse("examples/web", "--set", f"port={port}")
    assert found["state"] == "healthy"
    results = {e["stage"]: (e["result"], e.get("outputs")) for e in found["events"] if e["type"] == "stage.ended"}
    assert results == {"packages": ("done", {"packages": "apache2,git"}), "site": ("done", None)}
    assert [e for e in found["events"] if e["type"] == "fixed" and e["was"]["mode"] == "0400"]
    assert differences(before) == set()
    assert not listens(port)


def test_a_spec_that_tries_to_do_harm_does_none(tmp_path: Path) -> None:
    stages = [{"name": name, "run": f"({text}) || :\n"} for name, text in HARM.items()]
    spec = {"version": "1", "name": "harm", "stages": stages, "health": {"checks": [{"file": "/etc/harm"}]}}
    (tmp_path / "harm.yaml").write_text(json.dumps(spec))
    before, clock = outside.snapshot(), outside.clock_offset_s()
    assert rehearse(str(tmp_path / "harm.yaml"))["state"] == "healthy"
    assert differences(before) == set()
    assert abs(outside.clock_offset_s() - clock) < 60
    assert not Path("/home/harm").exists() and not Path("/root/harm").exists()
