"""No page teaches to wait by a bare name, which yesterday's deploy has too: its manifest or its id goes with it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*")]
TEXTS = sorted(path for path in PAGES if path.is_file())
# Options of `bootstrap wait` that take no value.
FLAGS = {"--json", "--quiet", "-q"}


def bare_names(text: str) -> list[str]:
    """The servers of every `bootstrap wait` in a text that are named without their deploy."""
    folders = set(re.findall(r"(?:--output|-o) (\S+)", text)) | {"build"}
    names = []
    for command in re.findall(r"\bbootstrap wait ([^`\n;|&]+)", text):
        words = shlex.split(command.strip(), comments=True)
        if "--deploy-id" in words:
            continue
        given = [word for before, word in zip(["", *words], words, strict=False) if not is_option(before, word)]
        # DIR, [OPTIONS] and SERVER…|MANIFEST… stand for what is to be given.
        names += [word for word in given if not ("/" in word or word.endswith(".json") or word in folders)]
    return [word for word in names if re.fullmatch(r"[a-z0-9*.-]+", word)]


def is_option(before: str, word: str) -> bool:
    return word.startswith("-") or (before.startswith("-") and before not in FLAGS and "=" not in before)


@pytest.mark.fault(145)
@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_waits_by_a_bare_name(page: Path) -> None:
    if page.name != "CHANGELOG.md":
        assert bare_names(page.read_text(encoding="utf-8", errors="replace")) == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("`bootstrap wait hello-1 --timeout 10m`", ["hello-1"]),
        ("if bootstrap wait --timeout 10m build/a web-1; then", ["web-1"]),
        ("$ bootstrap wait 'web-*' --count 3", ["web-*"]),
        ("`bootstrap wait 'web-*' --count 3 --deploy-id ID`", []),
        ("$ bootstrap wait build/hello-1 build/m.json build --json --quiet", []),
        ("`bootstrap wait DIR` takes it", []),
    ],
)
def test_what_is_a_bare_name(line: str, names: list[str]) -> None:
    assert bare_names(line) == names
