"""`make deb`: the toolkit as a Debian package for this interpreter and machine, build/initialrunner_VERSION_ARCH.deb.

/usr/lib/initialrunner is the staged tree, which only /usr/bin/bootstrap uses. Debian's own py3compile makes the
bytecode when it is installed. There is no file in /etc, and nothing is started.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import debtexts
import staging

# Debian's names, by the names that Python and the kernel use.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
OURS = Path(__file__).parent / "debian"
LIBRARY, DOC = "usr/lib/initialrunner", "usr/share/doc/initialrunner"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SCRIPTS = ("postinst", "prerm", "postrm")


def build(out: Path) -> Path:
    """Write the package into out. Raises staging.CannotBuild."""
    architecture = ARCHITECTURES.get(staging.machine())
    if architecture is None:
        raise staging.CannotBuild(f"no Debian architecture is known for {staging.machine()}")
    if shutil.which("dpkg-deb") is None:
        raise staging.CannotBuild("dpkg-deb is missing: apt-get install dpkg")
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "root"
        tree = staging.stage(root / LIBRARY)
        version = debian_version(tree.version)
        _lay(root, tree, version)
        _control(root, tree, version, architecture)
        out.mkdir(parents=True, exist_ok=True)
        target = out / f"initialrunner_{version}_{architecture}.deb"
        # One thread: how xz parts its work among several shows in the bytes.
        argv = ["dpkg-deb", "--root-owner-group", "--threads-max=1", "-Zxz", "--build", str(root), str(target)]
        environment = staging.environment() | {"SOURCE_DATE_EPOCH": str(tree.epoch)}
        subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL)
    return target


def debian_version(version: str) -> str:
    """0.2.0rc1 -> 0.2.0~rc1+py311-1: sorts before 0.2.0, and one Debian's build before that of the next."""
    plain = re.sub(r"(?<=\d)\.?(a|b|rc|dev)(?=\d)", r"~\1", version)
    return "{}+py{}{}-1".format(plain, *staging.python_version())


def _lay(root: Path, tree: staging.Tree, version: str) -> None:
    """Everything that dpkg will put on a machine, beside the staged tree."""
    # As Debian's own certifi: the certificate authorities are those that the admin of the machine chose.
    bundle = tree.folder / "certifi/cacert.pem"
    bundle.unlink()
    bundle.symlink_to(CERTIFICATES)
    _put(root / "usr/bin/bootstrap", (OURS / "bootstrap").read_bytes())
    unit = "initialrunner-collector.service"
    _put(root / "usr/lib/systemd/system" / unit, (OURS / unit).read_bytes())
    _put(root / "usr/share/bash-completion/completions/bootstrap", debtexts.completion().encode())
    _put(root / "usr/share/man/man1/bootstrap.1.gz", _gz(debtexts.manual()))
    _put(root / DOC / "copyright", debtexts.copyright_file(tree).encode())
    _put(root / DOC / "changelog.Debian.gz", _gz(debtexts.changelog(tree, version)))
    _put(root / DOC / "changelog.gz", _gz((staging.TOP / "CHANGELOG.md").read_text(encoding="utf-8")))
    for page in debtexts.pages():
        _put(root / DOC / page.relative_to(staging.TOP), page.read_bytes())


def _control(root: Path, tree: staging.Tree, version: str, architecture: str) -> None:
    paths = sorted(root.rglob("*"))
    # As dpkg-gencontrol reckons: files in whole KiB, one KiB for anything else.
    size_kib = sum(-(-p.stat().st_size // 1024) if p.is_file() and not p.is_symlink() else 1 for p in paths)
    sums = "".join(
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}\n"
        for path in paths
        if path.is_file() and not path.is_symlink()
    )
    _put(root / "DEBIAN/control", debtexts.control(tree, version, architecture, size_kib).encode())
    _put(root / "DEBIAN/md5sums", sums.encode())
    for name in SCRIPTS:
        _put(root / "DEBIAN" / name, (OURS / name).read_bytes())
    staging.settle(root, tree.epoch)
    for program in ("usr/bin/bootstrap", *(f"DEBIAN/{name}" for name in SCRIPTS)):
        (root / program).chmod(0o755)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _gz(text: str) -> bytes:
    return gzip.compress(text.encode(), 9, mtime=0)


if __name__ == "__main__":
    # The manual page and the completion come from the code of this tree.
    sys.path.insert(0, str(staging.TOP))
    try:
        package = build(Path(sys.argv[1]) if len(sys.argv) > 1 else staging.BUILD)
    except staging.CannotBuild as error:
        sys.exit(f"error: {error}")
    print(f"{package}  {package.stat().st_size:,} bytes")
