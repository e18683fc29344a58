"""When cron runs an entry, and with what."""

from __future__ import annotations

import stat
from datetime import datetime

import pytest

from bootstrap.payload.cronread import Entry
from bootstrap.payload.crontab import parse
from bootstrap.rehearse import cronline

# A Friday.
NOON = datetime(2026, 11, 20, 12, 0)


def entry(line: str, settings: str = "") -> Entry:
    found = parse(f"{settings}{line}\n")
    assert found.refusal is None
    return found.entries[0]


@pytest.mark.parametrize(
    ("schedule", "minute", "expected"),
    [
        ("* * * * *", NOON, True),
        ("@reboot", NOON, False),
        ("@hourly", NOON, True),
        ("@hourly", NOON.replace(minute=1), False),
        ("@daily", NOON, False),
        ("@midnight", NOON.replace(hour=0), True),
        ("*/5 * * * *", NOON.replace(minute=55), True),
        ("*/5 * * * *", NOON.replace(minute=56), False),
        ("10-20/5 * * * *", NOON.replace(minute=15), True),
        ("10-20/5 * * * *", NOON.replace(minute=25), False),
        ("0,30 12 * * *", NOON.replace(minute=30), True),
        ("0 11-13 * nov fri", NOON, True),
        ("0 12 * dec *", NOON, False),
        ("0 12 * * 5", NOON, True),
        ("0 12 * * sat,sun", NOON, False),
        ("0 12 22 * *", NOON.replace(day=22), True),
        ("0 12 * * 7", NOON.replace(day=22), True),
        ("0 12 * * 0", NOON.replace(day=22), True),
        # Both days given: either will do.
        ("0 12 1 * 5", NOON, True),
        ("0 12 20 * 1", NOON, True),
        ("0 12 1 * 1", NOON, False),
        # One of them a star: the other decides.
        ("0 12 */2 * 1", NOON, False),
    ],
)
def test_an_entry_is_due_when_cron_would_run_it(schedule: str, minute: datetime, expected: bool) -> None:
    assert cronline.due(entry(f"{schedule} root true"), minute) is expected


def test_every_minute_is_due_in_every_minute() -> None:
    every = entry("* * * * * root true")
    minutes = [datetime(2026, month, day, day % 24, day) for month in (1, 2, 12) for day in (1, 28)]
    assert all(cronline.due(every, minute) for minute in minutes)


def test_a_job_has_four_variables_and_nothing_else() -> None:
    assert cronline.variables(entry("* * * * * root true"), "/root") == {
        "HOME": "/root", "LOGNAME": "root", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh",
    }  # fmt: skip


def test_lines_of_the_file_override_all_but_the_user() -> None:
    found = entry("* * * * * root true", "PATH=/sbin:/bin\nSHELL=/bin/dash\nHOME=/\nLOGNAME=mallory\nLANG='C.UTF-8'\n")
    assert cronline.variables(found, "/root") == {
        "HOME": "/", "LOGNAME": "root", "PATH": "/sbin:/bin", "SHELL": "/bin/dash", "LANG": "C.UTF-8",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "run", "stdin"),
    [
        ("cat", "cat", ""),
        ("cat%one%two", "cat", "one\ntwo\n"),
        ("date +\\%Y", "date +%Y", ""),
        ("cat%100\\%%done", "cat", "100%\ndone\n"),
        ("cat%", "cat", ""),
    ],
)
def test_percent_is_the_end_of_the_command_and_of_lines(command: str, run: str, stdin: str) -> None:
    found = entry(f"* * * * * root {command}")
    assert (found.command, cronline.stdin_text(found)) == (run, stdin)


REGULAR = stat.S_IFREG


@pytest.mark.parametrize(
    ("name", "mode", "uid", "links", "refusal"),
    [
        ("initialrunner", REGULAR | 0o400, 0, 1, None),
        ("initialrunner", REGULAR | 0o644, 0, 1, None),
        ("initialrunner", REGULAR | 0o664, 0, 1, "INSECURE MODE"),
        ("initialrunner", REGULAR | 0o646, 0, 1, "INSECURE MODE"),
        ("initialrunner", REGULAR | 0o644, 1, 1, "WRONG FILE OWNER"),
        ("initialrunner", stat.S_IFDIR | 0o755, 0, 1, "NOT REGULAR"),
        ("initialrunner", REGULAR | 0o644, 0, 2, "NUMBER OF HARD LINKS > 1"),
        (
            "initialrunner.bak.17",
            REGULAR | 0o644,
            0,
            1,
            "the name has a character that cron does not take (it says nothing)",
        ),
    ],
)
def test_files_that_cron_does_not_read(name: str, mode: int, uid: int, links: int, refusal: str | None) -> None:
    assert cronline.refusal(name, mode, uid, links) == refusal
