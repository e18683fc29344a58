"""A plan is decided by the spec, the names and the values, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.plan.deploy_id import new_deploy_id
from bootstrap.plan.resolve import resolve, revision
from bootstrap.spec.load import Spec, load

TEXT = """
version: 1
name: web
values: {branch: main, port: 8080, debug: no, mode: 0644, at: 1:30, on: true, nested: {a: 1}}
files:
  - {path: /srv/a, source: a.txt}
  - {path: /srv/b, content: "{{ branch }}"}
stages:
  - {name: one, run: "true"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "web.yaml").write_text(TEXT)
    return tmp_path


def spec(folder: Path, *overrides: str) -> Spec:
    return load(folder / "web.yaml", overrides=overrides)


def test_the_same_input_gives_the_same_plan(folder: Path) -> None:
    one, two = (resolve(spec(folder), server="web-1", deploy_id="d1") for _ in range(2))
    assert one == two


def test_a_roll_out_has_one_revision_whatever_the_server(folder: Path) -> None:
    plans = [
        resolve(spec(folder), server="web-1", deploy_id="d1"),
        resolve(spec(folder), server="web-2", deploy_id="d2", server_values={"zone": "b"}),
    ]
    assert plans[0].revision == plans[1].revision
    assert plans[1].values["zone"] == "b"


def test_the_revision_follows_values_sources_and_the_spec(folder: Path) -> None:
    seen = [revision(spec(folder)), revision(spec(folder, "branch=next"))]
    (folder / "a.txt").write_text("b\n")
    seen.append(revision(spec(folder)))
    (folder / "web.yaml").write_text(TEXT.replace("name: one", "name: two"))
    seen.append(revision(spec(folder)))
    assert len(set(seen)) == 4
    assert all(len(word) == 12 for word in seen)


def test_comments_and_order_of_keys_are_not_in_the_revision(folder: Path) -> None:
    before = revision(spec(folder))
    (folder / "web.yaml").write_text("# said\n" + TEXT.replace("version: 1\nname: web\n", "name: web\nversion: 1\n"))
    assert revision(spec(folder)) == before


def test_plain_values_are_numbers_and_truths_and_nothing_is_guessed(folder: Path) -> None:
    values = resolve(spec(folder), server="web-1", deploy_id="d1").values
    assert values == {
        "branch": "main", "port": 8080, "debug": "no", "mode": "0644", "at": "1:30", "on": True, "nested": {"a": 1},
    }  # fmt: skip


def test_set_wins_over_values_files_and_those_over_the_spec(folder: Path) -> None:
    (folder / "more.yaml").write_text("branch: file\nport: 9090\nextra: 'yes'\n")
    loaded = load(folder / "web.yaml", overrides=["port=7070", "nested.b=2"], values_files=[str(folder / "more.yaml")])
    values = resolve(loaded, server="web-1", deploy_id="d1").values
    assert (values["branch"], values["port"], values["extra"]) == ("file", 7070, "yes")
    assert values["nested"] == {"a": 1, "b": 2}


def test_includes_merge_named_things_by_name(folder: Path) -> None:
    (folder / "base.yaml").write_text(
        "deadline: 5m\nvalues: {branch: base, only: base}\n"
        "stages:\n  - {name: zero, run: 'true'}\n  - {name: one, run: 'false', timeout: 9s}\n"
    )
    (folder / "web.yaml").write_text(TEXT + "include: base.yaml\n")
    plan = resolve(spec(folder), server="web-1", deploy_id="d1")
    assert [(s.name, s.text.value, s.timeout_s) for s in plan.stages] == [("zero", "true", 900.0), ("one", "true", 9.0)]
    assert (plan.deadline_s, plan.values["branch"], plan.values["only"]) == (300.0, "main", "base")


@pytest.mark.parametrize("server", ["", "-web", "web/1", "web 1", "a" * 64, "*", "we*b", "wéb"])
def test_a_server_that_has_no_name_is_refused(folder: Path, server: str) -> None:
    with pytest.raises(UsageError, match=r"is not (a|the) name"):
        resolve(spec(folder), server=server, deploy_id="d1")


def test_a_star_names_a_group(folder: Path) -> None:
    assert resolve(spec(folder), server="web-*", deploy_id="d1").server == "web-*"


def test_deploy_ids_sort_by_time_and_are_names() -> None:
    ids = [new_deploy_id() for _ in range(3)]
    assert len(set(ids)) == 3 and [i[:15] for i in ids] == sorted(i[:15] for i in ids)
