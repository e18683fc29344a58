"""The model of a disk, and what it takes from a trace of strace."""

from __future__ import annotations

import pytest
import recorded
from powercut import Disk, Tree


def left(disk: Disk, words: str) -> dict[str, bytes | None]:
    """{path: data} of one of the disks that a cut may leave."""
    return {path: node.data for path, node in dict(disk.cuts())[words].items()}


def data(tree: Tree) -> dict[str, bytes | None]:
    return {path: node.data for path, node in tree.items()}


def test_a_file_that_was_never_synced_is_gone_empty_torn_or_there() -> None:
    disk = Disk()
    disk.create("/var/new", 0o600)
    disk.write("/var/new", b"12345678")
    assert left(disk, "names synced, data synced") == {}
    assert left(disk, "all names, data synced") == {"/var/new": b""}
    assert left(disk, "all names, data torn") == {"/var/new": b"1234"}
    assert left(disk, "all names, data written") == data(disk.now()) == {"/var/new": b"12345678"}


def test_a_line_that_was_synced_stays_whatever_becomes_of_the_next() -> None:
    disk = Disk()
    disk.create("/journal", 0o600)
    disk.settle("/journal")
    disk.write("/journal", b"one\n")
    disk.fsync("/journal")
    disk.write("/journal", b"two\n")
    assert left(disk, "names synced, data synced") == {"/journal": b"one\n"}
    assert left(disk, "names synced, data torn") == {"/journal": b"one\ntw"}
    assert left(disk, "names synced, data written") == {"/journal": b"one\ntwo\n"}


def test_data_lasts_without_its_name_only_where_the_folder_was_synced() -> None:
    disk = Disk()
    disk.create("/new", 0o600)
    disk.write("/new", b"x")
    disk.fsync("/new")
    assert left(disk, "names synced, data written") == {}
    disk.fsync("/")
    assert left(disk, "names synced, data synced") == {"/new": b"x"}


def test_a_rename_is_undone_until_its_folder_is_synced() -> None:
    disk = Disk()
    for name, text in ("/etc/file", b"old"), ("/etc/.file", b"new"):
        disk.create(name, 0o644)
        disk.write(name, text)
        disk.settle(name)
    disk.rename("/etc/.file", "/etc/file")
    assert left(disk, "names synced, data synced") == {"/etc/file": b"old", "/etc/.file": b"new"}
    disk.fsync("/etc")
    assert left(disk, "names synced, data synced") == {"/etc/file": b"new"}


def test_what_was_renamed_unsynced_is_empty_under_its_new_name() -> None:
    disk = Disk()
    disk.create("/etc/file", 0o644)
    disk.write("/etc/file", b"old")
    disk.settle("/etc/file")
    disk.create("/etc/.file", 0o644)
    disk.write("/etc/.file", b"new!")
    disk.rename("/etc/.file", "/etc/file")
    disk.fsync("/etc")
    assert left(disk, "names synced, data synced") == {"/etc/file": b""}
    assert left(disk, "names synced, data torn") == {"/etc/file": b"ne"}


def test_what_was_removed_comes_back_until_its_folder_is_synced() -> None:
    disk = Disk()
    disk.create("/etc/file", 0o644)
    disk.settle("/etc/file")
    disk.unlink("/etc/file")
    assert left(disk, "names synced, data synced") == {"/etc/file": b""}
    assert left(disk, "all names, data synced") == {}


def test_folders_reach_the_disk_in_any_order() -> None:
    disk = Disk()
    disk.create("/a/first", 0o644)
    disk.create("/b/second", 0o644)
    assert left(disk, "names of the last folder") == {"/b/second": b""}
    assert left(disk, "names of the other folders") == {"/a/first": b""}


