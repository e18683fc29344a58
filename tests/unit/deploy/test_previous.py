"""To which servers `--previous` goes back, and when they have to be made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rollouts import DEPLOY, EARLIER, done, old_server, plan, tier

from bootstrap.deploy.journal import FileLog, Journal
from bootstrap.deploy.model import DeployPlan, OldServer
from bootstrap.deploy.previous import counts_of, in_service, last_good, swapped_back
from bootstrap.deploy.sources import Sources
from bootstrap.deploy.state import Deploys
from bootstrap.errors import UsageError

BEFORE, NOW = "20261128T090000-00aaaa", EARLIER


def server(slot: int, deploy: str, *pools: str, address: str | None = "10.0.0.9") -> OldServer:
    tail = deploy[-6:]
    return OldServer(f"{slot}{tail}", f"shop-web-{slot}-{tail}", address, deploy, pools, f"rev-{tail}")


SERVING = (server(1, NOW, "web"), server(2, NOW, "web"))
KEPT = (server(1, BEFORE), server(2, BEFORE))


def seen(*old: OldServer) -> DeployPlan:
    return plan(tier(old=old))


def test_the_servers_before_come_back_and_those_in_service_leave() -> None:
    back = swapped_back(seen(*SERVING, *KEPT))
    assert back is not None
    (web,) = back.tiers
    assert [s.name for s in web.adopted] == ["shop-web-1-00aaaa", "shop-web-2-00aaaa"]
    assert web.old == SERVING
    assert (web.count, web.revision) == (2, "rev-00aaaa")


def test_what_is_newer_than_the_deploy_in_service_is_no_way_back() -> None:
    """After a swap back the replaced servers are kept, and carry a later deploy."""
    later = tuple(server(slot, "20261201T000000-00cccc") for slot in (1, 2))
    assert swapped_back(seen(*SERVING, *later)) is None


@pytest.mark.parametrize(
    "kept", [(), KEPT[:1], (KEPT[0], server(2, BEFORE, address=None))], ids=["none", "one", "no address"]
)
def test_servers_that_are_not_all_there_are_made_again(kept: tuple[OldServer, ...]) -> None:
    assert swapped_back(seen(*SERVING, *kept)) is None


def test_the_count_is_that_of_the_earlier_deploy_where_it_is_known() -> None:
    three = (*KEPT, server(3, BEFORE))
    assert swapped_back(seen(*SERVING, *three)) is None
    back = swapped_back(seen(*SERVING, *three), {"web": 3})
    assert back is not None
    assert back.tiers[0].count == 3


def test_in_service_is_what_serves() -> None:
    assert in_service(seen(*SERVING, *KEPT, server(1, DEPLOY))) == NOW
    assert in_service(seen()) is None
    assert in_service(plan(tier(pools=(), old=KEPT))) == BEFORE


def keep(deploys: Deploys, deploy_id: str, code: int, **changes: object) -> None:
    """The folder of a deploy that ended so."""
    folder = deploys.make(deploy_id)
    folder.keep(replace(plan(tier(**changes)), deploy_id=deploy_id), Sources("/shop.yaml", (), {}))
    journal = Journal(FileLog(folder.journal), lambda: 0.0)
    for record in done().records[:-1]:
        journal.add(record["type"], **{k: v for k, v in record.items() if k not in ("type", "seq", "at")})
    journal.add("ended", code=code)


def test_the_last_good_deploy_before_the_one_in_service(tmp_path: Path) -> None:
    deploys = Deploys(tmp_path / "deploys")
    keep(deploys, "20261101T000000-00aaa1", 0)
    keep(deploys, "20261102T000000-00aaa2", 5)
    keep(deploys, NOW, 0)
    assert last_good(seen(*SERVING), deploys).deploy_id == "20261101T000000-00aaa1"


def test_a_swap_back_stands_for_the_deploy_that_made_its_servers(tmp_path: Path) -> None:
    deploys = Deploys(tmp_path / "deploys")
    keep(deploys, "20261101T000000-00aaa1", 0)
    keep(deploys, "20261103T000000-00aaa3", 0, adopted=(server(1, "20261101T000000-00aaa1"),))
    assert last_good(seen(*SERVING), deploys).deploy_id == "20261101T000000-00aaa1"


def test_there_may_be_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no deploy of shop to go back to"):
        last_good(seen(*SERVING), Deploys(tmp_path / "none"))


def test_counts_of_an_unknown_deploy_are_unknown(tmp_path: Path) -> None:
    deploys = Deploys(tmp_path / "deploys")
    assert counts_of(seen(*SERVING, *KEPT), deploys) == {}
    keep(deploys, BEFORE, 0, count=3)
    assert counts_of(seen(*SERVING, *KEPT), deploys) == {"web": 3}
    assert old_server(1).deploy == NOW
