"""What must not slip into the repository, and what must not be missing from it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

LARGEST_FILE_BYTES = 500_000
LONGEST_MODULE_LINES = 500

# Folders of one machine. Spelled in parts, so that this file does not find itself.
MACHINE_PATHS = tuple(
    "/".join(["", *parts]) for parts in (("root", ".pyenv"), ("work", "main"), ("work", "shared"), ("opt", "pypi"))
)
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-release.lock",
    *(f"tests/locks/{path.name}" for path in sorted((Path(__file__).parents[1] / "locks").glob("*.lock"))),
)


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def python_files(tree: list[Path]) -> list[Path]:
    """Modules; what lies in files/ is text for hosts."""
    return [path for path in tree if path.suffix == ".py" and "files" not in path.parts]


def test_no_file_names_a_path_of_one_machine(tree: list[Path]) -> None:
    found = [f"{path}: {mark}" for path in tree for mark in MACHINE_PATHS if mark in text_of(path)]
    assert found == []


def test_no_file_is_large(tree: list[Path]) -> None:
    assert [path for path in tree if path.stat().st_size > LARGEST_FILE_BYTES] == []


def test_no_module_is_long(tree: list[Path]) -> None:
    lengths = {str(path): text_of(path).count("\n") for path in python_files(tree)}
    assert {path: lines for path, lines in lengths.items() if lines >= LONGEST_MODULE_LINES} == {}


def test_every_module_says_what_it_does(tree: list[Path]) -> None:
    silent = [path for path in python_files(tree) if not ast.get_docstring(ast.parse(text_of(path)))]
    assert silent == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host_and_hashes_everything(root: Path, name: str) -> None:
    text = text_of(root / name)
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host|^-e|@ ", text, re.MULTILINE) == []
    entries = re.findall(r"^([a-z0-9._-]+)==[^ ]+.*(?:\n {4}--hash=sha256:[0-9a-f]{64}.*)+", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(entries) == len(lines) > 1


def locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", text_of(path), re.MULTILINE))


def test_the_locks_cover_the_project_and_agree(root: Path) -> None:
    project = tomllib.loads(text_of(root / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"]

    def names(requirements: list[str]) -> set[str]:
        found = (re.match(r"[A-Za-z0-9_.-]+", requirement) for requirement in requirements)
        return {match[0].lower().replace("_", "-") for match in found if match} - {project["name"]}

    runtime, development, release = (locked(root / name) for name in LOCKS[:3])
    assert names(project["dependencies"]) | names(extras["collector"]) <= set(runtime)
    assert set(runtime) | names(extras["iso"]) | names(extras["postgres"]) <= set(release)
    assert names([r for extra in extras.values() for r in extra]) <= set(development)
    assert {name: v for name, v in (runtime | release).items() if development.get(name) != v} == {}
    assert {name: v for name, v in runtime.items() if release[name] != v} == {}


def test_the_changelog_has_room_for_the_next_change(root: Path) -> None:
    assert "\n## [Unreleased]\n" in text_of(root / "CHANGELOG.md")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "CHANGELOG.md"])
def test_what_a_visitor_looks_for_is_there(root: Path, name: str) -> None:
    assert len(text_of(root / name)) > 200


def test_every_make_target_is_listed_by_help(root: Path) -> None:
    """A target that people may call has a `##` text; the rest are set-up and have a hyphen in their names."""
    text = text_of(root / "Makefile")
    phony = re.search(r"\.PHONY:((?:.*\\\n)*.*)", text)
    assert phony
    targets = set(phony[1].replace("\\", " ").split())
    listed = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert {t for t in targets - listed if not t.startswith(("packages-", "setup-"))} == set()
    assert listed <= targets


def test_make_clean_empties_build_and_leaves_the_file_that_says_what_it_is_for(root: Path, tmp_path: Path) -> None:
    for name in ("Makefile", "build/README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    (tmp_path / "build/web-1/tree").mkdir(parents=True)
    (tmp_path / "build/web-1/README.md").touch()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["README.md"]


def test_git_ignores_all_of_build_but_its_readme(root: Path) -> None:
    names = ["build/README.md", "build/web-1/manifest.json", "build/roots"]
    listed = subprocess.run(["git", "check-ignore", *names], cwd=root, capture_output=True, text=True, check=False)
    assert listed.stdout.split() == names[1:]
