"""The docs are true: generated pages are fresh, links lead somewhere, examples are run as they stand.

In a fenced block the first line `# spec: NAME` or `# file: NAME` says under which name it is saved. The `console`
blocks of the same page are run in that folder, in order; each command must exit with 0, or with the N of `exit=N`
after the word console, and print what is shown below it, numbers aside. `no-run` there marks what needs a cloud,
another host or a person.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import Block, blocks

from bootstrap.cli.main import VERBS
from bootstrap.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def specs() -> list[tuple[str, Block]]:
    found = []
    for page, name in zip(PAGES, NAMES, strict=True):
        for block in blocks(page):
            if block.language == "yaml" and block.text.startswith("# spec: "):
                found.append((name, block))
    return found


def command_environment() -> dict[str, str]:
    """`bootstrap` and `python3` are those under test."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # A checkout that is not installed has no `bootstrap` command; the module is the same program.
    prelude = f"bootstrap() {{ '{sys.executable}' -m bootstrap \"$@\"; }}\n"
    # What a page's commands leave behind belongs to the page, not to whoever runs the tests.
    environment = command_environment() | {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder / "state")}
    return subprocess.run(
        ["sh", "-c", prelude + command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_generated_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "60"},
    )
    assert done.returncode == 0, done.stderr


def test_every_verb_has_a_section() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^## bootstrap (\w+)$", page, re.MULTILINE) == list(VERBS)


def test_the_exit_codes_are_those_of_the_code() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    table = page.split("## `initialrunner`")[0]
    assert re.findall(r"^\| (\d+) \| (.+) \|$", table, re.MULTILINE) == [(str(c.value), c.meaning) for c in ExitCode]


@pytest.mark.parametrize(("name", "block"), specs(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_spec_in_the_docs_is_right(name: str, block: Block, tmp_path: Path) -> None:
    (tmp_path / (block.saved_as or "spec.yaml")).write_text(block.text, encoding="utf-8")
    done = run(f"bootstrap check {block.saved_as}", tmp_path)
    assert done.returncode == 0, done.stderr


def runnable(page: Path) -> list[Block]:
    return [b for b in blocks(page) if b.language == "console" and "no-run" not in b.words]


def steady(output: str) -> list[str]:
    """Lines without what differs from run to run: revisions, keys, numbers, and how wide the columns are for them."""
    # A deploy id, the names of servers that end in its tail, and the moment of a deploy.
    output = re.sub(r"\b\d{8}T\d{6}-[0-9a-f]{6}\b", "DEPLOY", output)
    output = re.sub(r"\b(\w+-\w+-\d+)-[0-9a-f]{6}\b", r"\1-TAIL", output)
    output = re.sub(r"\bSHA256:[\w+/]{43}|\b[0-9a-f]{64}\b", "DIGEST", output)
    text = re.sub(r"\d[\d.,]*", "N", re.sub(r"\b[0-9a-f]{12}\b", "REVISION", output))
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.integration
@pytest.mark.parametrize("page", [p for p in PAGES if runnable(p)], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_work(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.saved_as:
            (tmp_path / block.saved_as).write_text(block.text, encoding="utf-8")
    for block in runnable(page):
        for command, shown in block.commands:
            if "rehearse" in command and os.geteuid() != 0:
                pytest.skip("rehearsals of any spec need root")
            done = run(command, tmp_path)
            assert done.returncode == block.exit_code, f"$ {command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            if shown:
                assert steady(done.stdout) == steady(shown), command


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as a forge makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = {str(p.relative_to(ROOT / "docs")) for p in ROOT.glob("docs/**/*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def test_shell_in_the_docs_is_sound(tmp_path: Path) -> None:
    found = [(name, b) for page, name in zip(PAGES, NAMES, strict=True) for b in blocks(page) if b.language == "sh"]
    assert found
    for number, (name, block) in enumerate(found):
        script = tmp_path / f"{number}.sh"
        script.write_text(block.text, encoding="utf-8")
        shellcheck = Path(sys.executable).parent / "shellcheck"
        done = subprocess.run([shellcheck, "-s", "sh", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}\n{done.stdout}"
