"""The search of a whole root: which files it opens, in which encodings, and what it passes over."""

from __future__ import annotations

from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, put
from planted.texts import DER, KEY, PUTTY, letters
from rpm_headers import header, sqlite

from bootstrap.image.finding import Severity
from bootstrap.image.seal import seal

pytestmark = needs_root
TOKEN = f"ghp_{letters(36)}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


def found(root: Path) -> set[tuple[str, str]]:
    return {(finding.code, finding.path) for finding in seal(root).findings}


def test_what_lies_in_usr_and_belongs_to_no_package_is_found(root: Path) -> None:
    places = ("/usr/share/web/own.conf", "/usr/lib/web/own.conf", "/usr/local/share/own.conf")
    others = ("/usr/share/web/brought.conf", "/usr/lib/web/__pycache__/own.txt", "/usr/share/doc/web/own.conf")
    for path in (*places, *others):
        put(root, path, TOKEN)
    # Without a list nobody could tell a builder's file from a package's.
    assert found(root) == {("token.github", "/usr/local/share/own.conf")}
    put(root, "/var/lib/dpkg/info/web.list", "/usr\n/usr/share/web\n/usr/share/web/brought.conf\n/lib/web\n")
    assert found(root) == {("token.github", path) for path in places}


def test_the_list_of_rpm_tells_them_too(root: Path) -> None:
    put(root, "/usr/share/web/own.conf", TOKEN)
    put(root, "/usr/share/web/brought.conf", TOKEN)
    sqlite(root / "var/lib/rpm/rpmdb.sqlite", header({"/usr/share/web/brought.conf": ""}))
    assert found(root) == {("token.github", "/usr/share/web/own.conf")}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
def test_a_text_of_windows_is_searched(root: Path, encoding: str) -> None:
    put(root, "/srv/a.txt", ("a text\r\n" * 20 + TOKEN).encode(encoding))
    put(root, "/etc/web/own.ini", "[a]\r\npassword=hunter2\r\n".encode(encoding))
    assert found(root) == {("token.github", "/srv/a.txt"), ("secret.assigned", "/etc/web/own.ini")}


def test_a_secret_across_two_blocks_and_behind_the_limit(root: Path) -> None:
    for gap in (-60, -41, -20, -1, 0, 1):
        put(root, f"/srv/{gap}.txt", "\n" * ((1 << 18) + gap) + TOKEN)
    put(root, "/srv/late.txt", "a line\n" * (1 << 20) + TOKEN)
    put(root, "/srv/too-late.txt", "a line\n" * (5 << 18) + TOKEN)
    paths = {path for _, path in found(root)}
    assert paths == {"/srv/late.txt", *(f"/srv/{gap}.txt" for gap in (-60, -41, -20, -1, 0, 1))}


def test_one_file_is_named_once(root: Path) -> None:
    """A key in settings is named as a key, not as a setting as well; a value is never printed."""
    put(root, "/etc/web/own.conf", f"api_token = {TOKEN}password = hunter2\n")
    put(root, "/srv/site.ppk", PUTTY)
    put(root, "/srv/site.der", DER)
    sealed = seal(root)
    codes = {finding.code for finding in sealed.of(Severity.ERROR)}
    assert codes == {"token.github", "key.putty", "key.der"}
    printed = str(sealed.as_json()) + str(sealed.findings)
    assert "hunter2" not in printed
    assert TOKEN.strip() not in printed


def test_a_key_of_the_builder_beside_a_library_is_found(root: Path) -> None:
    put(root, "/srv/app/node_modules/tls/lib/key.pem", KEY)
    put(root, "/srv/app/tests/key.pem", KEY)
    put(root, "/srv/app/node_modules/tls/lib/index.js", f"const KEY = `{KEY}`\n")
    assert found(root) == {
        ("key.private", "/srv/app/node_modules/tls/lib/key.pem"),
        ("key.private", "/srv/app/tests/key.pem"),
    }


def test_a_store_of_certificates_alone_is_no_store_of_keys(root: Path) -> None:
    head = b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01"
    trusted = head + b"\0\0\0\x02\0\x02ca" + bytes(8) + b"\0\x05X.509\0\0\0\x04" + bytes(24)
    put(root, "/srv/trust.jks", trusted)
    assert found(root) == set()
    put(root, "/srv/own.jks", trusted.replace(b"\0\0\0\x02\0\x02ca", b"\0\0\0\x01\0\x02ca"))
    assert found(root) == {("key.store", "/srv/own.jks")}
