"""The tests that CI may skip. With CI=true any other skip fails, since `.ci/packages` has installed the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import pytest

IS_CI = os.environ.get("CI") == "true"
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def is_bookworm() -> bool:
    """Whether this machine is the Debian for which `.ci/packages` declares packer."""
    release = Path("/etc/os-release")
    return release.exists() and "VERSION_CODENAME=bookworm\n" in release.read_text(encoding="utf-8")


# The beginning of a skip's reason, and why no declared package could make the test run.
ALLOWED = {
    "no time left in this run": "the slow tests of .ci/run have an hour; make test-all runs them all",
    "no other interpreters here": "Debian has one Python; others are there where somebody built them",
    "needs the Python of the floor": "likewise",
    "bookworm has Python 3.11": "the environment is of another Python, on another Debian",
    "needs iso9660 in this kernel": "a kernel is the machine's, and brings its own file systems",
    "needs loop devices": "a container may have none",
    "no loop device": "likewise",
    "this kernel gives users no namespaces": "the machine's own rule",
} | ({} if is_bookworm() else {"no packer": "Debian 13 has none"})


def judged(report: Report) -> Report:
    """The report of a test or a file, as a failure where CI does not accept that it was skipped."""
    if IS_CI and report.skipped and not hasattr(report, "wasxfail"):
        _, _, text = report.longrepr if isinstance(report.longrepr, tuple) else (None, None, str(report.longrepr))
        reason = text.removeprefix("Skipped: ")
        if not reason.startswith(tuple(ALLOWED)):
            report.outcome = "failed"
            report.longrepr = f"CI accepts no such skip (tests/support/skips.py): {reason}"
    return report
