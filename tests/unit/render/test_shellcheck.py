"""shellcheck's words, at the place in the spec or in the file where people can mend them."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from bootstrap.errors import Problem, UsageError
from bootstrap.plan.resolve import resolve
from bootstrap.render import shellcheck
from bootstrap.render.render import render
from bootstrap.spec.load import load

HEAD = "version: 1\nname: web\nvalues: {dir: /srv, n: 3}\n"


def linted(folder: Path, text: str) -> list[Problem]:
    (folder / "web.yaml").write_text(HEAD + text)
    plan = resolve(load(folder / "web.yaml"), server="web-1", deploy_id="d1")
    return shellcheck.lint(plan, render(plan))


def told(problems: list[Problem]) -> list[tuple[str, int, int, str]]:
    """(file, line, column, what is underlined) of each."""
    found = []
    for problem in problems:
        assert problem.where is not None
        place, at = problem.where, problem.where.column - 1
        found.append((Path(place.file).name, place.line, place.column, place.source[at : at + place.width]))
    return found


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("stages:\n  - name: one\n    run: |\n      cd /srv\n      rm -r $HOME\n", [("web.yaml", 8, 13, "$HOME")]),
        ("stages: [{name: one, run: echo $HOME}]\n", [("web.yaml", 4, 32, "$HOME")]),
        ("stages: [{name: one, run: 'echo $HOME'}]\n", [("web.yaml", 4, 33, "$HOME")]),
        ("stages: [{name: one, run: 'true', verify: test $HOME, skip_if: test $HOME}]\n",
         [("web.yaml", 4, 69, "$HOME"), ("web.yaml", 4, 48, "$HOME")]),
        ("stages: [{name: one, run: 'true', undo: test $HOME}]\nrollback: true\n", [("web.yaml", 4, 46, "$HOME")]),
        ("every_boot: [{name: one, run: echo $HOME}]\n", [("web.yaml", 4, 36, "$HOME")]),
        ('health: {checks: [{command: "test $HOME"}]}\n', [("web.yaml", 4, 35, "$HOME")]),
        # Folded by YAML: there is no such line in the file, so the text as a whole is pointed at.
        ("stages:\n  - name: one\n    run: >\n      echo\n      $HOME\n", [("web.yaml", 6, 10, ">")]),
        ("files:\n  - {path: /x, content: \"#!/bin/sh\\necho $1\\n\", mode: '0755'}\n",
         [("web.yaml", 5, 25, '"#!/bin/sh\\necho $1\\n"')]),
    ],
    ids=["block", "plain", "quoted", "verify-and-skip-if", "undo", "every-boot", "check", "folded", "content"],
)  # fmt: skip
def test_a_finding_stands_where_the_text_stands_in_the_spec(
    tmp_path: Path, text: str, places: list[tuple[str, int, int, str]]
) -> None:
    problems = linted(tmp_path, text)

    assert {problem.code for problem in problems} == {"lint.SC2086"}
    assert told(problems) == places


@pytest.mark.parametrize("key", ["script", "template"])
def test_a_finding_in_a_file_of_its_own_stands_there(tmp_path: Path, key: str) -> None:
    (tmp_path / "one.sh").write_text("#!/bin/bash\n\necho $1\n")

    problems = linted(tmp_path, f"stages: [{{name: one, {key}: one.sh}}]\n")

    assert told(problems) == [("one.sh", 3, 6, "$1")]
    (problem,) = problems
    assert problem.message == f"stages[0].{key}: Double quote to prevent globbing and word splitting."
    assert problem.severity == "warning"
    assert problem.hint == "see https://www.shellcheck.net/wiki/SC2086; to keep it: # shellcheck disable=SC2086"


def test_files_that_the_spec_places_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\necho $1\n")
    (tmp_path / "tool.py").write_text("#!/usr/bin/python3\nprint('$1')\n")
    text = "files:\n  - {path: /a, source: tool}\n  - {path: /b, template: tool}\n  - {path: /c, source: tool.py}\n"

    assert told(linted(tmp_path, text)) == [("tool", 2, 6, "$1")] * 2


def test_places_in_a_template_are_those_of_the_template(tmp_path: Path) -> None:
    text = (
        "stages:\n  - name: one\n    run: |\n      {% if n == 3 %}\n"
        '      cd {{ dir }} && rm -r {{ dir }}/$HOME "{{\n      n }}" $HOME\n      {% endif %}\n'
    )

    assert told(linted(tmp_path, text)) == [("web.yaml", 8, 39, "$HOME"), ("web.yaml", 9, 13, "$HOME")]


def test_what_only_the_rendered_text_shows_is_told_once_at_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "one.sh").write_text("{% for x in ['$HOME', '$PWD'] %}echo {{ x }}\n{% endfor %}")

    assert told(linted(tmp_path, "stages: [{name: one, template: one.sh}]\n")) == [
        ("one.sh", 1, 1, "{"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'stages: [{name: one, run: "if [ {{ n }} = 3 ]; then echo $(({{ n }} + 1)); fi"}]\n',
        "stages: [{name: one, run: 'echo \"$lower\"', environment: {lower: x}}]\n",
        'stages: [{name: one, run: ". /etc/os-release"}]\n',
        "stages: [{name: one, run: \"#!/usr/bin/python3\\nprint('$HOME')\"}]\n",
        "stages:\n  - name: one\n    run: |\n      # shellcheck disable=SC2086\n      echo $HOME\n",
        "{}\n",
    ],
    ids=["a-constant-of-a-template", "its-environment", "a-file-of-the-host", "python", "told-to-be-quiet", "nothing"],
)
def test_what_is_meant_is_not_told(tmp_path: Path, text: str) -> None:
    assert linted(tmp_path, "" if text == "{}\n" else text) == []


@pytest.mark.fault(133)
@pytest.mark.parametrize(
    "text",
    [
        "#!/usr/bin/env /bin/bash\na=(1)\necho \"${a[0]}\" $HOME\n",
        "#!/usr/bin/env -S /bin/bash -e\na=(1)\necho \"${a[0]}\" $HOME\n",
        "#!/usr/bin/env -S bash -e\na=(1)\necho \"${a[0]}\" $HOME\n",
        "{% set shell = 'bash' %}#!/bin/{{ shell }}\na=(1)\necho \"${a[0]}\" $HOME\n",
        "#!/bin/{{ 'bash' }}\na=(1)\necho \"${a[0]}\" $HOME\n",
    ],
    ids=["a-path-after-env", "a-path-after-env-S", "env-S", "markup-before-it", "markup-in-it"],
)
def test_a_text_is_read_under_its_own_first_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.sh").write_text(text)

    problems = linted(tmp_path, "stages: [{name: one, template: one.sh}]\n")

    # Neither a shell that shellcheck would not know, nor a line of ours that makes it sh.
    assert [(problem.code, problem.severity) for problem in problems] == [("lint.SC2086", "warning")]
    assert told(problems) == [("one.sh", 3, 16, "$HOME")]


def test_what_no_shell_could_read_is_an_error(tmp_path: Path) -> None:
    problems = linted(tmp_path, 'stages: [{name: one, run: "if true; then echo"}]\n')

    assert {problem.severity for problem in problems} == {"error"}
    assert "lint.SC1047" in {problem.code for problem in problems}


def test_the_shellcheck_beside_the_command_is_taken_whether_or_not_the_environment_is_activated(tmp_path: Path) -> None:
    """A user runs .venv/bin/bootstrap by its path; another shellcheck on PATH may be older than the locked one."""
    (tmp_path / "web.yaml").write_text(HEAD + "stages: [{name: one, run: echo $HOME}]\n")
    (tmp_path / "bin").mkdir()
    command = [Path(sysconfig.get_path("scripts")) / "bootstrap", "check", "web.yaml", "--lint"]
    for has_another in (False, True):
        if has_another:
            (tmp_path / "bin/shellcheck").write_text("#!/bin/sh\nexit 9\n")
            (tmp_path / "bin/shellcheck").chmod(0o755)
        environment = {"PATH": str(tmp_path / "bin")}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stderr
        assert "warning[lint.SC2086]" in done.stderr


def test_without_shellcheck_it_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    with pytest.raises(UsageError) as caught:
        linted(tmp_path, "stages: [{name: one, run: 'true'}]\n")

    assert caught.value.hint == "pip install 'initialrunner[lint]', or apt-get install shellcheck"
    (tmp_path / "shellcheck").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "shellcheck").chmod(0o755)
    with pytest.raises(UsageError, match="does not work"):
        linted(tmp_path, "stages: [{name: one, run: 'true'}]\n")
