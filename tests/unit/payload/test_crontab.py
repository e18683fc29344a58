"""Cron text judged without cron: whole messages, and every problem of a file at once."""

from __future__ import annotations

import pytest

from bootstrap.errors import ExitCode, SpecError, render_problem
from bootstrap.payload.crontab import judge, parse, require
from bootstrap.payload.refused import Refused

GOOD = "SHELL=/bin/sh\n@reboot root start\n* * * * * root start\n"
FILE = "/etc/cron.d/initialrunner"


def messages(text: str | bytes) -> list[tuple[str, int, int]]:
    """(code without its family, line, column) of every problem."""
    return [
        (problem.code.removeprefix("payload.cron-"), problem.where.line, problem.where.column)
        for problem in judge(text)
        if problem.where
    ]


def test_a_good_file_has_no_problem_and_two_entries() -> None:
    crontab = parse(GOOD)

    assert judge(GOOD) == []
    assert [(e.line, e.schedule, e.user, e.command) for e in crontab.entries] == [
        (2, "@reboot", "root", "start"),
        (3, "* * * * *", "root", "start"),
    ]
    assert crontab.entries[0].environment == (("SHELL", "/bin/sh"),)


def test_the_line_of_the_old_recipe_is_refused_with_the_place_and_the_mend() -> None:
    (problem,) = judge("1/* * * * * root rm /etc/cron.d/x; sh /etc/rc.local\n")

    assert render_problem(problem) == (
        f"{FILE}:1:1: error[payload.cron-minute]: "
        "'1/*' is no minute (a step needs * or a range before it): cron ignores the whole file\n"
        "    1 | 1/* * * * * root rm /etc/cron.d/x; sh /etc/rc.local\n"
        "      | ^^^ */N, or 1-59/N"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60 * * * * root x\n", "'60' is no minute (60 is outside 0-59): cron ignores the whole file"),
        ("* 24 * * * root x\n", "'24' is no hour (24 is outside 0-23): cron ignores the whole file"),
        ("* * 0 * * root x\n", "'0' is no day-of-month (0 is outside 1-31): cron ignores the whole file"),
        ("* * * 13 * root x\n", "'13' is no month (13 is outside 1-12): cron ignores the whole file"),
        ("* * * * 8 root x\n", "'8' is no day-of-week (8 is outside 0-7): cron ignores the whole file"),
        ("* * * * root x\n", "'root' is no day-of-week ('root' is no number and no name): cron ignores the whole file"),
        ("*/0 * * * * root x\n", "'*/0' is no minute (a step is at least 1): cron ignores the whole file"),
        ("? * * * * root x\n", "'?' is no minute (a number is missing): cron ignores the whole file"),
        ("jan * * * * root x\n", "'jan' is no minute ('jan' is no number): cron ignores the whole file"),
        ("50-10 * * * * root x\n", "'50-10' counts down: cron accepts it and it never matches"),
        ("0~59 * * * * root x\n", "cron ignores '~59' in '0~59', without a message"),
        ("@Reboot root x\n", "'@Reboot' is no time that cron knows: it ignores the whole file"),
        ("* * * * * /bin/x y\n", "'/bin/x' is not a user name: cron ignores the whole file"),
        ("* * * * * root\n* * * * * root x\n", "the line ends before its command: cron ignores the whole file"),
        ("* * * * * root \n", "the command is empty: cron accepts it and runs nothing"),
        pytest.param(
            "* * * * * root date +%F\n",
            "cron ends the command at the bare '%': it would run 'date +'",
            marks=pytest.mark.fault(25),
        ),
        ("* * * * * root a \\\n", "cron knows no continuation lines"),
        ("* * * * * root x", "the last line has no newline at its end: cron ignores the whole file"),
        ("* * * * * root x\r\n", "1 line ends in CR LF: cron hands the CR to the command"),
        ("\ufeff* * * * * root x\n", "the file begins with a byte order mark, which cron takes for text"),
        ("* * * * * root x\0\n", "the file holds a NUL byte, at which cron ends the line"),
        (
            "MAILTO=\n* * * * * root x\n",
            "'MAILTO=' is no setting that cron can read, and no entry: it ignores the whole file",
        ),
        ("# nothing\n", "the file has no entry: cron accepts it and starts nothing"),
    ],
)
def test_one_problem_is_one_message(text: str, message: str) -> None:
    assert [(problem.message, problem.severity) for problem in judge(text)] == [(message, "error")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* * * * * web x\n", "the entry runs as 'web': cron ignores the whole file on a server without that user"),
        ("* * * * * root a\\\\b\n", "cron turns two backslashes into one before the shell sees them"),
    ],
)
def test_what_only_the_server_can_know_is_a_warning(text: str, message: str) -> None:
    assert [(problem.message, problem.severity) for problem in judge(text)] == [(message, "warning")]
    assert require(text) == judge(text)


def test_a_command_of_998_bytes_is_the_longest() -> None:
    fits = "* * * * * root " + "é" * 499 + "\n"

    assert judge(fits) == []
    assert [problem.message for problem in judge(fits.replace("\n", "x\n"))] == [
        "the command has 999 bytes, and cron takes 998: it ignores the whole file"
    ]


def test_every_problem_of_a_file_is_told_at_once() -> None:
    text = "1/* * * * * root x\n\n@never root x\n* * * * * root a % b\n61 * * * * root x\n* * * * * root x"

    assert messages(text) == [
        ("minute", 1, 1),
        ("nickname", 3, 1),
        ("percent", 4, 18),
        ("minute", 5, 1),
        ("newline", 6, 17),
    ]


def test_columns_count_characters() -> None:
    assert messages("* * * * * root echo äöü % x\n") == [("percent", 1, 25)]


def test_escaped_percent_and_backslash_are_what_the_shell_gets() -> None:
    (entry,) = parse("@reboot root date +\\%F \\\\ \\t %in%put\n").entries

    assert (entry.command, entry.stdin) == ("date +%F \\ \\t ", "in%put")


def test_a_refused_file_has_no_entries_at_all() -> None:
    crontab = parse("@reboot root x\n99 * * * * root y\n")

    assert (crontab.entries, crontab.refusal) == ((), "bad minute")


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("a.sh", 0o644, "cron ignores /etc/cron.d/a.sh without a message: the name may hold only A-Z a-z 0-9 _ -"),
        ("a", 0o664, "cron ignores /etc/cron.d/a with mode 0664: group or others may write it"),
    ],
)
def test_name_and_mode_are_judged_too(name: str, mode: int, message: str) -> None:
    assert [problem.message for problem in judge(GOOD, name, mode=mode)] == [message]


def test_our_own_text_is_refused_as_a_payload_and_a_users_template_as_a_spec() -> None:
    with pytest.raises(Refused) as refused:
        require("60 * * * * root x\n99 * * * * root x\n")
    with pytest.raises(SpecError) as theirs:
        require("60 * * * * root x\n", template="mine-cron.j2")

    assert (refused.value.exit_code, len(refused.value.problems)) == (ExitCode.REFUSED, 2)
    assert (theirs.value.exit_code, str(theirs.value.problems[0].where)) == (ExitCode.SPEC, "mine-cron.j2:1:1")
