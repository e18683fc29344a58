"""A throwaway PostgreSQL of the distribution's own binaries, reached over a socket in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/usr/lib/postgresql")


def binaries() -> Path | None:
    """The newest installed version's programs, None when there is none."""
    programs = sorted(ROOT.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return programs[-1].parent if programs else None


@contextmanager
def cluster(programs: Path) -> Iterator[str]:
    """A running server: its URL. PostgreSQL refuses to be root, so root becomes `postgres` for it."""
    # A folder of its own, since pytest's are closed to other users, and a short path, since a socket's is at most 107.
    folder = Path(tempfile.mkdtemp(prefix="ir-pg-", dir="/tmp"))
    drop: list[str] = []
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        drop = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--"]

    def run(*argv: str) -> None:
        done = subprocess.run([*drop, *argv], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr or done.stdout

    data = str(folder / "data")
    try:
        run(
            str(programs / "initdb"), "-N", "-D", data, "-U", "tester", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        options = f"-c listen_addresses= -c unix_socket_directories={folder}"
        run(str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
