"""`bootstrap seal`: what it prints, for people and for programs, and how it exits."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, put

from bootstrap.cli.main import main
from bootstrap.errors import ExitCode

pytestmark = needs_root
KEYS = {"version", "root", "sealed", "findings", "warnings", "allowed", "cleaned", "not_cleaned", "unused_allow"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return clean_root(tmp_path / "root")


def seal(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["seal", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_clean_image_is_sealed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seal("root") == ExitCode.GOOD
    assert capsys.readouterr().out == "root: sealed\n"


def test_a_finding_names_the_thing_then_the_reason_then_the_fix(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(root, "/root/.bash_history", "ls\n")
    put(root, "/home/alice/.bash_history.d", "ls\n")
    put(root, "/srv/app/.zsh_history", "ls\n")
    put(root, "/root/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n")
    put(root, "/etc/hostname", "builder\n")
    assert seal("root", "--require", "nova-agent", "--allow", "/var/log/*") == ExitCode.REFUSED
    assert capsys.readouterr().out == (
        "error[ssh.authorized-keys]: /root/.ssh/authorized_keys: keys that may log in; the builder could log in to"
        " every clone\n"
        "  fix: remove it, or --allow it by its path  (--clean-access: removed)\n"
        "error[history.shell]: /root/.bash_history: a shell history; it may hold passwords that were typed\n"
        "  also: /srv/app/.zsh_history: a shell history\n"
        "  fix: remove it  (--clean: removed)\n"
        "error[need.unit]: nova-agent is not installed; --require asks for it\n"
        "  fix: install it\n"
        "warning[identity.hostname]: /etc/hostname: a host name; a clone that is given no name would use this one\n"
        "  fix: write localhost into it, unless that is wanted\n"
        "note: --allow /var/log/* fits no finding\n"
        "root: 4 findings, 1 warning, --clean fixes 2\n"
    )


def test_cleaning_lists_its_changes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(root, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    put(root, "/var/lib/apt/lists/mirror", "x")
    assert seal("root", "--clean") == ExitCode.GOOD
    assert capsys.readouterr().out == (
        "cleaned   /etc/machine-id: emptied (identity.machine-id)\n"
        "cleaned   /var/lib/apt/lists: 1 file removed (cache.apt-lists)\n"
        "root: sealed\n"
    )


def test_the_same_as_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(root, os.fsdecode(b"/tmp/\xff"), "x")
    put(root, "/srv/key", "-----BEGIN PRIVATE KEY-----\n" + "A" * 64)
    assert seal("root", "--json") == ExitCode.REFUSED
    report = json.loads(capsys.readouterr().out)
    assert set(report) == KEYS
    assert (report["version"], report["sealed"]) == (1, False)
    assert report["findings"] == [
        {
            "code": "tmp.file",
            "severity": "error",
            "path": "/tmp/\\xff",
            "what": "a temporary file",
            "why": "it may hold anything",
            "mend": "remove it",
            "clean": "removed",
        },
        {
            "code": "key.private",
            "severity": "error",
            "path": "/srv/key",
            "what": "a private key",
            "why": "whoever has a clone has it",
            "mend": "remove it, and replace it by a new one wherever it is in use",
            "clean": "listed only",
        },
    ]
    assert seal("root", "--json", "--clean", "--allow", "key.private") == ExitCode.GOOD
    report = json.loads(capsys.readouterr().out)
    assert set(report) == KEYS
    assert report["cleaned"] == [{"path": "/tmp/\\xff", "code": "tmp.file", "did": "removed"}]
    assert [finding["path"] for finding in report["allowed"]] == ["/srv/key"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "nowhere cannot be opened"),
        (("root", "--clean-access"), "--clean-access goes with --clean"),
        (("root", "--allow", "histroy.shell"), "--allow histroy.shell: no finding has this code"),
        (("root", "--mount", "/boot/efi"), "nothing is mounted at /boot/efi of root"),
    ],
)
def test_wrong_use_is_reported(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert seal(*arguments) == ExitCode.USAGE
    assert message in capsys.readouterr().err
