"""Whole roll-outs by the command line through the real APIs of Nova and Octavia, whose answers a proxy spoils."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sdk_pages
from one_cloud import machines
from one_cloud.fault_proxy import LOSE, Chaos, Fault
from one_cloud.site import FLAVOR, IMAGE, NETWORK, Site

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

TOP = Path(__file__).resolve().parents[2]
REQUESTS, RATE = 5000, 200
PAGE = "openstack.md"


class Shop:
    """The deploy file of the page for a site, and the command line in its folder."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        assert {"web.yaml", "shop.yaml"} <= {*sdk_pages.saved(PAGE, folder)}
        own = {"PYTHONPATH": str(TOP), "XDG_STATE_HOME": str(folder / "state")}
        self._environment = {**os.environ, **own}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command."""
        return subprocess.run(
            [sys.executable, "-m", "bootstrap", *words], cwd=self.folder, env=self._environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False,
        )  # fmt: skip

    @property
    def settings(self) -> list[str]:
        """The options that make the page's file one for this site, and faster."""
        values = {
            "cloud": "site", "region": "one", "image": IMAGE, "flavor": FLAVOR, "network": NETWORK,
            "address": machines.GATEWAY, "stable": "1s", "drain": "2s", "keep_old": "1s",
        }  # fmt: skip
        return [text for name, value in values.items() for text in ("--set", f"{name}={value}")]

    def deploy(self, release: str) -> subprocess.CompletedProcess[str]:
        """Roll a release out."""
        return self.run("deploy", "shop.yaml", "--yes", *self.settings, "--set", f"release={release}")

    def deployed(self, release: str) -> None:
        """Roll a release out, which must do."""
        done = self.deploy(release)
        assert done.returncode == 0, done.stdout

    def members(self) -> dict[str, str]:
        """The names of the members with their operating status, as Octavia has them."""
        bodies = [
            member
            for pool in self.site.balance("GET", "/pools")["pools"]
            for member in self.site.balance("GET", f"/pools/{pool['id']}/members")["members"]
        ]
        return {body["name"]: body["operating_status"] for body in bodies}

    def servers(self) -> dict[str, str]:
        """The names of all servers with their status."""
        return {server["name"]: server["status"] for server in self.site.servers()}

    def ours(self) -> dict[str, str]:
        """Those that carry marks."""
        return {s["name"]: s["status"] for s in self.site.servers() if "initialrunner-pool" in s["metadata"]}


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> Iterator[Shop]:
    yield Shop(site, tmp_path)


