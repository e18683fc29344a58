"""A deploy file is loaded with its specs, its includes and its --set values; paths in it are absolute afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from deploy_files import GATE, HEAD, lay, loaded, problems

from bootstrap.deploy.file import load
from bootstrap.errors import SpecError, UsageError

POOL = "pools: [{name: web, port: 8080}]"
TIER = f"tiers:\n  - {{spec: web.yaml, {GATE}, {POOL}"


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    tier = loaded(tmp_path, HEAD + TIER + "}\n").tiers[0]
    model = tier.model
    assert (tier.name, tier.reports) == ("web", False)
    assert (model.count, model.floor, model.batch, model.replace_errors) == (1, None, None, 3)
    assert (model.drain, model.keep_old, model.gate.stable, model.gate.deadline) == (60.0, 600.0, 30.0, 900.0)
    assert (model.gate.status, model.gate.contains, model.pools[0].listen) == (200, ["{revision}"], None)


def test_any_text_may_be_a_template_of_the_values(tmp_path: Path) -> None:
    text = (
        HEAD.replace("shop", '"{{ place }}-shop"') + "values: {place: staging, count: 2, image: debian-12}\n" + TIER
        + ', count: "{{ count }}", batch: "{{ \'all\' if count > 2 else 1 }}", server: {image: "{{ image }}"}}\n'
    )  # fmt: skip
    staging = loaded(tmp_path, text)
    assert (staging.name, staging.tiers[0].model.count, staging.tiers[0].model.batch) == ("staging-shop", 2, 1)
    production = loaded(tmp_path, text, ["place=production", "count=4", "image=debian-13"])
    assert (production.name, production.tiers[0].model.count, production.tiers[0].model.batch) == (
        "production-shop", 4, None,
    )  # fmt: skip
    assert production.tiers[0].model.server == {"image": "debian-13"}


def test_the_values_of_a_tier_lie_over_those_of_its_spec(tmp_path: Path) -> None:
    text = HEAD + "values: {branch: main}\n" + TIER + ', values: {branch: "{{ branch }}"}}\n'
    plain = loaded(tmp_path, text)
    other = loaded(tmp_path, text, ["branch=next"])
    assert plain.tiers[0].spec.model.values == {"branch": "main"}
    assert other.tiers[0].spec.model.values == {"branch": "next"}


@pytest.mark.parametrize(
    ("body", "overrides", "message", "hint"),
    [
        ("{{ contu }}", [], "tiers[0].count: 'contu' is undefined", "did you mean count?"),
        ("{{ zzz }}", [], "tiers[0].count: 'zzz' is undefined", "declare it in values:, or pass --set zzz=..."),
        ("{{ revision }}", [], "tiers[0].count: 'revision' is undefined", "write {revision}, with one brace: it differs from server to server, and only a probe takes it"),
        ("{{ count", [], "tiers[0].count: unexpected end of template, expected 'end of print statement'", None),
        ("{{ count }}", ["count=two"], "tiers[0].count: 'two' is not a whole number", "write digits, such as 3"),
        ("{{ count }}", ["cuont=3"], "no template uses cuont, and the deploy file has no such value", "did you mean count?"),
        ("{{ count }}", ["count=[1]", "words=b"], "the value words is text or a number, and in the deploy file it is a list", "write [a, b], as in --set words='[a, b]'"),
    ],
    ids=["near", "far", "of-a-probe", "syntax", "set-wrong", "set-unused", "set-kind"],
)  # fmt: skip
def test_a_template_that_cannot_be_is_one_problem(
    tmp_path: Path, body: str, overrides: list[str], message: str, hint: str | None
) -> None:
    text = HEAD + "values: {count: 2, words: [a]}\n" + TIER + f', count: "{body}"}}\n'
    reported = [p for p in problems(tmp_path, text, overrides) if "[1]" not in p.message]
    assert [p.message for p in reported] == [message]
    assert hint is None or reported[0].hint == hint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("server", "values.server: server is a built-in value"),
        ("a-b", "values.a-b: 'a-b' cannot be a template variable"),
    ],
)
def test_a_value_that_no_template_can_name_is_refused(tmp_path: Path, name: str, message: str) -> None:
    text = HEAD + f"values: {{{name}: 1}}\n" + TIER + "}\n"
    assert [p.message for p in problems(tmp_path, text)] == [message]


def test_a_value_of_a_tier_that_its_spec_does_not_know_is_found_at_rendering(tmp_path: Path) -> None:
    from bootstrap.deploy.payloads import SpecPayloads

    deploy_file = loaded(tmp_path, HEAD + TIER + ", values: {brnch: next}}\n")
    with pytest.raises(SpecError) as caught:
        SpecPayloads(deploy_file, "d-1").payload("web", "web-1", {})
    problem = caught.value.problems[0]
    assert problem.message == "no template uses brnch, and the spec has no such value"
    assert problem.where is not None
    assert (problem.where.file, problem.where.line) == (str(tmp_path / "shop.yaml"), 5)


def test_includes_merge_tiers_and_pools_by_name(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    lay(tmp_path / "base", "version: 1\n" + TIER.replace("{spec", "{name: web, spec", 1) + ", count: 2, floor: 1}\n")
    path = lay(
        tmp_path, HEAD + "include: base/shop.yaml\ntiers: [{name: web, count: 4, pools: [{name: web, listen: 80}]}]\n"
    )
    deploy_file = load(path)
    tier = deploy_file.tiers[0].model
    assert (tier.count, tier.floor, len(deploy_file.tiers)) == (4, 1, 1)
    assert [(pool.name, pool.port, pool.listen) for pool in tier.pools] == [("web", 8080, 80)]
    # The spec stands in the included file, and so is relative to it.
    assert deploy_file.tiers[0].spec.file == str(tmp_path / "base/web.yaml")


def test_a_list_of_pools_in_the_values_of_a_spec_is_still_replaced_whole(tmp_path: Path) -> None:
    """Lists merge by name in a deploy file only: in a spec, `pools` may be any value."""
    from bootstrap.spec.load import load as load_spec

    (tmp_path / "a.yaml").write_text("version: 1\nname: a\nvalues: {pools: [{name: x, size: 1}]}\n")
    (tmp_path / "more.yaml").write_text("pools: [{name: y}]\n")
    spec = load_spec(tmp_path / "a.yaml", values_files=[str(tmp_path / "more.yaml")])
    assert spec.model.values == {"pools": [{"name": "y"}]}


def test_settings_are_what_a_driver_takes(tmp_path: Path) -> None:
    cloud = (
        "{servers: local, pool: haproxy, local: {root: ../root, state: /srv/s},"
        " haproxy: {config: lb/haproxy.cfg, socket: '127.0.0.1:9999', monitor: {path: /ping, interval: 500ms}}}"
    )
    deploy_file = loaded(tmp_path, HEAD.replace("{servers: sim, pool: sim}", cloud) + TIER + "}\n")
    assert deploy_file.settings("local") == {
        "root": f"{tmp_path}/../root", "state": "/srv/s", "network": "10.77.0.0/24", "bridge": "irun0",
    }  # fmt: skip
    assert deploy_file.settings("haproxy") == {
        "config": f"{tmp_path}/lb/haproxy.cfg", "socket": "127.0.0.1:9999", "bind": "*",
        "monitor": {"path": "/ping", "interval": 0.5, "timeout": 1.0, "rise": 2, "fall": 2},
    }  # fmt: skip


def test_the_balancer_of_octavia_is_in_the_cloud_of_the_servers(tmp_path: Path) -> None:
    cloud = "{servers: openstack, pool: octavia, openstack: {cloud: mine, region: R2}, octavia: {region: R1}}"
    deploy_file = loaded(tmp_path, HEAD.replace("{servers: sim, pool: sim}", cloud) + TIER + "}\n")
    assert deploy_file.settings("openstack")["channel"] == "user-data"
    settings = deploy_file.settings("octavia")
    assert (settings["cloud"], settings["region"], settings["load_balancer"]) == ("mine", "R1", "shop")
    assert "network" not in settings


def test_a_relative_file_means_the_same_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = "{servers: sim, pool: sim, sim: {state: world.json}}"
    lay(tmp_path, HEAD.replace("{servers: sim, pool: sim}", cloud) + TIER + "}\n")
    monkeypatch.chdir(tmp_path)
    deploy_file = load("shop.yaml")
    assert deploy_file.settings("sim") == {
        "seed": 1, "state": f"{tmp_path}/world.json", "quota": 1000,
    }  # fmt: skip
    assert deploy_file.root.where.file == "shop.yaml"


def test_the_token_is_read_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = HEAD + "collector: {url: 'https://a', token: %s}\n"
    by_env = loaded(tmp_path, head % "'env:NO_SUCH_TOKEN'" + TIER + "}\n")
    with pytest.raises(UsageError, match=r"collector.token: NO_SUCH_TOKEN is not in the environment"):
        by_env.token()
    monkeypatch.setenv("NO_SUCH_TOKEN", "t1")
    assert by_env.token() == "t1"
    by_file = loaded(tmp_path, head % "'file:token'" + TIER + "}\n")
    with pytest.raises(UsageError, match=r"collector.token: .*/token cannot be read: No such file or directory"):
        by_file.token()
    (tmp_path / "token").write_text("t2\n")
    assert by_file.token() == "t2"
    assert loaded(tmp_path, HEAD + TIER + "}\n").token() is None


def test_the_example_of_the_reference_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[3] / "docs/reference/deploy-file.md"
    text = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    lay(tmp_path, text)
    (tmp_path / "db.yaml").write_text("version: 1\nname: db\nreport: {url: 'https://deploy.internal:8443'}\n")
    deploy_file = load(tmp_path / "shop.yaml")
    assert [tier.name for tier in deploy_file.tiers] == ["db", "web"]
    assert [p.code for p in deploy_file.warnings] == ["spec.health"]
