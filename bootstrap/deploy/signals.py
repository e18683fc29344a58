"""The user's wish to stop: the first signal is seen at the next boundary, the second ends the program at once."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from bootstrap.deploy.clock import boot_clock
from bootstrap.deploy.stopping import Left, Stopped

# Ctrl-C, and what a CI job gets before it is killed.
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SLICE_S = 0.1


class Stop:
    """Whether the user has asked for the end.

    The first `ask` is remembered and the second raises Left. `check` and `pause` raise Stopped once: the rollback that
    follows pauses too, and must not be stopped by the same wish.
    """

    def __init__(self) -> None:
        self._asked = False
        self._seen = False

    def stop_asked(self) -> bool:
        """Whether the user has asked for the end, seen or not."""
        return self._asked

    def ask(self) -> None:
        """Ask for the end, as a signal does. Raises Left when it is asked for the second time."""
        if self._asked:
            raise Left
        self._asked = True

    def check(self) -> None:
        """Raise Stopped if the user has asked for the end and has not been heard yet."""
        if self._asked and not self._seen:
            self._seen = True
            raise Stopped("the end was asked for")

    def pause(self, seconds: float, clock: Callable[[], float] = boot_clock) -> None:
        """Let time pass. Raises Stopped at once when the user asks for the end."""
        end = clock() + seconds
        self.check()
        # A handler of a signal may not touch a lock, so it cannot wake a waiting Event: the wish is looked for.
        while (left := end - clock()) > 0:
            time.sleep(min(left, _SLICE_S))
            self.check()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as the wish to stop. It has to be entered in the main thread."""

        def heard(_number: int, _frame: FrameType | None) -> None:
            self.ask()

        before = {number: signal.getsignal(number) for number in SIGNALS}
        # `nohup` and background jobs of a shell ignore a signal on purpose.
        heeded = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
        for number in heeded:
            signal.signal(number, heard)
        try:
            yield
        finally:
            for number, old in heeded.items():
                signal.signal(number, old if old is not None else signal.SIG_DFL)
