"""Equal seeds give equal numbers everywhere, and what one subject takes moves nothing of another."""

from __future__ import annotations

from bootstrap.deploy.simulate.dice import Dice


def test_the_numbers_are_those_of_splitmix64() -> None:
    """The values are those of the reference implementation for the seed 1234567."""
    dice = Dice(1234567)
    assert [dice.number() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_state_is_all_there_is() -> None:
    dice = Dice(5)
    dice.number()
    again = Dice(dice.state)
    assert [dice.between(0, 9), dice.below(7)] == [again.between(0, 9), again.below(7)]


def test_a_fork_does_not_move_its_source() -> None:
    dice, same = Dice(5), Dice(5)
    fork = dice.fork("world")
    fork.number()
    assert dice.number() == same.number()
    assert Dice(5).fork("world").number() != Dice(5).fork("scene").number()


def test_shares_and_spans_are_kept() -> None:
    dice = Dice(1)
    assert 400 < sum(dice.chance(0.5) for _ in range(1000)) < 600
    assert not any(dice.chance(0.0) for _ in range(100))
    assert all(2.0 <= dice.between(2.0, 3.0) <= 3.0 for _ in range(100))
    assert {dice.choose("abc") for _ in range(100)} == {"a", "b", "c"}
