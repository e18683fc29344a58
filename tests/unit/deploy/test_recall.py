"""What a resume knows from the journal."""

from __future__ import annotations

import pytest

from bootstrap.deploy.recall import Recall

CREATE = {"type": "call", "seq": 1, "call": "create", "tier": "web", "slot": 1, "attempt": 1, "server": "web-1"}


def recall(*records: dict[str, object]) -> Recall:
    memory = Recall()
    for record in records:
        memory.take(record)
    return memory


def test_a_create_without_an_answer_may_have_made_a_server() -> None:
    memory = recall(CREATE)
    assert not memory.creates["web", 1].is_settled and memory.may_have_strays
    assert memory.next_attempt("web", 1) == 2


@pytest.mark.parametrize(
    ("fault", "is_settled", "attempt"),
    [
        (None, True, 2), ("unknown", False, 2), ("broken", True, 2), ("busy", True, 1), ("throttled", True, 1),
        ("quota", True, 1), ("denied", True, 1),
    ],
)  # fmt: skip
def test_the_number_of_an_attempt_is_used_again_only_when_nothing_was_done(
    fault: str | None, is_settled: bool, attempt: int
) -> None:
    answer = {"type": "answer", "seq": 2, "to": 1} | ({"fault": fault} if fault else {})
    memory = recall(CREATE, answer)
    assert memory.creates["web", 1].is_settled is is_settled
    assert memory.next_attempt("web", 1) == attempt


def test_a_slot_that_was_never_asked_for_begins_with_attempt_one() -> None:
    assert recall(CREATE).next_attempt("web", 2) == 1


def test_before_swap_counts_only_when_it_has_passed() -> None:
    call = {"type": "call", "seq": 1, "call": "before_swap", "tier": "web"}
    assert recall(call).hooks == set()
    assert recall(call, {"type": "answer", "to": 1, "fault": "broken"}).hooks == set()
    assert recall(call, {"type": "answer", "to": 1}).hooks == {"web"}


def test_what_is_owed_is_paid_by_its_deletion() -> None:
    owed = {"type": "owed", "server": "web-1", "why": "its deletion failed"}
    delete = {"type": "call", "seq": 2, "call": "delete", "tier": "web", "server": "web-1", "id": "s1"}
    assert recall(owed).owed == {"web-1": "its deletion failed"}
    assert recall(owed, delete, {"type": "answer", "to": 2, "fault": "unknown"}).owed != {}
    assert recall(owed, delete, {"type": "answer", "to": 2}).owed == {}
    assert recall(owed, {"type": "paid", "server": "web-1"}).owed == {}


def test_the_first_reason_to_turn_back_stands() -> None:
    first, second = ({"type": "turned", "reason": text, "code": 5} for text in ("first", "second"))
    turned = recall(first, second).turned
    assert turned is not None and turned["reason"] == "first"


def test_there_is_no_way_back_once_old_servers_are_being_deleted() -> None:
    assert not recall({"type": "phase", "phase": "keeping", "tier": "web"}).is_deleting
    assert recall({"type": "phase", "phase": "deleting", "tier": "web"}).is_deleting
