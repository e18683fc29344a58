"""The kernel of a root folder or a bare file system: the newest, with an initial file system that finds the disk."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import tiny_images
from tiny_images import RELEASE

from bootstrap.errors import UsageError
from bootstrap.trial import disk, kernel, programs
from bootstrap.trial.ext import Ext


class Files:
    """A root as a table of its files."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def names(self, path: str) -> list[str]:
        below = [name.removeprefix(f"{path}/") for name in self._files if name.startswith(f"{path}/")]
        return sorted({name.split("/")[0] for name in below})

    def content(self, path: str) -> bytes | None:
        return self._files.get(path)


def taken(files: Mapping[str, bytes], folder: Path) -> str:
    """The release of the kernel that is taken."""
    path, _ = kernel.extracted(Files({"/bin/busybox": tiny_images.busybox(), **files}), "IMAGE", folder)
    return kernel._release(path.read_bytes())


KERNELS = [
    ({"/boot/vmlinuz-6.1.0-9-amd64": "6.1.0-9", "/boot/vmlinuz-6.1.0-10-amd64": "6.1.0-10"}, "6.1.0-10"),
    ({"/boot/vmlinuz-6.9.1": "6.9.1", "/boot/vmlinuz-6.10.0": "6.10.0"}, "6.10.0"),
    ({"/boot/vmlinuz-linux": "6.9.1-arch1"}, "6.9.1-arch1"),
    ({"/boot/vmlinuz-0-rescue-abc": "9.9", "/boot/vmlinuz-6.1": "6.1", "/boot/vmlinuz.old": "7.0"}, "6.1"),
    ({"/usr/lib/modules/6.8.5-301.fc40.x86_64/vmlinuz": "6.8.5-301.fc40.x86_64"}, "6.8.5-301.fc40.x86_64"),
]


@pytest.mark.parametrize(("kernels", "release"), KERNELS)
def test_the_newest_kernel_is_taken_wherever_a_distribution_puts_it(
    kernels: dict[str, str], release: str, tmp_path: Path
) -> None:
    assert taken({path: tiny_images.kernel(text) for path, text in kernels.items()}, tmp_path) == release


def test_a_kernel_for_another_processor_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        taken({"/boot/vmlinuz-6.1-arm64": b"MZ" + bytes(2000)}, tmp_path)
    assert error.value.message == "IMAGE has no kernel for x86-64: /boot/vmlinuz-6.1-arm64 is another kind of file"


def initrd_of(files: Mapping[str, bytes], folder: Path) -> bytes:
    all_files = {f"/boot/vmlinuz-{RELEASE}": tiny_images.kernel(), "/bin/busybox": tiny_images.busybox(), **files}
    _, path = kernel.extracted(Files(all_files), "IMAGE", folder)
    return path.read_bytes()


def archive(folder: Path, *names: str) -> bytes:
    for name in names:
        (folder / name).touch()
    text = "\n".join(names).encode()
    argv = ["busybox", "cpio", "-o", "-H", "newc", "--quiet"]
    return gzip.compress(subprocess.run(argv, input=text, cwd=folder, check=True, capture_output=True).stdout)


@pytest.mark.parametrize("name", [f"initrd.img-{RELEASE}", f"initramfs-{RELEASE}.img", f"initrd-{RELEASE}"])
def test_the_images_own_initial_file_system_is_taken_when_it_finds_the_disk(name: str, tmp_path: Path) -> None:
    able = archive(tmp_path, "virtio_blk.ko", "virtio_pci.ko", "ext4.ko")
    assert initrd_of({f"/boot/{name}": able}, tmp_path) == able
    unable = archive(tmp_path, "nvme.ko", "ext4.ko")
    assert initrd_of({f"/boot/{name}": unable}, tmp_path) != unable
    built_in = {f"/lib/modules/{RELEASE}/modules.builtin": b"kernel/virtio_blk.ko\nkernel/virtio_pci.ko\n"}
    assert initrd_of({f"/boot/{name}": unable, **built_in}, tmp_path) == unable


def test_the_busybox_of_this_machine_comes_with_its_libraries(tmp_path: Path) -> None:
    theirs = {"/bin/busybox": tiny_images.busybox(is_static=False)}
    made = gzip.decompress(initrd_of(theirs, tmp_path))
    path = programs.path_of("busybox")
    assert path and Path(path).read_bytes() in made
    linked = programs.run("ldd", path).decode() if not kernel._is_static(Path(path).read_bytes()) else ""
    assert b"ld-linux" in made or not linked


def test_a_missing_busybox_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "path_of", lambda _: None)
    with pytest.raises(UsageError) as error:
        initrd_of({"/bin/busybox": b""}, tmp_path)
    assert error.value.message == (
        "the disk of IMAGE needs a small initial file system, and busybox is neither on this machine nor in it"
    )
    assert error.value.hint and error.value.hint.startswith("apt-get install busybox-static")


@tiny_images.needs_disk_programs
def test_a_folder_becomes_a_disk_of_its_own(tmp_path: Path) -> None:
    root = tiny_images.root(tmp_path / "root", {"etc/secret": b"secret"})
    (root / "etc/secret").chmod(0o600)
    (root / "lib").symlink_to("usr/lib")
    before = sorted(path.stat(follow_symlinks=False).st_mtime_ns for path in root.rglob("*"))
    folder = tmp_path / "work"
    folder.mkdir()
    start = disk.opened(root, folder)
    assert (start.disk_format, start.root_at_bytes, disk.root_file_system(start)) == ("raw", 0, "ext4")
    assert start.command_line.startswith("root=/dev/vda rw console=ttyS0 ")
    assert start.kernel and start.kernel.read_bytes() == tiny_images.kernel()
    assert start.initrd and b"virtio_blk.ko" in gzip.decompress(start.initrd.read_bytes())
    assert disk.read(start, "/etc/hostname") == b"guest\n"
    Ext(start.disk).unpack(tmp_path)
    assert (tmp_path / "etc/secret").stat().st_mode == 0o100600
    # Sparse, and the folder is as it was.
    assert start.disk.stat().st_size >= 2 << 30 and start.disk.stat().st_blocks * 512 < 100 * tiny_images.MIB
    assert sorted(path.stat(follow_symlinks=False).st_mtime_ns for path in root.rglob("*")) == before


@tiny_images.needs_disk_programs
def test_a_larger_disk_can_be_asked_for(tmp_path: Path) -> None:
    start = disk.opened(tiny_images.root(tmp_path / "root"), tmp_path, size_bytes=3 << 30)
    assert start.disk.stat().st_size == 3 << 30


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(tiny_images.kernel())
    root = tiny_images.root(tmp_path / "root")
    (root / f"boot/vmlinuz-{RELEASE}").unlink()
    (root / f"boot/vmlinuz-{RELEASE}").symlink_to(os.path.relpath(tmp_path / "outside", root / "boot"))
    with pytest.raises(UsageError, match=r"has no kernel: there is no /boot/vmlinuz-\* in it"):
        disk.opened(root, tmp_path)
