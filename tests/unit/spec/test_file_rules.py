"""`files[].after`: what is refused, what the host plan says, and which stages such a file belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import SpecError
from bootstrap.payload.build import build
from bootstrap.payload.bundle import unpack
from bootstrap.plan.resolve import resolve, revision
from bootstrap.render.render import render
from bootstrap.spec.load import load

STAGES = "stages:\n  - {name: disk, run: 'true'}\n  - {name: app, run: 'true'}\n"
HEAD = "version: 1\nname: web\n" + STAGES + "health: {checks: [{file: /srv/a}]}\n"


def plan(folder: Path, files: str, head: str = HEAD) -> dict[str, Any]:
    """The plan as the host reads it, out of the packed bundle."""
    (folder / "web.yaml").write_text(head + files)
    rendered = render(resolve(load(folder / "web.yaml"), server="web-1", deploy_id="d1"))
    return unpack(build(rendered).bundle).plan


def digests(folder: Path, files: str) -> list[str]:
    return [stage["digest"] for stage in plan(folder, files)["stages"]]


@pytest.mark.parametrize(
    ("file", "column", "message", "hint"),
    [
        ("content: x, after: dsk", 40, "files[0].after: no stage is called dsk", "did you mean disk?"),
        ("content: x, after: zzz", 40, "files[0].after: no stage is called zzz", "the stages are: disk, app"),
        ("content: x, deliver: inject, after: disk", 57, "files[0].after: an injected file arrives before all stages",
         "remove deliver: inject, so that the file travels in the bundle"),
        (f"fetch: {{url: 'https://a/b', sha256: {'a' * 64}}}, after: disk", 131,
         "files[0].after: a fetched file is placed before all stages",
         "fetch it to a folder that is there from the start, and have a stage copy it"),
        ("source: a.txt, publish: true, after: disk", 58, "files[0].after: a fetched file is placed before all stages",
         "fetch it to a folder that is there from the start, and have a stage copy it"),
    ],
    ids=["near", "unknown", "injected", "fetched", "published"],
)  # fmt: skip
def test_what_cannot_be_placed_later_is_refused(
    tmp_path: Path, file: str, column: int, message: str, hint: str
) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    with pytest.raises(SpecError) as caught:
        plan(tmp_path, f"files:\n  - {{path: /data/a, {file}}}\n")
    (problem,) = caught.value.problems
    assert (problem.message, problem.hint) == (message, hint)
    assert problem.where is not None and (problem.where.line, problem.where.column) == (8, column)


def test_a_spec_without_stages_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        plan(tmp_path, "files: [{path: /data/a, content: x, after: disk}]\n", "version: 1\nname: web\n")
    assert [problem.hint for problem in caught.value.problems] == ["the spec has no stages"]


@pytest.mark.fault(132)
@pytest.mark.parametrize("file", ["content: x", "source: a.txt", "template: a.txt", "content: x, secret: true"])
def test_the_host_plan_says_after_which_stage_a_file_is_placed(tmp_path: Path, file: str) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    (first, second) = plan(
        tmp_path, f"files:\n  - {{path: /srv/a, content: x}}\n  - {{path: /data/a, {file}, after: disk}}\n"
    )["files"]
    assert second["after"] == "disk" and second["path"] == "/data/a" and second["size"] > 0
    assert "after" not in first


@pytest.mark.fault(132)
def test_a_file_that_is_placed_later_belongs_to_the_stages_after_it(tmp_path: Path) -> None:
    file = "files:\n  - {path: /srv/a, content: %s}\n  - {path: /data/a, content: %s, after: disk}\n"
    before = digests(tmp_path, file % ("x", "x"))
    assert [old == new for old, new in zip(before, digests(tmp_path, file % ("x", "y")), strict=True)] == [True, False]
    assert [old == new for old, new in zip(before, digests(tmp_path, file % ("y", "x")), strict=True)] == [False] * 2


def test_the_key_is_in_the_revision_where_it_is_given(tmp_path: Path) -> None:
    seen = set()
    for after in "", ", after: disk", ", after: app":
        (tmp_path / "web.yaml").write_text(HEAD + f"files: [{{path: /srv/a, content: x{after}}}]\n")
        seen.add(revision(load(tmp_path / "web.yaml")))
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("file", "is_right"),
    [
        ("mode: '0640', owner: 'root:www-data'", True),
        ("mode: '0440', owner: 'postgres:ssl-cert'", True),
        ("mode: '0640'", False),
        ("mode: '0640', owner: 'www-data:root'", False),
        ("mode: '0640', owner: '0:0'", False),
        ("mode: '0660', owner: 'root:www-data'", False),
        ("mode: '0644', owner: 'root:www-data'", False),
        ("mode: '0604', owner: 'root:www-data'", False),
    ],
)
def test_a_secret_file_may_be_read_by_the_group_that_its_owner_names(
    tmp_path: Path, file: str, is_right: bool
) -> None:
    text = f"files: [{{path: /srv/a, content: x, secret: true, {file}}}]\n"
    if is_right:
        assert plan(tmp_path, text)["files"][0]["mode"] == int(file.split("'")[1], 8)
        return
    with pytest.raises(SpecError) as caught:
        plan(tmp_path, text)
    (problem,) = caught.value.problems
    hint = 'leave mode out, or write "0600"; if a group must read the file: owner: root:GROUP, mode: "0640"'
    assert (problem.message, problem.hint) == ("files[0].mode: other users could read this secret file", hint)
