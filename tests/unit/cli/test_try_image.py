"""`bootstrap try`: what it prints for people, and what its command line takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.cli.main import main
from bootstrap.cli.try_image import report
from bootstrap.trial.model import Clone, Outcome, error, ok

GOOD = Clone(
    "try-1",
    "good",
    (ok("try.boot", "systemd has started everything, and no unit has failed"),),
    {"system": "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"},
    {"heard": 20.0, "healthy": 22.44},
)
LATE = Clone(
    "try-1",
    "late",
    (error("try.never-heard", "try-1 was never heard of in 10m00s", "nobody knows", "look at it"),),
    console=("guest login:", "a \x1b[31mred\x1b[0m line"),
)
FAILED = Clone(
    "try-2", "failed", (error("try.stage", "stage one has failed (exit 1)", "see its log", "mend it"),), log="a\nb\n"
)


def tried(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["try", *words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_good_trial_has_its_judgements_and_its_seconds() -> None:
    assert report(Outcome("image.img", "nocloud", (GOOD,))) == [
        "try-1  Debian GNU/Linux 12 (bookworm), Linux 6.1.0",
        "ok[try.boot]: systemd has started everything, and no unit has failed",
        "image.img: good, healthy 22.4 s after power on, by nocloud",
    ]


def test_a_late_trial_has_the_end_of_the_console_without_what_a_terminal_would_obey() -> None:
    assert report(Outcome("image.img", "files", (LATE,), kept="kept")) == [
        "try-1",
        "error[try.never-heard]: try-1 was never heard of in 10m00s; nobody knows",
        "  fix: look at it",
        "  console | guest login:",
        "  console | a \N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}[0m line",
        "image.img: late, by files",
        "kept in kept",
    ]


def test_a_failed_trial_has_the_end_of_the_log() -> None:
    assert report(Outcome("image.img", "files", (GOOD, FAILED)))[2:] == [
        "try-2",
        "error[try.stage]: stage one has failed (exit 1); see its log",
        "  fix: mend it",
        "  log | a",
        "  log | b",
        "image.img: failed, healthy 22.4 s after power on, by files",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no-such.img",), "Path 'no-such.img' does not exist"),
        ((".", "--clones", "3"), "3 is not in the range 1<=x<=2"),
        ((".", "--deadline", "10"), "'10' is not a duration with a unit; write 90s, 15m or 1h"),
        ((".", "--memory", "64"), "64 is not in the range x>=128"),
    ],
)
def test_a_wrong_command_line_is_refused(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert tried(*words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b" + bytes(600), "is packed by gzip"),
        (b"KDMV" + bytes(600), "is a VMware disk (VMDK), which a trial does not read"),
        (bytes(1 << 16), "has neither a partition table nor a file system that is known"),
    ],
)
def test_what_no_machine_could_boot_is_refused_and_leaves_nothing(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "image.img").write_bytes(content)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    assert tried(str(tmp_path / "image.img")) == 2
    assert message in capsys.readouterr().err
    assert list((tmp_path / "tmp").iterdir()) == []
