"""A new bookworm to install things in: python3 and systemd are there, nothing of this machine is, not even its network.

    with FreshRoot() as root:
        root.put(package, "/tmp/one.deb")
        assert root.sh("dpkg -i /tmp/one.deb")
        root.sh("bootstrap --version", user="ann")

The root is made once and kept in build/roots, as the environments of tests/support/venvs.py are.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import pytest
from debian_root import make_root
from declared import within

KEPT = Path(__file__).resolve().parents[2] / "build" / "roots"
PACKAGES = ("ca-certificates", "mount")
USER = "ann"
# Its own /dev and /proc, and a network that leads nowhere; $0 is the root. Not only chroot: rehearsals read what is
# mounted on /, which must not be a tmpfs. $1: whether what is changed stays.
ENTER = """
mount --make-rprivate /
root=$0
case $1 in
lasting) mount --bind "$root" "$root" ;;
passing) rm -rf "$root.new" "$root.work"; mkdir "$root.new" "$root.work"
    mount -t overlay -o "lowerdir=$root,upperdir=$root.new,workdir=$root.work" overlay "$root" ;;
esac
shift
cd "$root"
mount -t proc proc proc && mount -t tmpfs tmpfs run && mount -t tmpfs tmpfs dev && mkdir dev/shm && chmod 1777 dev/shm
for one in null zero full random urandom; do touch dev/$one && mount --bind /dev/$one dev/$one; done
pivot_root . . && umount -l . && exec chroot . "$@"
"""
ENVIRONMENT = ("PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")

needs_fresh_root = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("mmdebstrap", "dpkg-deb", "strip"))),
    reason="needs root, mmdebstrap, dpkg-deb and strip",
)


def fresh_tar() -> Path:
    """The root as a tar. One process makes it, others wait for that."""
    KEPT.mkdir(parents=True, exist_ok=True)
    tar = KEPT / f"bookworm-{'-'.join(PACKAGES)}.tar"
    with open(KEPT / "making", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not tar.exists():
            make_root(tar.with_suffix(".new.tar"), *PACKAGES).rename(tar)
    return tar


class FreshRoot:
    """One such root, unpacked; gone after the block."""

    def __enter__(self) -> FreshRoot:
        memory = Path("/dev/shm")
        self._work = Path(tempfile.mkdtemp(prefix="fresh-", dir=memory if memory.is_dir() else None))
        self.path = self._work / "root"
        self.path.mkdir(mode=0o755)
        try:
            subprocess.run(["tar", "-x", "-C", self.path, "--exclude=./dev/*", "-f", fresh_tar()], check=True)
            # It was made without documentation; what comes now is to be whole.
            (self.path / "etc/dpkg/dpkg.cfg.d/99mmdebstrap").unlink()
            self.sh(f"useradd --create-home {USER}")
        except BaseException:
            shutil.rmtree(self._work, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def put(self, source: Path, path: str) -> None:
        shutil.copy(source, self.path / path.lstrip("/"))

    def run(
        self, script: str, user: str = "root", kind: str = "lasting", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script in the home folder of its user. kind: "passing" forgets what it changes."""
        home = variables.pop("HOME", "/root" if user == "root" else f"/home/{user}")
        settings = [*ENVIRONMENT, f"HOME={home}", *(f"{name}={value}" for name, value in variables.items())]
        rows = [row.split(":") for row in (self.path / "etc/passwd").read_text().splitlines()]
        (group,) = [row[3] for row in rows if row[0] == user]
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups"]
        inside = ["env", "-i", *settings, *become, "sh", "-ec", f'cd "$HOME" 2>/dev/null || cd /\n{script}']
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net"]
        return subprocess.run(
            [*apart, "sh", "-ec", ENTER, self.path, kind, *inside],
            env=within(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def sh(self, script: str, user: str = "root", kind: str = "lasting", **variables: str) -> str:
        """The output of a script, which must end with 0."""
        done = self.run(script, user, kind, **variables)
        assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def listing(self) -> dict[str, tuple[int, int]]:
        """{path: (mode, owner)} of every file and folder, but for the logs and caches of apt and dpkg."""
        apart = ("var/log", "var/cache", "var/lib/apt", "tmp")
        paths = {}
        for path in self.path.rglob("*"):
            name = str(path.relative_to(self.path))
            if not name.startswith(apart):
                about = path.lstat()
                paths[name] = (about.st_mode, about.st_uid)
        return paths
