"""A mutant: what it breaks, where, and the tests that must notice.

Rows of docs/reference/faults.md that it stands for are its `faults`.
"""

from __future__ import annotations

from dataclasses import dataclass

RUNNER = "bootstrap/runner/"
FAULTS = "tests/faults/"
ORDER = FAULTS + "test_order_of_syncs.py::"
FILES = FAULTS + "test_late_files.py::"
STAGES = FAULTS + "test_stages.py::"
REPORTS = FAULTS + "test_reports_collector.py::"
TRIGGER = FAULTS + "test_trigger.py::"
LIFE = FAULTS + "test_lifecycle.py::"
ROWS = FAULTS + "test_stages_limits.py::"
FETCH = FAULTS + "test_fetch.py::"
KERNEL = FAULTS + "test_stage_kernel.py::"
UNITS = FAULTS + "test_systemd_units.py::"
STUBS = "tests/integration/test_stub_fetches.py::"
STARTER = "tests/integration/test_starter.py::"
REHEARSE = "tests/integration/test_rehearse_verb.py::"
REHEARSED_UNITS = "tests/integration/test_rehearse_units.py::"
IMAGE = FAULTS + "test_image_leftovers.py::"
TWO = FAULTS + "test_two_ticks.py::"
MOVED = FAULTS + "test_moved_state.py::"
ENDS = FAULTS + "test_stage_ends.py::"
REASONS = FAULTS + "test_waiting_reasons.py::"
BY_HAND = FAULTS + "test_verbs_run.py::"
SHOWS = FAULTS + "test_verbs_show.py::"
STUCK = FAULTS + "test_verbs_stuck.py::"
DOCTOR = FAULTS + "test_doctor.py::"
CRONTAB = "tests/unit/payload/test_crontab.py::test_one_problem_is_one_message"
JOURNAL = "tests/unit/runner/tick/test_journal.py::"
MACHINE = "tests/unit/runner/tick/test_history.py::"


@dataclass(frozen=True)
class Mutant:
    """In `file`, `old` (there exactly once) becomes `new`; one of `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    faults: tuple[int, ...] = ()


def of_runner(
    module: str, name: str, old: str, new: str, *tests: str, faults: tuple[int, ...] = ()
) -> Mutant:
    return Mutant(name, f"{RUNNER}{module}.py", old, new, tests, faults)
