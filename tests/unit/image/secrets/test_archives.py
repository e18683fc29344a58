"""Keys inside archives are found, and an archive made to be endless costs little."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest
from planted.texts import KEY

from bootstrap.image.secrets.archives import MOST_UNPACKED, in_archive, is_archive


def tarred(mode: str, name: str = "backup/site.key", text: bytes = KEY.encode()) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for number in range(3):
            archive.addfile(tarfile.TarInfo(f"empty{number}"))
        member = tarfile.TarInfo(name)
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return file.getvalue()


def zipped(name: str = "backup/site.key", text: bytes = KEY.encode()) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return file.getvalue()


def codes(path: str, content: bytes) -> list[str]:
    return [secret.code for secret in in_archive(path, content)]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_key_in_a_tar_is_found(mode: str) -> None:
    assert codes("/srv/backup.tar.gz", tarred(mode)) == ["key.private"]


def test_a_key_and_a_password_in_a_zip_are_found() -> None:
    assert codes("/srv/backup.zip", zipped()) == ["key.private"]
    assert codes("/srv/backup.zip", zipped("etc/web.conf", b"password=hunter2\n")) == ["secret.assigned"]
    assert codes("/srv/backup.zip", zipped("main.py", b"password=hunter2\n")) == []


def test_a_sample_of_a_library_in_an_archive_is_none() -> None:
    assert codes("/srv/a.tgz", tarred("w:gz", "app/node_modules/tls/test/fixtures/key.pem")) == []


@pytest.mark.parametrize("cut", [1, 10, 100, 300])
def test_a_damaged_archive_is_passed_over(cut: int) -> None:
    for content in (tarred("w:gz"), tarred("w"), zipped(), tarred("w:xz"), tarred("w:bz2")):
        codes("/srv/a.zip", content[:cut])
        codes("/srv/a.zip", content[cut:])
        codes("/srv/a.zip", content[:cut] + bytes(50) + content[cut:])


@pytest.mark.timeout(60)
def test_an_archive_made_to_be_endless_is_read_to_a_bound() -> None:
    bomb = gzip.compress(bytes(MOST_UNPACKED * 8), 1)
    assert codes("/srv/bomb.tar.gz", bomb) == []
    assert codes("/srv/bomb.zip", zipped("a", bytes(200 << 20))) == []
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3000):
            archive.writestr(f"{number}", bytes(1 << 16))
    assert codes("/srv/many.zip", file.getvalue()) == []


def test_archives_of_people_are_known_by_their_names() -> None:
    assert all(map(is_archive, ("/a/b.tar.gz", "/a/b.TGZ", "/a/b.zip", "/a/b.tar.xz")))
    assert not any(map(is_archive, ("/a/b.jar", "/a/b.whl", "/a/b.gz", "/a/tar")))
