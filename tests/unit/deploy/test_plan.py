"""A roll-out is decided from its file and the servers that are there; its JSON gives the same plan again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deploy_files import GATE, HEAD, loaded
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.deploy.model import DeployPlan, GatePlan, OldServer, PoolPlan, TierPlan
from bootstrap.deploy.plan import from_json, make_plan, to_json
from bootstrap.errors import UsageError

ID = "20261130T120000-abcdef"
TWO_POOLS = "pools: [{name: web, port: 8080, listen: 80}, {name: tls, port: 8443}]"


def old(name: str, *pools: str) -> OldServer:
    return OldServer(f"id-{name}", name, "192.0.2.1", "20261129T120000-000000", pools)


def test_everything_is_decided(tmp_path: Path) -> None:
    more = "count: 3, floor: 2, batch: 1, drain: 5s, keep_old: 1h, replace_errors: 0, server: {image: a, size: 3}"
    gate = "{probe: 'http://{address}:{port}/', contains: ['{revision}', ok], status: 204, stable: 5s,"
    gate += " deadline: 2m, before_swap: ./migrate.sh a}"
    (tmp_path / "migrate.sh").write_text("#!/bin/sh\n")
    (tmp_path / "migrate.sh").chmod(0o755)
    text = HEAD + f"tiers:\n  - {{spec: web.yaml, gate: {gate}, {TWO_POOLS}, {more}}}\n"
    deploy_file = loaded(tmp_path, text)
    olds = [old("a", "web", "tls"), old("b", "web", "tls"), old("c", "web", "tls")]
    plan = make_plan(deploy_file, ID, {"web": olds})
    assert plan == DeployPlan(
        "shop",
        ID,
        (
            TierPlan(
                name="web",
                pool="shop/web",
                revision=plan.tiers[0].revision,
                count=3,
                floor=2,
                settings={"image": "a", "size": 3},
                pools=(PoolPlan("web", 8080, 80), PoolPlan("tls", 8443, None)),
                gate=GatePlan(
                    "http://{address}:{port}/",
                    204,
                    ("{revision}", "ok"),
                    5.0,
                    120.0,
                    f"cd {tmp_path} && ./migrate.sh a",
                ),
                batch=1,
                drain_s=5.0,
                keep_old_s=3600.0,
                replace_errors=0,
                reports=False,
                old=tuple(olds),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("olds", "floor"),
    [
        ([], 0),
        ([old("a", "web", "tls")], 1),
        ([old("a", "web", "tls"), old("b", "web")], 1),
        ([old("a", "web", "tls"), old("b", "web", "tls"), old("c", "web", "tls")], 2),
        ([old("a", "web"), old("b", "web")], 0),
        ([old("a"), old("b")], 0),
    ],
    ids=["first-deploy", "fewer-up", "least-pool", "floor-of-the-file", "new-pool", "none-up"],
)
def test_the_floor_in_force_is_no_more_than_what_is_up(tmp_path: Path, olds: list[OldServer], floor: int) -> None:
    deploy_file = loaded(tmp_path, HEAD + f"tiers:\n  - {{spec: web.yaml, {GATE}, {TWO_POOLS}, count: 3, floor: 2}}\n")
    assert make_plan(deploy_file, ID, {"web": olds}).tiers[0].floor == floor


def test_the_floor_is_the_count_unless_given(tmp_path: Path) -> None:
    deploy_file = loaded(tmp_path, HEAD + f"tiers:\n  - {{spec: web.yaml, {GATE}, {TWO_POOLS}, count: 2}}\n")
    olds = [old(name, "web", "tls") for name in "abcd"]
    assert make_plan(deploy_file, ID, {"web": olds}).tiers[0].floor == 2


def test_a_tier_without_pools_has_no_floor(tmp_path: Path) -> None:
    deploy_file = loaded(tmp_path, HEAD + f"tiers:\n  - {{spec: web.yaml, {GATE}, count: 2}}\n")
    assert make_plan(deploy_file, ID, {"web": [old("a")]}).tiers[0].floor == 0


def revision(folder: Path, more: str, overrides: tuple[str, ...] = ()) -> str:
    text = HEAD + f"values: {{branch: main}}\ntiers:\n  - {{spec: web.yaml, {GATE}, {more}}}\n"
    return make_plan(loaded(folder, text, overrides), ID, {}).tiers[0].revision


@pytest.mark.parametrize(
    "more",
    ["count: 7", "floor: 1, pools: [{name: a, port: 1}]", "server: {flavor: large}", "name: other", "keep_old: 1h",
     "batch: 1", "drain: 1s", "replace_errors: 9"],
)  # fmt: skip
def test_the_revision_is_that_of_the_spec_alone(tmp_path: Path, more: str) -> None:
    assert revision(tmp_path, more) == revision(tmp_path, "count: 1")


def test_a_value_for_the_spec_is_in_the_revision(tmp_path: Path) -> None:
    more = 'values: {branch: "{{ branch }}"}'
    assert revision(tmp_path, more) == revision(tmp_path, "count: 1")
    assert revision(tmp_path, more, ("branch=next",)) != revision(tmp_path, more)


def test_another_deploy_id_makes_no_other_revision(tmp_path: Path) -> None:
    deploy_file = loaded(tmp_path, HEAD + f"tiers:\n  - {{spec: web.yaml, {GATE}}}\n")
    first, second = (make_plan(deploy_file, deploy_id, {}) for deploy_id in (ID, "d-2"))
    assert first.tiers == second.tiers


@pytest.mark.parametrize("deploy_id", ["", "a b", "../x", "x-" + "a" * 60])
def test_an_id_that_makes_no_names_is_refused(tmp_path: Path, deploy_id: str) -> None:
    deploy_file = loaded(tmp_path, HEAD + f"tiers:\n  - {{spec: web.yaml, {GATE}}}\n")
    with pytest.raises(UsageError, match="makes no good names of servers"):
        make_plan(deploy_file, deploy_id, {})


SECONDS = st.floats(0, 1e7, allow_nan=False)
NUMBERS = st.integers(0, 1000)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | SECONDS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TEXTS = st.lists(st.text(), max_size=3).map(tuple)
OLD = st.builds(OldServer, st.text(), st.text(), st.none() | st.text(), st.text(), TEXTS, st.none() | st.text())
POOL = st.builds(PoolPlan, st.text(), NUMBERS, st.none() | NUMBERS)
GATES = st.builds(GatePlan, st.none() | st.text(), NUMBERS, TEXTS, SECONDS, SECONDS, st.none() | st.text())
TIER = st.builds(
    TierPlan,
    name=st.text(), pool=st.text(), revision=st.text(), count=NUMBERS, floor=NUMBERS,
    settings=st.dictionaries(st.text(), JSON, max_size=4), pools=st.lists(POOL, max_size=2).map(tuple), gate=GATES,
    batch=st.none() | NUMBERS, drain_s=SECONDS, keep_old_s=SECONDS, replace_errors=NUMBERS, reports=st.booleans(),
    old=st.lists(OLD, max_size=2).map(tuple), adopted=st.lists(OLD, max_size=2).map(tuple),
)  # fmt: skip


@given(st.builds(DeployPlan, st.text(), st.text(), st.lists(TIER, max_size=2).map(tuple)))
def test_every_plan_comes_back_from_its_json(plan: DeployPlan) -> None:
    assert from_json(to_json(plan)) == plan


def test_a_plan_of_a_later_version_is_not_guessed_at(tmp_path: Path) -> None:
    deploy_file = loaded(tmp_path, HEAD + f"tiers:\n  - {{spec: web.yaml, {GATE}}}\n")
    record = json.loads(to_json(make_plan(deploy_file, ID, {})))
    with pytest.raises(UsageError, match=r"plan.json has version 2, and this program reads 1"):
        from_json(json.dumps({**record, "version": 2}))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"version": 1}', '{"version": 1, "name": "a", "tiers": []}',
                                  '{"version": 1, "name": "a", "deploy_id": "b", "tiers": [{}]}'])  # fmt: skip
def test_a_damaged_plan_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match=r"^x/plan.json is not the plan of a roll-out") as caught:
        from_json(text, "x/plan.json")
    assert "bootstrap reap" in str(caught.value.hint)
