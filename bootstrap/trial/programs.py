"""The programs that a trial runs, with the Debian package of each, and how they are run: with an end, errors raised."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from bootstrap.errors import UsageError

QEMU = "qemu-system-x86_64"
# A Debian package for each. /usr/sbin is in no PATH of a Debian user, and has the last three.
PACKAGES = {
    QEMU: "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "setpriv": "util-linux",
    "cp": "coreutils",
    "busybox": "busybox-static",
    "ldd": "libc-bin",
    "zstd": "zstd",
    "lz4": "lz4",
    "sfdisk": "fdisk",
    "debugfs": "e2fsprogs",
    "mkfs.ext4": "e2fsprogs",
}
_FOLDERS = "/usr/sbin:/sbin"
QUICK_S = 60.0
# A copy of an image of several GB, on a disk that is busy.
LONG_S = 1800.0


class ProgramError(Exception):
    """A program ended with an error. text: all that it printed."""

    def __init__(self, program: str, code: int, text: str) -> None:
        super().__init__(f"{program} ended with {code}: {text.strip()[-2000:]}")
        self.program, self.code, self.text = program, code, text.strip()


def path_of(program: str) -> str | None:
    """The path of a program on this machine; None when it is not there."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{_FOLDERS}")


def need(programs: Iterable[str]) -> None:
    """Raise UsageError when programs are missing: it names all of them, and the packages that bring them."""
    missing = [program for program in programs if path_of(program) is None]
    if missing:
        packages = sorted({PACKAGES[program] for program in missing})
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(
            f"{' and '.join(missing)} {verb} missing on this machine", hint=f"apt-get install {' '.join(packages)}"
        )


def run(
    *argv: str, data: bytes | None = None, timeout_s: float = QUICK_S, merged: bool = False,
    env: Mapping[str, str] | None = None,
) -> bytes:  # fmt: skip
    """Run a program and return its output. data: its input. merged: with what it says on its other output.

    Raises UsageError when it is missing, ProgramError when it ends badly, or not in time.
    """
    need([argv[0]])
    program = path_of(argv[0]) or argv[0]
    try:
        done = subprocess.run(
            [program, *argv[1:]], input=data, stdin=None if data is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merged else subprocess.PIPE, timeout=timeout_s,
            check=False, env={**os.environ, "LC_ALL": "C", **(env or {})},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ProgramError(argv[0], -1, f"it has not ended after {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise ProgramError(argv[0], done.returncode, (done.stderr or done.stdout).decode(errors="replace"))
    return done.stdout


def escaped(path: Path) -> str:
    """A path as a value in an option of QEMU, where a comma ends a value and a doubled one stands for itself."""
    return str(path).replace(",", ",,")
