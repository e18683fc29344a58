"""The faults of the OpenStack drivers, each made by the real Nova or Octavia, or by the proxy before them."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from one_cloud import machines
from one_cloud.fault_proxy import CUT, LOSE, Fault
from one_cloud.site import NETWORK, Site
from servers_contract import POOL, RealTime, active, marks

import bootstrap
from bootstrap.deploy import faults
from bootstrap.deploy.build import Builder
from bootstrap.deploy.drivers import octavia, openstack, openstack_api
from bootstrap.deploy.journal import FileLog, Journal
from bootstrap.deploy.lock import LocalLease
from bootstrap.deploy.model import DeployPlan, GatePlan, MemberState, PoolPlan, ServerRequest, ServerState, TierPlan
from bootstrap.deploy.outside import RealOutside
from bootstrap.deploy.signals import Stop
from bootstrap.deploy.work import Work

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]


def request(site: Site, name: str = "shop-web-1-abcd", payload: Any = None, **settings: Any) -> ServerRequest:
    return ServerRequest(name, marks(), {**site.server_settings, **settings}, payload)


def pool(site: Site, name: str = "web", listen: int | None = 80, **settings: Any) -> octavia.OctaviaPool:
    return octavia.pool({**site.pool_settings, **settings}, PoolPlan(name, machines.PORT, listen))


def patiently(call: Callable[[], Any]) -> Any:
    """The result of a call, as soon as the balancer is not busy."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return call()
        except faults.Busy:
            assert time.monotonic() < deadline
            time.sleep(0.05)


class NoPayloads:
    def payload(self, tier: str, server: str, values: Any) -> None:
        """Servers that carry nothing."""


class TestCreate:
    def test_an_answer_lost_after_the_effect_makes_one_server_in_100_of_100(self, site: Site, tmp_path: Path) -> None:
        settings = site.server_settings
        tier = TierPlan("web", POOL, "0123456789ab", 100, 0, settings, (), GatePlan(), reports=False)
        outside, lease = RealOutside(None, Stop()), LocalLease(tmp_path, ["shop.web"], "a test")
        lease.take()
        journal = Journal(FileLog(tmp_path / "journal"), time.time)
        servers = openstack.servers(site.settings)
        plan = DeployPlan("shop", "20270101T000000Z-abcd", (tier,))
        work = Work(plan, journal, servers, {}, outside, lease, NoPayloads())
        site.nova.faults.append(Fault("POST", "/servers$", LOSE, None))
        counts = []
        for slot in range(1, 101):
            (candidate,) = Builder(work, tier, {}).build([slot])
            mine = [s for s in servers.find(POOL) if s.marks and s.marks.slot == slot]
            counts.append([(server.id, server.marks) for server in mine])
            assert [server.id for server in mine] == [candidate.id]
            servers.delete(candidate.id)
        lease.release()
        assert [len(count) for count in counts] == [1] * 100
        assert len(site.nova.given(LOSE)) == 100

    def test_a_quota_is_refused_with_its_numbers(self, site: Site) -> None:
        site.quota(instances=0)
        with pytest.raises(faults.Quota) as error:
            openstack.servers(site.settings).create(request(site))
        assert (error.value.resource, error.value.have, error.value.want) == ("instances", 0, 1)
        assert "Quota exceeded for instances" in error.value.message
        assert site.servers() == []

    def test_a_conflict_that_no_retry_ends_is_broken(self, site: Site) -> None:
        site.nova.faults.append(Fault("POST", "/servers$", 409, 1, {"conflictingRequest": {"message": "ambiguous"}}))
        with pytest.raises(faults.Broken, match="ambiguous"):
            openstack.servers(site.settings).create(request(site))

    def test_a_conflict_of_names_is_told_by_a_look(self, site: Site) -> None:
        site.foreign("shop-web-1-abcd", {})
        site.nova.faults.append(Fault("POST", "/servers$", 409))
        with pytest.raises(faults.Exists, match=site.servers()[0]["id"]):
            openstack.servers(site.settings).create(request(site))

    @pytest.mark.parametrize("channel", ["user-data", "personality", "config-drive"])
    def test_the_payload_arrives_by_its_channel(self, site: Site, tmp_path: Path, channel: str) -> None:
        (tmp_path / "web.yaml").write_text(
            "version: 1\nname: web\nstages:\n  - {name: touch, run: touch /srv/done}\n"
        )
        web = bootstrap.load(tmp_path / "web.yaml").plan("shop-web-1-abcd").render()
        servers = openstack.servers({**site.settings, "channel": channel})
        assert servers.preflight([request(site, payload=web)]) == []
        created = servers.create(request(site, payload=web))
        active(RealTime(), servers, created.id)  # type: ignore[arg-type]
        got = json.loads((site.folder / "nova/spawned" / f"{created.id}.json").read_text())
        files = {path: base64.b64decode(content) for path, content in got["injected_files"]}
        assert files == ({} if channel == "user-data" else web.injected_files("nova"))
        assert got["config_drive"] is (channel == "config-drive")
        text = {"user-data": web.user_data("nova"), "personality": None}.get(channel) or ""
        if channel == "config-drive":
            text = base64.b64encode(web.starter("nova").encode()).decode()
        assert (got["user_data"] or "") == text

    def test_settings_of_the_server_reach_nova(self, site: Site) -> None:
        settings = {"metadata": {"team": "shop"}, "config_drive": "true", "security_groups": ["default"]}
        created = openstack.servers(site.settings).create(request(site, **settings))
        body = site.compute("GET", f"/servers/{created.id}", token="a-token")["server"]
        assert body["metadata"]["team"] == "shop" and body["config_drive"] == "True"
        assert body["metadata"]["initialrunner-network"] == NETWORK


