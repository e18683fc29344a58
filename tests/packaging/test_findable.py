"""A reader gets from a file to its tests and from a page to its files without asking anybody."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

# Names in a page that stand for files which do not exist yet, or for any file.
PLACEHOLDER = re.compile(r"[A-Z]{3,}")


def rows(root: Path) -> dict[str, list[str]]:
    """{module or folder: the tests that its row in tests/README.md names}."""
    text = (root / "tests/README.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`bootstrap/[^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return {name: re.findall(r"`([^`]+)`", tests) for names, tests in cells for name in re.findall(r"`([^`]+)`", names)}


def modules(tree: list[Path], root: Path) -> list[str]:
    """The modules of the package that hold code: bootstrap/FOLDER/MODULE.py."""
    names = [path.relative_to(root).as_posix() for path in tree if path.suffix == ".py"]
    return [name for name in names if name.startswith("bootstrap/") and not name.endswith("/__init__.py")]


def own_tests(module: str, root: Path) -> list[Path]:
    """The test files that are named after a module."""
    path = Path(module)
    folder = root / "tests/unit" / path.parent.relative_to("bootstrap")
    return [*folder.glob(f"test_{path.stem}.py"), *folder.glob(f"test_{path.stem}_*.py")]


def test_every_module_has_tests_of_its_name_or_a_row_that_names_them(tree: list[Path], root: Path) -> None:
    named = rows(root)
    hidden = [
        module for module in modules(tree, root)
        if not own_tests(module, root) and module not in named and f"{Path(module).parent}/" not in named
    ]  # fmt: skip
    assert hidden == [], "each needs a test file of its name, or a row in tests/README.md"


def test_a_module_of_the_runner_is_in_a_row_of_its_own(root: Path) -> None:
    """A folder's row would be too vague where so much is tested through so few files."""
    assert [name for name in rows(root) if name.startswith("bootstrap/runner") and name.endswith("/")] == []


def test_the_rows_name_what_is_there(root: Path) -> None:
    named = rows(root)
    assert len(named) > 20
    paths = {path for name, tests in named.items() for path in (name, *tests)}
    assert sorted(path for path in paths if not list(root.glob(path))) == []


def test_a_file_of_unit_tests_is_named_after_a_module_or_a_folder(root: Path) -> None:
    strangers = []
    for path in sorted((root / "tests/unit").rglob("test_*.py")):
        folder = root / "bootstrap" / path.parent.relative_to(root / "tests/unit")
        names = [folder.name, *(entry.stem for entry in folder.iterdir())]
        stem = path.stem.removeprefix("test_")
        if not any(stem == name or stem.startswith(f"{name}_") for name in names):
            strangers.append(str(path.relative_to(root)))
    assert strangers == []


def imported(path: Path) -> set[str]:
    """The modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_a_test_file_imports_from_no_other_test_file(root: Path) -> None:
    """Such a file would be imported twice, under two names; what two files share belongs in tests/support."""
    files = sorted((root / "tests").rglob("*.py"))
    assert [str(path) for path in files if any(name.startswith("test_") for name in imported(path))] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/explanation/words.md"])
def test_every_path_that_a_page_names_exists(root: Path, page: str) -> None:
    text = (root / page).read_text(encoding="utf-8")
    # In backticks, or as the arguments of the commands that a block shows.
    named = [*re.findall(r"`([\w./*-]+/[\w./*-]*)`", text), *re.findall(r"(?<= )tests/[\w./]+", text)]
    paths = {
        path for path in named
        if not PLACEHOLDER.search(Path(path).stem) and not path.startswith(("/", "build/", "dist/"))
    }  # fmt: skip
    assert len(paths) > 20
    assert sorted(path for path in paths if not list(root.glob(path))) == []


def glossary(root: Path) -> dict[str, str]:
    """{word: the cell that says where it is at home} of the page of words."""
    text = (root / "docs/explanation/words.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([a-z][^|]+) \| [A-Z][^|]+\. \| ([^|]+) \|$", text, re.MULTILINE)
    return {word: home for words, home in cells for word in words.split(", ")}


def test_every_word_of_the_glossary_is_in_use_where_it_is_at_home(root: Path) -> None:
    """A word that is no longer said there would send its reader to the wrong place."""
    words = glossary(root)
    assert 25 <= len(words) <= 60
    unused = []
    for word, home in words.items():
        places = [root / path for path in re.findall(r"`(bootstrap/[^`]+)`", home)]
        places += [root / "docs/explanation" / path for path in re.findall(r"\]\(([^)#]+)\)", home)]
        files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
        # "late file" is in use where a late file is spoken of as `late`.
        first = word.split()[0]
        if not any(re.search(rf"(?<![a-z]){first}", file.read_text(encoding="utf-8"), re.IGNORECASE) for file in files):
            unused.append(f"{word}: {home}")
    assert unused == []
