"""A roll-out is rendered from the copy of its files that was kept, whatever happens to the files themselves."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest
from deploy_files import GATE, HEAD, lay

from bootstrap.deploy import sources
from bootstrap.deploy.file import DeployFile
from bootstrap.deploy.payloads import SpecPayloads
from bootstrap.errors import SpecError, UsageError

SPEC = """\
version: 1
name: app
include: ../base/common.yaml
secrets: {token: 'env:NO_SUCH_TOKEN', key: 'file:key.txt'}
files:
  - {path: /etc/a, template: a.j2}
  - {path: /etc/b, source: ../b.txt}
  - {path: /etc/token, content: "{{ token }}{{ key }}", secret: true}
stages: [{name: one, script: one.sh}]
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A deploy file whose specs are in other folders, one of them behind a link."""
    folder = tmp_path / "work"
    for name, text in {
        "deploy/app/app.yaml": SPEC,
        "deploy/app/a.j2": "{{ branch }} as it was",
        "deploy/app/one.sh": "#!/bin/sh\ntrue\n",
        "deploy/app/key.txt": "the-key-itself",
        "deploy/base/common.yaml": "values: {branch: main}\nhealth: {checks: [{file: /etc/a}]}\n",
        "elsewhere/other/extra.yaml": "version: 1\nname: extra\nfiles: [{path: /b, source: ../b.txt}]\n",
        "elsewhere/b.txt": "beside the real folder",
        "deploy/b.txt": "beside the link",
        "deploy/common/tier.yaml": "cloud: {servers: sim, pool: sim}\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "deploy/link").symlink_to(folder / "elsewhere/other")
    text = (
        "version: 1\nname: shop\ninclude: common/tier.yaml\nvalues: {branch: next}\ntiers:\n"
        f"  - {{spec: app, {GATE}, values: {{branch: '{{{{ branch }}}}'}}}}\n  - {{spec: link/extra.yaml, {GATE}}}\n"
    )
    lay(folder / "deploy", text)
    return folder


def rendered(deploy_file: DeployFile) -> list[bytes]:
    payloads = SpecPayloads(deploy_file, "d-1")
    payload = [payloads.payload(tier.name, f"{tier.name}-1", {}) for tier in deploy_file.tiers]
    return [payload.rendering.pack("tree").payload.bundle for payload in payload]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_SUCH_TOKEN", "the-token-itself")


@pytest.mark.parametrize("name", ["deploy/shop.yaml", "deploy/../deploy/shop.yaml"])
def test_the_copy_renders_the_same_bytes_after_everything_has_changed(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tree)
    deploy_file, kept = sources.record(name, overrides=["branch=pinned"])
    before = rendered(deploy_file)
    kept.write(tmp_path / "sources")
    key = (tree / "deploy/app/key.txt").read_bytes()
    for path in tree.rglob("*"):
        if path.is_file():
            path.write_text("stages: [broken\n")
    (tree / "deploy/app/key.txt").write_bytes(key)
    # Another folder and another release of the working tree: neither is looked at.
    monkeypatch.chdir(tmp_path)
    again = sources.read(tmp_path / "sources").load()
    assert again.overrides == ("branch=pinned",)
    assert again.tier("app").spec.model.values == {"branch": "pinned"}
    assert rendered(again) == before
    # The two names are one path once `..` is taken out of it, and two files since one goes through a link.
    assert again.tier("app").spec.sources["files[1].source"].data == b"beside the link"
    assert again.tier("extra").spec.sources["files[0].source"].data == b"beside the real folder"


def test_files_of_values_are_kept_too(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    (tree / "more.yaml").write_text("branch: from-a-file\n")
    deploy_file, kept = sources.record("deploy/shop.yaml", values_files=["more.yaml"])
    assert deploy_file.tier("app").spec.model.values == {"branch": "from-a-file"}
    kept.write(tmp_path / "sources")
    (tree / "more.yaml").write_text("branch: changed\n")
    monkeypatch.chdir(tmp_path)
    again = sources.read(tmp_path / "sources").load()
    assert again.tier("app").spec.model.values == {"branch": "from-a-file"}


def test_the_copy_works_when_the_working_tree_is_gone(tree: Path, tmp_path: Path) -> None:
    _, kept = sources.record(tree / "deploy/shop.yaml")
    kept.write(tmp_path / "sources")
    shutil.rmtree(tree)
    again = sources.read(tmp_path / "sources").load()
    assert [tier.name for tier in again.tiers] == ["app", "extra"]
    # The key was a file of the working tree: only its place is kept.
    missing = sources.missing_secrets(again)
    assert [problem.message for problem in missing] == [
        f"secrets.key: cannot read {tree}/deploy/app/key.txt: no such file or directory"
    ]


def test_no_value_of_a_secret_is_kept(tree: Path, tmp_path: Path) -> None:
    _, kept = sources.record(tree / "deploy/shop.yaml")
    kept.write(tmp_path / "sources")
    texts = b"".join(path.read_bytes() for path in (tmp_path / "sources").iterdir())
    assert b"env:NO_SUCH_TOKEN" in texts
    assert b"itself" not in texts


def test_missing_secrets_are_told_each_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy_file, _ = sources.record(tree / "deploy/shop.yaml")
    assert sources.missing_secrets(deploy_file) == []
    monkeypatch.delenv("NO_SUCH_TOKEN")
    (tree / "deploy/app/key.txt").unlink()
    problems = sources.missing_secrets(deploy_file)
    assert [(p.message.split(":")[0], p.hint) for p in problems] == [
        ("secrets.token", "export NO_SUCH_TOKEN=..."),
        ("secrets.key", "the path is relative to the folder of the spec"),
    ]


def test_the_copy_is_its_owners_alone(tree: Path, tmp_path: Path) -> None:
    _, kept = sources.record(tree / "deploy/shop.yaml")
    kept.write(tmp_path / "sources")
    folder = tmp_path / "sources"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 1
    names = [Path(row["path"]).name for row in index["files"]]
    assert sorted(names) == [
        "a.j2", "app.yaml", "b.txt", "b.txt", "common.yaml", "extra.yaml", "one.sh", "shop.yaml", "tier.yaml",
    ]  # fmt: skip
    # People find a file by its name.
    assert all(row["name"].endswith(Path(row["path"]).name) for row in index["files"])


def damage_content(folder: Path) -> None:
    next(folder.glob("*-a.j2")).write_text("something else")


def damage_index(folder: Path) -> None:
    (folder / "index.json").write_text('{"version": 1}')


def make_later(folder: Path) -> None:
    (folder / "index.json").write_text('{"version": 2}')


def cut_short(folder: Path) -> None:
    (folder / "index.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_content, "-a.j2 is not as it was kept"),
        (damage_index, "index.json is damaged: 'files'"),
        (make_later, "index.json has version 2, and this program reads 1"),
        (cut_short, "index.json cannot be read: No such file or directory"),
    ],
    ids=["content", "index", "later", "cut-short"],
)
def test_a_damaged_copy_is_refused_by_name(tree: Path, tmp_path: Path, damage: object, message: str) -> None:
    _, kept = sources.record(tree / "deploy/shop.yaml")
    kept.write(tmp_path / "sources")
    damage(tmp_path / "sources")  # type: ignore[operator]
    with pytest.raises(UsageError, match=message) as caught:
        sources.read(tmp_path / "sources")
    assert caught.value.hint


def test_a_copy_is_never_written_over(tree: Path, tmp_path: Path) -> None:
    _, kept = sources.record(tree / "deploy/shop.yaml")
    kept.write(tmp_path / "sources")
    with pytest.raises(UsageError, match=r"cannot be kept in .*: File exists"):
        kept.write(tmp_path / "sources")


def test_a_file_that_is_read_twice_has_the_same_bytes_both_times(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("first")
    recorder = sources.Recorder()
    assert recorder.read(tmp_path / "a") == b"first"
    (tmp_path / "a").write_text("second")
    assert recorder.read(tmp_path / "a") == b"first"


def test_a_wrong_deploy_file_is_reported_as_ever(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="unknown key tieres"):
        sources.record(lay(tmp_path, HEAD + "tieres: []\n"))
