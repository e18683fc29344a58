"""What render leaves on disk: private, whole, replaced as a whole, and never over somebody's work."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.targets import layout, output
from bootstrap.targets.model import Packed
from bootstrap.targets.providers import provider

DEPLOY = "20261120T120000-ab12cd"
CRON = "@reboot root sh @FILES@ # @SHA256@ @MARK@\n"


def packed(*targets: str, content: bytes = b"one\n") -> list[Packed]:
    plan = {"version": 1, "name": "web", "server": "web-1", "deploy_id": DEPLOY, "revision": "0" * 12, "stages": []}
    rendered = Rendered("web-1", DEPLOY, "0" * 12, plan, (RenderedFile("/srv/one", content),), CRON, None)
    return [layout.pack(rendered, target, provider("gce") if target == "user-data" else None) for target in targets]


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode & 0o7777, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def test_files_are_private_and_the_manifest_has_no_content(tmp_path: Path) -> None:
    folder = output.write(packed("user-data", "cloud-config", "tree"), tmp_path / "a" / "build")

    found = everything(folder)
    assert folder == tmp_path / "a" / "build" / "web-1"
    assert folder.stat().st_mode & 0o7777 == 0o700
    assert {name: mode for name, (mode, _) in found.items() if "/" not in name} == {
        "cloud-config.yaml": 0o600,
        "manifest.json": 0o600,
        "tree": 0o755,
        "user-data": 0o600,
    }
    assert found["tree/etc/cron.d/initialrunner"][0] == 0o644
    assert [path.name for path in folder.parent.iterdir()] == ["web-1"]


def test_the_manifest_names_sizes_digests_and_modes(tmp_path: Path) -> None:
    (one,) = packed("cloud-config")
    folder = output.write([one], tmp_path)

    manifest = json.loads((folder / "manifest.json").read_text())

    assert {key: manifest[key] for key in ("version", "server", "deploy_id", "revision")} == {
        "version": 1,
        "server": "web-1",
        "deploy_id": DEPLOY,
        "revision": "0" * 12,
    }
    (target,) = manifest["targets"]
    assert target["bundle"] == {"size": len(one.payload.bundle), "sha256": one.payload.digest}
    assert [(file["path"], file["mode"], file["size"]) for file in target["files"]] == [
        ("/etc/initialrunner/bundle", "0600", len(one.payload.bundle)),
        ("/etc/cron.d/initialrunner", "0644", len(one.payload.files[-1].content)),
    ]
    written = (folder / "cloud-config.yaml").read_bytes()
    assert target["output"] == {
        "path": "cloud-config.yaml",
        "size": len(written),
        "sha256": hashlib.sha256(written).hexdigest(),
    }


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        output.write(packed("user-data", "cloud-config", "tree"), tmp_path / name)

    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def test_an_earlier_output_is_replaced_as_a_whole(tmp_path: Path) -> None:
    output.write(packed("tree", "user-data"), tmp_path)

    folder = output.write(packed("cloud-config"), tmp_path)

    assert sorted(path.name for path in folder.iterdir()) == ["cloud-config.yaml", "manifest.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["web-1"]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_render_did_not_make_is_left_alone(tmp_path: Path, kind: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    (mine / "manifest.json").write_text("{}")
    final = tmp_path / "web-1"
    if kind == "folder":
        final.mkdir()
        (final / "thesis.txt").write_text("years of work")
    elif kind == "file":
        final.write_text("years of work")
    else:
        final.symlink_to(mine)
    before = everything(tmp_path)

    with pytest.raises(UsageError) as refused:
        output.write(packed("tree"), tmp_path)

    assert refused.value.message == f"{final} exists and is not the output of an earlier render"
    assert everything(tmp_path) == before


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError) as refused:
        output.write(packed("tree"), tmp_path / "file" / "x")

    assert refused.value.message == f"{tmp_path}/file/x cannot be written: Not a directory"


def test_personality_json_is_a_list_for_the_create_call(tmp_path: Path) -> None:
    plan = {"version": 1, "name": "web", "server": "web-1", "deploy_id": DEPLOY, "revision": "0" * 12, "stages": []}
    one = layout.pack(Rendered("web-1", DEPLOY, "0" * 12, plan, (), CRON, None), "personality", provider("nova"))

    folder = output.write([one], tmp_path)

    items = json.loads((folder / "personality.json").read_text())
    assert items[-1]["path"] == "/etc/cron.d/initialrunner"
    assert b"".join(base64.b64decode(item["contents"]) for item in items[:-1]) == one.payload.bundle
