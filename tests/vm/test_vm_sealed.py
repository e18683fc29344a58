"""A sealed image boots clean, and its clone takes a payload once; what has run is refused until it is clean again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import disks
import images
import pytest
from collector_process import ROOT
from declared import within
from deploys import LOG, Deploys, assert_clean, started_by_the_image
from guest import Guest
from images import Image

from bootstrap.image.bake import Settings, bake
from bootstrap.runner.host import COMMAND

pytestmark = pytest.mark.timeout(900)
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
SPEC = f"""
version: 1
name: clone
stages:
  - {{name: one, run: "echo {{{{ server }}}} >>{LOG}; sync"}}
every_boot:
  - {{name: worker, run: "cd /srv && setsid python3 -m http.server --bind 127.0.0.1 8080 >/dev/null 2>&1 &"}}
health:
  deadline: 2m
  checks: [{{http: "http://127.0.0.1:8080/"}}]
"""
# What a clone's first life leaves in its disk, in the order in which it is told.
LIVED = {
    "ours.state": "/var/lib/initialrunner",
    "ours.command": COMMAND,
    "ssh.host-key": "/etc/ssh/ssh_host_",
    "identity.machine-id": "/etc/machine-id",
    "identity.random-seed": "/var/lib/systemd/random-seed",
    "log.file": "/var/log/",
}


def seal(root: Path, *options: str) -> tuple[int, dict[str, list[str]], str]:
    """(exit code, {code: paths}, all that was said) of the gate."""
    argv = [sys.executable, "-m", "bootstrap", "seal", str(root), "--require", "ssh", "--json", *options]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    found: dict[str, list[str]] = {}
    for one in json.loads(done.stdout)["findings"]:
        found.setdefault(one["code"], []).append(one["path"])
    return done.returncode, found, done.stdout + done.stderr


def lives(image: Image, server: str, deploys: Deploys, after: Callable[[Guest, str], None]) -> float:
    """A clone takes its payload, once, and all of its units are well. Seconds until it was healthy."""
    payload = deploys.render(SPEC, server)
    with Guest(image, files=started_by_the_image(payload)) as guest:
        guest.boot()
        seconds = deploys.wait_healthy(guest, payload)
        assert guest.sh("systemctl is-system-running --wait || :", 240).strip() == "running"
        assert_clean(guest)
        assert guest.text(LOG).splitlines() == [server]
        assert [e["stage"] for e in deploys.events(payload, "stage.started")] == ["one"]
        assert guest.sh("systemctl is-active ssh").strip() == "active"
        # It has names and keys of its own.
        assert len(guest.text("/etc/machine-id").strip()) == 32
        after(guest, guest.text(HOST_KEY))
    return seconds


def test_a_sealed_image_boots_clean_and_one_that_has_run_is_refused(
    image: Callable[..., Image], deploys: Deploys, note: Callable[[str, float], None], tmp_path: Path
) -> None:
    built, keys = image("trixie", "ssh"), list[str]()
    with disks.unpacked(built.disk) as root:
        keys.append((root / HOST_KEY.lstrip("/")).read_text())
        # Of this image alone: no password is no finding that can be mended.
        argv = ["chroot", str(root), "passwd", "--quiet", "--lock", "root"]
        subprocess.run(argv, env=within(), check=True, timeout=60)
        bake(root, Settings())
        code, found, said = seal(root)
        assert (code, set(found)) == (4, {"ssh.host-key"}), said
        code, found, said = seal(root, "--clean")
        assert (code, found) == (0, {}), said
        sealed = images.from_root(root, tmp_path / "sealed", built)

    def snapshot(guest: Guest, key: str) -> None:
        keys.append(key)
        guest.shut_down()
        with disks.unpacked(guest.disk) as root:
            code, found, said = seal(root)
            assert code == 4, said
            for name, path in LIVED.items():
                assert any(one.startswith(path) for one in found.get(name, ())), (name, said)
            # The way out: clean, and bake again, since a bundle's runner has replaced the baked command.
            (root / LOG.lstrip("/")).unlink()
            code, found, said = seal(root, "--clean")
            assert (code, set(found)) == (4, {"need.command"}), said
            bake(root, Settings())
            code, found, said = seal(root, "--clean")
            # This release makes host keys at a first boot, and with an empty machine id systemd knows none.
            assert (code, set(found)) == (4, {"need.host-keys"}), said
            bake(root, Settings(host_keys=True))
            code, found, said = seal(root)
            assert (code, found) == (0, {}) and "host keys" not in said, said
            images.from_root(root, tmp_path / "again", built)

    note("sealed: healthy", lives(sealed, "clone-1", deploys, snapshot))
    again = Image(tmp_path / "again")
    note("snapshot of it, sealed: healthy", lives(again, "clone-2", deploys, lambda _, key: keys.append(key)))
    assert len(set(keys)) == 3 and all(key.startswith("ssh-ed25519 ") for key in keys)
