"""A guest's disk while it is switched off: copied from an image, written to and read with debugfs, never mounted."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from images import roomy

INJECTED = 0o400  # what Nova leaves: readable by root, executable by nobody


def copy(image: Path, disk: Path) -> None:
    """A disk of one's own. Where the file system shares blocks it costs nothing, else what the image holds (0.3 s)."""
    argv = ["cp", "--sparse=always", "--reflink=auto", str(image), str(disk)]
    subprocess.run(argv, check=True, timeout=120)


def inject(disk: Path, files: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> None:
    """Write files, root's and 0400 unless modes names another, into a disk that no guest is using; folders are made.

    Raises RuntimeError when they are not there afterwards: debugfs itself ends with 0 whatever happened.
    """
    if not files:
        return
    modes = {path: (modes or {}).get(path, INJECTED) for path in files}
    with tempfile.TemporaryDirectory() as folder:
        orders, made = [], set()
        for number, (path, content) in enumerate(files.items()):
            for parent in list(reversed(PurePosixPath(path).parents))[1:]:
                if parent not in made:
                    made.add(parent)
                    orders.append(f"mkdir {parent}")  # one that is there is left as it is
            source = Path(folder, str(number))
            source.write_bytes(content)
            orders += [
                f"rm {path}",
                f"write {source} {path}",
                f"set_inode_field {path} mode 0{0o100000 | modes[path]:o}",
            ]
            orders += [f"set_inode_field {path} {owner} 0" for owner in ("uid", "gid")]
        _debugfs(disk, orders, write=True)
        for path, content in files.items():
            said = _debugfs(disk, [f"stat {path}"])
            found = re.search(r"Mode:\s+0?(\d+).*?Size: (\d+)", said, re.DOTALL)
            if not found or (int(found[1], 8), int(found[2])) != (modes[path], len(content)):
                raise RuntimeError(f"{path} did not get into {disk}:\n{said}")


def read(disk: Path, path: str) -> bytes | None:
    """A file of a disk that no guest is using; None when it is not there. What only ext4's journal has is not seen."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "file")
        _debugfs(disk, [f"dump {path} {target}"])
        return target.read_bytes() if target.exists() and target.stat().st_size else None


@contextmanager
def unpacked(disk: Path) -> Iterator[Path]:
    """All of a disk as a folder, owners and modes kept, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="disk-", dir=roomy()) as folder:
        root = Path(folder, "root")
        root.mkdir(mode=0o755)
        _debugfs(disk, [f"rdump / {root}"], timeout_s=300)
        (root / "lost+found").rmdir()
        yield root


def _debugfs(disk: Path, orders: list[str], *, write: bool = False, timeout_s: float = 60) -> str:
    argv = ["debugfs", *(["-w"] if write else []), "-f", "-", str(disk)]
    done = subprocess.run(
        argv, input="\n".join(orders) + "\n", capture_output=True, text=True, check=True, timeout=timeout_s,
        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
    )  # fmt: skip
    return done.stdout + done.stderr
