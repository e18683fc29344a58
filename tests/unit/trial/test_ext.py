"""Files of an ext4 file system are read and written with links followed, and what was not written is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tiny_images
from box import needs_root

from bootstrap.trial.ext import Ext, NotWritten

pytestmark = tiny_images.needs_disk_programs
LONG = "long/" * 30


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for folder in ("etc", "usr/lib/a folder", LONG):
        (root / folder).mkdir(parents=True)
    (root / "etc/hostname").write_text("guest\n")
    (root / "etc/empty").touch()
    (root / "lib").symlink_to("usr/lib")
    (root / "absolute").symlink_to("/usr/lib")
    (root / "usr/name").symlink_to("../etc/hostname")
    (root / "far").symlink_to(f"/{LONG}")
    (root / "loop").symlink_to("loop")
    (root / "out").symlink_to("../../../etc/hostname")
    return root


@pytest.fixture
def disk(tree: Path, tmp_path: Path) -> Ext:
    # At an offset, as in a partition.
    inner = tiny_images.ext4(tmp_path / "inner", tree, mib=8)
    image = tmp_path / "a disk"
    image.write_bytes(bytes(tiny_images.MIB) + inner.read_bytes())
    return Ext(image, tiny_images.MIB)


def test_names_and_contents_are_read_through_links(disk: Ext) -> None:
    assert disk.names("/etc") == ["empty", "hostname"]
    assert disk.names("/lib") == disk.names("/absolute") == disk.names("/usr/lib") == ["a folder"]
    assert disk.content("/usr/name") == disk.content("/out") == disk.content("/etc/hostname") == b"guest\n"
    assert disk.content("/etc/empty") == b""
    assert disk.real("/far") == f"/{LONG}".rstrip("/")


@pytest.mark.parametrize("path", ["/nothing", "/loop", "/etc/hostname/below", "/etc", "/lib"])
def test_what_is_no_file_has_no_content(disk: Ext, path: str) -> None:
    assert disk.content(path) is None
    assert disk.names("/nothing") == []


def test_files_are_written_with_their_modes_and_folders(disk: Ext, tmp_path: Path) -> None:
    files = {
        "/etc/hostname": b"other\n",
        "/lib/new/folder/file": b"x" * 70_000,
        '/lib/a folder/a "name"': b"quoted",
        "/etc/nothing": b"",
    }
    disk.write(files, {path: 0o755 if "new" in path else 0o400 for path in files})
    again = Ext(disk.disk, disk.at_bytes)
    assert {path: again.content(path) for path in files} == files
    assert again.names("/usr/lib") == ["a folder", "new"]
    again.unpack(tmp_path)
    assert (tmp_path / "usr/lib/new/folder/file").stat().st_mode == 0o100755
    assert (tmp_path / "etc/hostname").stat().st_mode == 0o100400


@needs_root
def test_what_is_written_is_roots(tree: Path, tmp_path: Path) -> None:
    (tree / "etc/theirs").write_text("theirs")
    os.chown(tree / "etc/theirs", 1234, 1234)
    disk = Ext(tiny_images.ext4(tmp_path / "disk", tree, mib=8))
    disk.write({"/etc/theirs": b"ours"}, {"/etc/theirs": 0o400})
    disk.unpack(tmp_path)
    assert (tmp_path / "etc/theirs").stat().st_uid == 0


def test_what_does_not_get_in_is_told_with_the_reason(disk: Ext) -> None:
    with pytest.raises(NotWritten, match=r"^/etc/large was not written: write: Could not allocate block"):
        disk.write({"/etc/large": b"0" * 10_000_000}, {"/etc/large": 0o400})
    with pytest.raises(NotWritten, match=r"^/etc/hostname/file was not written: .*not a directory"):
        disk.write({"/etc/hostname/file": b""}, {"/etc/hostname/file": 0o400})
    with pytest.raises(NotWritten, match=r"a line break in it"):
        disk.write({"/etc/a\nname": b""}, {"/etc/a\nname": 0o400})
