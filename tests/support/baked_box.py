"""A baked copy of this machine: volumes on loop devices, a metadata service, and a tick that is killed at will."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from box import Box

from bootstrap.image import bake, own_paths
from bootstrap.image.bake import Settings
from bootstrap.runner.baked.program import TAKEN, TAKING
from bootstrap.runner.host import STUB, TRIGGER
from bootstrap.targets import seed

SERVICE = Path(__file__).parent / "metadata_service.py"
RUN = f"/usr/bin/python3 -I -S {own_paths.PROGRAM}"
needs_loop = pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="needs loop devices")

# Runs a tick that is killed, itself or a child of it, in place of its effect number N.
KILLED = """
import os, signal, sys
text = open(%r).read().split('if __name__ == "__main__":')[0]
exec(compile(text, "baked", "exec"))
left = [%d]
def deadly(name):
    real = getattr(Host, name)
    def effect(self, *given, **named):
        if left[0] == 0:
            open("/srv/cut", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return real(self, *given, **named)
    setattr(Host, name, effect)
for name in "save", "remove", "run", "ask":
    deadly(name)
main(["tick"])
"""


def bake_into(box: Box, *sources: str, signers: bytes | None = None) -> None:
    bake.bake(Path(f"/proc/{box.copy.pid}/root"), Settings(sources, "cron", signers=signers))


def assert_done_once(box: Box, ran: int, *, was_cut: bool) -> None:
    """Its one stage has one end, and ran no more often than that and the interruptions declare.

    was_cut: the power was. That may come between the end of the stage and its record, and then the stage is done again.
    """
    interrupted = box.events("interrupted")
    assert len(box.events("stage.ended", result="done")) == 1
    assert 1 <= ran <= 1 + len(interrupted), box.journal()
    assert was_cut or not interrupted, box.journal()


def survives_every_kill(put: Callable[[Box], object], source: str) -> int:
    """Kill a tick before each of its effects, at every second one by a power cut: the next tick takes the payload once.

    put: puts a payload of one stage, which notes that it ran, where the source finds it. Returns the number of effects.
    """
    steps = 0
    while True:
        with Box() as box:
            bake_into(box, source)
            put(box)
            box.run("/usr/bin/python3", "-I", "-S", "-c", KILLED % (own_paths.PROGRAM, steps))
            was_cut = box.exists("/srv/cut")
            if steps % 2:
                box.copy.boot(cron=None)
                box.power_cut()
                box.boot()
                # As cron would, should the bundle's own entry be there already.
                if box.exists(TRIGGER):
                    box.tick()
            again = box.run("/usr/bin/python3", "-I", "-S", own_paths.PROGRAM, "tick")
            box.wait_for(lambda box=box: box.state() == "healthy")  # type: ignore[misc]
            assert again.returncode == 0
            assert_done_once(box, box.text("/srv/oracle").count("ran"), was_cut=bool(steps % 2))
            assert box.run("/usr/bin/python3", "-I", "-S", own_paths.PROGRAM, "tick").returncode == 0
            assert json.loads(box.text(TAKEN)).get("source") == source, steps
            assert not box.exists(TAKING) and not box.exists(STUB)
        if not was_cut:
            return steps
        steps += 1


def seen(box: Box) -> dict[str, str]:
    return dict(json.loads(box.text("/run/initialrunner/seen.json"))["sources"])


def image(volume: seed.Seed, folder: Path, kind: str) -> Path:
    path = folder / f"{volume.label}.{kind}"
    if kind == "iso9660":
        path.write_bytes(volume.image())
        return path
    written = volume.write(folder / volume.label)
    subprocess.run(["mkfs.ext4", "-q", "-L", volume.label, "-d", written, path, "4M"], check=True, capture_output=True)
    return path


@contextmanager
def looped(path: Path) -> Iterator[str]:
    """The device on which a file lies, read-only."""
    done = subprocess.run(["losetup", "--find", "--show", "--read-only", path], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no loop device: {done.stderr}")
    device = done.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def attach(box: Box, device: str, label: str | None) -> None:
    """The device in the box's /dev; with a label udev has been there, else it has not."""
    box.from_outside(f"mknod {device} b 7 {device.removeprefix('/dev/loop')}")
    if label:
        box.from_outside(f"mkdir -p /dev/disk/by-label; ln -s {device} /dev/disk/by-label/{label}")


def find(box: Box) -> None:
    """The work of the service; its root may mount, a box's own may not."""
    box.from_outside(f"{RUN} find || [ $? = 75 ]")


def serve(box: Box, files: dict[str, bytes], behaviour: str = "plain") -> str:
    """The URL of a service in the box with these files."""
    for path, data in files.items():
        box.put(f"/srv/service/{path}", data)
    box.put("/srv/service/log", "")
    started = box.run("/usr/bin/python3", "-c", SERVICE.read_text(), "/srv/port", behaviour, "/srv/service")
    assert started.returncode == 0, started.stderr
    return f"http://127.0.0.1:{box.wait_for(lambda: box.text('/srv/port'))}"
