"""`seal --clean` mends what is safe to mend, says what it did, and touches nothing else."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, link, plant, put
from planted import PLANTED
from planted.texts import BOOT_ID

from bootstrap.errors import UsageError
from bootstrap.image import clean as cleaning
from bootstrap.image.finding import Cleaning, Finding
from bootstrap.image.leftovers import LEFTOVERS
from bootstrap.image.seal import Sealed, seal
from bootstrap.image.secrets import NAMES
from bootstrap.image.tree import Tree

pytestmark = needs_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


def codes(sealed: Sealed) -> set[str]:
    return {one.code for one in sealed.findings}


def listing(root: Path) -> dict[str, tuple[int, int]]:
    """Path -> (mode, size) of all that is there, but what cleaning is for."""
    found = {}
    for path in root.rglob("*"):
        info = path.lstat()
        found[str(path.relative_to(root))] = (info.st_mode, info.st_size if stat.S_ISREG(info.st_mode) else 0)
    return found


def test_what_is_safe_is_mended_and_the_rest_is_listed_still(root: Path) -> None:
    for code, path, content in PLANTED:
        plant(root, code, path, content)
    before = seal(root)
    after = seal(root, clean=True)
    by_code = {rule.code: rule.clean for rule in (*LEFTOVERS, *NAMES)}
    left = {code for code, _, _ in PLANTED if by_code.get(code, Cleaning.LISTED) in (Cleaning.LISTED, Cleaning.ACCESS)}
    assert codes(after) == left
    assert after.failed == ()
    # Each is said once, and each that was to be mended is said.
    said = [(one.code, one.path) for one in after.cleaned]
    assert len(said) == len(set(said))
    assert set(said) == {(one.code, one.path) for one in before.findings if one.cleaned_by(access=False)}
    # What may be somebody's is as it was.
    assert (root / "home/alice/.ssh/id_rsa").exists()
    assert (root / "root/.aws/credentials").exists()
    assert (root / "srv/app/.ssh/authorized_keys").exists()
    # A second run finds nothing more to do.
    again = seal(root, clean=True)
    assert (again.cleaned, again.findings) == ((), after.findings)


def test_cleaning_gives_back_the_clean_root(root: Path) -> None:
    before = listing(root)
    for code, path, content in PLANTED:
        if code in ("log.journal", "cloud-init.data", "identity.machine-id", "ours.builder", "ours.bundle"):
            plant(root, code, path, content)
    assert seal(root, clean=True).is_clean
    gone = {"var/log/journal", "var/lib/cloud/instances", "var/lib/cloud/data"}
    assert {path: info for path, info in listing(root).items() if path not in gone} == before


def test_the_mark_of_the_builder_keeps_its_boot_id(root: Path) -> None:
    mark = put(root, "/var/lib/initialrunner/builder", json.dumps({"boot_id": BOOT_ID, "product_uuid": "4c4c"}), 0o600)
    done = seal(root, clean=True)
    assert [(one.path, one.did) for one in done.cleaned] == [(f"/{mark.relative_to(root)}", "product_uuid taken out")]
    assert json.loads(mark.read_text()) == {"boot_id": BOOT_ID}
    assert stat.S_IMODE(mark.stat().st_mode) == 0o600


def test_authorized_keys_go_only_when_asked(root: Path) -> None:
    keys = put(root, "/root/.ssh/authorized_keys", "ssh-ed25519 AAAA admin\n")
    assert codes(seal(root, clean=True)) == {"ssh.authorized-keys"}
    assert keys.exists()
    assert seal(root, clean=True, access=True).is_clean
    assert not keys.exists()


def test_authorized_keys_behind_a_link_let_in_as_well(root: Path) -> None:
    put(root, "/etc/keys/root", "ssh-ed25519 AAAA me\n")
    keys = link(root, "/root/.ssh/authorized_keys", "/etc/keys/root")
    link(root, "/home/alice/.ssh/authorized_keys", "../nowhere")
    found = [(one.code, one.path) for one in seal(root).findings]
    assert found == [("ssh.authorized-keys", "/root/.ssh/authorized_keys")]
    assert seal(root, clean=True, access=True).is_clean
    assert not keys.is_symlink()
    assert (root / "etc/keys/root").read_text() == "ssh-ed25519 AAAA me\n"


def test_a_log_with_a_second_name_outside_keeps_its_text_there(root: Path, tmp_path: Path) -> None:
    outside = put(tmp_path, "/cache/log", "the builder's own")
    inside = root / "var/log/build.log"
    inside.hardlink_to(outside)
    assert seal(root, clean=True).is_clean
    assert inside.read_bytes() == b""
    assert outside.read_text() == "the builder's own"


def test_a_link_put_in_the_way_is_not_followed(root: Path, tmp_path: Path) -> None:
    """Between the look and the act a folder becomes a link out of the root: nothing out there is touched."""
    outside = put(tmp_path, "/outside/syslog", "not yours")
    findings = [
        Finding("log.file", "/var/log/syslog", "", "", "", Cleaning.EMPTY),
        Finding("tmp.file", "/var/log/syslog", "", "", "", Cleaning.REMOVE),
        Finding("cloud-init.data", "/var/log/../log", "", "", "", Cleaning.FILES),
        Finding("cache.home", "/var/logs", "", "", "", Cleaning.FILES),
    ]
    os.rename(root / "var/log", root / "var/old")
    link(root, "/var/log", str(outside.parent))
    link(root, "/var/logs", str(outside.parent))
    tree = Tree(root)
    done, failed = cleaning.clean_findings(tree, findings, access=True)
    tree.close()
    # The last is a link itself: it goes, not what it leads to.
    assert [one.path for one in done] == ["/var/logs"]
    assert len(failed) == 3
    assert outside.read_text() == "not yours"


def test_what_vanished_meanwhile_is_no_failure(root: Path) -> None:
    findings = [
        Finding("x", f"/var/cache/{name}/gone", "", "", "", mend)
        for name, mend in (
            ("apt", Cleaning.REMOVE),
            ("none", Cleaning.EMPTY),
            ("apt", Cleaning.FILES),
            ("apt", Cleaning.BUILDER),
        )
    ]
    tree = Tree(root)
    assert cleaning.clean_findings(tree, findings, access=True) == ([], [])
    tree.close()


def test_what_a_builder_still_writes_to_stays_as_it_is_where_it_is_allowed(root: Path) -> None:
    with put(root, "/tmp/builder.log", "so far\n").open("a") as log:
        done = seal(root, clean=True, allow=("/tmp/builder.log",))
        log.write("and on\n")
    assert done.is_clean
    assert (root / "tmp/builder.log").read_text() == "so far\nand on\n"


def without_lines(root: Path, path: str, pattern: bytes) -> tuple[list[str], list[str]]:
    """(the acts, the failures) of taking lines out of a file."""
    tree = Tree(root)
    finding = Finding("x", path, "", "", "", Cleaning.LINES, lines=pattern)
    done, failed = cleaning.clean_findings(tree, [finding], access=False)
    tree.close()
    return [act.did for act in done], failed


@pytest.mark.parametrize(
    ("before", "after", "did"),
    [
        ("a\nMAC=1\nb\n", "a\nb\n", "1 line taken out"),
        ("a\nMAC=1", "a\n", "1 line taken out"),
        ("MAC=1\na", "a", "1 line taken out"),
        ("a\r\nMAC=1\r\nb\r\n", "a\r\nb\r\n", "1 line taken out"),
        ("MAC=1\nMAC=2\n", "", "2 lines taken out"),
    ],
    ids=["in the middle", "last without an end", "first", "ends of Windows", "all"],
)
def test_lines_are_taken_out(root: Path, before: str, after: str, did: str) -> None:
    file = put(root, "/etc/card", before.encode(), 0o640)
    assert without_lines(root, "/etc/card", rb"^MAC=\d$") == ([did], [])
    assert file.read_bytes() == after.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_file_without_such_a_line_is_a_failure_and_stays(root: Path) -> None:
    file = put(root, "/etc/card", "MAC\n=1\n")
    assert without_lines(root, "/etc/card", rb"MAC\n=1") == (
        [], ["/etc/card: none of its lines is the one to take out"]
    )  # fmt: skip
    assert file.read_text() == "MAC\n=1\n"


def test_a_file_that_cannot_be_read_whole_is_not_cut(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written again from a part of it, a file would lose the rest."""
    monkeypatch.setattr(cleaning, "_MOST_BYTES", 1 << 20)
    text = "MAC=1\n" + "a" * (1 << 20)
    file = put(root, "/etc/card", text)
    assert without_lines(root, "/etc/card", rb"^MAC=") == (
        [], ["/etc/card: is larger than 1 MiB, and so no file of settings"]
    )  # fmt: skip
    assert file.read_text() == text
    file.unlink()
    assert without_lines(root, "/etc/card", rb"^MAC=") == ([], [])


