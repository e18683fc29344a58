"""Images made by other people's builders from examples/images, and the one judgement on all of them.

`run` calls a builder with this checkout's `bootstrap` in its PATH, `judge` looks into the root that came of it.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from bootstrap.image import baked, runner_texts
from bootstrap.image.own_paths import CRON, HOST_KEYS, HOST_KEYS_SERVICE, PROGRAM, UNITS
from bootstrap.payload.split import runner_text
from bootstrap.rehearse.copy import JOURNAL
from bootstrap.runner.baked.program import IMAGE, TAKEN
from bootstrap.runner.host import BUNDLE, COMMAND

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "examples/images"
MODES = {
    PROGRAM: 0o644,
    runner_texts.place(runner_text().sha256): 0o644,
    COMMAND: 0o700,
    IMAGE: 0o644,
    CRON: 0o644,
    f"{UNITS}/initialrunner-image.service": 0o644,
    f"{UNITS}/initialrunner-image.timer": 0o644,
}
LINKS = {
    f"{UNITS}/multi-user.target.wants/initialrunner-image.service": "../initialrunner-image.service",
    f"{UNITS}/timers.target.wants/initialrunner-image.timer": "../initialrunner-image.timer",
}
# A leftover that nobody may clean unasked.
LEFTOVER = "/srv/site.key"
KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7\n" * 3
    + "-----END PRIVATE KEY-----\n"
)


def command(folder: Path) -> Path:
    """A folder for PATH, with a `bootstrap` that is this checkout's."""
    folder.mkdir()
    script = folder / "bootstrap"
    script.write_text(f"#!/bin/sh\nPYTHONPATH='{TOP}' exec '{sys.executable}' -m bootstrap \"$@\"\n")
    script.chmod(0o755)
    return folder


def run(
    tools: Path, argv: list[str | Path], *, cwd: Path | None = None, timeout_s: float = 280, **variables: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run a builder, not an error when it fails. variables: of its environment."""
    path = f"{tools}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST_"))}
    environment |= {"PATH": path, "LC_ALL": "C.UTF-8", **{name: str(value) for name, value in variables.items()}}
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        builder = subprocess.Popen(
            argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            builder.wait(timeout_s)
        finally:
            # All that it has started, should it hang.
            if builder.poll() is None:
                os.killpg(builder.pid, signal.SIGKILL)
                builder.wait()
        log.seek(0)
        return subprocess.CompletedProcess(argv, builder.returncode, log.read())


def judge(tools: Path, root: Path, *require: str, sources: tuple[str, ...] = ("files", "config-drive")) -> None:
    """Everything that was baked is there and on, as root's, nothing has been taken yet, and the gate lets it pass."""
    for path, mode in MODES.items():
        info = (root / path[1:]).lstat()
        assert stat.S_ISREG(info.st_mode), path
        assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (mode, 0, 0), path
    for path, target in LINKS.items():
        assert os.readlink(root / path[1:]) == target
    assert (root / PROGRAM[1:]).read_text() == baked.text()
    image = json.loads((root / IMAGE[1:]).read_text())
    assert (tuple(image["sources"]), image["trigger"]) == (sources, "both")
    if (root / "usr/sbin/sshd").exists():
        assert (root / HOST_KEYS[1:]).exists() and (root / UNITS[1:] / HOST_KEYS_SERVICE).exists()
    for path in (BUNDLE, TAKEN, JOURNAL):
        assert not (root / path[1:]).exists()
    options = [word for unit in require for word in ("--require", unit)]
    sealed = run(tools, ["bootstrap", "seal", root, *options, "--json"])
    assert sealed.returncode == 0, sealed.stdout
    enabled = run(tools, ["systemctl", f"--root={root}", "is-enabled", *require])
    assert enabled.stdout.split() == ["enabled"] * len(require)


def unpack(tar: Path, root: Path) -> Path:
    """A root file system from a tar, without its devices."""
    root.mkdir(mode=0o755)
    subprocess.run(["tar", "-x", "-p", "-C", root, "--exclude=./dev/*", "-f", tar], check=True)
    return root


def plant(root: Path) -> None:
    """Put a private key there that the gate must refuse."""
    (root / LEFTOVER[1:]).write_text(KEY)
