"""Has shellcheck read every shell text of a plan, and tells what it finds at its place in the spec or in the file.

A template is read twice: with its expressions masked, character for character, so that places stay what they are, and
rendered, so that only what is true of the text on the host is told.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.errors import Problem, UsageError, Where
from bootstrap.plan.model import Plan, PlannedScript, Text
from bootstrap.render.jinja import has_marks, markup
from bootstrap.render.model import Rendered
from bootstrap.render.shelltext import is_shell

# What a stage without a `#!` line runs under.
DEFAULT = "#!/bin/sh -eu"
# `env` before a whole path works, and shellcheck does not know it.
_ENV_PATH = re.compile(r"#! ?/\S*/env +(-S +)?(?=/)")
# Files that a script sources are on the host, not here.
_NOT_HERE = "SC1090,SC1091"
_LIMIT_S = 120
_UNASSIGNED = 2154
# A comparison of what a template has written is constant by its nature.
_CONSTANT = (2050, 2078, 2157, 2158, 2159, 2194)


@dataclass(frozen=True)
class Script:
    """One shell text.

    what: its key; text: as the spec has it; rendered: as the host runs it; given: variables that it gets.
    """

    what: str
    text: Text
    rendered: str
    given: frozenset[str] = frozenset()

    @property
    def masked(self) -> str:
        """The text with its markup replaced by as many characters: a word for a value, blanks for the rest."""
        if not self.text.is_template:
            return self.text.value
        return markup(self.text).sub(lambda m: re.sub(r"[^\n]", "x" if m[1] else " ", m[0]), self.text.value)

    def concerns(self, one: dict[str, Any]) -> bool:
        """Whether a finding is one for people: not of what the spec itself decides."""
        if one["code"] == _UNASSIGNED:
            return one["message"].split(" ")[0] not in self.given
        return not (one["code"] in _CONSTANT and has_marks(self.text))


@dataclass(frozen=True)
class _Read:
    """A text and the `#!` line under which shellcheck reads it, which takes the place of the text's own."""

    text: str
    head: str

    @property
    def added(self) -> int:
        """Lines before the text's first."""
        return 0 if self.text.startswith("#!") else 1

    @property
    def whole(self) -> str:
        return self.head + "\n" + (self.text if self.added else self.text.partition("\n")[2])


def lint(plan: Plan, rendered: Rendered) -> list[Problem]:
    """Everything shellcheck says of the stages, checks and shell files. Raises UsageError when it is not there."""
    shellcheck = find()
    texts = [script for script in scripts(plan, rendered) if is_shell(script.rendered)]
    both = [_Read(text, _head(script)) for script in texts for text in (script.masked, script.rendered)]
    found = _run(shellcheck, both)
    problems: list[Problem] = []
    for number, script in enumerate(texts):
        masked, true = (list(filter(script.concerns, found[2 * number + which])) for which in (0, 1))
        said = {(one["code"], one["message"]) for one in true}
        placed = [one for one in masked if (one["code"], one["message"]) in said]
        problems += [_problem(script, one, _place(script.text, one)) for one in placed]
        # What only the rendered text shows has no place in the template: once, at its beginning.
        told = {one["code"] for one in placed}
        others = {one["code"]: one for one in true if one["code"] not in told}
        problems += [_problem(script, one, _start(script.text)) for one in others.values()]
    return problems


def find() -> str:
    """The path of shellcheck: beside the Python that runs this, where pip puts it, or on PATH. Raises UsageError."""
    beside = Path(sys.executable).parent / "shellcheck"
    shellcheck = str(beside) if beside.is_file() else shutil.which("shellcheck")
    if shellcheck is None:
        raise UsageError(
            "shellcheck is not there", hint="pip install 'initialrunner[lint]', or apt-get install shellcheck"
        )
    # It works in a folder of its own, where an entry of PATH that is not absolute would lead elsewhere.
    return str(Path(shellcheck).absolute())


