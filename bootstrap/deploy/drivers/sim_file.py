"""A simulated world in a file, so that a `deploy`, a `resume` and a `reap` of their own processes see the same one."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.deploy.simulate import saved
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.nature import Nature
from bootstrap.deploy.simulate.world import World
from bootstrap.errors import UsageError


class SimFile:
    """A world in a file. Entering it locks the file and reads it, leaving it writes it whole."""

    def __init__(self, path: Path, seed: int = 0, nature: Nature | None = None) -> None:
        self._path, self._seed, self._nature = path, seed, nature or Nature()
        self._locks: list[int] = []
        self._worlds: list[World] = []

    def __enter__(self) -> World:
        """The world as it is now. Raises UsageError when the file is no world."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # The lock is a file of its own, since the world's is replaced.
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
            world = self._read()
        except BaseException:
            os.close(lock)
            raise
        self._locks.append(lock)
        self._worlds.append(world)
        return world

    def __exit__(self, *error: object) -> None:
        """Write the world, also after a fault: time has passed."""
        try:
            _write(self._path, saved.as_dict(self._worlds.pop()))
        finally:
            os.close(self._locks.pop())

    def _read(self) -> World:
        """The world in the file, or a new one where there is none."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return World(self._nature, Dice(self._seed), epoch=round(time.time()))
        try:
            world = saved.of_dict(json.loads(text))
            # The deploy file says how many servers the account may have; it may say something else by now.
            world.nature = replace(world.nature, quota=self._nature.quota)
            return world
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{self._path} is no simulated cloud: {error}",
                hint="name another file as `cloud: {sim: {state: FILE}}`",
            ) from error


def _write(path: Path, data: dict[str, Any]) -> None:
    """Replace a file in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")
    temporary.replace(path)