def test_a_new_folder_is_gone_with_all_in_it_until_the_one_above_is_synced() -> None:
    disk = Disk()
    disk.mkdir("/var/lib/state", 0o700)
    disk.create("/var/lib/state/file", 0o600)
    disk.fsync("/var/lib/state")
    disk.fsync("/var/lib/state/file")
    assert left(disk, "names synced, data written") == {}
    disk.fsync("/var/lib")
    assert left(disk, "names synced, data synced") == {"/var/lib/state": None, "/var/lib/state/file": b""}


def test_mode_and_owner_go_with_the_fsync_of_their_file() -> None:
    disk = Disk()
    disk.create("/key", 0o644)
    disk.settle("/key")
    disk.chmod("/key", 0o600)
    disk.chown("/key", 7, -1)
    cut = dict(disk.cuts())["names synced, data synced"]["/key"]
    assert (cut.mode, cut.owner) == (0o644, (0, 0))
    disk.fsync("/key")
    cut = dict(disk.cuts())["names synced, data synced"]["/key"]
    assert (cut.mode, cut.owner) == (0o600, (7, 0))


def test_sync_makes_everything_last() -> None:
    disk = Disk()
    disk.mkdir("/srv/folder", 0o755)
    disk.create("/srv/folder/file", 0o644)
    disk.write("/srv/folder/file", b"x")
    disk.truncate("/srv/folder/file", 3)
    disk.link("/srv/folder/file", "/srv/other")
    disk.sync()
    assert {words: data(tree) for words, tree in disk.cuts()}["names synced, data synced"] == data(disk.now())
    assert data(disk.now()) == {"/srv/folder": None, "/srv/folder/file": b"x\0\0", "/srv/other": b"x\0\0"}


def test_a_write_in_the_middle_leaves_what_is_around_it() -> None:
    disk = Disk()
    disk.create("/log", 0o600)
    disk.write("/log", b"secret and more")
    disk.write("/log", b"******", 0)
    assert data(disk.now()) == {"/log": b"****** and more"}
    assert left(disk, "all names, data torn") == {"/log": b"***ret and more"}


def test_a_file_nobody_made_is_refused() -> None:
    with pytest.raises(AssertionError, match="the model knows no file /x"):
        Disk().write("/x", b"")


def escaped(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def test_a_trace_is_read_call_by_call_and_stages_are_told_from_the_runner() -> None:
    folder, file = escaped("/var/lib"), escaped("/var/lib/new")
    trace = f"""\
10    execve("{escaped("/usr/bin/python3")}", ["..."], 0x7ffc /* 9 vars */) = 0
10    openat(7<{folder}>, "{escaped("new")}", O_WRONLY|O_CREAT|O_EXCL, 0600) = 8<{file}>
10    openat(7<{folder}>, "{escaped("old")}", O_RDONLY) = -1 ENOENT (No such file or directory)
10    write(8<{file}>, "{escaped("ab")}", 2 <unfinished ...>
10    <... write resumed>)              = 2
10    write(9<{escaped("pipe:[77]")}>, "{escaped("x")}", 1) = 1
10    clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
11    execve("{escaped("/bin/sh")}", ["..."], 0x7ffc /* 9 vars */) = 0
10    <... clone resumed>, child_tidptr=0x7f28) = 11
11    write(1<{file}>, "{escaped("cd")}", 2) = 2
10    fsync(8<{file}>(deleted))         = 0
10    unlinkat(7<{folder}>, "{escaped("new")}", 0) = 0
10    +++ exited with 0 +++
"""
    found = list(recorded.calls(trace))
    assert [(call.name, call.ours) for call in found] == [
        ("openat", True), ("write", True), ("write", False), ("unlinkat", True),
    ]  # fmt: skip
    disk = Disk()
    for call in found[:3]:
        recorded.apply(call, disk)
    # What a stage has done lasts; it is not on trial.
    assert left(disk, "names synced, data synced") == {"/var/lib/new": b"abcd"}
    recorded.apply(found[3], disk)
    assert data(disk.now()) == {}
