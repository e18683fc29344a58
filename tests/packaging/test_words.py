"""How the code reads is counted, and a figure that grows is a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from words_count import Words, count

PACKAGE = Path(__file__).resolve().parents[2] / "bootstrap"
# Ceilings and a floor. Whoever gets below a ceiling may lower it.
EMPTY_LOCALS = 0.03
WITHOUT_SUBJECT = 0.04
COMMENT_DENSITY = 0.04


def test_locals_are_named_after_what_they_hold() -> None:
    words = count(PACKAGE)
    assert words.empty_share < EMPTY_LOCALS, words.empty_locals


def test_docstrings_and_comments_open_with_their_subject() -> None:
    words = count(PACKAGE)
    assert words.open_share < WITHOUT_SUBJECT, words.open_docstrings + words.open_comments


def test_comments_give_reasons_in_enough_places() -> None:
    assert count(PACKAGE).density >= COMMENT_DENSITY


@pytest.mark.parametrize(
    ("text", "empty", "openers"),
    [
        ('def f():\n    found = 1\n    return found\n', 1, 0),
        ('def f(said, plan):\n    for what, path in plan:\n        pass\n', 2, 0),
        ('def f():\n    """What a plan holds."""\n', 0, 1),
        ('def f():\n    """The parts of a plan."""\n    # Who reads this first is the host.\n    return 1\n', 0, 1),
        ('def f():\n    problems = []  # of the plan, in its order\n    return problems\n', 0, 0),
        ('def f():\n    def g(told):\n        return told\n    return g\n', 1, 0),
    ],
)  # fmt: skip
def test_the_count_finds_what_it_is_for(text: str, empty: int, openers: int) -> None:
    words = Words()
    words.take("x.py", text)
    assert (len(words.empty_locals), len(words.open_docstrings + words.open_comments)) == (empty, openers)
