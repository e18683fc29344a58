"""A new Debian with a fresh clone in it, and nothing else than README.md assumes; it reaches what this machine reaches.

    with FreshMachine() as machine:
        done = machine.make("setup")

    .venv/bin/python tests/support/fresh_machine.py test    # make test in such a one, to look at

It is a folder of this machine, entered as a root of its own: network, kernel, /dev and /sys are this machine's.
"""

from __future__ import annotations

import ast
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
from declared import LOGIN_PATH, within

TOP = Path(__file__).resolve().parents[2]
KEPT = TOP / "build" / "roots"
# The packages that README.md asks for before its first command.
ASSUMED = ("git", "make", "python3", "python3-venv")
CLONE = "/root/initialrunner"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# The way to packages differs from machine to machine: proxies, certificates and indexes come along by these names.
PASSED = re.compile(r"(https?|ftp|all|no)_proxy|PIP_\w+|\w+_CA_BUNDLE|SSL_CERT_\w+|GIT_SSL_\w+", re.IGNORECASE)
# $0 is the root, "$1" the folders of this machine that it sees, a line each; the rest is the command. Its disk is not
# in memory, since rehearsals read what is mounted on /.
ENTER = """
mount --make-rprivate /
root=$0
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc && mount --rbind /sys sys && mount --rbind /dev dev && mount -t tmpfs tmpfs run
echo "$1" | while read -r folder; do
    [ -z "$folder" ] || { mkdir -p ".$folder" && mount --bind "$folder" ".$folder"; }
done
shift
pivot_root . . && umount -l . && exec chroot . "$@"
"""

needs_fresh_machine = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mmdebstrap"), reason="needs root and mmdebstrap"
)


def suite() -> str:
    """The Debian of this machine, since its apt sources come along."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    return dict(re.findall(r'^(\w+)="?([^"\n]*)', release, re.MULTILINE)).get("VERSION_CODENAME", "bookworm")


def tar() -> Path:
    """The root as a tar. One process makes it, others wait for that."""
    KEPT.mkdir(parents=True, exist_ok=True)
    root = KEPT / f"{suite()}-{'-'.join(ASSUMED)}.tar"
    with (KEPT / "making").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            new = root.with_suffix(".new.tar")
            command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(ASSUMED)}", suite(), new]
            subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
            new.rename(root)
    return root


def settings() -> dict[str, str]:
    """The environment that says how this machine reaches packages; what is configured for pip becomes a part of it."""
    variables = {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    for key, value in re.findall(r"^(?:global|install)\.([\w-]+)=(.*)$", listed, re.MULTILINE):
        variables.setdefault(f"PIP_{key.upper().replace('-', '_')}", ast.literal_eval(value))
    return variables


def named(variables: dict[str, str]) -> Iterator[Path]:
    """The files and folders of this machine that these variables name."""
    for value in variables.values():
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                yield path


class FreshMachine:
    """One such machine, with this checkout's last commit cloned in it; gone after the block."""

    def __enter__(self) -> FreshMachine:
        KEPT.mkdir(parents=True, exist_ok=True)
        self.root = Path(tempfile.mkdtemp(prefix="machine-", dir=KEPT))
        self.root.chmod(0o755)
        self.settings = settings()
        # Files in /etc belong to each machine. Of the rest, folders are seen and not copied: /opt/index for
        # /opt/index/simple, since the pages of an index refer to files beside them.
        folders = [path for path in named(self.settings) if path.is_dir() and not path.is_relative_to("/etc")]
        self.seen = sorted({Path(*path.parts[:3]) for path in folders})
        try:
            subprocess.run(["tar", "-x", "-C", self.root, "--exclude=./dev/*", "-f", tar()], check=True)
            self._connect()
            clone = ["git", "clone", "--quiet", "--no-hardlinks", TOP, self._at(CLONE)]
            subprocess.run(clone, check=True)
        except BaseException:
            shutil.rmtree(self.root, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def _at(self, path: str | Path) -> Path:
        return self.root / str(path).lstrip("/")

    def _connect(self) -> None:
        """Give it names, sources, keys and certificates; of apt's options only how to get things."""
        for path in ("/etc/resolv.conf", "/etc/hosts", *filter(Path.is_file, named(self.settings))):
            self._at(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, self._at(path))
        for path in ("/etc/apt", "/usr/share/keyrings"):
            options = shutil.ignore_patterns("apt.conf*")
            shutil.copytree(path, self._at(path), dirs_exist_ok=True, ignore=options, symlinks=True)
        if Path("/etc/apt/sources.list.d").exists() and not Path("/etc/apt/sources.list").exists():
            self._at("/etc/apt/sources.list").unlink(missing_ok=True)
        dump = subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True, text=True).stdout
        self._at("/etc/apt/apt.conf.d/01machine").write_text(dump)
        # The package of certificates writes the file anew: what only this machine trusts stays by lying here too.
        if Path(CERTIFICATES).exists():
            local = self._at("/usr/local/share/ca-certificates")
            local.mkdir(parents=True, exist_ok=True)
            text = Path(CERTIFICATES).read_text(encoding="utf-8")
            for number, certificate in enumerate(re.findall(r"-----BEGIN.*?-----END [A-Z ]+-----\n", text, re.DOTALL)):
                (local / f"machine-{number}.crt").write_text(certificate)

    def run(self, *command: str, timeout_s: float = 900, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone; what it prints is kept."""
        return subprocess.run(
            self._argv(command, variables), env=within(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=timeout_s,
        )  # fmt: skip

    def make(self, *words: str, timeout_s: float = 900, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run make in the clone."""
        return self.run("make", *words, timeout_s=timeout_s, **variables)

    def show(self, *command: str) -> int:
        """Run a command whose output is seen as it comes; its exit code."""
        return subprocess.run(self._argv(command, {}), env=within(), stdin=subprocess.DEVNULL, check=False).returncode

    def _argv(self, command: tuple[str, ...], variables: dict[str, str]) -> list[str | Path]:
        environment = {"PATH": LOGIN_PATH, "HOME": "/root", "CI": "true"} | self.settings | variables
        words = [f"{name}={value}" for name, value in environment.items()]
        inside = ["env", "-i", f"--chdir={CLONE}", *words, *command]
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", ENTER]
        return [*apart, self.root, "\n".join(map(str, self.seen)), *inside]


def main() -> int:
    with FreshMachine() as machine:
        return machine.show("make", *sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
