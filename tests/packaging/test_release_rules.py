"""What the packages are called and what they need, and that the page on installing says the same."""

from __future__ import annotations

import email
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import bootstrap
from bootstrap.cli.main import VERBS


@pytest.fixture
def release(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """release/ as its programs see it: its modules by their bare names."""
    monkeypatch.syspath_prepend(str(root / "release"))
    names = ("staging", "debtexts", "deb")

    class Release:
        staging, debtexts, deb = (importlib.import_module(name) for name in names)

    yield Release
    for name in names:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.0rc1", "1.2.0~rc1"),
        ("1.2.0a2", "1.2.0~a2"),
        ("1.2.0b3.dev4", "1.2.0~b3~dev4"),
        ("1.2.0.dev4", "1.2.0~dev4"),
        ("1.2.0.post1", "1.2.0.post1"),
    ],
)
def test_a_version_sorts_in_debian_as_it_does_in_python(release: Any, version: str, expected: str) -> None:
    python = f"py{sys.version_info[0]}{sys.version_info[1]}"
    assert release.deb.debian_version(version) == f"{expected}+{python}-1"


@pytest.mark.parametrize(
    ("tags", "minor"),
    [
        ([], 17),
        (["py3-none-any"], 17),
        (["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64"], 17),
        (["cp311-cp311-manylinux_2_28_x86_64"], 28),
        # One wheel may carry several: the lowest is what it needs.
        (["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64"], 17),
        (["cp36-abi3-manylinux2010_x86_64"], 17),
    ],
    ids=str,
)
def test_the_glibc_needed_is_what_the_wheels_name(release: Any, tmp_path: Path, tags: list[str], minor: int) -> None:
    for name, lines in (("one", tags), ("two", ["py3-none-any"])):
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info/WHEEL").write_text("".join(f"Tag: {tag}\n" for tag in lines))
    assert release.staging._glibc(tmp_path) == minor


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("License-Expression: BSD-3-Clause", "BSD-3-Clause"),
        ("License: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD"),
        ("Name: x", "see-text"),
    ],
)
def test_a_licence_has_a_name_of_one_word(release: Any, metadata: str, expected: str) -> None:
    assert release.debtexts._license(email.message_from_string(metadata + "\n")) == expected


def test_a_source_without_a_date_is_refused(release: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release.staging, "TOP", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    with pytest.raises(release.staging.CannotBuild, match="SOURCE_DATE_EPOCH"):
        release.staging.epoch()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert release.staging.epoch() == 1700000000


def test_the_page_on_installing_names_what_is_made(root: Path) -> None:
    page = (root / "docs/how-to/install.md").read_text(encoding="utf-8")
    version = re.escape(bootstrap.__version__)
    assert set(re.findall(r"initialrunner_[^ ]+\.deb", page)) == {
        f"initialrunner_{bootstrap.__version__}+py311-1_amd64.deb"
    }
    assert len(re.findall(rf"^bootstrap, version {version}$", page, re.MULTILINE)) == 3


def test_the_manual_page_names_every_verb_in_requests_that_man_knows(release: Any) -> None:
    page = release.debtexts.manual()
    assert re.findall(r"^\.TP\n\.B ([a-z]+)$", page, re.MULTILINE) == list(VERBS)
    # A line of text that began with a dot or an apostrophe would be taken for a request.
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".B", ".I", ".TP", ".PP"}