def clients(folder: Path) -> subprocess.Popen[str]:
    """Clients of the site until their input ends; half on kept connections, some POST, some slow."""
    return subprocess.Popen(
        [
            sys.executable, TOP / "tests/rollout/load.py", f"{machines.GATEWAY}:80", "--requests", str(REQUESTS),
            "--rate", str(RATE), "--until-eof", "--json", folder / "load.json",
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(load: subprocess.Popen[str], folder: Path) -> dict[str, Any]:
    """The count of clients that have ended."""
    text, _ = load.communicate(timeout=300)
    count: dict[str, Any] = json.loads((folder / "load.json").read_text())
    print(text)
    return count


def test_two_servers_are_replaced_under_load_without_one_failed_request(shop: Shop, tmp_path: Path) -> None:
    shop.deployed("r1")
    old = set(shop.members())
    strangers = {
        "shop-web-1-theirs": shop.site.foreign("shop-web-1-theirs", {}),
        "shop-web-2-theirs": shop.site.foreign("shop-web-2-theirs", {"initialrunner-pool": "shop/web"}),
    }
    shop.site.balancer_time(6)
    shop.site.octavia.calm()
    load = clients(tmp_path)
    try:
        time.sleep(1)
        shop.deployed("r2")
    finally:
        count = ended(load, tmp_path)

    assert count["failed"] == 0, count["failures"]
    assert count["requests"] >= REQUESTS
    assert len({entry["revision"] for entry in count["by"]}) == 2
    refused = [call for call in shop.site.octavia.given(409) if not call.is_fault]
    print(f"{len(refused)} real answers 409")
    assert len(refused) >= 10
    new = shop.members()
    assert len(new) == 2 and not old & set(new) and set(new.values()) == {"ONLINE"}
    assert shop.ours().keys() - strangers.keys() == new.keys()
    assert strangers.keys() <= shop.servers().keys()


def test_a_quota_that_is_too_small_is_refused_before_anything_is_made(shop: Shop) -> None:
    shop.deployed("r1")
    before = shop.members()
    shop.site.quota(instances=3)
    shop.site.nova.calm()
    done = shop.deploy("r2")
    assert done.returncode == 4, done.stdout
    assert "2 of instances are needed, but 1 are left (2 of 3 are used)" in done.stdout
    assert [call for call in shop.site.nova.calls if call.method != "GET"] == []
    assert shop.members() == before


def test_a_quota_that_ends_in_the_middle_is_not_asked_again_and_nothing_is_left(shop: Shop) -> None:
    shop.deployed("r1")
    before = shop.members()
    shop.site.quota(instances=3)
    # Somebody else took the last one after the preflight had looked.
    generous = {"limits": {"absolute": {"maxTotalInstances": -1, "maxTotalCores": -1, "maxTotalRAMSize": -1}}}
    shop.site.nova.calm()
    shop.site.nova.faults.append(Fault("GET", "/limits", 200, None, generous))
    done = shop.deploy("r2")
    assert done.returncode == 5, done.stdout
    assert "the quota of instances is exceeded: 0 are left, 1 are needed" in done.stdout
    assert len(shop.site.nova.given(403, "POST", "/servers$")) == 1
    assert shop.members() == before
    assert shop.servers().keys() == before.keys()


def test_the_fault_text_of_a_server_in_error_is_shown_and_the_others_go_too(shop: Shop) -> None:
    shop.deployed("r1")
    before = shop.members()
    shop.site.refuse_builds(**{"shop-web-2-": "the hypervisor has no disk left"})
    done = shop.deploy("r2")
    assert done.returncode == 5, done.stdout
    assert "aborted: the hypervisor has no disk left" in done.stdout
    assert shop.members() == before
    assert shop.servers().keys() == before.keys()


def test_a_delete_that_is_answered_500_once_is_asked_for_again(shop: Shop) -> None:
    shop.deployed("r1")
    shop.site.nova.faults.append(Fault("DELETE", "/servers/", 500))
    shop.deployed("r2")
    assert shop.servers().keys() == shop.members().keys()
    assert len(shop.site.nova.given(500, "DELETE")) == 1


def test_a_delete_that_never_works_is_owed_and_reap_pays_it(shop: Shop) -> None:
    shop.deployed("r1")
    old = shop.members().keys()
    shop.site.nova.faults.append(Fault("DELETE", "/servers/", 500, None))
    done = shop.deploy("r2")
    assert done.returncode == 7, done.stdout
    assert all(name in done.stdout for name in old)
    assert shop.servers().keys() == old | shop.members().keys()
    shop.site.nova.calm()
    paid = shop.run("reap", "--yes")
    assert paid.returncode == 0, paid.stdout
    assert shop.servers().keys() == shop.members().keys()


def test_answers_that_are_lost_after_their_effect_make_nothing_twice(shop: Shop) -> None:
    shop.deployed("r1")
    shop.site.nova.faults.append(Fault("POST", "/servers$", LOSE, 2))
    shop.site.octavia.faults.append(Fault("POST", "/members", LOSE, 2))
    shop.site.octavia.faults.append(Fault("PUT", "/members/", LOSE, 2))
    shop.site.octavia.faults.append(Fault("DELETE", "/members/", LOSE, 2))
    shop.deployed("r2")
    assert len(shop.site.nova.given(LOSE)) == 2 and len(shop.site.octavia.given(LOSE)) == 6
    assert len(shop.servers()) == 2
    assert shop.servers().keys() == shop.members().keys()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_cloud_that_fails_one_call_in_eight_is_left_whole(shop: Shop, seed: int) -> None:
    shop.deployed("r1")
    before = shop.members().keys()
    shop.site.nova.chaos = shop.site.octavia.chaos = Chaos(seed, 1 / 8)
    done = shop.deploy("r2")
    faults = [c for proxy in (shop.site.nova, shop.site.octavia) for c in proxy.calls if c.is_fault]
    print(f"seed {seed}: exit {done.returncode}, {len(faults)} faults")
    shop.site.nova.calm()
    shop.site.octavia.calm()
    assert done.returncode in (0, 5, 6, 7), done.stdout
    assert len(faults) >= 5
    if done.returncode == 7:
        assert shop.run("reap", "--yes").returncode == 0
    members = shop.members().keys()
    assert members == before if done.returncode in (5, 6) else not members & before
    assert len(members) == 2 and shop.servers().keys() == members
