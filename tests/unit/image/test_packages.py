"""What packages own and brought, by the lists of dpkg, rpm, apk, pacman and pip."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rpm_headers
from image_root import put

from bootstrap.image.packages import Packaged
from bootstrap.image.tree import Tree

TEXT = "token = one\n"
OWNED = "/usr/share/web/one"
MD5 = hashlib.md5(TEXT.encode()).hexdigest()
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
SHA1 = base64.b64encode(hashlib.sha1(TEXT.encode()).digest()).decode()


@contextmanager
def packaged(root: Path) -> Iterator[Packaged]:
    tree = Tree(root)
    try:
        yield Packaged(tree)
    finally:
        tree.close()


def dpkg(root: Path) -> None:
    put(root, "/var/lib/dpkg/info/web.list", f"/.\n/usr\n{OWNED}\n/bin/web\n")
    put(root, "/var/lib/dpkg/info/web.md5sums", f"{MD5}  {OWNED[1:]}\n")


def rpm_sqlite(root: Path) -> None:
    files = {"/etc/web.conf": "", OWNED: SHA256, "/bin/web": ""}
    rpm_headers.sqlite(root / "var/lib/rpm/rpmdb.sqlite", rpm_headers.header(files))


def rpm_ndb(root: Path) -> None:
    one, two = rpm_headers.header({OWNED: SHA256}), rpm_headers.header({"/etc/web.conf": "", "/bin/web": ""})
    put(root, "/usr/lib/sysimage/rpm/Packages.db", rpm_headers.ndb(one, two))


def apk(root: Path) -> None:
    put(root, "/lib/apk/db/installed", f"P:web\nF:usr/share/web\nR:one\na:0:0:644\nZ:Q1{SHA1}\nF:bin\nR:web\n")


@pytest.mark.parametrize("database", [dpkg, rpm_sqlite, rpm_ndb, apk])
def test_a_list_tells_what_is_owned_and_what_is_as_it_was_brought(database: object, tmp_path: Path) -> None:
    assert callable(database)
    database(tmp_path)
    file = put(tmp_path, OWNED, TEXT)
    with packaged(tmp_path) as packages:
        assert packages.is_known
        assert packages.owns(OWNED)
        # A list may have the name from before /bin became a link to usr/bin.
        assert packages.owns("/usr/bin/web")
        assert not packages.owns("/usr/share/web/two")
        assert packages.brought(OWNED)
        file.write_text(TEXT + "# ours\n")
        assert not packages.brought(OWNED)


def test_the_list_of_pacman_has_no_digests(tmp_path: Path) -> None:
    put(tmp_path, "/var/lib/pacman/local/web-1-1/files", f"%FILES%\nusr/\n{OWNED[1:]}\n\n%BACKUP%\netc/web.conf\tx\n")
    with packaged(tmp_path) as packages:
        assert packages.owns(OWNED)
        assert not packages.owns("/etc/web.conf\tx")


def test_without_a_list_nothing_is_known(tmp_path: Path) -> None:
    put(tmp_path, "/var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0" + bytes(100))
    put(tmp_path, "/usr/lib/sysimage/rpm/Packages.db", b"RpmP" + bytes(20))
    with packaged(tmp_path) as packages:
        assert not packages.is_known
        assert not packages.owns(OWNED)


@pytest.mark.parametrize("cut", [0, 3, 9, 40, 120])
def test_a_damaged_header_is_passed_over(cut: int, tmp_path: Path) -> None:
    whole = rpm_headers.header({OWNED: SHA256})
    headers = whole[:cut], b"\xff" * cut, rpm_headers.header({"/a": ""})
    rpm_headers.sqlite(tmp_path / "var/lib/rpm/rpmdb.sqlite", *headers)
    with packaged(tmp_path) as packages:
        assert packages.owns("/a")


def test_a_file_of_a_python_package_is_as_its_record_has_it(tmp_path: Path) -> None:
    site = "/opt/venv/lib/python3.11/site-packages"
    digest = base64.urlsafe_b64encode(hashlib.sha256(TEXT.encode()).digest()).rstrip(b"=").decode()
    put(tmp_path, f"{site}/web-1.dist-info/RECORD", f"web/one.py,sha256={digest},12\r\nweb-1.dist-info/RECORD,,\r\n")
    file = put(tmp_path, f"{site}/web/one.py", TEXT)
    put(tmp_path, f"{site}/web/two.py", TEXT)
    with packaged(tmp_path) as packages:
        assert packages.brought(f"{site}/web/one.py")
        assert not packages.brought(f"{site}/web/two.py")
        file.write_text("x")
        assert not packages.brought(f"{site}/web/one.py")
