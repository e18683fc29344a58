"""The effect of reports, in whatever order their events come: checked on stories cut up at random."""

from __future__ import annotations

import json
from typing import Any

import pytest
import reports
from hypothesis import given, settings
from hypothesis import strategies as st
from reports import event, failed_story, healthy_story

from bootstrap.collector.body import MAX_DEADLINE_S, read_report
from bootstrap.collector.ingest import MAX_JOURNALS, MAX_PARKED, MAX_SEQ, Effect, authenticate, expect, in_group, take
from bootstrap.collector.model import Expected, Report, Run
from bootstrap.collector.refusal import Refusal

NOW = 5000.0


def report(events: list[dict[str, Any]], **more: Any) -> Report:
    raw = reports.body(events, **more)
    ids = (raw["server"], raw["deploy_id"], raw["journal"])
    return read_report(json.dumps(raw).encode(), *ids, events[0]["seq"] if events else 1)


def run() -> Run:
    return Run("web-1", reports.DEPLOY)


STORY = healthy_story("a", "b", "c")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(STORY) - 1), st.integers(1, len(STORY))).map(lambda cut: STORY[cut[0] : sum(cut)]),
        max_size=12,
    )
)
def test_any_cuts_in_any_order_come_to_the_same_end(parts: list[list[dict[str, Any]]]) -> None:
    now, stored = run(), []
    for part in [*parts, STORY]:
        effect = take(now, report(part), NOW)
        # The acknowledged number never shrinks, and every event up to it has had its effect.
        acked = now.journals[reports.JOURNAL].acked if now.journals else 0
        assert effect.acked >= acked
        stored += [entry.event for entry in effect.events]
        assert len(stored) == effect.acked
        now = effect.run
    assert stored == STORY
    assert now.view == take(run(), report(STORY), NOW).run.view
    assert (now.closed, now.late, now.conflict) == (True, 0, ())


def test_a_replay_returns_the_very_same_run() -> None:
    first = take(run(), report(STORY), NOW)
    again = take(first.run, report(STORY), NOW + 1000)
    assert again == Effect(first.run, first.acked)
    assert not again.changed


def test_an_empty_report_returns_the_progress_of_its_journal() -> None:
    assert take(run(), report([]), NOW) == Effect(run(), 0)
    started = take(run(), report(STORY[:3]), NOW).run
    assert take(started, report([]), NOW) == Effect(started, 3)


def test_events_beyond_a_gap_are_parked_within_bounds() -> None:
    many = [event(seq, "fixed", path="/x") for seq in range(2, MAX_PARKED + 100)]
    effect = take(run(), report(many), NOW)
    assert (effect.acked, effect.events, effect.changed) == (0, (), True)
    assert len(effect.run.journals[reports.JOURNAL].parked) == MAX_PARKED
    filled = take(effect.run, report([event(1, "fixed", path="/x")]), NOW)
    assert filled.acked == MAX_PARKED + 1
    # The rest was not acknowledged, so the host still has it.
    assert take(filled.run, report(many[MAX_PARKED:]), NOW).acked == MAX_PARKED + 99


@pytest.mark.parametrize(
    ("reported", "story", "state"),
    [
        ("checking", [event(1, "started", stages=["a"])], "checking"),
        ("healthy", [event(1, "started", stages=["a"])], "healthy"),
        ("running", [event(1, "state", state="checking")], "checking"),
        ("running", [event(1, "stage.ended", stage="a", result="failed", final=True)], "failed"),
        ("healthy", [event(1, "state", final=True)], "healthy"),
        (None, [event(1, "started", stages=["a"])], "running"),
    ],
)
def test_the_reports_own_state_counts_while_no_event_says_one(reported: str, story: list[Any], state: str) -> None:
    assert take(run(), report(story, state=reported), NOW).run.view.state == state


def test_a_state_reported_across_a_gap_does_not_count() -> None:
    assert take(run(), report([event(2, "fixed", path="/x")], state="healthy"), NOW).run.view.state == "waiting"


def test_the_deadline_counts_from_the_report() -> None:
    first = take(run(), report(STORY[:2], deadline_s=60), NOW).run
    assert first.deadline_at == NOW + 60
    assert take(first, report(STORY[2:3], deadline_s=None), NOW + 30).run.deadline_at == NOW + 60
    assert take(first, report(STORY[2:3], deadline_s=1e12), NOW).run.deadline_at == NOW + MAX_DEADLINE_S


def test_nothing_of_a_late_report_counts() -> None:
    closed = take(run(), report(failed_story()), NOW).run
    late = take(closed, report(STORY, journal="other", revision="zzz", instance_id="i-9", deadline_s=0), NOW + 9).run
    same = ("view", "revision", "instance_id", "boot_id", "last_seen", "deadline_at", "current", "conflict", "closed")
    assert [getattr(late, name) for name in same] == [getattr(closed, name) for name in same]
    assert late.late == len(STORY)


def test_more_than_an_honest_host_needs_is_refused() -> None:
    with pytest.raises(Refusal, match="more events than are stored") as caught:
        take(run(), report([event(MAX_SEQ + 1, "fixed")]), NOW)
    assert (caught.value.status, caught.value.retry_after_s) == (429, 3600)
    now = run()
    for number in range(MAX_JOURNALS):
        now = take(now, report(STORY[:1], journal=f"j{number}"), NOW).run
    with pytest.raises(Refusal, match="has 16 journals"):
        take(now, report(STORY[:1], journal="one-more"), NOW)
    # Those it has go on.
    assert take(now, report(STORY[1:2], journal="j15"), NOW).acked == 2


def test_an_announcement_does_not_outweigh_a_report() -> None:
    heard = take(run(), report(STORY[:2], deadline_s=60), NOW).run
    after = expect(heard, Expected("web-1", reports.DEPLOY, 5.0, "other"), NOW + 1)
    assert (after.deadline_at, after.revision, after.expected_at) == (NOW + 60, "0123456789ab", NOW + 1)


@pytest.mark.parametrize(
    ("server", "group", "member"),
    [
        ("web-1", "web-*", True),
        ("web-", "web-*", True),
        ("db-1", "web-*", False),
        ("Web-1", "web-*", False),
        ("web-1", "*", True),
        ("web-1", "[w]eb-*", False),
        ("web-1", "", False),
        ("web-1\n", "web-*", True),
    ],
)
def test_membership_of_a_group(server: str, group: str, member: bool) -> None:
    assert in_group(server, group) is member


def test_several_signatures_are_each_tried() -> None:
    content, headers = reports.signed(STORY)
    several = {**headers, "webhook-signature": "v1,AAAA v1a,x " + headers["webhook-signature"]}
    assert authenticate(reports.SECRET, several, content).server == "web-1"
    with pytest.raises(Refusal) as caught:
        authenticate(reports.SECRET, {**headers, "webhook-signature": "v1,AAAA"}, content)
    assert caught.value.status == 401
