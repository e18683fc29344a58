"""The programs of this machine that the local driver starts, and what their failures, and the kernel's, mean."""

from __future__ import annotations

import contextlib
import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bootstrap.deploy.faults import Broken, Denied, Exists, Fault, Gone, Quota

# {program: the Debian package that has it}.
PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "mount": "mount",
    "umount": "mount",
    "setsid": "util-linux",
    "chroot": "coreutils",
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The deployer's own environment may have secrets, which are no business of what outlives it.
ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8"}
_TIMEOUT_S = 60
_WORDS: tuple[tuple[str, type[Fault]], ...] = (
    ("File exists", Exists),
    ("Operation not permitted", Denied),
    ("Permission denied", Denied),
    ("must be superuser", Denied),
    ("No space left", Quota),
    ("Cannot find device", Gone),
)
_NUMBERS: dict[int, type[Fault]] = {
    errno.ENOSPC: Quota,
    errno.EDQUOT: Quota,
    errno.ENOMEM: Quota,
    errno.EMFILE: Quota,
    errno.EAGAIN: Quota,  # fork(2): too many processes
    errno.EPERM: Denied,
    errno.EACCES: Denied,
    errno.EROFS: Denied,
}


def run(*command: str, stdin: bytes = b"") -> str:
    """Run a program to its end: what it printed. Raises the fault that its failure is."""
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, env=ENVIRONMENT, cwd="/", timeout=_TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        raise _missing(command[0]) from None
    except subprocess.TimeoutExpired:
        raise Broken(f"{' '.join(command)}: no end after {_TIMEOUT_S} s") from None
    if done.returncode != 0:
        words = " ".join(done.stderr.decode(errors="replace").split())
        kind = next((kind for text, kind in _WORDS if text in words), Broken)
        raise kind(f"{' '.join(command)}: {words or f'exit code {done.returncode}'}")
    return done.stdout.decode(errors="replace")


def launch(command: list[str], folder: Path, output: Path) -> None:
    """Start a command that goes on by itself (`setsid --fork`) in a folder, and keep what it prints in a file."""
    with output.open("ab") as file:
        try:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=folder, env=ENVIRONMENT, check=True
            )
        except FileNotFoundError:
            raise _missing(command[0]) from None
        except subprocess.CalledProcessError as error:
            raise Broken(f"{command[0]}: exit code {error.returncode}") from None


def _missing(program: str) -> Broken:
    return Broken(f"{program} is not on this machine: apt-get install {PROGRAMS.get(program, program)}")


@contextlib.contextmanager
def mapped() -> Iterator[None]:
    """Turn an error of the kernel into a fault."""
    try:
        yield
    except OSError as error:
        kind = _NUMBERS.get(error.errno or 0, Broken)
        place = f"{error.filename}: " if error.filename else ""
        raise kind(f"{place}{error.strerror or error}") from error
