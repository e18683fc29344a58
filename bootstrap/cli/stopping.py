"""Ends a verb that is stopped from outside as on Ctrl-C: by an exception, so that what it has begun is taken back."""

from __future__ import annotations

import signal


def stop_as_interrupted() -> None:
    """Raise KeyboardInterrupt on TERM and HUP. A CI job that is cancelled gets TERM, a closed terminal sends HUP."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
