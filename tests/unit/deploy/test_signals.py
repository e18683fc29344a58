"""The user's wish to stop: heard once at the next boundary, and at once when it is said twice."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from bootstrap.deploy.clock import boot_clock
from bootstrap.deploy.signals import Stop
from bootstrap.deploy.stopping import Left, Stopped


def test_the_first_wish_is_heard_once_at_the_next_boundary() -> None:
    stop = Stop()
    stop.check()
    assert not stop.stop_asked()
    stop.ask()
    assert stop.stop_asked()
    with pytest.raises(Stopped):
        stop.pause(0)
    # The rollback pauses too.
    stop.pause(0.001)
    stop.check()
    assert stop.stop_asked()


def test_the_second_wish_ends_at_once_past_every_handler_of_errors() -> None:
    stop = Stop()
    stop.ask()
    with pytest.raises(Left):
        try:
            stop.ask()
        except Exception:
            pytest.fail("an error handler stopped it")


def test_a_pause_takes_its_time_by_the_clock_that_it_is_given() -> None:
    moments = iter([0.0, 1.0, 60.0, 601.0])
    Stop().pause(600, lambda: next(moments))
    assert list(moments) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_pause_early_and_a_second_one_at_once(number: signal.Signals) -> None:
    stop, before = Stop(), signal.getsignal(number)
    with stop.listening():
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        with pytest.raises(Stopped):
            stop.pause(600)
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        with pytest.raises(Left):
            stop.pause(600)
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = Stop()
    try:
        with stop.listening():
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert not stop.stop_asked()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_pause_ends_only_when_its_time_is_over() -> None:
    begin = boot_clock()
    Stop().pause(0.15)
    assert boot_clock() - begin >= 0.15
