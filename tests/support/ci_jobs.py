"""The jobs of a page's GitLab pipeline or GitHub workflow, run one after the other in folders of their own.

It knows the keys that these pages use and refuses every other one, so that nothing on a page is left out in silence.
Services of the makers (runners, locks, retries) are not here; what they are told is judged by their JSON schemas.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import venvs
import yaml

LIMIT_S = 180
# Nothing of a test installs packages: the programs of the pages are on the PATH.
INSTALLS = re.compile(r"pip install --quiet( initialrunner| openstacksdk)+")


@dataclass(frozen=True)
class Step:
    """One step: a script with its environment, or files that come in (`get`) or go out (`put`).

    may_lack: an artifact that no job has handed on is no error, as in GitLab where the job before failed.
    """

    script: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    get: tuple[str, str] | None = None  # artifact, folder
    put: tuple[str, str] | None = None  # artifact, path
    has_repository: bool = False
    may_lack: bool = False


@dataclass(frozen=True)
class Job:
    """One job. runs_after: whether it runs, by the results (success, failed, skipped) of all earlier jobs."""

    name: str
    steps: tuple[Step, ...]
    shell: tuple[str, ...]
    runs_after: Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True)
class Ended:
    """The end of a job. result: success, failed or skipped; code: of the step that failed."""

    result: str
    code: int = 0
    text: str = ""


def judge(schema: str, file: Path) -> str:
    """What the JSON schema of its makers (vendor.gitlab-ci, vendor.github-workflows) says against a file."""
    transform = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    done = subprocess.run(
        [venvs.python("ci"), "-m", "check_jsonschema", "--builtin-schema", schema, *transform, file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


def gitlab(text: str, variables: Mapping[str, str]) -> Iterator[Job]:
    """The jobs of a .gitlab-ci.yml, in the order of its stages. variables: those of the project, for every job."""
    raw = yaml.safe_load(text)
    stages, default, _ = raw.pop("stages"), raw.pop("default"), raw.pop("workflow")
    assert set(default) == {"image", "before_script"}
    for name, job in sorted(raw.items(), key=lambda entry: stages.index(entry[1]["stage"])):
        known = {"stage", "script", "artifacts", "needs", "resource_group", "timeout", "retry", "when"}
        assert set(job) <= known, f"{name}: {set(job) - known}"
        needs = job.get("needs", [])
        steps = [
            Step(has_repository=True),
            *(Step(get=(need, "."), may_lack=True) for need in needs if raw[need].get("artifacts")),
        ]
        steps += [_script("\n".join(_without_installs([*default["before_script"], *job["script"]])), variables)]
        steps += [Step(put=(name, path)) for path in job.get("artifacts", {}).get("paths", [])]
        # What GitLab's own runner has in the image python:3.11.
        yield Job(name, tuple(steps), ("bash", "-eo", "pipefail"), _rule(needs, job.get("when") == "on_failure"))


def _rule(needs: list[str], on_failure: bool) -> Callable[[Mapping[str, str]], bool]:
    if on_failure:
        return lambda results: any(results[need] == "failed" for need in needs)
    return lambda results: all(results[need] == "success" for need in needs)


def github(text: str, secrets: Mapping[str, str], variables: Mapping[str, str]) -> Iterator[Job]:
    """The jobs of a workflow, in its order. secrets, variables: of its environment, for the steps that name them."""
    raw = yaml.safe_load(text)
    contexts = {"secrets": secrets, "vars": variables}
    for name, job in raw["jobs"].items():
        known = {"runs-on", "environment", "steps", "needs", "timeout-minutes", "if"}
        assert set(job) <= known, f"{name}: {set(job) - known}"
        needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        condition = job.get("if")
        assert condition in (None, "failure() && needs.render.result == 'success'")
        rule = _rule(needs, condition is not None)
        if condition is not None:
            rule = _and_rendered(rule)
        # By GitHub's reference: pipefail only where the shell is named.
        shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
        assert raw["defaults"] == {"run": {"shell": "bash"}}
        yield Job(name, tuple(_github_step(step, contexts) for step in job["steps"]), shell, rule)


def _and_rendered(rule: Callable[[Mapping[str, str]], bool]) -> Callable[[Mapping[str, str]], bool]:
    return lambda results: rule(results) and results["render"] == "success"


def _github_step(step: dict[str, Any], contexts: Mapping[str, Mapping[str, str]]) -> Step:
    given = step.get("with", {})
    match step.get("uses", "").split("@")[0]:
        case "actions/checkout":
            return Step(has_repository=True)
        case "actions/setup-python":
            return Step()
        case "actions/upload-artifact":
            assert set(given) <= {"name", "path", "retention-days", "if-no-files-found"}
            return Step(put=(given["name"], given["path"]))
        case "actions/download-artifact":
            assert set(given) <= {"name", "path"}
            return Step(get=(given["name"], given.get("path", ".")))
    assert set(step) <= {"run", "env"}, step
    environment = {name: _filled(value, contexts) for name, value in step.get("env", {}).items()}
    return _script("\n".join(_without_installs(step["run"].splitlines())), environment)


def _filled(value: str, contexts: Mapping[str, Mapping[str, str]]) -> str:
    """An expression `${{ secrets.NAME }}`; one that is not set is empty, as there."""
    match = re.fullmatch(r"\$\{\{ (secrets|vars)\.(\w+) \}\}", value)
    assert match, value
    return contexts[match[1]].get(match[2], "")


def _script(text: str, environment: Mapping[str, str]) -> Step:
    # A multi-line command of YAML may hold no expression: GitHub would paste its value into the shell's text.
    assert "${{" not in text
    return Step(script=text, environment=environment)


def _without_installs(lines: list[str]) -> list[str]:
    return [line for line in lines if not INSTALLS.fullmatch(line)]


class Pipeline:
    """Runs jobs. repository: the folder of the project's files; work: where the jobs get folders; path: the PATH."""

    def __init__(self, repository: Path, work: Path, path: str) -> None:
        self.repository, self._work, self._path = repository, work, path
        self._artifacts = work / "artifacts"
        self.results: dict[str, str] = {}

    def run(self, job: Job) -> Ended:
        """Run one job in a new folder; a job that runs again replaces its result."""
        if not job.runs_after(self.results):
            self.results[job.name] = "skipped"
            return Ended("skipped")
        folder = self._work / "jobs" / job.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        texts = []
        for step in job.steps:
            self._carry(step, folder)
            if step.script:
                done = self._shell(job, step, folder)
                texts.append(done.stdout)
                if done.returncode != 0:
                    self.results[job.name] = "failed"
                    return Ended("failed", done.returncode, "".join(texts))
        self.results[job.name] = "success"
        return Ended("success", 0, "".join(texts))

    def artifact(self, name: str) -> Path:
        """The folder with what a job has handed on."""
        return self._artifacts / name

    def _carry(self, step: Step, folder: Path) -> None:
        if step.has_repository:
            shutil.copytree(self.repository, folder, dirs_exist_ok=True)
        if step.get and not (step.may_lack and not (self._artifacts / step.get[0]).exists()):
            shutil.copytree(self._artifacts / step.get[0], folder / step.get[1], dirs_exist_ok=True)
        if step.put:
            name, path = step.put
            shutil.rmtree(self._artifacts / name, ignore_errors=True)
            # GitLab keeps the path below the project, GitHub begins at the file itself.
            source = folder / path
            place = self._artifacts / name / (path if source.is_dir() else "")
            place.mkdir(parents=True)
            if source.is_dir():
                shutil.copytree(source, place, dirs_exist_ok=True)
            else:
                shutil.copy(source, place)

    def _shell(self, job: Job, step: Step, folder: Path) -> subprocess.CompletedProcess[str]:
        script = folder / ".script"
        script.write_text(step.script + "\n", encoding="utf-8")
        # Nothing of this machine's environment: a job has what it names.
        environment = {
            "PATH": self._path, "HOME": str(folder), "LANG": "C.UTF-8",
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), **step.environment,
        }  # fmt: skip
        return subprocess.run(
            [*job.shell, script], cwd=folder, env=environment, stdin=subprocess.DEVNULL, text=True, timeout=LIMIT_S,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