class TestAnswers:
    """One attempt a call, and one fault for each answer."""

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (Fault("GET", "/servers", CUT), faults.Unknown),
            (Fault("GET", "/servers", 500), faults.Unknown),
            (Fault("GET", "/servers", 503), faults.Unknown),
            (Fault("GET", "/servers", 429, headers={"Retry-After": "7"}), faults.Throttled),
            (Fault("GET", "/servers", 413, headers={"Retry-After": "7"}), faults.Throttled),
            (Fault("GET", "/servers", 403, 1, {"forbidden": {"message": "Policy doesn't allow it"}}), faults.Denied),
            (Fault("GET", "/servers", 404), faults.Gone),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else str(value.give),
    )
    def test_each_answer_is_its_fault_after_one_attempt(
        self, site: Site, fault: Fault, kind: type[faults.Fault]
    ) -> None:
        servers = openstack.servers(site.settings)
        servers.find(POOL)
        site.nova.calm()
        site.nova.faults.append(fault)
        with pytest.raises(kind) as error:
            servers.find(POOL)
        assert len(site.nova.calls) == 1
        assert not isinstance(error.value, faults.Throttled) or error.value.after_s == 7
        assert servers.find(POOL) == ()

    def test_a_cloud_that_does_not_answer_in_time_is_unknown(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        servers = openstack.servers(site.settings)
        servers.find(POOL)
        monkeypatch.setattr(openstack_api, "TIMEOUT_S", 0.2)
        site.nova.faults.append(Fault("GET", "/servers", late_s=2))
        with pytest.raises(faults.Unknown, match="timed out"):
            servers.find(POOL)

    def test_an_expired_login_is_renewed_once(self, site: Site) -> None:
        servers = openstack.servers(site.settings)
        servers.find(POOL)
        site.nova.calm()
        site.nova.faults.append(Fault("GET", "/servers", 401))
        assert servers.find(POOL) == ()
        assert [call.given for call in site.nova.calls] == [401, 200]

    def test_a_login_that_does_not_help_is_denied(self, site: Site) -> None:
        servers = openstack.servers(site.settings)
        servers.find(POOL)
        site.nova.calm()
        site.nova.faults.append(Fault("GET", "/servers", 401, None))
        with pytest.raises(faults.Denied):
            servers.find(POOL)
        assert [call.given for call in site.nova.calls] == [401, 401]

    def test_servers_on_every_page_are_found_without_asking_for_a_filter(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(openstack_api, "PAGE", 2)
        monkeypatch.setattr(openstack_api, "SHORT", 1)
        wanted = {site.foreign(f"shop-web-{slot}-abcd", marks(slot).metadata()) for slot in (1, 2, 3)}
        for number in range(4):
            site.foreign(f"other-{number}", {"initialrunner-pool": POOL})
        site.nova.calm()
        assert {server.id for server in openstack.servers(site.settings).find(POOL)} == wanted
        assert len(site.nova.calls) >= 4
        assert not any("metadata" in call.path or "tags" in call.path for call in site.nova.calls)

    def test_servers_of_a_cell_that_does_not_answer_are_not_taken_for_gone(self, site: Site) -> None:
        partly = {"id": "5f1e2f3a-0000-4000-8000-000000000000", "status": "UNKNOWN", "links": []}
        site.nova.faults.append(Fault("GET", "/servers/detail", 200, 1, {"servers": [partly]}))
        servers = openstack.servers(site.settings)
        with pytest.raises(faults.Unknown, match="does not see all of its cells"):
            servers.find(POOL)
        assert servers.find(POOL) == ()

    def test_a_list_whose_place_has_gone_is_read_anew(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(openstack_api, "SHORT", 1)
        site.foreign("shop-web-1-abcd", marks().metadata())
        site.nova.faults.append(Fault("GET", "marker=", 400, 1, {"badRequest": {"message": "marker not found"}}))
        servers = openstack.servers(site.settings)
        with pytest.raises(faults.Unknown, match="marker not found"):
            servers.find(POOL)
        assert len(servers.find(POOL)) == 1

    def test_a_server_that_builds_for_too_long_is_in_error(self, site: Site) -> None:
        site.build_time(4)
        servers = openstack.servers({**site.settings, "build_timeout": 1.0})
        created = servers.create(request(site))
        time.sleep(2.5)
        server = servers.get(created.id)
        assert (server.state, server.fault) == (ServerState.ERROR, "it has been building for more than 1 s")


class TestPreflight:
    def test_all_reasons_are_said_at_once(self, site: Site) -> None:
        site.quota(instances=1, cores=1)
        wrong = request(site, image="debian-99", network="nowhere", key_name="lost", colour="red")
        reasons = openstack.servers(site.settings).preflight([wrong, request(site, "shop-web-2-abcd")])
        assert [reason.split(":")[0] for reason in reasons] == [
            "server.colour", "image", "network", "key_name", "quota", "quota",
        ]  # fmt: skip
        assert "2 of instances are needed, but 1 are left (0 of 1 are used)" in reasons[4]
        assert "debian-99" in reasons[1] and "'nowhere'" in reasons[2] and NETWORK in reasons[2]

    @pytest.mark.fault(108)
    def test_a_name_of_another_region_is_no_wrong_name(self, site: Site) -> None:
        site.nova.faults.append(Fault("GET", "/os-networks", 200, None, {"networks": []}))
        (reason,) = openstack.servers(site.settings).preflight([request(site)])
        assert reason.startswith(f"network: '{NETWORK}' is not in the region 'one', but in 'two'")

    def test_a_region_that_is_not_in_the_catalog_is_named_with_those_that_are(self, site: Site) -> None:
        (reason,) = openstack.servers({**site.settings, "region": "three"}).preflight([request(site)])
        assert reason.endswith("no compute service in 'three'; it has one in one, two")


class TestPools:
    def test_two_ports_share_one_address_and_carry_the_mark_of_their_maker(self, site: Site) -> None:
        patiently(lambda: pool(site).add("shop-web-1-abcd", "192.168.1.20"))
        patiently(lambda: pool(site, "web-tls", 443).add("shop-web-1-abcd", "192.168.1.20"))
        (balancer,) = site.balance("GET", "/loadbalancers")["loadbalancers"]
        listeners = site.balance("GET", "/listeners")["listeners"]
        assert sorted(listener["protocol_port"] for listener in listeners) == [80, 443]
        assert balancer["vip_address"] == machines.GATEWAY
        for body in (balancer, *listeners, *site.balance("GET", "/pools")["pools"]):
            assert body["tags"] == ["initialrunner"] and "made by initialrunner" in body["description"]

    @pytest.mark.parametrize("lost", ["/loadbalancers$", "/listeners$", "/pools$", "/healthmonitors$", "/members$"])
    def test_a_making_whose_answer_is_lost_goes_on(self, site: Site, lost: str) -> None:
        site.octavia.faults.append(Fault("POST", lost, LOSE))
        with pytest.raises(faults.Unknown):
            patiently(lambda: pool(site).add("shop-web-1-abcd", "192.168.1.20"))
        patiently(lambda: pool(site).add("shop-web-1-abcd", "192.168.1.20"))
        for kind in ("loadbalancers", "listeners", "pools", "healthmonitors"):
            assert len(site.balance("GET", f"/{kind}")[kind]) == 1
        assert [member.name for member in pool(site).members()] == ["shop-web-1-abcd"]

    def test_a_balancer_at_work_is_busy_and_one_in_error_is_broken(self, site: Site) -> None:
        web = pool(site)
        patiently(lambda: web.add("shop-web-1-abcd", "192.168.1.20"))
        site.balancer_time(2)
        patiently(lambda: web.add("shop-web-2-abcd", "192.168.1.21"))
        with pytest.raises(faults.Busy, match="immutable"):
            web.add("shop-web-3-abcd", "192.168.1.22")
        site.balancer_status("ERROR")
        with pytest.raises(faults.Broken, match="is in ERROR, which no retry ends"):
            patiently(lambda: web.drain(web.members()[0].id))
            patiently(lambda: web.add("shop-web-3-abcd", "192.168.1.22"))
            patiently(lambda: web.add("shop-web-4-abcd", "192.168.1.23"))

    def test_a_conflict_after_our_own_earlier_call_is_no_conflict(self, site: Site) -> None:
        web = pool(site)
        patiently(lambda: web.add("shop-web-1-abcd", "192.168.1.20"))
        while site.balance("GET", "/loadbalancers")["loadbalancers"][0]["provisioning_status"] != "ACTIVE":
            time.sleep(0.05)
        site.octavia.calm()
        # The first look does not show the member yet, and Octavia refuses the second one at its address.
        site.octavia.faults.append(Fault("GET", "/members", 200, 1, {"members": []}))
        web.add("shop-web-1-abcd", "192.168.1.20")
        assert len(site.octavia.given(409, "POST", "/members$")) == 1
        assert [member.name for member in web.members()] == ["shop-web-1-abcd"]

    def test_a_member_is_removed_only_when_octavia_has_done_it(self, site: Site) -> None:
        web = pool(site)
        patiently(lambda: web.add("shop-web-1-abcd", "192.168.1.20"))
        (member,) = web.members()
        with pytest.raises(faults.Busy, match=r"is being removed|immutable"):
            web.remove(member.id)
        assert {member.state for member in web.members()} <= {MemberState.DRAINING, MemberState.DOWN}
        patiently(lambda: web.remove(member.id))
        assert web.members() == ()
        with pytest.raises(faults.Gone):
            web.remove(member.id)

    def test_a_balancer_that_can_not_be_made_is_refused_by_the_first_look(self, site: Site) -> None:
        settings = {"cloud": "site", "region": "one", "load_balancer": "shop"}
        with pytest.raises(faults.Broken, match=r"give cloud\.octavia\.network or subnet"):
            octavia.pool(settings, PoolPlan("web", machines.PORT, 80)).members()

    def test_a_port_of_another_pool_is_refused(self, site: Site) -> None:
        patiently(lambda: pool(site).add("shop-web-1-abcd", "192.168.1.20"))
        with pytest.raises(faults.Broken, match="port 80 of the load balancer 'shop' belongs to another pool"):
            patiently(lambda: pool(site, "other", 80).add("shop-web-1-abcd", "192.168.1.20"))
