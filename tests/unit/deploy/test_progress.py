"""What a roll-out's records say of its servers and pools."""

from __future__ import annotations

import pytest
from rollouts import BEGAN, Story, done, gated, new_name, old_server, plan, rolled_back, swapped, tier

from bootstrap.deploy.model import PoolPlan
from bootstrap.deploy.progress import Progress


def after(story: Story, *tiers: object) -> Progress:
    progress = Progress(plan(*tiers))  # type: ignore[arg-type]
    for record in story.records:
        progress.take(record)
    return progress


def states(progress: Progress) -> dict[str, str]:
    return {name: view.state for name, view in progress.servers.items()}


def test_old_servers_are_there_before_the_first_record() -> None:
    progress = Progress(plan(tier(old=(old_server(1), old_server(2, "web", "tls")))))
    assert states(progress) == {old_server(1).name: "serving", old_server(2).name: "serving"}
    assert progress.pool("web", "web") == (0, 2, 0)
    assert progress.pool("web", "tls") == (0, 1, 0)


def test_a_server_is_asked_for_then_built_then_seen() -> None:
    story = Story().add("begun").add("call", call="create", tier="web", slot=1, attempt=1)
    assert states(after(story))[new_name(1)] == "asked for"
    story.add("answer", 1.0, to=2)
    assert states(after(story))[new_name(1)] == "building"
    story.add("seen", 2.0, server=new_name(1), state="it reports running")
    view = after(story).servers[new_name(1)]
    assert (view.state, view.since, view.slot, view.is_new) == ("it reports running", BEGAN + 3, 1, True)


def test_a_call_that_failed_changes_nothing_but_what_is_gone_is_gone() -> None:
    story = Story().add("begun").call("drain", pool="web", server=old_server(1).name, fault="busy")
    assert states(after(story))[old_server(1).name] == "serving"
    story.call("delete", server=old_server(1).name, fault="gone")
    assert states(after(story))[old_server(1).name] == "deleted"


def test_new_members_count_once_the_core_goes_on() -> None:
    story = gated().call("add", pool="web", server=new_name(1), address="10.0.0.11")
    assert after(story).pool("web", "web") == (0, 2, 0)
    assert after(story).servers[new_name(1)].address == "10.0.0.11"
    story.add("phase", tier="web", phase="before_swap")
    assert after(story).pool("web", "web") == (1, 2, 0)
    assert states(after(story))[new_name(1)] == "up"


def test_a_server_in_two_pools_leaves_when_it_has_left_both() -> None:
    old = old_server(1, "web", "tls")
    both = tier(count=1, pools=(PoolPlan("web", 80), PoolPlan("tls", 443)), old=(old,))
    story = Story().add("begun")
    for pool in "web", "tls":
        story.call("drain", pool=pool, server=old.name)
    assert after(story, both).pool("web", "tls") == (0, 0, 1)
    story.call("remove", pool="web", server=old.name)
    assert states(after(story, both))[old.name] == "draining"
    story.call("remove", pool="tls", server=old.name)
    assert states(after(story, both))[old.name] == "out of its pools"


def test_the_swap_moves_the_counts_of_the_pool() -> None:
    assert after(gated()).pool("web", "web") == (0, 2, 0)
    assert after(swapped()).pool("web", "web") == (2, 0, 0)
    assert after(swapped()).cut == {"web": 1}


def test_the_old_servers_are_kept_then_deleted() -> None:
    assert after(swapped()).kept_until == {"web": swapped().at + 600}
    progress = after(done())
    assert (progress.code, states(progress)[old_server(1).name]) == (0, "deleted")


def test_a_rollback_keeps_the_reason() -> None:
    progress = after(rolled_back())
    assert progress.turned == f"{new_name(2)} failed: exit 100, after 1 attempt"
    assert progress.reasons[new_name(2)][0].startswith(f"{new_name(2)} failed in stage packages")
    assert (progress.code, states(progress)[new_name(1)], progress.pool("web", "web")) == (5, "deleted", (0, 2, 0))


def test_an_old_server_that_is_added_again_serves_again() -> None:
    story = swapped().call("add", pool="web", server=old_server(1).name, address="10.0.0.1")
    assert states(after(story))[old_server(1).name] == "serving"
    assert after(story).pool("web", "web") == (2, 1, 0)


def test_servers_that_are_swapped_back_have_slots() -> None:
    progress = Progress(plan(tier(adopted=(old_server(1),), old=())))
    view = progress.servers[old_server(1).name]
    assert (view.slot, view.is_new, view.state) == (1, True, "kept since its deploy")


def test_what_is_owed_is_paid() -> None:
    story = Story().add("begun").add("owed", server=old_server(1).name, why="its deletion failed: HTTP 500")
    progress = after(story)
    assert progress.owed == {old_server(1).name: "its deletion failed: HTTP 500"}
    assert progress.servers[old_server(1).name].tone == "bad"
    assert after(story.add("paid", server=old_server(1).name)).owed == {}


@pytest.mark.parametrize(
    ("phase", "ends"), [("gating", 900), ("draining", 60), ("keeping", 600), ("removing", None), ("joining", None)]
)
def test_a_phase_ends_at_its_deadline(phase: str, ends: int | None) -> None:
    progress = after(Story().add("begun").add("phase", 5.0, tier="web", phase=phase))
    assert progress.phase is not None
    assert progress.phase.ends == (BEGAN + 5 + ends if ends is not None else None)


def test_a_batch_is_told_by_its_first_slot() -> None:
    story = Story().add("begun").add("phase", tier="web", phase="creating", slots=[3, 4])
    progress = after(story.add("phase", tier="web", phase="gating"), tier(count=6, batch=2))
    assert progress.phase is not None
    assert progress.phase.batch == 2


def test_a_record_of_a_later_version_changes_nothing() -> None:
    story = Story().add("begun").add("weather", server=old_server(1).name, state="rain")
    story.add("seen", server="a-stranger", state="up").add("answer", to=77)
    assert states(after(story)) == states(after(Story().add("begun")))