def scripts(plan: Plan, rendered: Rendered) -> Iterator[Script]:
    """Every text of a plan that a shell may run."""
    for kind, planned in (("stages", plan.stages), ("every_boot", plan.every_boot)):
        entries = rendered.host_plan.get(kind, ())
        for number, (script, entry) in enumerate(zip(planned, entries, strict=True)):
            yield from _of_stage(f"{kind}[{number}]", script, entry)
    checks = rendered.host_plan.get("health", {}).get("checks", ())
    for number, check in enumerate(plan.health.checks if plan.health else ()):
        if check.kind == "command":
            yield Script(f"health.checks[{number}].command", dict(check.fields)["text"], checks[number]["text"])
    for number, (file, done) in enumerate(zip(plan.files, rendered.files, strict=True)):
        content = done.content.decode("utf-8", "replace")
        if content.startswith("#!"):
            text = file.text or Text(content, file.where, is_template=False, file=file.source_name)
            yield Script(f"files[{number}]", text, content)


def _of_stage(what: str, script: PlannedScript, entry: dict[str, Any]) -> Iterator[Script]:
    given = frozenset(name for name, _ in script.environment)
    key = "run" if script.text.file is None else "template" if script.text.is_template else "script"
    yield Script(f"{what}.{key}", script.text, entry["text"], given)
    for name in ("skip_if", "verify", "undo"):
        text = getattr(script, name)
        if text is not None:
            yield Script(f"{what}.{name}", text, entry[name], given)


def _head(script: Script) -> str:
    """The `#!` line that the host goes by, in words that shellcheck knows: it stands before the masked text as well.

    In a template markup may come before it, so that the masked text does not begin with it.
    """
    first = script.rendered.partition("\n")[0] if script.rendered.startswith("#!") else DEFAULT
    return _ENV_PATH.sub("#!", first)


def _run(shellcheck: str, texts: Sequence[_Read]) -> list[list[dict[str, Any]]]:
    """What it says of each text, in one run: it takes longer to start than to read."""
    found: list[list[dict[str, Any]]] = [[] for _ in texts]
    if not texts:
        return found
    with tempfile.TemporaryDirectory(prefix="initialrunner-lint-") as folder:
        for number, text in enumerate(texts):
            (Path(folder) / str(number)).write_text(text.whole, encoding="utf-8", errors="replace", newline="")
        argv = [shellcheck, "--norc", "--format=json1", f"--exclude={_NOT_HERE}", *map(str, range(len(texts)))]
        try:
            done = subprocess.run(argv, cwd=folder, capture_output=True, timeout=_LIMIT_S, check=False)
            comments = json.loads(done.stdout)["comments"]
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"{shellcheck} does not work: {error}", hint="see `shellcheck --version`") from error
    for one in comments:
        number = int(one["file"])
        shift = texts[number].added
        found[number].append({**one, "line": max(1, one["line"] - shift), "endLine": max(1, one["endLine"] - shift)})
    return found


def _problem(script: Script, one: dict[str, Any], where: Where) -> Problem:
    code = f"SC{one['code']}"
    severity = "error" if one["level"] == "error" else "warning"
    hint = f"see https://www.shellcheck.net/wiki/{code}; meant: # shellcheck disable={code}"
    return Problem(f"lint.{code}", f"{script.what}: {one['message']}", where, hint, severity)


def _start(text: Text) -> Where:
    return text.where if text.file is None else Where(text.file, 1, 1, text.value.split("\n")[0])


def _place(text: Text, one: dict[str, Any]) -> Where:
    """Where a finding stands: in the file of the text, or in the spec."""
    line, column = one["line"], one["column"]
    lines = text.value.split("\n")
    source = lines[line - 1] if line <= len(lines) else ""
    width = max(1, one["endColumn"] - column) if one["endLine"] == line else max(1, len(source) - column + 1)
    if text.file is not None:
        return Where(text.file, line, column, source, width)
    place = text.where
    if text.indent is not None:
        # A block begins on the line below its `|`; its indentation was taken away on reading.
        return Where(place.file, place.line + line, column + text.indent, " " * text.indent + source, width)
    at = place.source.find(text.value.rstrip("\n"), place.column - 1)
    if line == 1 and at >= 0 and len(lines) <= 2:
        return Where(place.file, place.line, at + column, place.source, width)
    return place
