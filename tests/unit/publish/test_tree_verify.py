"""A published folder is compared with its manifest, object by object."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.errors import Problem
from bootstrap.publish.folder import FolderObjects
from bootstrap.publish.tree_manifest import MANIFEST, Manifest, ManifestError
from bootstrap.publish.tree_publish import TreeError, TreePublisher
from bootstrap.publish.tree_verify import read_manifest, verify


@pytest.fixture
def place(tmp_path: Path) -> FolderObjects:
    root = tmp_path / "site"
    (root / "b").mkdir(parents=True)
    for name in ("a", "b/c", "d", "e"):
        (root / name).write_text(f"{name}\n")
    TreePublisher(objects := FolderObjects(tmp_path / "store"), root).run()
    return objects


def problems(place: FolderObjects, manifest: Manifest | None = None, *, quick: bool = False) -> list[Problem]:
    with pytest.raises(TreeError) as caught:
        verify(place, manifest, quick=quick)
    return list(caught.value.problems)


@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_missing_altered_and_extra_objects_are_listed_at_once(place: FolderObjects, quick: bool) -> None:
    assert verify(place, quick=quick).extra == ()
    (place.folder / "a").write_text("A\n")
    (place.folder / "d").write_text("longer\n")
    (place.folder / "b/c").unlink()
    (place.folder / "b/x").write_text("")
    listed = problems(place, quick=quick)
    assert [(problem.code, problem.message.split()[1].rstrip(",")) for problem in listed] == [
        ("publish.altered", "a"), ("publish.missing", "b/c"), ("publish.altered", "d"), ("publish.extra", "b/x"),
    ]  # fmt: skip
    assert ("MD5" in listed[0].message, "SHA-256" in listed[0].message) == (quick, not quick)


def test_the_manifest_of_this_machine_is_compared_with_the_one_that_is_there(
    place: FolderObjects, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes((place.folder / MANIFEST).read_bytes())
    trusted = read_manifest(copy)
    assert verify(place, trusted).manifest == trusted
    # Whoever changes an object and the manifest alike is found by the copy alone.
    (place.folder / "a").write_text("A\n")
    forged = replace(trusted, files=tuple(replace(f, mode=0o600) for f in trusted.files))
    (place.folder / MANIFEST).write_bytes(forged.to_bytes())
    listed = problems(place, trusted)
    assert listed[0].message == f"altered: the manifest has SHA-256 {forged.sha256}, not {trusted.sha256}"
    assert listed[1].message.startswith("altered: a has SHA-256 ")
    (place.folder / MANIFEST).unlink()
    assert problems(place, trusted)[0].code == "publish.manifest"


def test_a_place_without_a_manifest_is_no_tree(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="json: no tree was published there"):
        verify(FolderObjects(tmp_path / "empty"))
