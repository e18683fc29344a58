"""Each server's payload is rendered with the addresses and outputs of the tiers before its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from deploy_files import GATE, HEAD, loaded

from bootstrap.deploy.file import DeployFile
from bootstrap.deploy.payloads import Payload, SpecPayloads, stand_in_values
from bootstrap.deploy.plan import make_plan
from bootstrap.deploy.protocols import Payloads
from bootstrap.errors import RenderError, UsageError

ID = "20261130T120000-abcdef"
APP = """\
version: 1
name: app
files:
  - {path: /etc/db, content: "{{ tiers.db.addresses | join(' ') }} {{ tiers.db.servers[0].outputs.port }}"}
  - {path: /etc/self, content: "{{ server }} {{ deploy_id }} {{ revision }}"}
health: {checks: [{file: /etc/db}]}
"""
TIERS = f"tiers:\n  - {{spec: db.yaml, count: 2, {GATE}}}\n  - {{spec: app.yaml, {GATE}}}\n"
VALUES = {
    "tiers": {
        "db": {
            "addresses": ["10.0.0.5", "10.0.0.6"],
            "servers": [{"name": "db-1", "address": "10.0.0.5", "outputs": {"port": "5432"}}],
        }
    }
}


@pytest.fixture
def shop(tmp_path: Path) -> DeployFile:
    (tmp_path / "app.yaml").write_text(APP)
    return loaded(tmp_path, HEAD + TIERS)


def content(payload: Payload, number: int = 0) -> str:
    return payload.rendering.rendered.files[number].content.decode()


def test_a_later_tier_sees_the_earlier_ones(shop: DeployFile) -> None:
    payloads: Payloads = SpecPayloads(shop, ID)
    payload = payloads.payload("app", "shop-app-1-abcdef", VALUES)
    assert content(payload) == "10.0.0.5 10.0.0.6 5432"
    assert content(payload, 1) == f"shop-app-1-abcdef {ID} {payload.rendering.revision}"
    assert payload.rendering.user_data("nova").startswith("IyEv")


def test_values_of_servers_are_no_part_of_the_revision(shop: DeployFile) -> None:
    payloads, plan = SpecPayloads(shop, ID), make_plan(shop, ID, {})
    rendered = payloads.payload("app", "shop-app-1-abcdef", VALUES)
    assert rendered.rendering.revision == plan.tiers[1].revision


def test_a_spec_that_does_not_ask_is_rendered_without_them(shop: DeployFile) -> None:
    assert content(SpecPayloads(shop, ID).payload("db", "shop-db-1-abcdef", VALUES)) == "x"


def test_stand_ins_show_what_later_tiers_will_carry_before_there_is_a_server(shop: DeployFile) -> None:
    plan = make_plan(shop, ID, {})
    db, app = plan.tiers
    assert stand_in_values(plan, db) == {"tiers": {}}
    values = stand_in_values(plan, app)
    assert values["tiers"]["db"]["addresses"] == ["192.0.2.101", "192.0.2.102"]
    assert values["tiers"]["db"]["servers"][1]["name"] == "shop-db-2-abcdef"
    payload = SpecPayloads(shop, ID).payload("app", "shop-app-1-abcdef", values)
    assert content(payload) == "192.0.2.101 192.0.2.102 output-port"


def test_every_stand_in_address_is_one_of_the_test_net(tmp_path: Path) -> None:
    deploy_file = loaded(tmp_path, HEAD + TIERS.replace("count: 2", "count: 1000").replace("app.yaml", "web.yaml"))
    plan = make_plan(deploy_file, ID, {})
    addresses = stand_in_values(plan, plan.tiers[1])["tiers"]["db"]["addresses"]
    assert {address.rpartition(".")[0] for address in addresses} == {"192.0.2"}
    assert {len(address) for address in addresses} == {11}
    assert all(0 < int(address.rpartition(".")[2]) < 255 for address in addresses)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ tiers.cache.addresses[0] }}", "files[0]: 'dict object' has no attribute 'cache'"),
        ("{{ tiers.db.addresses[5] }}", "files[0]: list object has no element 5"),
        ("{{ tiers.app.addresses[0] }}", "files[0]: 'dict object' has no attribute 'app'"),
    ],
    ids=["no-such-tier", "no-such-slot", "its-own"],
)
def test_what_no_earlier_tier_has_is_a_mistake_of_the_spec(tmp_path: Path, template: str, message: str) -> None:
    (tmp_path / "app.yaml").write_text(APP.replace("{{ tiers.db.addresses | join(' ') }}", template))
    deploy_file = loaded(tmp_path, HEAD + TIERS)
    plan = make_plan(deploy_file, ID, {})
    with pytest.raises(RenderError) as caught:
        SpecPayloads(deploy_file, ID).payload("app", "a-1", stand_in_values(plan, plan.tiers[1]))
    (problem,) = caught.value.problems
    assert (problem.message, problem.where and problem.where.line) == (message, 4)


def test_the_first_tier_has_none(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(APP)
    deploy_file = loaded(tmp_path, HEAD + f"tiers:\n  - {{spec: app.yaml, {GATE}}}\n")
    plan = make_plan(deploy_file, ID, {})
    with pytest.raises(RenderError, match="'dict object' has no attribute 'db'"):
        SpecPayloads(deploy_file, ID).payload("app", "a-1", stand_in_values(plan, plan.tiers[0]))


def test_a_spec_with_stand_ins_of_its_own_is_good_by_itself_too(tmp_path: Path) -> None:
    from bootstrap import api

    own = "values: {tiers: {db: {addresses: [192.0.2.1], servers: [{outputs: {port: '1'}}]}}}\n"
    (tmp_path / "app.yaml").write_text(APP + own)
    assert api.load(tmp_path / "app.yaml").plan("app-1").render().rendered.files[0].content == b"192.0.2.1 1"
    deploy_file = loaded(tmp_path, HEAD + TIERS)
    assert content(SpecPayloads(deploy_file, ID).payload("app", "a-1", VALUES)) == "10.0.0.5 10.0.0.6 5432"


def test_a_spec_that_reports_needs_the_secret_and_shows_no_key(tmp_path: Path) -> None:
    text = HEAD + "collector: {url: 'https://a'}\ntiers:\n  - {spec: talks.yaml}\n"
    deploy_file = loaded(tmp_path, text)
    assert deploy_file.reports
    with pytest.raises(UsageError, match="no secret to sign the reports is given"):
        SpecPayloads(deploy_file, ID).payload("talks", "a-1", {})
    payload = SpecPayloads(deploy_file, ID, bytes(32)).payload("talks", "a-1", {})
    assert payload.rendering.rendered.host_plan["report"]["url"] == "https://deploy.internal:8443"
    assert repr(payload) == "Payload()"


def test_the_same_server_has_the_same_bytes_again(shop: DeployFile) -> None:
    first, second = (SpecPayloads(shop, ID).payload("app", "a-1", VALUES).rendering.user_data() for _ in range(2))
    assert first == second
