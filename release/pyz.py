"""`make zipapp`: the toolkit with its dependencies as one file, build/bootstrap.pyz.

It holds start.py, what that must know, and the staged tree as site.zip, which start.py unpacks on the first run.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import staging

SHEBANG = b"#!/usr/bin/env python3\n"


def build(out: Path) -> Path:
    """Write out/bootstrap.pyz. Raises staging.CannotBuild."""
    with tempfile.TemporaryDirectory() as work:
        tree = staging.stage(Path(work) / "site")
        site = packed({str(p.relative_to(tree.folder)): p.read_bytes() for p in files(tree.folder)}, tree.epoch)
    out.mkdir(parents=True, exist_ok=True)
    target = out / "bootstrap.pyz"
    target.write_bytes(whole(site, tree.glibc, tree.epoch))
    target.chmod(0o755)
    return target


def whole(site: bytes, glibc: int, epoch: int) -> bytes:
    """The zipapp around a site.zip. glibc: the minor version of glibc 2 that it needs."""
    settings = (
        f"DIGEST = {hashlib.sha256(site).hexdigest()!r}\nPYTHON = {staging.python_version()!r}\n"
        f"MACHINE = {staging.machine()!r}\nGLIBC = {(2, glibc)!r}\n"
    )
    start = (Path(__file__).parent / "start.py").read_bytes()
    contents = {"__main__.py": start, "initialrunner_made.py": settings.encode(), "site.zip": site}
    return SHEBANG + packed(contents, epoch, stored=True)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def packed(contents: dict[str, bytes], epoch: int, *, stored: bool = False) -> bytes:
    """A zip of these files, in order and with one time. stored: without compression."""
    # A zip knows no time before 1980.
    when = time.gmtime(max(epoch, 315532800))[:6]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, when)
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, content, compresslevel=9)
    return data.getvalue()


if __name__ == "__main__":
    try:
        made_file = build(Path(sys.argv[1]) if len(sys.argv) > 1 else staging.BUILD)
    except staging.CannotBuild as error:
        sys.exit(f"error: {error}")
    print(f"{made_file}  {made_file.stat().st_size:,} bytes")
