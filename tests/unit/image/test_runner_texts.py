"""The texts of the runner in an image: those of every toolkit version stay, and damaged ones go."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root

from bootstrap.image import bake
from bootstrap.image.bake import Settings
from bootstrap.image.root import Root
from bootstrap.image.runner_texts import found_in, place
from bootstrap.payload.split import runner_text

pytestmark = needs_root
TEXT = runner_text()
OTHER = b"the text of another version"
OTHERS = hashlib.sha256(OTHER).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


def test_the_text_is_everybodys_to_read_and_roots_to_write(root: Path) -> None:
    (root / place(TEXT.sha256)[1:]).unlink()
    (root / "usr/lib/initialrunner").rmdir()
    changes = [change.path for change in bake.bake(root, Settings()).changes if change.did == "written"]
    # Before the settings that name it, so that a bake which is cut short names nothing that is not there.
    assert changes.index(place(TEXT.sha256)) < changes.index("/etc/initialrunner/image.json")
    text = root / place(TEXT.sha256)[1:]
    assert text.read_bytes() == TEXT.content
    assert [stat.S_IMODE(path.stat().st_mode) for path in (text, text.parent)] == [0o644, 0o755]


def test_the_text_of_another_toolkit_version_stays_and_a_damaged_one_goes(root: Path) -> None:
    """Payloads of the other version may still come, and nobody but that version could write its text again."""
    folder = root / "usr/lib/initialrunner"
    bake.bake(root, Settings())
    damaged = "0" * 64
    (folder / OTHERS).write_bytes(OTHER)
    (folder / damaged).write_bytes(b"of no version")
    (folder / f".{OTHERS}.bake").write_bytes(OTHER[:5])
    (folder / "README").write_bytes(b"somebody's")
    (folder / TEXT.sha256).write_bytes(TEXT.content[:-1])
    changes = {change.path: change.did for change in bake.bake(root, Settings()).changes if change.did != "same"}
    assert changes == {
        place(TEXT.sha256): "written", place(damaged): "removed", f"/usr/lib/initialrunner/.{OTHERS}.bake": "removed",
    }  # fmt: skip
    assert (folder / TEXT.sha256).read_bytes() == TEXT.content
    assert sorted(path.name for path in folder.iterdir()) == sorted(["README", OTHERS, TEXT.sha256])
    bake.remove(root)
    assert [path.name for path in folder.iterdir()] == ["README"]


def test_a_text_is_whole_when_its_digest_is_its_name(root: Path) -> None:
    folder = root / "usr/lib/initialrunner"
    (folder / OTHERS).write_bytes(OTHER)
    (folder / ("1" * 64)).symlink_to(OTHERS)
    (folder / ("2" * 64)).mkdir()
    opened = Root(root)
    try:
        texts = {text.path.rpartition("/")[2]: text.is_whole for text in found_in(opened)}
    finally:
        opened.close()
    assert texts == {OTHERS: True, TEXT.sha256: True, "1" * 64: False, "2" * 64: False}
