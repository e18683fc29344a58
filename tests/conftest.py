"""What every test gets: the tools of .venv, quiet for those that compare the machine before and after, an end in CI."""

from __future__ import annotations

import fcntl
import os
import signal
import sysconfig
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import fault_register
import pytest
import skips

# The locked tools are found whether or not somebody activated the environment.
os.environ["PATH"] = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)))
# A background job of a shell ignores Ctrl-C, and so would each program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A run that a test starts has a folder of its own: its tests must not queue behind whoever waits for that test to end.
LOCKS = Path(os.environ.get("INITIALRUNNER_TEST_LOCKS", Path(__file__).resolve().parents[1] / "build" / "tests"))


@contextmanager
def locked(file: IO[str], how: int) -> Iterator[None]:
    """Hold a kernel lock; it ends with the process at the latest."""
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


@pytest.fixture
def runners_signals() -> Iterator[None]:
    """As in a runner, the end of a child waits until it is asked for: a host sees it at once."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test marked `alone` while no other process runs one; its waiting does not count as its time.

    Everybody passes the gate first. Whoever wants to be alone waits in it, so that the others cannot keep them out.
    """
    LOCKS.mkdir(parents=True, exist_ok=True)
    with (LOCKS / "gate").open("w") as gate, (LOCKS / "room").open("w") as room:
        with locked(gate, fcntl.LOCK_EX):
            fcntl.flock(room, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        try:
            return (yield)
        finally:
            # Closing would not do: a child that a test forked may still have the descriptor.
            fcntl.flock(room, fcntl.LOCK_UN)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put files with tests marked `first` before all others: CI has no time for every slow test, and has for these.

    The others keep their order; with --no-loadscope-reorder, which leaves the order to us, files of many tests come
    early, as xdist would have them.
    """
    tests = Counter(item.path for item in items)
    first = {item.path for item in items if item.get_closest_marker("first")}
    is_ours = not config.getoption("loadscopereorder", True)
    items.sort(key=lambda item: (item.path not in first, -tests[item.path] if is_ours else 0))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a slow test when the time CI gives them (INITIALRUNNER_SLOW_UNTIL, seconds since 1970) is over."""
    until = os.environ.get("INITIALRUNNER_SLOW_UNTIL")
    if until and item.get_closest_marker("slow") and time.time() > float(until):
        pytest.skip("no time left in this run for another slow test; make test-all runs it")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped in CI without one of the reasons accepted there."""
    return skips.judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Likewise a file that is skipped as a whole."""
    return skips.judged((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a run of all tests: how many faults have one."""
    if not terminalreporter.config.option.file_or_dir:
        terminalreporter.write_line(fault_register.summary())
