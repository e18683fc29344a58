"""The tiered site of examples/sites on this machine: containers, HAProxy and a collector, by the command line."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from systemd_box import needs_local_servers
from whole_site import FRONT, Site, output

from bootstrap.errors import ExitCode

TIERED = Path(__file__).parents[2] / "examples" / "sites" / "tiered"
pytestmark = [pytest.mark.slow, pytest.mark.integration, needs_local_servers]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def ask(path: str, body: bytes | None = None) -> str:
    """The answer of the shop through HAProxy."""
    with urllib.request.urlopen(urllib.request.Request(f"http://{FRONT}{path}", body), timeout=10) as answer:
        return str(answer.read().decode())


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def deploy(site: Site, folder: Path, code: int) -> str:
    words = ("deploy", str(folder / "local.yaml"), "--yes", *site.settings)
    ended, text = output(site.command(*words), site.environment)
    assert ended == code, text
    return text


@pytest.mark.timeout(900)
def test_three_tiers_are_replaced_with_their_rows_and_a_bad_release_is_taken_back(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "tiered"
    shutil.copytree(TIERED, folder)
    deploy(site, folder, 0)
    first = set(site.members())
    assert len(first) == 2 and ask("/orders", b"tea") == "kept\n" and ask("/") == "1 orders\n"
    old = {server.name for tier in ("db", "cache", "web") for server in site.servers().find(f"shop/{tier}")}
    assert len(old) == 5

    change(folder / "local" / "base.yaml", "deadline: 5m", "deadline: 6m")
    deploy(site, folder, 0)
    second = set(site.members())
    assert len(second) == 2 and second.isdisjoint(first)
    # The order came along to the new database, and the new web servers use that one.
    assert ask("/orders", b"cake") == "kept\n"
    new = {server.name for tier in ("db", "cache", "web") for server in site.servers().find(f"shop/{tier}")}
    assert len(new) == 5 and new.isdisjoint(old)
    database = site.servers().find("shop/db")[0]
    with urllib.request.urlopen(f"http://{database.address}:5432/rows/all", timeout=10) as answer:
        assert answer.read() == b"tea\ncake\n"

    change(folder / "local" / "base.yaml", "systemctl restart shop", "echo the shop is closed; exit 9")
    text = deploy(site, folder, ExitCode.FAILED)
    assert "exit 9" in text and "the shop is closed" in text
    assert set(site.members()) == second and set(site.members().values()) == {"UP"}
    assert {server.name for tier in ("db", "cache", "web") for server in site.servers().find(f"shop/{tier}")} == new
    assert ask("/orders", b"pie") == "kept\n"
