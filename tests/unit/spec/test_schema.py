"""The JSON Schema of a deploy file takes what the loader takes, so that an editor marks no right file as wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from deploy_files import problems

from bootstrap.cli.main import cli
from bootstrap.spec.schema import deploy_schema

HEAD = "version: 1\nname: shop\nvalues: {a: 1}\n"
CLOUD = "cloud: {servers: sim, pool: sim}\n"
GATE = 'gate: {probe: "http://{address}/", contains: ["{revision}", ok]}'
GOOD = [
    f"{CLOUD}tiers: [{{spec: web.yaml, {GATE}}}]",
    f"{CLOUD}tiers: [{{spec: web.yaml, {GATE}, batch: all, count: 2, drain: 5s, keep_old: '{{{{ a }}}}m'}}]",
    f"{CLOUD}tiers: [{{spec: web.yaml, {GATE}, batch: 1, count: '{{{{ a }}}}', replace_errors: '{{{{ a }}}}'}}]",
    f"{CLOUD}tiers: [{{spec: web.yaml, {GATE}, pools: [{{name: web, port: '{{{{ 80 + a }}}}', listen: 80}}]}}]",
    "cloud: {servers: '{{ \"sim\" }}', pool: sim, octavia: {monitor: {interval: 5s, path: /ping}}}\n"
    f"tiers: [{{spec: web.yaml, {GATE}, server: {{image: a, size: 3, ports: [1]}}}}]",
]
BAD = [
    f"{CLOUD}tiers: [{{spec: web.yaml, {GATE}, cuont: 2}}]",
    f"{CLOUD}tiers: [{{spec: web.yaml, {GATE}, batch: some}}]",
    f"{CLOUD}tiers: [{{spec: web.yaml, {GATE}, count: 0}}]",
    f"{CLOUD}tiers: [{{spec: web.yaml, {GATE}, drain: 5}}]",
    f"cloud: {{servers: ec2, pool: sim}}\ntiers: [{{spec: web.yaml, {GATE}}}]",
    f"{CLOUD}tiers: [{{{GATE}}}]",
]


def faults(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(deploy_schema())
    return [error.message for error in validator.iter_errors(yaml.safe_load(HEAD + text))]


@pytest.mark.parametrize("text", GOOD)
def test_schema_and_loader_take_a_right_file(tmp_path: Path, text: str) -> None:
    assert faults(text) == []
    assert [problem for problem in problems(tmp_path, HEAD + text) if problem.severity == "error"] == []


@pytest.mark.parametrize("text", BAD)
def test_schema_and_loader_refuse_a_wrong_file(tmp_path: Path, text: str) -> None:
    assert faults(text) != []
    assert any(problem.severity == "error" for problem in problems(tmp_path, HEAD + text))


def test_the_schema_is_one(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(deploy_schema())


def test_defaults_are_written_as_people_write_them() -> None:
    tier: dict[str, Any] = deploy_schema()["$defs"]["Tier"]["properties"]
    shown = {key: value["default"] for key, value in tier.items() if "default" in value}
    assert shown == {"count": 1, "batch": "all", "drain": "1m", "keep_old": "10m", "replace_errors": 3}


def test_the_verb_prints_it() -> None:
    done = CliRunner().invoke(cli, ["schema", "--deploy"])
    assert json.loads(done.stdout) == deploy_schema()
