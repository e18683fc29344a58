"""A root looked at from outside is what the kernel shows from inside, by any kind of link; who writes refuses more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from box import needs_root
from image_root import link, put

from bootstrap.errors import UsageError
from bootstrap.image.root import LeadsOut, Root, shown
from bootstrap.image.root_writer import RootWriter
from bootstrap.image.tree import Tree

LINKS = {
    "/bin": "usr/bin",
    "/etc/absolute": "/usr/bin",
    "/etc/up": "../usr",
    "/etc/out": "../../../../usr/bin",
    "/etc/to-root": "/",
    "/etc/above": "..",
    "/etc/through": "to-root/etc/absolute/../bin/tool",
    "/etc/loop": "loop",
    "/etc/ring": "ring2",
    "/etc/ring2": "ring",
    "/etc/dangling": "/nowhere/at/all",
    "/etc/of-a-file": "passwd/x",
    "/etc/caf\udce9": "passwd",
    "/usr/bin/tool2": "tool",
}
PATHS = [
    "/", "/etc", "/etc/passwd", "/bin/tool", "/bin/tool2", "/etc/absolute/tool", "/etc/up/bin/tool2", "/etc/out/tool",
    "/etc/to-root", "/etc/to-root/etc/to-root/bin/tool", "/etc/above/usr", "/etc/through", "/etc/loop", "/etc/ring",
    "/etc/loop/x", "/etc/dangling", "/etc/dangling/x", "/etc/of-a-file", "/etc/passwd/x", "/etc/caf\udce9", "/none",
    "//etc///passwd", "/etc/./passwd", "/usr/bin/.",
]  # fmt: skip
FROM_INSIDE = """
import json, os, sys
os.chroot(sys.argv[1]); os.chdir("/")
found = {}
for path in json.load(sys.stdin):
    try:
        info = os.stat(path)
        found[path] = [os.path.realpath(path), info.st_ino]
    except OSError:
        found[path] = None
json.dump(found, sys.stdout)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "root"
    put(found, "/etc/passwd", "x")
    put(found, "/usr/bin/tool", "x", 0o755)
    # What a link out would reach, were it asked of this machine.
    put(tmp_path, "/usr/bin/outside", "not yours")
    for path, target in LINKS.items():
        link(found, path, target)
    return found


@needs_root
@pytest.mark.parametrize("kind", [Root, Tree])
def test_it_shows_what_a_process_in_it_sees(root: Path, kind: type[Root]) -> None:
    argv = [sys.executable, "-c", FROM_INSIDE, str(root)]
    inside = json.loads(
        subprocess.run(argv, input=json.dumps(PATHS), capture_output=True, text=True, check=True).stdout
    )
    one = kind(root)
    try:
        entries = {path: one.look(path, follow=True) for path in PATHS}
    finally:
        one.close()
    assert {path: entry and [entry.path, entry.info.st_ino] for path, entry in entries.items()} == inside
    assert sum(found is None for found in inside.values()) == 8


def test_the_last_name_is_followed_only_when_asked(root: Path) -> None:
    one = Root(root)
    try:
        (entry, led) = one.look("/bin/tool2"), one.look("/bin/tool2", follow=True)
        assert entry is not None and led is not None
        assert (entry.path, entry.is_link, entry.linked) == ("/usr/bin/tool2", True, True)
        assert (led.path, led.is_program) == ("/usr/bin/tool", True)
        assert (one.link("/etc/loop"), one.link("/etc/passwd"), one.link("/none")) == ("loop", None, None)
        assert one.names("/bin") == ["tool", "tool2"]
        assert (one.names("/etc/passwd"), one.names("/none")) == ([], [])
        assert (one.read("/etc/passwd"), one.read("/usr/bin")) == (b"x", None)
        # For acts the way must be without links.
        with pytest.raises(OSError, match="Not a directory"), one.folder("/bin"):
            pass
        with pytest.raises(OSError, match="a path with"), one.folder("/etc/../etc"):
            pass
    finally:
        one.close()


@pytest.mark.parametrize(
    ("path", "blamed"), [("/etc/out", "/etc/out"), ("/etc/out/tool", "/etc/out"), ("/etc/to-root/etc/out", "/etc/out")]
)
def test_who_writes_refuses_a_link_that_climbs_out(root: Path, path: str, blamed: str) -> None:
    one = RootWriter(root)
    try:
        with pytest.raises(LeadsOut) as caught:
            one.look(path, follow=True)
        assert (caught.value.path, caught.value.target) == (blamed, LINKS[blamed])
        with pytest.raises(LeadsOut):
            one.write(f"{path}/new", b"", 0o644)
        # An absolute one means the root, for both.
        assert one.is_folder("/etc/absolute") and one.is_folder("/etc/to-root/etc/above")
        assert one.write("/etc/absolute/new/file", b"x", 0o640)
    finally:
        one.close()
    assert (root / "usr/bin/new/file").stat().st_mode & 0o777 == 0o640
    assert not (root.parent / "usr/bin/new").exists()


def test_nothing_is_left_open(root: Path) -> None:
    one = RootWriter(root)
    before = len(os.listdir("/proc/self/fd"))
    for path in PATHS:
        try:
            one.look(path, follow=True)
            one.content(path)
            one.write(f"{path}/a/b", b"", 0o644)
        except (LeadsOut, OSError):
            continue
    assert len(os.listdir("/proc/self/fd")) == before
    one.close()


def test_what_cannot_be_opened_is_said(root: Path) -> None:
    with pytest.raises(UsageError, match="cannot be opened"):
        Root(root / "etc/passwd")


def test_a_path_is_one_printable_line() -> None:
    assert shown("/a\nb\\c\udce9") == "/a\\x0ab\\\\c\\xe9"
