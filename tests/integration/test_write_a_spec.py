"""The page on specs: its table names every key of cloud-init's own schema, and what it says of YAML and shell is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sdk_pages
from box import needs_root

from bootstrap.spec import foreign

pytestmark = pytest.mark.integration
PAGE = sdk_pages.HOW_TO / "write-a-spec.md"
SCHEMA = Path("/usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json")


def rows(head: str) -> list[list[str]]:
    """The cells of the table with that first head."""
    table = PAGE.read_text(encoding="utf-8").split(f"| {head} |", 1)[1].split("\n\n", 1)[0]
    # A cell may hold `\|`.
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()[2:]]


def keys_of(schema: dict[str, Any]) -> set[str]:
    """The top keys of a cloud-config, through all that the schema is put together of."""
    keys = set(schema.get("properties", {}))
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, []):
            name = part.get("$ref", "").rpartition("/")[2]
            keys |= keys_of({**schema["$defs"][name], "$defs": schema["$defs"]} if name else part)
    return keys


def test_the_table_has_every_key_of_cloud_init_once() -> None:
    if not SCHEMA.exists():
        pytest.skip("needs cloud-init: apt-get install cloud-init")
    named = [key for row in rows("key of cloud-init") for key in re.findall(r"`([^`]+)`", row[0])]
    assert sorted(named) == sorted(set(named))
    schema = keys_of(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert len(schema) > 80
    # A newer cloud-init may have more keys, and none that is on the page may be an invention.
    assert set(named) - schema == set()
    assert schema - set(named) == set() or "22.4" not in version()


def version() -> str:
    return subprocess.run(["cloud-init", "--version"], capture_output=True, text=True, check=True).stdout


def test_what_a_hint_sends_to_cloud_init_stays_there_on_the_page() -> None:
    stays = {key: "eave it" in row[1] for row in rows("key of cloud-init") for key in re.findall(r"`([^`]+)`", row[0])}
    hinted = {key for key in foreign._TO_CLOUD_INIT if key in stays}
    moved = {"device_aliases", "disk_setup", "fs_setup", "ntp"}
    # These have two ways, and the page names both.
    assert moved < hinted
    either = {key for key in hinted if not stays[key]}
    assert either <= {
        "yum_repos", "resolv_conf", "keyboard", "rsyslog", "chef", "puppet", "ansible", "salt_minion", "phone_home",
        "final_message", "zypper", "wireguard", "package_reboot_if_required",
    }  # fmt: skip
    assert {key for key in foreign._IN_STAGE if stays.get(key)} == set()


def check(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    head = "version: 1\nname: web\nfiles:\n  - path: /etc/a\n    content: text\n"
    (folder / "web.yaml").write_text(head + text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", "check", "web.yaml"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(sdk_pages.TOP)}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("    run: echo a: b", "error[spec.yaml]"),
        ("    run: [ -e /x ]", "error[spec.type]"),
        ("    run: {x}", "error[spec.type]"),
        ("    run: *x", "error[spec.yaml]"),
        ("    run: @x", "error[spec.yaml]"),
        ('    run: "C:\\dir"', "error[spec.yaml]"),
        ("    run: >\n      apt-get update\n      apt-get -y install git", "warning[spec.folded]"),
        ("    run: 'true'\n    timeout: 90", "error[spec.unit]"),
        ("    run: echo a # b", None),
        ("    run: |\n      echo\ta", None),
    ],
)
def test_what_the_table_says_of_yaml_is_so(line: str, answer: str | None, tmp_path: Path) -> None:
    written = line.strip().splitlines()[-1 if "timeout" in line else 0].strip()
    page = " ".join(cell for row in rows("written") for cell in row)
    assert f"`{written}`" in page.replace("\\|", "|")
    done = check(f"stages:\n  - name: a\n{line}\n", tmp_path)
    found = re.findall(r"(?:error|warning)\[spec\.(?!health)\w+\]", done.stderr)
    assert found == ([answer] if answer else [])


def test_an_unquoted_mode_is_refused(tmp_path: Path) -> None:
    assert "error[spec.mode]" in check("    mode: 0644\nstages: [{name: a, run: 'true'}]\n", tmp_path).stderr


def test_words_that_others_read_as_numbers_stay_text(tmp_path: Path) -> None:
    sdk_pages.saved("write-a-spec.md", tmp_path)
    (tmp_path / "words.yaml").write_text(
        "version: 1\nname: words\nstages:\n  - {name: a, run: 'true', environment: {A: no, B: 1.10, C: 08, D: 1:30}}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "bootstrap", "show", "words.yaml", "--json"], cwd=tmp_path, capture_output=True,
        text=True, env={**os.environ, "PYTHONPATH": str(sdk_pages.TOP)}, check=True,
    )  # fmt: skip
    (stage,) = json.loads(done.stdout)["plan"]["stages"]
    assert stage["environment"] == {"A": "no", "B": "1.10", "C": "08", "D": "1:30"}


@needs_root
def test_an_unfiltered_value_breaks_where_the_page_says_so(tmp_path: Path) -> None:
    spec = (
        "version: 1\nname: web\nvalues: {a: 'a \" b'}\nstages:\n  - {name: one, run: 'test \"{{ a }}\" = x || true'}\n"
    )
    (tmp_path / "web.yaml").write_text(spec)
    environment = {**os.environ, "PYTHONPATH": str(sdk_pages.TOP)}
    argv = [sys.executable, "-m", "bootstrap", "rehearse", "web.yaml", "--timeout", "30s"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 5, done.stdout
    (tmp_path / "web.yaml").write_text(spec.replace('"{{ a }}"', "{{ a | sh }}"))
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout
