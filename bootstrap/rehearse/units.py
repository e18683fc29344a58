"""Puts the stand-in for systemd into a copy's tree, in the place of `systemctl` and its like."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bootstrap.rehearse.standin.places import ETC, HOME
from bootstrap.rehearse.standin.run import PROGRAMS
from bootstrap.rehearse.treefiles import inside, write_new

_STANDIN = Path(__file__).parent / "standin"
_FLOOR = (3, 9)
_CODE = (
    f"import sys; sys.version_info < {_FLOOR} and sys.exit('systemctl (stand-in): it needs Python 3.9'); "
    "sys.path.insert(0, sys.argv[1]); del sys.argv[:2]; from bootstrap.rehearse.standin.run import main; main()"
)
_PYTHONS = ("/usr/bin/python3", "/usr/libexec/platform-python", "/usr/local/bin/python3")
_PROGRAM = f"""#!/bin/sh
# A rehearsal's stand-in for systemd: docs/how-to/rehearse.md
for python in {" ".join(_PYTHONS)}; do
  [ -x "$python" ] && exec "$python" -I -S -c "{_CODE}" {HOME} "${{0##*/}}" "$@"
done
echo "${{0##*/}} (stand-in): there is no python3" >&2
exit 1
"""
_DIVERSIONS = "/var/lib/dpkg/diversions"


def put_in(root: str) -> bool:
    """Put the stand-in below `root`, in the place of the system's own programs.

    False when the system does not use systemd, or its Python is older than 3.9: then nothing is changed.
    """
    has_systemd = any(os.path.isdir(f"{root}{folder}/systemd/system") for folder in ("/usr/lib", "/lib"))
    if not has_systemd or _python_is_old(root):
        return False
    for source in sorted(_STANDIN.glob("*.py")):
        _write(f"{root}{HOME}/bootstrap/rehearse/standin/{source.name}", source.read_bytes())
    # The folders above are packages by empty files: the stand-in needs nothing of this tree.
    for folder in ("bootstrap", "bootstrap/rehearse"):
        _write(f"{root}{HOME}/{folder}/__init__.py", b"")
    # On a merged /usr the second folder is a link to the first.
    folders = ["/usr/bin"] if os.path.islink(f"{root}/bin") else ["/usr/bin", "/bin"]
    for name in PROGRAMS:
        for folder in folders:
            if folder == "/usr/bin" or os.path.lexists(f"{root}{folder}/{name}"):
                write_new(f"{root}{folder}/{name}", _PROGRAM.encode(), 0o755)
    _divert(root)
    if os.path.lexists(f"{root}/usr/sbin/policy-rc.d"):
        # Containers have this file so that packages start no service; a server has none.
        os.unlink(f"{root}/usr/sbin/policy-rc.d")
    return True


def _python_is_old(root: str) -> bool:
    """Judge by the name that python3 leads to: the programs of another system are not run here."""
    names = (os.path.basename(inside(root, path)) for path in _PYTHONS if os.path.lexists(root + path))
    version = re.fullmatch(r"(?:platform-)?python3\.(\d+)", next(names, ""))
    return version is not None and (3, int(version[1])) < _FLOOR


def _write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_new(path, data, 0o644)


def _divert(root: str) -> None:
    """Tell dpkg that these names are taken, so that installing systemd in a stage leaves the stand-in in its place."""
    path = root + _DIVERSIONS
    if not os.path.isdir(os.path.dirname(path)):
        return
    try:
        diversions = Path(path).read_bytes()
    except OSError:
        diversions = b""
    names = [f"{folder}/{name}" for name in PROGRAMS for folder in ("/bin", "/usr/bin")]
    entries = "".join(f"{name}\n{name}.machine\n:\n" for name in names if f"{name}\n".encode() not in diversions)
    write_new(path, diversions + entries.encode(), 0o644)


def enabled() -> frozenset[str]:
    """The units that a boot would start, by the links in /etc. To be called inside the copy."""
    names: set[str] = set()
    try:
        for folder in os.listdir(ETC):
            if folder.endswith((".target.wants", ".target.requires")):
                names.update(os.listdir(f"{ETC}/{folder}"))
    except OSError:
        return frozenset(names)
    return frozenset(names)
