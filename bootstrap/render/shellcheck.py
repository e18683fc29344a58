"""Runs shellcheck on every shell text of a plan, and reports its comments at their places in the spec or in the file.

A template is checked twice: with its expressions masked, character for character, so that places stay the same, and
rendered, so that only comments that are true of the text on the host are reported.
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

# A stage without a `#!` line runs as if it had this one.
DEFAULT = "#!/bin/sh -eu"
# `#!/usr/bin/env /bin/bash` works on a host, but shellcheck does not know it.
_ENV_PATH = re.compile(r"#! ?/\S*/env +(-S +)?(?=/)")
# These comments complain of sourced files that are missing. Such files are on the host, not here.
_NOT_HERE = "SC1090,SC1091"
_LIMIT_S = 120
_UNASSIGNED = 2154
# These comments complain of constant comparisons. A comparison with the output of a template is always constant.
_CONSTANT = (2050, 2078, 2157, 2158, 2159, 2194)


@dataclass(frozen=True)
class Script:
    """One shell text.

    key: its place in the spec, such as `stages[0].run`; text: as the spec has it; rendered: as the host runs it;
    variables: those in its environment.
    """

    key: str
    text: Text
    rendered: str
    variables: frozenset[str] = frozenset()

    @property
    def masked(self) -> str:
        """The text with its markup replaced by as many characters: a word for a value, blanks for the rest."""
        if not self.text.is_template:
            return self.text.value
        return markup(self.text).sub(lambda m: re.sub(r"[^\n]", "x" if m[1] else " ", m[0]), self.text.value)

    def concerns(self, comment: dict[str, Any]) -> bool:
        """Whether a comment is worth reporting: it is not about variables and values that the spec itself sets."""
        if comment["code"] == _UNASSIGNED:
            return comment["message"].split(" ")[0] not in self.variables
        return not (comment["code"] in _CONSTANT and has_marks(self.text))


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
    """All comments of shellcheck on stages, checks and shell files. Raises UsageError if it is not installed."""
    shellcheck = find()
    texts = [script for script in scripts(plan, rendered) if is_shell(script.rendered)]
    both = [_Read(text, _head(script)) for script in texts for text in (script.masked, script.rendered)]
    comments = _run(shellcheck, both)
    problems: list[Problem] = []
    for number, script in enumerate(texts):
        masked, true = (list(filter(script.concerns, comments[2 * number + which])) for which in (0, 1))
        true_messages = {(comment["code"], comment["message"]) for comment in true}
        placed = [comment for comment in masked if (comment["code"], comment["message"]) in true_messages]
        problems += [_problem(script, comment, _place(script.text, comment)) for comment in placed]
        # A comment on the rendered text alone has no place in the template. It is reported once, at the beginning.
        placed_codes = {comment["code"] for comment in placed}
        others = {comment["code"]: comment for comment in true if comment["code"] not in placed_codes}
        problems += [_problem(script, comment, _start(script.text)) for comment in others.values()]
    return problems


def find() -> str:
    """The path of shellcheck: beside this Python, where pip installs it, or on PATH. Raises UsageError."""
    beside = Path(sys.executable).parent / "shellcheck"
    shellcheck = str(beside) if beside.is_file() else shutil.which("shellcheck")
    if shellcheck is None:
        raise UsageError(
            "shellcheck is not installed", hint="pip install 'initialrunner[lint]', or apt-get install shellcheck"
        )
    # shellcheck is run in another folder, where a relative entry of PATH would lead elsewhere.
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
    for file, done in zip(plan.files, rendered.files, strict=True):
        content = done.content.decode("utf-8", "replace")
        if content.startswith("#!"):
            text = file.text or Text(content, file.where, is_template=False, file=file.source_name)
            yield Script(file.key, text, content)


def _of_stage(root: str, script: PlannedScript, entry: dict[str, Any]) -> Iterator[Script]:
    variables = frozenset(name for name, _ in script.environment)
    key = "run" if script.text.file is None else "template" if script.text.is_template else "script"
    yield Script(f"{root}.{key}", script.text, entry["text"], variables)
    for name in ("skip_if", "verify", "undo"):
        text = getattr(script, name)
        if text is not None:
            yield Script(f"{root}.{name}", text, entry[name], variables)


def _head(script: Script) -> str:
    """The `#!` line under which the host runs a script, in a form that shellcheck knows.

    The masked text gets the same line: in a template, markup may stand before the `#!`, and is masked to blanks.
    """
    first = script.rendered.partition("\n")[0] if script.rendered.startswith("#!") else DEFAULT
    return _ENV_PATH.sub("#!", first)


def _run(shellcheck: str, texts: Sequence[_Read]) -> list[list[dict[str, Any]]]:
    """The comments of shellcheck on each text, from one run, since it takes longer to start than to read."""
    comments_by_text: list[list[dict[str, Any]]] = [[] for _ in texts]
    # shellcheck refuses to run without a file.
    if not texts:
        return comments_by_text
    with tempfile.TemporaryDirectory(prefix="initialrunner-lint-") as folder:
        for number, text in enumerate(texts):
            (Path(folder) / str(number)).write_text(text.whole, encoding="utf-8", errors="replace", newline="")
        # A .shellcheckrc in somebody's home would change the verdict from machine to machine.
        argv = [shellcheck, "--norc", "--format=json1", f"--exclude={_NOT_HERE}", *map(str, range(len(texts)))]
        try:
            done = subprocess.run(argv, cwd=folder, capture_output=True, timeout=_LIMIT_S, check=False)
            comments = json.loads(done.stdout)["comments"]
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"{shellcheck} does not work: {error}", hint="see `shellcheck --version`") from error
    for comment in comments:
        number = int(comment["file"])
        shift = texts[number].added
        first, last = max(1, comment["line"] - shift), max(1, comment["endLine"] - shift)
        comments_by_text[number].append({**comment, "line": first, "endLine": last})
    return comments_by_text


def _problem(script: Script, comment: dict[str, Any], where: Where) -> Problem:
    code = f"SC{comment['code']}"
    severity = "error" if comment["level"] == "error" else "warning"
    hint = f"see https://www.shellcheck.net/wiki/{code}; to keep it: # shellcheck disable={code}"
    return Problem(f"lint.{code}", f"{script.key}: {comment['message']}", where, hint, severity)


def _start(text: Text) -> Where:
    return text.where if text.file is None else Where(text.file, 1, 1, text.value.split("\n")[0])


def _place(text: Text, comment: dict[str, Any]) -> Where:
    """The place of a comment, in the file of the text or in the spec."""
    line, column = comment["line"], comment["column"]
    lines = text.value.split("\n")
    source = lines[line - 1] if line <= len(lines) else ""
    width = max(1, comment["endColumn"] - column) if comment["endLine"] == line else max(1, len(source) - column + 1)
    if text.file is not None:
        return Where(text.file, line, column, source, width)
    place = text.where
    if text.indent is not None:
        # The text of a block begins on the line below its `|`, and its indentation was removed when it was read.
        return Where(place.file, place.line + line, column + text.indent, " " * text.indent + source, width)
    # A scalar may be quoted or folded in the spec, so its text is searched for in the line.
    at = place.source.find(text.value.rstrip("\n"), place.column - 1)
    if line == 1 and at >= 0 and len(lines) <= 2:
        return Where(place.file, place.line, at + column, place.source, width)
    return place
