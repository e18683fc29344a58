"""The warnings of `check` and `render`, and the cases in which a warning is an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.cli.main import main
from bootstrap.errors import ExitCode

SPEC = """\
version: 1
name: web
secrets: {token: "env:WEB_TOKEN"}
stages:
  - {name: one, run: "echo $HOME", environment: {TOKEN: "{{ token }}"}}
health: {checks: [{file: /srv}]}
"""
EXPOSED = "web.yaml:3:18: warning[payload.exposed]: secrets.token: in {} every user of the host can read it"


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEB_TOKEN", "correct-horse")
    (tmp_path / "web.yaml").write_text(SPEC)
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("targets", "exposing"),
    [
        (["user-data"], "user-data"),
        (["tree", "cloud-config", "user-data"], "cloud-config and user-data"),
        (["tree"], None),
        (["personality", "tree"], None),
    ],
)
def test_a_secret_that_every_user_could_read_is_a_warning_with_its_targets(
    targets: list[str], exposing: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [word for target in targets for word in ("--target", target)]
    provider = ["--provider", "nova"] if "personality" in targets else []

    for verb in (["check", "web.yaml"], ["render", "web.yaml", "--server", "web-1"]):
        assert run(*verb, *chosen, *provider) == ExitCode.GOOD
        err = capsys.readouterr().err
        assert "correct-horse" not in err
        assert (EXPOSED.format(exposing) in err) if exposing else ("payload.exposed" not in err)


def test_render_prints_the_warnings_of_its_templates(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / "web.yaml").write_text(SPEC.replace("$HOME", "{{ server }}"))
    (workdir / "servers.yaml").write_text("[web-1, web-*, db-*]")

    assert run("render", "web.yaml", "--servers", "servers.yaml", "--target", "tree") == ExitCode.GOOD

    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning[" in line]
    # One of each group, and none of the server that has a payload of its own.
    assert [line.split("server, which is ")[1].split()[0] for line in warnings] == ["db-*", "web-*"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], "payload.exposed"),
        (["--lint"], "lint.SC2086"),
    ],
)
def test_strict_turns_every_warning_into_an_error(
    arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check = ["check", "web.yaml", "--target", "user-data", *arguments]
    assert run(*check) == ExitCode.GOOD
    assert f"warning[{code}]" in capsys.readouterr().err

    assert run(*check, "--strict") == ExitCode.SPEC

    err = capsys.readouterr().err
    assert f"error[{code}]" in err and "warning[" not in err
    assert run(*check, "--strict", "--json") == ExitCode.SPEC
    assert {problem["severity"] for problem in json.loads(capsys.readouterr().out)["problems"]} == {"error"}


def test_shellcheck_is_asked_for_and_its_errors_are_errors(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / "web.yaml").write_text(SPEC.replace("echo $HOME", "if true; then echo"))

    assert run("check", "web.yaml") == ExitCode.GOOD
    assert "lint." not in capsys.readouterr().err
    assert run("check", "web.yaml", "--lint") == ExitCode.SPEC
    assert "web.yaml:5:41: error[lint.SC1047]: stages[0].run: Expected 'fi'" in capsys.readouterr().err
