"""The runner of the checkout on a machine in a folder."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from checkout import Machine, MakeMachine, child_signals
from handmade import whole_code

from bootstrap.payload.model import Payload
from bootstrap.runner import form

# A machine has dozens of files and folders, and a disk would take longer to remove them than the tests to run.
MEMORY = Path("/dev/shm")


# The packed code of a bundle takes longer to unpack than a test to run.
decode_once = cache(form.decode)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what would take most of the time: syncs, whose order has tests elsewhere, and unpacking again."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    monkeypatch.setattr(form, "decode", decode_once)


@pytest.fixture(autouse=True)
def one_code() -> Iterator[None]:
    """Pack the runner once for all tests."""
    with whole_code():
        yield


@pytest.fixture(autouse=True)
def closed_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Close what a run leaves open, as the end of its process does: a later test needs the numbers."""
    yield
    folders = (f"{tmp_path_factory.getbasetemp()}/", f"{MEMORY}/machine.")
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith(folders):
                os.close(int(name))


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeMachine]:
    """Makes the machine with a payload on it."""
    home = MEMORY if MEMORY.is_dir() else tmp_path_factory.getbasetemp()
    with child_signals(), TemporaryDirectory(prefix="machine.", dir=home) as folder:
        numbers = itertools.count()

        def make(payload: Payload) -> Machine:
            return Machine(Path(folder) / str(next(numbers)), payload, monkeypatch)

        yield make
