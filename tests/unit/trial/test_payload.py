"""The payload of a trial: the user's stages first, then those of the trial."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.rendering import Rendering
from bootstrap.trial.payload import CUT, JUDGE, MARK, Reports, build, load

REPORTS = Reports("http://10.0.2.2:1234", "10.0.2.2", bytes(32))
SPEC = """
version: 1
name: web
values: {colour: red}
stages:
  - {name: one, run: "echo {{ colour }} {{ server }}"}
proxy: {http: "http://proxy.internal:3128", no_proxy: "localhost"}
report: {url: "https://deploy.internal:8443"}
"""


def rendered(folder: Path, text: str | None = None, *overrides: str, power_cut: bool = False) -> Rendering:
    spec = None
    if text is not None:
        spec = folder / "spec.yaml"
        spec.write_text(text)
    return build(
        load(spec, overrides, (), folder), "web-1", "20261120T120000-ab12cd", REPORTS, require=("ssh", "cron"),
        power_cut=power_cut, deadline_s=600,
    )  # fmt: skip


def stages(payload: Rendering) -> dict[str, dict[str, object]]:
    return {stage["name"]: stage for stage in payload.rendered.host_plan["stages"]}


def test_without_a_spec_nothing_runs_but_the_judge(tmp_path: Path) -> None:
    plan = stages(rendered(tmp_path))
    assert list(plan) == [JUDGE]
    assert plan[JUDGE]["environment"] == {"TRY_SERVER": "web-1", "TRY_REQUIRE": "ssh cron", "TRY_WAIT_S": "200"}
    assert str(plan[JUDGE]["text"]).startswith("#!/bin/sh\n")


def test_the_stages_of_a_spec_come_first_with_their_values(tmp_path: Path) -> None:
    plan = stages(rendered(tmp_path, SPEC, "colour=blue"))
    assert list(plan) == ["one", JUDGE]
    assert plan["one"]["text"] == "echo blue web-1\n"


def test_a_power_cut_has_stages_between_the_specs_and_the_judge(tmp_path: Path) -> None:
    assert list(stages(rendered(tmp_path, SPEC, power_cut=True))) == ["one", MARK, CUT, JUDGE]


def test_reports_go_to_the_trials_collector_and_past_the_proxy(tmp_path: Path) -> None:
    plan = rendered(tmp_path, SPEC).rendered.host_plan
    assert plan["report"]["url"] == "http://10.0.2.2:1234"
    assert plan["proxy"]["no_proxy"] == "localhost,10.0.2.2"
    assert "deploy.internal" not in json.dumps(plan)


def test_equal_trials_have_equal_payloads_and_servers_have_their_own_keys(tmp_path: Path) -> None:
    assert rendered(tmp_path).nocloud().files == rendered(tmp_path).nocloud().files


def test_a_stage_with_a_name_of_the_trials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the spec has a stage try-judge"):
        rendered(tmp_path, SPEC.replace("name: one", "name: try-judge"))


def test_values_without_a_spec_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--set and --values go with --spec"):
        load(None, ("a=b",), (), tmp_path)
