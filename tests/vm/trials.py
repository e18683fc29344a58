"""Trials of images by `bootstrap try`, called as people call it, and the roots that the images are made of."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import disks
import images
from collector_process import ROOT
from declared import within

from bootstrap.trial import kernel

BYTES = 1 << 30  # of a disk with partitions; it has room for what a clone writes
DEADLINE_S = 400  # a boot takes 20 s on a quiet machine, a minute with cloud-init, and this one may be busy
END_S = 700  # of the whole program, with two boots in it


@dataclass(frozen=True)
class Tried:
    """One call of `bootstrap try`. outcome: what --json printed; seconds: of the whole call."""

    exit_code: int
    outcome: dict[str, Any]
    text: str
    seconds: float

    @property
    def clones(self) -> list[dict[str, Any]]:
        """The servers that were made of the image."""
        clones: list[dict[str, Any]] = self.outcome["clones"]
        return clones

    def codes(self, severity: str) -> set[str]:
        """The codes of all judgements with this severity: ok, warning or error."""
        every = [finding for clone in self.clones for finding in clone["findings"]] + self.outcome["findings"]
        return {finding["code"] for finding in every if finding["severity"] == severity}

    def lines(self) -> str:
        """The errors, as people see them, and the verdict."""
        errors = [finding for finding in self.outcome["findings"] if finding["severity"] == "error"]
        rows = [f"error[{finding['code']}]: {finding['what']}; {finding['why']}" for finding in errors]
        return "\n".join([*rows, f"verdict: {self.outcome['verdict']}"])

    def healthy_s(self) -> float:
        """Seconds from power on until the last clone was healthy."""
        return float(self.clones[-1]["seconds"]["healthy"])


def run(*argv: str | Path, timeout_s: float = 300) -> tuple[int, str, str]:
    """(exit code, output, errors) of the toolkit's command line, which must leave no process behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bootstrap", *map(str, argv)], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=timeout_s)
    finally:
        left = _session(process.pid)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        process.wait()
    assert not left, f"{argv[0]} left {len(left)} processes behind"
    return process.returncode, output, errors


def tried(image: Path, *options: str, deadline_s: int = DEADLINE_S) -> Tried:
    """Try an image, a disk or a folder, and see that not a byte of it was changed and that no QEMU is left."""
    before = _digest(image)
    begun = time.monotonic()
    code, output, errors = run("try", image, "--json", "--deadline", f"{deadline_s}s", *options, timeout_s=END_S)
    seconds = time.monotonic() - begun
    assert _digest(image) == before, f"{image} was changed"
    assert output, f"it ended with {code}: {errors}"
    return Tried(code, json.loads(output), output + errors, seconds)


@contextmanager
def unpacked(suite: str, variant: str) -> Iterator[Path]:
    """The root of an image as a folder, in which nobody gets in by an empty password.

    Its machine id is empty, as seal leaves one. With the word `uninitialized` systemd would take a boot for the first
    one, and enable by its presets what a test has disabled.
    """
    with disks.unpacked(images.get(images.Recipe(suite, variant)).disk) as root:
        subprocess.run(["chroot", root, "passwd", "--quiet", "--lock", "root"], env=within(), check=True, timeout=60)
        (root / "etc/machine-id").write_text("")
        yield root


def bake_and_seal(root: Path, *bake: str, require: tuple[str, ...] = ("cron", "ssh")) -> None:
    """Put the runner into a root and seal it, as every recipe of an image does."""
    code, output, errors = run("bake", root, *bake)
    assert code == 0, output + errors
    code, output, errors = seal(root, *require)
    assert code == 0, output + errors


def step(command: str, code: int, text: str) -> str:
    """One command of a story with its exit code, without the lines that say what was cleaned or written."""
    rows = [row for row in text.strip().splitlines() if not row.startswith(("cleaned ", "written ", "same "))]
    return "\n".join([f"$ bootstrap {command}  # exit {code}", *rows])


def seal(root: Path, *require: str) -> tuple[int, str, str]:
    """Clean a root and judge it."""
    return run("seal", root, "--clean", *(word for unit in require for word in ("--require", unit)))


def disk_of(root: Path, disk: Path, *edits: Callable[[Path], None]) -> Path:
    """A disk with what is below root, a bare ext4, changed by edits first. The root itself is left as it is."""
    if not edits:
        kernel.make_disk(root, disk)
        return disk
    with tempfile.TemporaryDirectory(prefix="edited-", dir=images.roomy()) as folder:
        copy = Path(folder, "root")
        subprocess.run(["cp", "-a", "--reflink=auto", root, copy], check=True, timeout=120)
        for edit in edits:
            edit(copy)
        kernel.make_disk(copy, disk)
    return disk


@contextmanager
def folder_of_disks() -> Iterator[Path]:
    """A folder for disks that ends with the block: pytest would keep those of its last three runs."""
    folder = Path(tempfile.mkdtemp(prefix="try-", dir=images.roomy()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _digest(image: Path) -> str:
    if image.is_file():
        with image.open("rb") as file:
            return f"{image.stat().st_mtime_ns} {hashlib.file_digest(file, 'sha256').hexdigest()}"
    # A folder: every name with its kind, its owner and its times, but for the time of the last reading.
    argv = ["find", ".", "-printf", r"%p %l %y %m %U %G %s %T@ %C@\n"]
    names = subprocess.run(argv, cwd=image, check=True, capture_output=True, timeout=120).stdout
    return hashlib.sha256(b"\n".join(sorted(names.splitlines()))).hexdigest()


def _session(leader: int) -> list[int]:
    """The processes of a session that run. One that has ended and was not waited for is none."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[3]) == leader:
            found.append(int(stat.parent.name))
    return found
