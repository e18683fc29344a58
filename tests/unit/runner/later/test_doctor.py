"""`doctor` over a machine in a folder: each part that can be wrong, and what --fix mends."""

from __future__ import annotations

import os
from typing import Any

import pytest
from checkout import Machine, MakeMachine, as_root
from handmade import payload, stage

from bootstrap.runner.later import doctor

TRIGGER = "/etc/cron.d/initialrunner"


def examined(box: Machine, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """(exit code, the names of the parts that are wrong)."""
    capsys.readouterr()
    code = box.verb("doctor", *words)
    lines = capsys.readouterr().out.splitlines()
    return code, [line.split()[1] for line in lines if line.startswith("WRONG")]


@pytest.fixture
def box(machine: MakeMachine, mocker: Any) -> Machine:
    box = machine(payload([stage("one", "true")]))
    box.run()
    box.unlock()
    mocker.patch.object(doctor, "daemon", return_value=("cron", "1"))
    # Root's files and root's access, which the user of the tests stands for.
    lstat = os.lstat
    mocker.patch.object(doctor.os, "lstat", side_effect=lambda path, **more: as_root(lstat(path, **more)))
    mocker.patch.object(doctor.os, "access", return_value=True)
    return box


def test_nothing_is_wrong_with_a_good_host(box: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert examined(box, capsys) == (0, [])


@pytest.mark.parametrize(
    "content",
    ["", "no newline at its end", "* * * * * root x\r\n", "* * * * * root another line\n"],
)
def test_an_entry_that_is_not_the_plan_s_is_found_and_written_again(
    box: Machine, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    good = box.path(TRIGGER).read_bytes()
    box.put(TRIGGER, content)
    assert examined(box, capsys) == (5, ["trigger"])
    assert examined(box, capsys, "--fix") == (0, [])
    assert box.path(TRIGGER).read_bytes() == good


def test_an_entry_that_is_gone_or_open_to_others_is_found(box: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    box.path(TRIGGER).chmod(0o666)
    assert examined(box, capsys)[1] == ["trigger"]
    box.path(TRIGGER).unlink()
    assert examined(box, capsys)[1] == ["trigger"]
    box.path(TRIGGER).symlink_to("/dev/null")
    assert examined(box, capsys)[1] == ["trigger"]


def test_copies_beside_the_entry_are_found_and_removed(box: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    text = box.path(TRIGGER).read_text()
    box.put("/etc/cron.d/copy", text)
    box.put("/etc/cron.d/a.copy", text)
    box.put(TRIGGER + ".bak.1", "")
    assert examined(box, capsys) == (5, ["trigger"] * 3)
    assert examined(box, capsys, "--fix") == (0, [])


def test_an_entry_of_another_bundle_is_left_alone(box: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    box.put(TRIGGER, "* * * * * root sha256sum of another\n")
    assert examined(box, capsys, "--fix") == (5, ["trigger"])
    assert "another" in box.path(TRIGGER).read_text()


@pytest.mark.parametrize(("name", "pid", "started"), [("cron", None, ["cron"]), (None, None, [])])
def test_a_cron_that_does_not_run_is_started(
    box: Machine, capsys: pytest.CaptureFixture[str], mocker: Any, name: str | None, pid: str | None, started: list[str]
) -> None:
    mocker.patch.object(doctor, "daemon", return_value=(name, pid))
    assert examined(box, capsys, "--fix") == (5, ["cron"])
    assert [command.split()[-1] for command in box.host.started if "cron" in command] == started


def test_a_root_whose_password_has_ended_starts_no_job(box: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    box.put("/etc/shadow", "root:x:0:0:99999:7:::\n")
    assert examined(box, capsys)[1] == ["cron"]


def test_a_damaged_journal_and_a_clock_before_the_payload_are_found(
    box: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = box.path("/var/lib/initialrunner/journal")
    journal.write_bytes(b"damage\n" + journal.read_bytes())
    box.host.clock -= 3 * 86400
    assert examined(box, capsys)[1] == ["clock", "journal"]


def test_a_full_disk_is_found(box: Machine, capsys: pytest.CaptureFixture[str], mocker: Any) -> None:
    real = doctor.os.statvfs("/")
    mocker.patch.object(doctor.os, "statvfs", return_value=mocker.Mock(wraps=real, f_flag=0, f_bfree=0, f_frsize=1))
    assert set(examined(box, capsys)[1]) == {"disk"}  # once for each file system


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ((200, b"", {}), []),
        ((503, b"", {}), ["collector"]),
        (OSError("no route"), ["collector"]),
        ((200, b"", {"date": "Fri, 20 Nov 2020 12:00:00 GMT"}), ["collector"]),
    ],
)
def test_the_way_to_the_collector_is_tried(
    box: Machine, capsys: pytest.CaptureFixture[str], mocker: Any, answer: Any, wrong: list[str]
) -> None:
    box.plan["report"] = {"url": "http://127.0.0.1:1/", "key": "c2VjcmV0"}
    effect = {"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}
    mocker.patch.object(doctor, "http", **effect)
    mocker.patch.object(doctor.time, "time", return_value=box.host.now())
    assert examined(box, capsys)[1] == wrong
