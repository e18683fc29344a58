"""A folder is published whole: files that change meanwhile or cannot be published, two publishes at once, leftovers."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.publish import tree_publish, tree_read
from bootstrap.publish.folder import FolderObjects
from bootstrap.publish.objects import Objects, PublishError
from bootstrap.publish.tree_manifest import MANIFEST, Draft, Manifest, ManifestError, OtherVersionError, parse
from bootstrap.publish.tree_publish import Published, TreeError, TreePublisher, stored
from bootstrap.publish.tree_scan import Stamp
from bootstrap.publish.tree_verify import complete, verify

LARGE = tree_read.SMALL_BYTES + 1


class Meddled(FolderObjects):
    """A folder of this machine, and somebody who works while it is written to."""

    meddle: Callable[[str], None]

    def put(self, name: str, content: bytes | Path, sha256: str) -> None:
        self.meddle(name)
        super().put(name, content, sha256)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "css").mkdir(parents=True)
    (folder / "index.html").write_text("<p>\n")
    (folder / "css/a.css").write_text("p {}\n")
    (folder / "large").write_bytes(b"x" * LARGE)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "store")


@pytest.fixture(autouse=True)
def quick_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_read, "PAUSE_S", 0.0)


def publish(root: Path, objects: Objects, *, delete: bool = False, resend: bool = False) -> Published:
    return TreePublisher(objects, root, delete=delete, resend=resend).run()


def meddled(tmp_path: Path, meddle: Callable[[str], None]) -> Meddled:
    objects = Meddled(tmp_path / "store")
    object.__setattr__(objects, "meddle", meddle)
    return objects


def messages(caught: pytest.ExceptionInfo[TreeError]) -> list[str]:
    return [problem.message for problem in caught.value.problems]


def test_objects_have_the_names_of_the_files_and_the_manifest_says_the_rest(root: Path, place: FolderObjects) -> None:
    (root / "link").symlink_to("css/a.css")
    (root / "css/a.css").chmod(0o640)
    outcome = publish(root, place)
    assert [entry.name for entry in place.listing()] == ["css/a.css", "index.html", "large"]
    manifest = complete(place)
    assert manifest == outcome.manifest and manifest.name == "site"
    assert hashlib.sha256((place.folder / MANIFEST).read_bytes()).hexdigest() == outcome.manifest.sha256
    file = manifest.files[0]
    content = (root / "css/a.css").read_bytes()
    assert (file.path, file.size, file.mode, file.mtime_ns) == (
        "css/a.css", 5, 0o640, (root / "css/a.css").stat().st_mtime_ns,
    )  # fmt: skip
    assert (file.sha256, file.md5) == (hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest())
    assert [(link.path, link.target) for link in manifest.links] == [("link", "css/a.css")]
    assert [folder.path for folder in manifest.folders] == ["css"]
    assert outcome.outward == ()


def test_only_what_differs_is_sent(root: Path, place: FolderObjects) -> None:
    assert publish(root, place).sent == 3
    again = publish(root, place)
    assert (again.sent, again.manifest_sent) == (0, False)
    (root / "index.html").write_text("<b>\n")
    assert publish(root, place).sent == 1
    # A new mode is the manifest's alone.
    (root / "index.html").chmod(0o600)
    touched = publish(root, place)
    assert (touched.sent, touched.manifest_sent) == (0, True)
    assert publish(root, place, resend=True).sent == 3


def test_a_link_out_of_the_folder_is_recorded_and_said(root: Path, place: FolderObjects) -> None:
    (root / "css/out").symlink_to("../../else")
    (root / "abs").symlink_to("/etc/hostname")
    (root / "css/in").symlink_to("../index.html")
    outcome = publish(root, place)
    assert sorted(outcome.outward) == ["abs -> /etc/hostname", "css/out -> ../../else"]
    assert len(outcome.manifest.links) == 3


def test_everything_that_cannot_be_published_is_listed_before_anything_is_sent(
    root: Path, place: FolderObjects
) -> None:
    os.mkfifo(root / "pipe")
    (root / "new\nline").write_text("")
    (root / "bell\x07").write_text("")
    Path(os.fsdecode(os.fsencode(root) + b"/css/caf\xe9")).write_text("")
    (root / MANIFEST).write_text("{}")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "s"))
        with pytest.raises(TreeError) as caught:
            publish(root, place)
    assert sorted(messages(caught)) == sorted([
        f"{MANIFEST}: this is the name of the manifest; is the folder a copy of a published tree?",
        "'bell\\x07': the name contains the character U+0007, which no listing of S3 can hold",
        "'css/caf\\udce9': the name is not UTF-8",
        "'new\\nline': the name contains the character U+000A, which no listing of S3 can hold",
        "pipe is a named pipe: only files, folders and links can be published",
        "s is a socket: only files, folders and links can be published",
    ])  # fmt: skip
    assert not place.folder.exists()


def test_the_place_judges_names_as_well(root: Path, place: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.publish.names.MAX_OBJECT_BYTES", 9)
    with pytest.raises(TreeError) as caught:
        publish(root, place)
    assert ["index.html" in message for message in messages(caught)] == [True]
    assert not place.folder.exists()


@pytest.mark.parametrize("clock", ["fine", "coarse"])
def test_a_file_that_was_written_to_after_it_was_sent_is_sent_again(
    root: Path, tmp_path: Path, clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, future = Stamp.of, time.time_ns() + 3600 * 10**9

    def of_coarse_clock(status: os.stat_result) -> Stamp:
        # No time of the file tells of the change, as within one tick of a file system's clock.
        return replace(of(status), mtime_ns=future, ctime_ns=future)

    if clock == "coarse":
        monkeypatch.setattr(Stamp, "of", of_coarse_clock)
    else:
        # No file is read a second time because it is young: its times alone tell.
        monkeypatch.setattr(tree_read, "CLOCK_NS", -3600 * 10**9)
    monkeypatch.setattr(tree_publish, "WORKERS", 1)

    def meddle(name: str) -> None:
        # By now index.html has been sent; its size stays the same.
        if name == "large" and not (tmp_path / "once").exists():
            (root / "index.html").write_text("<i>\n")
            (tmp_path / "once").touch()

    objects = meddled(tmp_path, meddle)
    outcome = publish(root, objects)
    assert (objects.folder / "index.html").read_text() == "<i>\n"
    verify(objects, outcome.manifest)


def test_a_large_file_that_changes_between_digest_and_end_is_sent_again(root: Path, tmp_path: Path) -> None:
    def meddle(name: str) -> None:
        if name == "large" and not (tmp_path / "once").exists():
            (root / "large").write_bytes(b"y" * LARGE)
            (tmp_path / "once").touch()

    objects = meddled(tmp_path, meddle)
    outcome = publish(root, objects)
    assert (objects.folder / "large").read_bytes()[:1] == b"y"
    verify(objects, outcome.manifest)


def test_files_that_come_and_go_are_in_the_manifest_as_they_are_at_the_end(root: Path, tmp_path: Path) -> None:
    def meddle(name: str) -> None:
        if name == "large":
            (root / "css/a.css").unlink(missing_ok=True)
            (root / "new").write_text("new\n")

    objects = meddled(tmp_path, meddle)
    outcome = publish(root, objects)
    assert sorted(outcome.manifest.names) == ["index.html", "large", "new"]
    # It had been sent already, so it is there, and known as ours.
    assert outcome.extra == (("css/a.css",) if objects.digest("css/a.css") else ())
    verify(objects, outcome.manifest)


def test_a_file_that_never_rests_is_named_and_there_is_no_manifest(root: Path, tmp_path: Path) -> None:
    objects = meddled(tmp_path, lambda name: (root / "index.html").write_text(os.urandom(3).hex()) and None)
    with pytest.raises(TreeError) as caught:
        publish(root, objects)
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("publish.changed", "index.html changes while it is published")
    assert problem.hint == "publish when nothing writes there, or from a snapshot of the folder"
    assert isinstance(stored(objects), Draft)


def test_a_place_that_refuses_ends_it_with_its_own_words(root: Path, tmp_path: Path) -> None:
    def meddle(name: str) -> None:
        if name == "css/a.css":
            raise PublishError("the quota is exceeded")

    with pytest.raises(PublishError, match="the quota is exceeded"):
        publish(root, meddled(tmp_path, meddle))


def test_a_run_that_was_cut_off_is_not_complete_and_the_next_sends_the_rest(root: Path, tmp_path: Path) -> None:
    def meddle(name: str) -> None:
        if name == "large":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(root, meddled(tmp_path, meddle))
    place = FolderObjects(tmp_path / "store")
    with pytest.raises(ManifestError, match="a publish has begun and has not ended"):
        complete(place)
    there = len(list(place.listing()))
    assert publish(root, place).sent == 3 - there
    verify(place)


def test_another_publish_at_the_same_time_is_noticed(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("other\n")

    def meddle(name: str) -> None:
        if name == "large":
            publish(other, FolderObjects(tmp_path / "store"))

    with pytest.raises(PublishError, match="another publish has written there at the same time"):
        publish(root, meddled(tmp_path, meddle))


def test_objects_of_others_are_never_removed_and_ours_only_on_demand(root: Path, place: FolderObjects) -> None:
    publish(root, place)
    place.put("theirs", b"x", hashlib.sha256(b"x").hexdigest())
    (root / "css/a.css").unlink()
    outcome = publish(root, place)
    assert (outcome.extra, outcome.foreign, outcome.removed) == (("css/a.css",), ("theirs",), ())
    # The manifest knows it for as long as it is there.
    assert publish(root, place).extra == ("css/a.css",)
    outcome = publish(root, place, delete=True)
    assert (outcome.extra, outcome.foreign, outcome.removed) == ((), ("theirs",), ("css/a.css",))
    assert [entry.name for entry in place.listing()] == ["index.html", "large", "theirs"]
    assert complete(place).extra == ()


def test_a_file_that_came_late_is_known_as_ours_too(root: Path, tmp_path: Path) -> None:
    def meddle(name: str) -> None:
        if name == "large":
            (root / "late").write_text("")
        if name == "late":
            (root / "later").write_text("")
        if name == "later":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(root, meddled(tmp_path, meddle))
    place = FolderObjects(tmp_path / "store")
    assert place.digest("late") is not None
    (root / "late").unlink()
    (root / "later").unlink()
    assert publish(root, place, delete=True).removed == ("late",)


def test_what_a_run_that_was_cut_off_had_sent_is_known_as_ours(root: Path, tmp_path: Path) -> None:
    def meddle(name: str) -> None:
        if name == "large":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(root, meddled(tmp_path, meddle))
    place = FolderObjects(tmp_path / "store")
    sent = {entry.name for entry in place.listing()}
    for name in ("css/a.css", "index.html"):
        (root / name).unlink()
    assert set(publish(root, place, delete=True).removed) == sent
    assert {entry.name for entry in place.listing()} == {"large"}


def test_the_manifest_is_durable_before_anything_is_removed(root: Path, tmp_path: Path) -> None:
    place = FolderObjects(tmp_path / "store")
    publish(root, place)
    (root / "css/a.css").unlink()

    class Watched(FolderObjects):
        def remove(self, name: str) -> None:
            manifest = complete(self)
            assert (sorted(manifest.names), manifest.extra) == (["index.html", "large"], ("css/a.css",))
            raise PublishError("refused")

    with pytest.raises(PublishError, match="refused"):
        publish(root, Watched(tmp_path / "store"), delete=True)
    assert publish(root, place, delete=True).removed == ("css/a.css",)


def test_a_damaged_manifest_is_mended_and_one_of_another_version_is_left(root: Path, place: FolderObjects) -> None:
    publish(root, place)
    path = place.folder / MANIFEST
    good = path.read_bytes()
    path.write_bytes(good[:-20])
    with pytest.raises(ManifestError, match="is not a manifest that `bootstrap publish` wrote"):
        complete(place)
    assert publish(root, place).manifest_sent
    assert path.read_bytes() == good
    path.write_bytes(good.replace(b'"version": 1', b'"version": 2'))
    with pytest.raises(OtherVersionError, match="has version 2, and this program reads version 1"):
        publish(root, place)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"path": "index.html"', '"path": "../index.html"', "'../index.html' is not a path below a folder"),
        ('"path": "index.html"', '"path": "/index.html"', "'/index.html' is not a path below a folder"),
        ('"path": "index.html"', '"path": "a//b"', "'a//b' is not a path below a folder"),
        ('"path": "index.html"', '"path": "large"', "a path stands in it twice"),
        ('"path": "index.html"', '"path": "large/x"', "'large/x' is below 'large', which is no folder"),
        ('"mode": "0755"', '"mode": "4755"', "'css' has the mode 4755"),
        ('"size": 4', '"size": -4', "'index.html' has no SHA-256, or no size"),
        ('"path": "index.html"', '"path": "\\u001b]0;x"', "'\\x1b]0;x' is not a path below a folder"),
        ('"path": "index.html"', '"path": "\\ud800"', "'\\ud800' is not a path below a folder"),
        ('"path": "index.html"', '"path": 5', "path is 5"),
        ('"size": 4', '"size": "4"', "size is '4'"),
        ('"size": 4', '"size": true', "size is True"),
        ('"mtime_ns": ', '"mtime_ns": 9999999999', "'index.html' has the time 1e+29"),
        ('"links": []', '"links": [{"path": "l", "target": 5}]', "target is 5"),
        ('"links": []', '"links": [{"path": "l", "target": ""}]', "'l' is a link to ''"),
        ('"links": []', '"links": [{"path": "l", "target": "\\u0000"}]', "'l' is a link to '\\x00'"),
        ('"links": []', '"links": ' + "[" * 100_000, "maximum recursion depth exceeded"),
    ],
)  # fmt: skip
def test_a_manifest_that_would_lead_out_of_its_folder_is_refused(
    root: Path, place: FolderObjects, old: str, new: str, fault: str
) -> None:
    (root / "css").chmod(0o755)
    raw = publish(root, place).manifest.to_bytes().decode()
    assert old in raw
    with pytest.raises(ManifestError) as caught:
        parse(raw.replace(old, new).encode(), "M")
    assert fault in caught.value.message


def test_equal_trees_have_equal_manifests(root: Path, place: FolderObjects, tmp_path: Path) -> None:
    manifest = publish(root, place).manifest
    assert parse(manifest.to_bytes(), "M") == manifest
    assert publish(root, FolderObjects(tmp_path / "second")).manifest.to_bytes() == manifest.to_bytes()
    lines = manifest.to_bytes().decode().splitlines()
    assert [json.loads(line.rstrip(","))["path"] for line in lines if line.startswith('{"path"')][:3] == [
        "css/a.css", "index.html", "large",
    ]  # fmt: skip
    assert isinstance(parse(Manifest("empty", ()).to_bytes(), "M"), Manifest)
