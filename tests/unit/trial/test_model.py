"""The outcome of a trial, and its exit code."""

from __future__ import annotations

import pytest

from bootstrap.trial.model import Clone, Judgement, Outcome


@pytest.mark.parametrize(
    ("verdicts", "error", "expected", "code"),
    [
        (("good",), False, "good", 0), (("good", "failed"), False, "failed", 5), (("failed", "late"), False, "late", 6),
        (("good", "good"), True, "failed", 5),
    ],
)  # fmt: skip
def test_the_outcome_is_the_worst_of_its_clones(
    verdicts: tuple[str, ...], error: bool, expected: str, code: int
) -> None:
    findings = (Judgement("try.identity", "they share", "error"),) if error else ()
    outcome = Outcome("disk.img", "files", tuple(Clone(f"try-{n}", v, ()) for n, v in enumerate(verdicts)), findings)
    assert (outcome.verdict, outcome.exit_code) == (expected, code)
    assert outcome.as_json()["verdict"] == expected