def test_a_write_that_fails_leaves_no_half_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """os.fsync stands in for a full disk, which shows when a file is written out."""
    file = put(root, "/etc/card", "MAC=1\na\n")

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert without_lines(root, "/etc/card", rb"^MAC=") == ([], ["/etc/card: No space left on device"])
    assert sorted(path.name for path in file.parent.glob("*card*")) == ["card"]
    assert not (file.parent / ".initialrunner-sealed").exists()
    assert file.read_text() == "MAC=1\na\n"


@pytest.mark.parametrize(
    "name",
    ["syslog.1", "syslog.2.gz", "messages-20261130", "messages-20261130.gz", "cron-20261130-1796040000", "x.log.old"],
)
def test_a_rotated_log_goes_and_the_log_itself_is_emptied(root: Path, name: str) -> None:
    for path in (name, "messages", "app-2026.log"):
        put(root, f"/var/log/{path}", "x")
    assert {act.path: act.did for act in seal(root, clean=True).cleaned} == {
        f"/var/log/{name}": "removed", "/var/log/messages": "emptied", "/var/log/app-2026.log": "emptied",
    }  # fmt: skip


def test_a_folder_with_folders_in_folders_goes_whole(root: Path) -> None:
    for path in ("/tmp/build/a/b/c/file", "/tmp/build/a/file", "/tmp/build/d/e/f"):
        put(root, path, "x")
    (root / "tmp/build/empty/below").mkdir(parents=True)
    done = seal(root, clean=True)
    assert done.is_clean
    assert [(one.path, one.did) for one in done.cleaned] == [("/tmp/build", "removed")]
    assert not (root / "tmp/build").exists()


