"""The recipes of examples/images as texts: the page shows the very files, and those who read them find no fault."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "examples/images"
PAGE = TOP / "docs/how-to/build-images.md"
# diskimage-builder's own page of an element, and what only names another element.
NOT_SHOWN = {"README.rst", "element-deps"}
FILES = sorted(
    str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*") if path.is_file() and path.name not in NOT_SHOWN
)
needs_packer = pytest.mark.skipif(shutil.which("packer") is None, reason="no packer: Debian 13 has none")


def packer(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "CHECKPOINT_DISABLE": "1"}
    return subprocess.run(
        ["packer", *words, EXAMPLES / "packer"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_shows_every_file_as_it_is() -> None:
    shown = dict(
        re.findall(r"^`examples/images/(\S+)`:\n\n```\w+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    )
    assert sorted(shown) == FILES
    assert {name: shown[name] for name in FILES} == {name: (EXAMPLES / name).read_text() for name in FILES}


@pytest.mark.parametrize("name", [name for name in FILES if (EXAMPLES / name).read_text().startswith("#!")])
def test_a_script_is_executable_and_stops_at_the_first_failure(name: str) -> None:
    assert (EXAMPLES / name).stat().st_mode & 0o111 == 0o111
    assert "\nset -eu\n" in (EXAMPLES / name).read_text()


def test_a_bake_is_followed_by_a_seal_and_nothing_is_enabled_after_it() -> None:
    texts = {name: (EXAMPLES / name).read_text() for name in FILES}
    bakes = {name: text for name, text in texts.items() if " bake " in text and not name.endswith("bash")}
    assert {name.split("/")[0] for name in bakes} == {path.name for path in EXAMPLES.iterdir()}
    for name, text in bakes.items():
        assert text.rindex(" bake ") < text.rindex(" seal "), name
        assert "enable" not in text[text.rindex(" bake ") :], name


def test_each_builder_ends_with_a_try_that_asks_for_the_units_of_its_seal() -> None:
    """In the recipe where the builder runs something when the image is whole, else as a command line of the page."""
    sections = PAGE.read_text().split("\n## ")[1:]
    assert len(sections) == 6
    for section in sections:
        required: dict[str, set[str]] = {}
        for verb, options in re.findall(r"\bbootstrap\S* (seal|try)\b(.*)", section):
            required.setdefault(verb, set()).update(re.findall(r"--require ([\w-]+)", options))
        # diskimage-builder's element has the options of seal in a variable.
        assert required["try"] == (required.get("seal") or {"cron"}), section


@needs_packer
def test_packer_finds_the_template_valid(tmp_path: Path) -> None:
    """For a machine that is there; what it takes for OpenStack it asks the cloud for: see test_orchestrators.py."""
    (tmp_path / "bootstrap.pyz").touch()
    done = packer("validate", "-only=null.machine", "-var", f"zipapp={tmp_path}/bootstrap.pyz", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_packer
def test_packer_would_write_the_template_likewise(tmp_path: Path) -> None:
    done = packer("fmt", "-check", "-diff", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
