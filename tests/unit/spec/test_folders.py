"""`files: {source: FOLDER}`: each file of it becomes a file of the server, with its execute bits."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from bootstrap.deploy.sources import Kept, Recorder
from bootstrap.errors import Problem, SpecError
from bootstrap.payload.build import build
from bootstrap.payload.bundle import unpack
from bootstrap.plan.model import Plan
from bootstrap.plan.resolve import resolve, revision
from bootstrap.render.model import Published
from bootstrap.render.render import render
from bootstrap.spec import folders
from bootstrap.spec.load import load
from bootstrap.spec.storage import DISK, Storage

HEAD = "version: 1\nname: web\nhealth: {checks: [{file: /srv/site/index.html}]}\nfiles:\n"
SITE = "  - {path: /srv/site, source: site%s}\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "bin").mkdir(parents=True)
    (folder / "index.html").write_text("<p>{{ server }}</p>\n")
    (folder / "bin/start").write_text("#!/bin/sh\ntrue\n")
    (folder / "bin/start").chmod(0o700)
    (folder / "bin/start.conf").write_text("x=1\n")
    # The umask of this machine is not part of a spec.
    (folder / "bin/start.conf").chmod(0o600)
    return folder


def plan(folder: Path, keys: str = "", more: str = "", storage: Storage = DISK) -> Plan:
    if storage is DISK:
        (folder / "web.yaml").write_text(HEAD + SITE % keys + more)
    return resolve(load(folder / "web.yaml", storage=storage), server="web-1", deploy_id="d1")


def problems(folder: Path, keys: str = "", more: str = "") -> list[Problem]:
    with pytest.raises(SpecError) as caught:
        render(plan(folder, keys, more))
    return list(caught.value.problems)


def on_host(rendered_plan: Plan, published: Published | None = None) -> list[dict[str, Any]]:
    """The files of the plan as the host reads it."""
    files: list[dict[str, Any]] = unpack(build(render(rendered_plan, published=published)).bundle).plan["files"]
    return [file for file in files if file["path"].startswith("/srv/")]


@pytest.mark.parametrize(
    ("keys", "modes"),
    [
        ("", (0o755, 0o644, 0o644)),
        (', mode: "0640"', (0o750, 0o640, 0o640)),
        (", secret: true", (0o700, 0o600, 0o600)),
    ],
    ids=["usual", "given", "secret"],
)
def test_each_file_is_placed_below_the_path_and_programs_stay_programs(
    site: Path, keys: str, modes: tuple[int, ...]
) -> None:
    files = render(plan(site.parent, f"{keys}, owner: 'app:app'", "  - {path: /srv/z, content: z}\n")).files
    assert [file.path for file in files] == [
        "/srv/site/bin/start", "/srv/site/bin/start.conf", "/srv/site/index.html", "/srv/z",
    ]  # fmt: skip
    assert tuple(file.mode for file in files[:3]) == modes
    assert {file.owner for file in files[:3]} == {("app", "app")}
    assert files[2].content == b"<p>{{ server }}</p>\n"
    assert [file.key for file in files] == ["files[0]"] * 3 + ["files[1]"]


def test_the_path_of_a_folder_may_be_a_template(site: Path) -> None:
    (site.parent / "web.yaml").write_text(HEAD + '  - {path: "/srv/{{ server }}", source: site}\n')
    files = render(resolve(load(site.parent / "web.yaml"), server="web-7", deploy_id="d1")).files
    assert files[2].path == "/srv/web-7/index.html"


def test_a_published_folder_is_a_pinned_fetch_for_each_file(site: Path) -> None:
    digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in site.rglob("*") if path.is_file()}
    urls = {digest: f"https://store.example/{digest}" for digest in digests.values()}
    files = on_host(plan(site.parent, ", publish: true"), Published(urls))
    start = digests[site / "bin/start"]
    assert [(file["fetch"]["url"], file.get("mode")) for file in files if file["path"] == "/srv/site/bin/start"] == [
        (urls[start], 0o755)
    ]
    assert all(file["fetch"]["sha256"] in urls for file in files)
    # A file that has changed since is named.
    (site / "bin/start").write_text("#!/bin/sh\nfalse\n")
    with pytest.raises(SpecError) as caught:
        render(plan(site.parent, ", publish: true"), published=Published(urls))
    (problem,) = caught.value.problems
    assert problem.message == f"files[0]: {site}/bin/start was not published, or has changed since"


def test_without_a_publication_the_folder_rides_in_the_bundle(site: Path) -> None:
    bundle = unpack(build(render(plan(site.parent, ", publish: true"))).bundle)
    assert "/srv/site/bin/start" in str(bundle.plan["files"])


@pytest.mark.parametrize("change", ["content", "name", "bits", "more", "fewer"])
def test_the_revision_covers_every_file_of_the_folder(site: Path, change: str) -> None:
    (site.parent / "web.yaml").write_text(HEAD + SITE % "")
    before = revision(load(site.parent / "web.yaml"))
    start = site / "bin/start"
    if change == "content":
        start.write_text("#!/bin/sh\nfalse\n")
    elif change == "name":
        start.rename(site / "bin/begin")
    elif change == "bits":
        start.chmod(0o600)
    elif change == "more":
        (site / "new").write_text("")
    else:
        start.unlink()
    assert revision(load(site.parent / "web.yaml")) != before


def test_a_stage_runs_again_after_a_change_whichever_way_the_file_comes(site: Path) -> None:
    def digest(published: bool) -> str:
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in site.rglob("*") if path.is_file()]
        urls = {digest: f"https://store.example/{digest}" for digest in digests}
        stages = "stages: [{name: one, run: 'true'}]\n"
        rendered = render(plan(site.parent, ", publish: true", stages), published=Published(urls if published else {}))
        word: str = rendered.host_plan["stages"][0]["digest"]
        return word

    before = digest(published=True)
    assert before == digest(published=False)
    (site / "index.html").write_text("other\n")
    assert digest(published=True) != before


def test_a_link_within_the_folder_is_a_copy(site: Path) -> None:
    (site / "go").symlink_to("bin/start")
    (go,) = [file for file in render(plan(site.parent)).files if file.path == "/srv/site/go"]
    assert (go.content, go.mode) == (b"#!/bin/sh\ntrue\n", 0o755)


def test_everything_that_cannot_be_placed_is_listed_at_once(site: Path) -> None:
    (site / "out").symlink_to("/etc/passwd")
    (site / "up").symlink_to("../web.yaml")
    (site / "dir").symlink_to("bin")
    (site / "nothing").symlink_to("nowhere")
    os.mkfifo(site / "pipe")
    Path(os.fsdecode(os.fsencode(site) + b"/\xff")).write_text("")
    listed = problems(site.parent)
    assert {(p.code, p.where and (p.where.line, p.where.column)) for p in listed} == {("spec.folder", (5, 31))}
    begin = f"files[0].source: {site}"
    assert sorted(problem.message for problem in listed) == sorted([
        f"{begin}/dir cannot be placed: it is a link to bin, which is a folder",
        f"{begin}/nothing cannot be placed: it is a link to nowhere, which is nothing that can be read",
        f"{begin}/out cannot be placed: it is a link to /etc/passwd, out of the folder",
        f"{begin}/pipe cannot be placed: it is neither a file nor a folder",
        f"{begin}/up cannot be placed: it is a link to ../web.yaml, out of the folder",
        f"{begin}/\\xff cannot be placed: its name is not UTF-8",
    ])  # fmt: skip


def test_names_that_no_host_would_take_are_refused_at_the_source(site: Path) -> None:
    (site / "a,b").write_text("")
    (site / "{{ x }}").write_text("")
    assert [(p.message, p.hint) for p in problems(site.parent)] == [
        (f"files[0].source: {site}/a,b: '/srv/site/a,b' contains a comma; an injection agent cuts the path there",
         "choose another name"),
        (f"files[0].source: {site}/{{{{ x }}}}: its name contains {{{{, and the path on the server is a template",
         "choose another name"),
    ]  # fmt: skip


def test_an_empty_folder_and_one_with_too_many_files_are_refused(site: Path) -> None:
    empty = site.parent / "empty/sub"
    empty.mkdir(parents=True)
    (site.parent / "web.yaml").write_text(HEAD + "  - {path: /srv/site, source: empty}\n")
    with pytest.raises(SpecError) as caught:
        load(site.parent / "web.yaml")
    assert [p.message for p in caught.value.problems] == [
        f"files[0].source: the folder {site.parent}/empty holds no file"
    ]
    for number in range(folders.MOST_FILES - 3):
        (site / f"{number}").write_text("")
    assert len(plan(site.parent).files) == folders.MOST_FILES
    (site / "more").write_text("")
    (problem,) = problems(site.parent)
    assert problem.message.startswith(f"files[0].source: the folder {site} holds more than 500 files, and each is")
    assert problem.hint is not None and "unpack it in a stage" in problem.hint


def test_two_entries_that_write_the_same_path_are_refused(site: Path) -> None:
    (problem,) = problems(site.parent, more="  - {path: /srv/site/index.html, content: x}\n")
    assert problem.message == "files[1].path: files[0] already writes /srv/site/index.html"
    below = problems(site.parent, more="  - {path: /srv/site, content: x}\n")
    assert below[0].message == "files[0].path: /srv/site/bin/start is below /srv/site, which files[1] makes a file"


def test_a_missing_folder_is_said_at_its_place(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path)
    assert problem.message == f"files[0].source: no such file: {tmp_path}/site"
    assert problem.where is not None and (problem.where.line, problem.where.column) == (5, 31)


def test_a_warning_stands_once_for_a_whole_folder(site: Path) -> None:
    stages = "stages: [{name: disk, run: 'mount /dev/sdb1 /srv'}]\n"
    warnings = render(plan(site.parent, ", owner: 'nginy:nginy'", stages)).warnings
    assert [(w.code, w.message.split(":")[0]) for w in warnings] == [
        ("render.after", "files[0].path"), ("render.user", "files[0].owner"), ("render.user", "files[0].owner"),
    ]  # fmt: skip


def test_a_kept_copy_has_the_files_and_their_execute_bits(site: Path) -> None:
    recorder = Recorder()
    (site.parent / "web.yaml").write_text(HEAD + SITE % "")
    before = plan(site.parent, storage=recorder)
    (site / "bin/start").chmod(0o600)
    (site / "index.html").unlink()
    assert plan(site.parent, storage=Kept(recorder.files)) == before
