"""Images taken of a working host, and hosts that cannot be told from one another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from box import LOCK, Box, needs_root
from collector_process import CollectorProcess
from handmade import DEPLOY_ID, payload, stage
from oracle import NOTE, deliver, ended, ran, start_tick
from reports import SECRET

from bootstrap.runner.host import STATE

pytestmark = [pytest.mark.integration, needs_root]
UUIDS = ["3d1219c7-c4c5-404a-aa1f-6d2a48adfda4", "11111111-2222-3333-4444-555555555555"]
IDS = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"]
ZEROS = "00000000-0000-0000-0000-000000000000"
NOT_YET = NOTE + "note one; test -e /srv/go || exit 75\n"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path) as one:
        yield one


def image(box: Box) -> str:
    """What an image builder takes of a host: its state, as text."""
    return box.sh(f"tar -C / -cf - {STATE[1:]} | base64").stdout


@pytest.mark.fault(88)
def test_an_image_taken_at_any_moment_of_a_run_is_a_fresh_run_on_the_clone() -> None:
    """In the first stage, between two, in the second; the clone has neither their leftovers nor their results."""
    one = stage("one", NOTE + "note one; block first")
    two = stage("two", NOTE + "note two; test -e /srv/second || exit 75; block third; note end")
    plan = payload([one, two])
    images = []
    with Box(plan.files, dmi={"product_uuid": UUIDS[0]}, machine_id=IDS[0]) as box:
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["one"])
        images.append(image(box))
        box.put("/srv/first", "")
        box.wait_for(lambda: ended(box, "two") and box.sh(f"flock -n {LOCK} true").returncode == 0)
        images.append(image(box))
        box.put("/srv/second", "")
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["one", "two", "two"])
        images.append(image(box))
        journal = box.journal()[0]["journal"]
    for text in images:
        with Box(plan.files, dmi={"product_uuid": UUIDS[1]}, machine_id=IDS[0]) as clone:
            clone.put("/root/image", text)
            clone.sh("base64 -d /root/image | tar -C / -xf -; touch /srv/first /srv/second /srv/third")
            assert clone.journal()[0]["journal"] == journal
            assert clone.tick().returncode == 0, clone.console()
            assert ran(clone) == ["one", "two", "end"]
            assert clone.journal()[0]["journal"] != journal
            assert clone.events("interrupted") == []
            assert [e["attempt"] for e in clone.events("stage.started")] == [1, 1]
            # Where it came from is kept and told from.
            assert len(clone.sh(f"ls {STATE} | grep journal.old").stdout.split()) == 1


@pytest.mark.fault(89)
@pytest.mark.fault(91)
@pytest.mark.parametrize(
    ("uuid", "machines", "server"),
    [
        pytest.param(UUIDS[0], IDS, "box-1", id="one-uuid-on-two-hosts"),
        pytest.param(ZEROS, [IDS[0], IDS[0]], "box-1", id="one-machine-id-on-two-hosts"),
        pytest.param(ZEROS, [IDS[0], IDS[0]], "box-*", id="one-machine-id-on-two-hosts-of-a-group"),
    ],
)
def test_two_hosts_of_one_identity_are_shown_as_a_conflict(
    collector: CollectorProcess, uuid: str, machines: list[str], server: str
) -> None:
    plan = payload([stage("one", NOT_YET)], server=server, report=(collector.url, SECRET))
    name = server.replace("*", IDS[0][:12])
    first, second = (Box(network="host", dmi={"product_uuid": uuid}, machine_id=machine) for machine in machines)
    with first, second:
        for box in first, second:
            deliver(box, plan)
            assert box.tick().returncode == 75
        assert first.tick().returncode == 75
        journals = sorted(box.journal()[0]["journal"] for box in (first, second))
        shown = collector.get(f"/v1/servers/{name}")
        assert shown["conflict"] == journals
        # Each has run by itself, and neither takes the other's stages for its own.
        assert (ran(first), ran(second)) == (["one", "one"], ["one"])


@pytest.mark.fault(91)
def test_members_of_a_group_whose_firmware_names_no_uuid_are_told_by_their_machine_ids(
    collector: CollectorProcess,
) -> None:
    plan = payload([stage("one", ":")], server="box-*", report=(collector.url, SECRET))
    first, second = (Box(network="host", dmi={"product_uuid": ZEROS}, machine_id=machine) for machine in IDS)
    with first, second:
        for box in first, second:
            deliver(box, plan)
            assert box.tick().returncode == 0
    shown = collector.get(f"/v1/servers?deploy_id={DEPLOY_ID}")["servers"]
    assert {one["server"]: one["conflict"] for one in shown} == {f"box-{one[:12]}": [] for one in IDS}
