"""The command itself: verbs that are meant, and errors for people and for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.errors import ExitCode, Problem, Where

TOP = Path(__file__).parents[3]


def bootstrap(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", *arguments], cwd=TOP, capture_output=True, text=True, check=False
    )


def test_a_verb_that_is_nearly_right_is_named() -> None:
    done = bootstrap("chek", "x")
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr.endswith("Error: no command 'chek'; did you mean check?\n")


def test_every_exit_code_is_in_the_help() -> None:
    text = bootstrap("--help").stdout
    assert all(f"  {code.value}  {code.meaning}" in text for code in ExitCode)


@pytest.mark.parametrize("arguments", [("--debug", "check", "none.yaml"), ("check", "none.yaml", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(arguments: tuple[str, ...]) -> None:
    assert "Traceback" not in bootstrap("check", "none.yaml").stderr
    assert bootstrap(*arguments).stderr.startswith("Traceback")


def test_no_name_moves_the_cursor_of_a_terminal(tmp_path: Path) -> None:
    done = bootstrap("check", str(tmp_path / "\x1b]0;x\x07\x9b2J\u202e.yaml"))
    assert done.returncode == ExitCode.USAGE and not set(done.stderr) & set("\x1b\x07\x9b\u202e")
    assert "\N{REPLACEMENT CHARACTER}]0;x" in done.stderr


def test_a_caret_stays_below_its_value() -> None:
    problem = Problem("a.b", "no\x1b", Where("web.yaml", 3, 3, "a\x1bb: c", 1), "mend\x07 it")
    assert str(problem) == ("web.yaml:3:3: error[a.b]: no\ufffd\n    3 | a\ufffdb: c\n      |   ^ mend\ufffd it")


def test_with_json_the_problems_go_to_stdout_for_programs(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("version: 1\nname: web\ndeadline: 90\n")
    done = bootstrap("check", str(tmp_path / "web.yaml"), "--json")
    assert (done.returncode, done.stderr) == (ExitCode.SPEC, "")
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["code"], problem["line"], problem["column"], problem["severity"]) == ("spec.unit", 3, 11, "error")


def test_new_check_and_schema_work_together(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    assert bootstrap("new", str(folder)).returncode == 0
    checked = bootstrap("check", str(folder), "--strict", "--target", "user-data", "--provider", "nova")
    assert checked.returncode == 0, checked.stderr
    *measured, last = checked.stdout.splitlines()
    assert last.startswith(f"{folder}/site.yaml: ok (3 files, 1 stage, 2 checks; revision ")
    assert [line.split()[:4] for line in measured] == [
        ["target", "what", "as", "used"],
        ["user-data", "(nova)", "user-data", "text"],
    ]
    again = bootstrap("new", str(folder))
    assert (again.returncode, "is not empty" in again.stderr) == (ExitCode.USAGE, True)
    schema = json.loads(bootstrap("schema").stdout)
    assert (schema["title"], schema["additionalProperties"]) == ("initialrunner spec", False)
    assert {"version", "name", "stages", "wait_for"} <= schema["properties"].keys()


def test_a_payload_too_large_for_a_provider_is_refused_before_anybody_pays() -> None:
    done = bootstrap("check", "examples/hello", "--target", "user-data", "--provider", "ec2")
    assert done.returncode == ExitCode.REFUSED
    assert "ec2 takes 16,384" in done.stderr


def test_check_measures_every_way_a_provider_takes() -> None:
    nova = bootstrap("check", "examples/hello", "--provider", "nova")
    assert nova.returncode == 0, nova.stderr
    assert [line.split()[0] for line in nova.stdout.splitlines()] == [
        "target", *["personality"] * 6, "user-data", "examples/hello/hello.yaml:"
    ]  # fmt: skip
    assert "note: /etc/rc.local.stage1 rides in the bundle, since nova takes too few files\n" in nova.stderr


def test_check_says_which_way_does_not_fit_as_long_as_another_does() -> None:
    rackspace = bootstrap("check", "examples/hello", "--provider", "rackspace", "--json")
    assert rackspace.returncode == 0, rackspace.stderr
    (packed,) = json.loads(rackspace.stdout)["packed"]
    assert (packed["target"], packed["measures"][0]["limit"]) == ("user-data", 65_535)
    personality = bootstrap("check", "examples/hello", "--provider", "rackspace", "--target", "personality")
    assert (personality.returncode, "they carry a stub" in personality.stderr) == (ExitCode.REFUSED, True)


def test_check_says_that_a_limit_is_unknown() -> None:
    proxmox = bootstrap("check", "examples/hello", "--provider", "proxmox")
    assert (proxmox.returncode, " unknown " in proxmox.stdout) == (0, True)
    assert proxmox.stderr == "note: proxmox publishes no limit for user-data: it may refuse what is taken here\n"


def test_strict_makes_warnings_errors(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("version: 1\nname: web\nstages: [{name: one, run: 'true'}]\n")
    plain, strict = (bootstrap("check", str(tmp_path / "web.yaml"), *more) for more in ((), ("--strict",)))
    assert (plain.returncode, "warning[spec.health]" in plain.stderr) == (0, True)
    assert (strict.returncode, "error[spec.health]" in strict.stderr) == (ExitCode.SPEC, True)


def test_the_longest_name_of_a_spec_still_names_a_server(tmp_path: Path) -> None:
    """Found by fuzzing: check and show add `-1` to it, which was a character too many for a server's name."""
    (tmp_path / "web.yaml").write_text(f"version: 1\nname: {'x' * 63}\nstages: [{{name: one, run: 'true'}}]\n")
    for verb in "check", "show":
        done = bootstrap(verb, str(tmp_path / "web.yaml"))
        assert (done.returncode, done.stderr.count("error")) == (0, 0)
    assert f"server    {'x' * 61}-1\n" in done.stdout


def test_a_folder_whose_name_is_not_utf8_is_printed_unchanged(tmp_path: Path) -> None:
    """Found by fuzzing: in a locale of UTF-8 it was a bug of this program."""
    path = os.fsencode(tmp_path) + b"/\xff.yaml"
    with open(path, "w") as file:
        file.write("version: 1\nname: web\n")
    argv = [sys.executable, "-m", "bootstrap", "check", path]
    done = subprocess.run(argv, cwd=TOP, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})
    assert done.returncode == 0 and done.stdout.startswith(path + b": ok")
