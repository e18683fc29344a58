"""Whatever is given as a spec: `check` and `show` say what is wrong and where, and never end in a traceback."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from fuzz_strategies import any_text, cut_up, effort, near_specs, values, words
from hypothesis import event, example, given
from hypothesis import strategies as st

from bootstrap.cli import check, show
from bootstrap.errors import BootstrapError, Problem, SpecError, UsageError

RIGHT = """version: 1
name: web
values: {branch: main, hostile: "it's", nested: {one: 1}}
files:
  - {path: /etc/a, template: page.j2}
  - path: /etc/b
    content: |
      {{ branch }}
      {{ hostile | sh }}
stages:
  - {name: one, script: plain.sh, needs: [network, {tcp: "db:5432"}], retry: {attempts: 2, delay: 1s}}
health: {checks: [{http: "http://127.0.0.1/", contains: "{{ revision }}"}]}
"""
BESIDE = {
    "plain.sh": b"#!/bin/sh\ntrue\n",
    "page.j2": b"{{ branch }}\n{{ hostile | sh }}\n",
    "binary": bytes(range(256)),
    "empty": b"",
    "ca.pem": b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
    "cron.j2": b"* * * * * root f {{ files }} {{ sha256 }} {{ mark }}\n",
    "base.yaml": b"values: {x: 1}\nstages: [{name: one, timeout: 5m}]\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the specs lie, with the files they name."""
    found = tmp_path_factory.mktemp("specs")
    for name, data in BESIDE.items():
        (found / name).write_bytes(data)
    return found


def told(verb: click.Command, *arguments: str) -> tuple[list[Problem], str]:
    """(what a verb finds wrong, what it prints). Any other exception than the toolkit's own is the test's to see."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            verb.main(args=list(arguments), prog_name="bootstrap", standalone_mode=False)
        except BootstrapError as error:
            event(f"{type(error).__name__}: {error.problems[0].code}")
            for problem in error.problems:
                # As main() prints it.
                printed.write(f"{problem}\n")
                assert problem.message and json.dumps(problem.as_json())
            # What has no place: bytes that are no text, an override without a value; and show takes [ for a payload.
            is_unplaced = isinstance(error, UsageError) and error.message.startswith(("cannot read", "--set"))
            assert isinstance(error, SpecError) or is_unplaced or error.code == "payload"
            return (list(error.problems) if isinstance(error, SpecError) else []), printed.getvalue()
    event("passes")
    return [], printed.getvalue()


def assert_placed(problems: list[Problem], folder: Path, spec: str) -> None:
    """Every problem stands in a line that is there, and quotes it."""
    for problem in problems:
        where = problem.where
        assert where is not None, problem
        # An override has no file; of a cron entry the rendered text is quoted.
        if where.file == "--set" or problem.code.startswith("payload.cron-"):
            continue
        file = Path(where.file)
        assert file.parent == folder, problem
        text = spec if file.name == "web.yaml" else file.read_bytes().decode(errors="surrogateescape")
        assert 1 <= where.line <= max(1, len(text.splitlines())), problem
        assert where.source.strip() in text and 1 <= where.column <= len(where.source) + 1, problem


def judge(folder: Path, text: str | bytes, *options: str) -> tuple[list[Problem], str]:
    """What check finds in a spec; show must bear it too."""
    path = folder / "web.yaml"
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    path.write_bytes(data)
    problems, printed = told(check.command, str(path), *options)
    assert_placed(problems, folder, data.decode("utf-8", "replace"))
    told(show.command, str(path), *(option for option in options if option in ("--set", "--json") or "=" in option))
    return problems, printed


@given(text=near_specs())
@effort(250)
def test_a_spec_that_is_nearly_right_is_judged(folder: Path, text: str) -> None:
    judge(folder, text)


@given(text=cut_up(RIGHT))
@example(RIGHT)
@effort(100)
def test_a_right_spec_that_was_damaged_is_judged(folder: Path, text: str) -> None:
    judge(folder, text)


@given(data=st.binary(max_size=200) | st.binary(max_size=40).map(lambda b: RIGHT.encode() + b))
@effort(60)
def test_any_bytes_are_judged(folder: Path, data: bytes) -> None:
    judge(folder, data)


@given(tree=values, flow=st.booleans())
@effort(60)
def test_any_yaml_is_judged(folder: Path, tree: Any, flow: bool) -> None:
    judge(folder, yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow))


@given(key=st.sampled_from(["files", "stages", "health", "report", "values", "include", "proxy"]), tree=values)
@effort(100)
def test_any_value_under_a_right_key_is_judged(folder: Path, key: str, tree: Any) -> None:
    judge(folder, f"version: 1\nname: web\n{yaml.safe_dump({key: tree}, allow_unicode=True)}")


@given(text=any_text, data=st.binary(max_size=60))
@example("", b"\x80{#\0")
@effort(60)
def test_any_template_beside_the_spec_is_judged(folder: Path, text: str, data: bytes) -> None:
    for content in text.encode("utf-8", "surrogateescape"), data, b"{{ branch }}" + data:
        (folder / "mine.j2").write_bytes(content)
        judge(folder, RIGHT.replace("page.j2", "mine.j2"))
        for more in "templates: {cron: mine.j2}\n", "templates: {rc.local: mine.j2}\n":
            judge(folder, RIGHT + more)


# What argv can hold: bytes that are no UTF-8 come as half characters.
arguments = st.text(st.characters(exclude_characters="\0"), max_size=20) | st.sampled_from(
    [
        "a=\udcff",
        "branch.a=1",
        "=",
        "a",
        "x.=1",
        ".=",
        "branch=\ud800",
        "a=" + "1" * 5000,
        "hostile={{ x }}",
        "\udcff=1",
    ]
)


@given(text=arguments)
@effort(60)
def test_any_override_is_judged(folder: Path, text: str) -> None:
    judge(folder, RIGHT, f"--set={text}")
    judge(folder, RIGHT, f"--set=branch={text}")


@given(data=st.binary(max_size=40) | words.map(str.encode), tree=values)
@effort(40)
def test_any_file_of_values_is_judged(folder: Path, data: bytes, tree: Any) -> None:
    for content in data, yaml.safe_dump(tree).encode(), yaml.safe_dump({"branch": tree}).encode():
        (folder / "values.yaml").write_bytes(content)
        path = folder / "web.yaml"
        path.write_text(RIGHT)
        problems, _ = told(check.command, str(path), "--values", str(folder / "values.yaml"))
        assert_placed(problems, folder, RIGHT)


@given(branch=st.sampled_from(["main", "other"]))
@effort(2)
def test_the_right_spec_passes(folder: Path, branch: str) -> None:
    problems, printed = judge(folder, RIGHT.replace("main", branch))
    assert problems == [] and "ok (2 files, 1 stage, 1 check" in printed
