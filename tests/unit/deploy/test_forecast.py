"""The text of a dry run, whole; and the calls that it counts."""

from __future__ import annotations

import pytest
from rollouts import old_server, plan, tier

from bootstrap.deploy.forecast import as_json, calls, forecast, wrapped
from bootstrap.deploy.model import GatePlan, OldServer, PoolPlan

FACTS = {"cloud": "servers sim, pools sim"}


def test_a_plan_can_be_read() -> None:
    assert forecast(plan(), FACTS, {"web": "9,123 of 65,535 bytes"}) == [
        "shop: deploy 20261201T120000-ab12cd (dry run: nothing is changed)",
        "  cloud    servers sim, pools sim",
        "",
        "1. web: revision 3f9a1c0b2d41",
        "   makes    shop-web-1-ab12cd, shop-web-2-ab12cd",
        "   with     image debian-12, flavor m1.small",
        "   payload  9,123 of 65,535 bytes",
        "   pool     web: port 8080 of each server, clients connect to port 80",
        "   replaces shop-web-1-99ffee (in web), shop-web-2-99ffee (in web)",
        "   floor    2 up in each pool at any time; 2 serve now",
        "   step 1   create 2 servers",
        "   step 2   wait until each reports healthy and answers 200 with '{revision}' at "
        "http://{address}:8080/ping, for 30s without a break; at most 15m",
        "   step 3   add them to the pools, and wait until the balancer says that they are up",
        "   step 4   run `./migrate.sh`: the swap goes on if its exit code is 0",
        "   step 5   drain the old ones until they have no sessions, at most 1m, and take them out",
        "",
        "Then the old servers are kept for 10m, and deleted. Until then everything can be rolled back.",
        "10 changing calls: 2 create, 2 add, 2 drain, 2 remove, 2 delete.",
    ]


def test_the_first_deploy_of_a_tier_without_pools_is_short() -> None:
    database = tier(name="db", count=1, floor=0, pools=(), gate=GatePlan(stable_s=0), old=(), settings={})
    assert forecast(plan(database), {}, {})[2:] == [
        "1. db: revision 3f9a1c0b2d41",
        "   makes    shop-db-1-ab12cd",
        "   replaces nothing: no server of this tier exists",
        "   step 1   create 1 server",
        "   step 2   wait until each reports healthy; at most 15m",
        "",
        "Then nothing is left to delete.",
        "1 changing call: 1 create.",
    ]


def test_a_swap_back_makes_no_server() -> None:
    bad = OldServer("x", "shop-web-1-77aa00", "10.0.0.9", "d", ("web",))
    back = tier(adopted=(old_server(1), old_server(2)), old=(bad,))
    text = "\n".join(forecast(plan(back), {}, {}))
    assert "takes    shop-web-1-99ffee (in web), shop-web-2-99ffee (in web), which still exist" in text
    assert "create" not in text
    assert calls(plan(back)) == {"add": 2, "drain": 1, "remove": 1, "delete": 1}


def test_200_servers_are_counted_not_listed() -> None:
    text = "\n".join(forecast(plan(tier(count=200, batch=50)), {}, {}))
    assert "shop-web-6-ab12cd and 194 more" in text
    assert "create 200 servers (in 4 batches of at most 50)" in text


def test_every_pool_counts() -> None:
    both = tier(pools=(PoolPlan("web", 80), PoolPlan("tls", 443)), old=(old_server(1, "web", "tls"),))
    assert calls(plan(both)) == {"create": 2, "add": 4, "drain": 2, "remove": 2, "delete": 1}


def test_programs_get_the_same_facts() -> None:
    facts = as_json(plan(), FACTS, {"web": "9 bytes"})
    assert facts["calls"] == {"create": 2, "add": 2, "drain": 2, "remove": 2, "delete": 2}
    assert facts["tiers"][0]["servers"] == ["shop-web-1-ab12cd", "shop-web-2-ab12cd"]
    assert facts["tiers"][0]["replaces"] == ["shop-web-1-99ffee", "shop-web-2-99ffee"]


@pytest.mark.parametrize("columns", [40, 79, 80, 200])
def test_on_a_terminal_long_lines_go_on_below_their_text(columns: int) -> None:
    lines = [text for line in forecast(plan(), FACTS, {}) for text in wrapped(line, columns)]
    assert max(map(len, lines)) <= columns
    step = next(number for number, line in enumerate(lines) if line.startswith("   step 2"))
    if columns < 100:
        assert lines[step + 1].startswith(" " * 12)
        assert lines[step + 1][12] != " "
    assert " ".join(" ".join(lines).split()) == " ".join(" ".join(forecast(plan(), FACTS, {})).split())


def test_old_servers_that_are_left_are_not_said_to_be_deleted() -> None:
    lines = forecast(plan(), {}, {}, leave_old=True)
    assert lines[-2] == "Then the old servers stay until `bootstrap reap`; until then `--previous` swaps them back."
    assert "delete" not in lines[-1]