@pytest.fixture
def mounted(root: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder of the machine bound into the root, as a chroot build does it, with what would be a leftover."""
    outside = put(tmp_path, "/outside/left.log", "not of the image").parent
    put(root, "/var/log/mine/x.log", "of the image")
    done = []
    for place in ("var/log/bound", "tmp/bound", "proc"):
        (root / place).mkdir(parents=True, exist_ok=True)
        source = ["--types", "proc", "proc"] if place == "proc" else ["--bind", str(outside)]
        subprocess.run(["mount", *source, str(root / place)], check=True)
        done.append(root / place)
    try:
        yield outside
    finally:
        for place in reversed(done):
            subprocess.run(["umount", str(place)], check=True)


@pytest.mark.integration
def test_mounts_are_not_cleaned_and_not_passed_over_in_silence(root: Path, mounted: Path) -> None:
    after = seal(root, clean=True)
    assert (mounted / "left.log").read_text() == "not of the image"
    assert {(one.code, one.path) for one in after.findings} == {
        ("unseen.mount", "/var/log/bound"),
        ("unseen.mount", "/tmp/bound"),
    }
    assert [one.path for one in after.cleaned] == ["/var/log/mine/x.log"]
    assert seal(root, allow=("unseen.mount",)).is_clean
    # One that belongs to the image is looked into when it is named.
    named = seal(root, mounts=("/var/log/bound",), allow=("unseen.mount:/tmp/bound",))
    assert [(one.code, one.path) for one in named.findings if one.code == "log.file"] == [
        ("log.file", "/var/log/bound/left.log")
    ]
    with pytest.raises(UsageError, match="nothing is mounted at /srv"):
        seal(root, mounts=("/srv",))


@pytest.mark.integration
@pytest.mark.skipif(not Path("/sys/class/net/lo/speed").exists(), reason="needs /sys")
def test_a_file_whose_content_the_disk_does_not_give_is_a_finding(root: Path) -> None:
    """The speed of the loopback stands in for a bad block: a regular file whose read fails."""
    place = put(root, "/srv/block")
    subprocess.run(["mount", "--bind", "/sys/class/net/lo/speed", str(place)], check=True)
    try:
        sealed = seal(root, mounts=("/srv/block",))
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert [(one.code, one.path) for one in sealed.findings] == [("unseen.unreadable", "/srv/block")]


@pytest.mark.integration
def test_a_root_that_cannot_be_written_is_told(root: Path) -> None:
    put(root, "/tmp/left", "x")
    subprocess.run(["mount", "--bind", str(root), str(root)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)
        assert codes(seal(root)) == {"tmp.file"}
        with pytest.raises(UsageError, match="mounted read-only"):
            seal(root, clean=True)
    finally:
        subprocess.run(["umount", str(root)], check=True)


# `/` of the process is the root of the test, so that nothing else is at stake.
AS_THE_MACHINE = """
import os, sys, yaml, bootstrap.cli.seal, bootstrap.cli.main, bootstrap.image.seal
os.chroot(sys.argv.pop(1))
os.chdir("/")
bootstrap.cli.main.main(["seal", "/", *sys.argv[1:]])
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("marked", "options", "code"),
    [(False, ("--clean",), 2), (True, ("--clean",), 0), (False, ("--clean", "--this-machine"), 0), (False, (), 4)],
)
def test_the_running_machine_is_not_cleaned_by_mistake(
    root: Path, marked: bool, options: tuple[str, ...], code: int
) -> None:
    left = put(root, "/var/log/syslog", "x")
    if not marked:
        (root / "var/lib/initialrunner/builder").unlink()
    (root / "proc").mkdir()
    subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    try:
        argv = [sys.executable, "-c", AS_THE_MACHINE, str(root), *options]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", str(root / "proc")], check=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert (left.read_bytes() == b"") is (code == 0)
    assert ("ROOT is this running machine" in done.stderr) is (code == 2)


@pytest.mark.parametrize("name", ["link", "relative", "dots"])
def test_the_root_may_be_named_in_any_way(root: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    put(root, "/tmp/left", "x")
    monkeypatch.chdir(root)
    (root.parent / "link").symlink_to(root)
    named = {"link": root.parent / "link", "relative": Path("../root"), "dots": Path()}[name]
    assert seal(named, clean=True).is_clean


@pytest.mark.parametrize(
    ("place", "message"), [("none", "cannot be opened"), ("file", "cannot be opened"), ("empty", "no root")]
)
def test_what_is_no_root_is_refused(tmp_path: Path, place: str, message: str) -> None:
    put(tmp_path, "/file", "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        seal(tmp_path / place)
