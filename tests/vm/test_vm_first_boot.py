"""Files injected before the first boot, as a cloud does it: power on to healthy at the collector."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from deploys import Deploys, assert_clean, tree
from guest import Guest
from images import Image

from bootstrap.rendering import Rendering

pytestmark = pytest.mark.timeout(900)
Note = Callable[[str, float], None]
Images = Callable[..., Image]


# Slow tests run in CI, too.
SHAPES = [
    pytest.param("bookworm", Rendering.injected_files, id="bookworm-personality", marks=pytest.mark.slow),
    pytest.param("bookworm", tree, id="bookworm-tree"),
    pytest.param("trixie", tree, id="trixie-tree"),
    pytest.param("bullseye", Rendering.injected_files, id="bullseye-personality"),
]


@pytest.mark.parametrize(("suite", "shape"), SHAPES)
def test_injected_before_boot_a_guest_becomes_healthy(
    suite: str, shape: Callable[[Rendering], dict[str, bytes]], image: Images, deploys: Deploys, note: Note
) -> None:
    payload = deploys.render()
    # All of them 0400, root's, and executable by nobody.
    with Guest(image(suite), files=shape(payload)) as guest:
        guest.boot()
        note(f"{suite}, injected before boot: healthy", deploys.wait_healthy(guest, payload))
        assert [e["stage"] for e in deploys.events(payload, "stage.started")] == ["site"]
        assert_clean(guest)
        # The worker serves what the stage made.
        ping = guest.sh(
            "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:8080/ping\").read())'"
        )
        assert payload.rendered.revision in ping


def test_a_guest_without_cron_is_started_by_systemd(image: Images, deploys: Deploys, note: Note) -> None:
    payload = deploys.render()
    with Guest(image("bookworm", "no-cron"), files=tree(payload)) as guest:
        guest.boot()
        note("without cron: healthy", deploys.wait_healthy(guest, payload))
        assert "none" in guest.sh("command -v cron crond || echo none")
        assert_clean(guest)


def test_a_guest_without_python_says_so_on_its_console_and_to_its_collector(
    image: Images, deploys: Deploys, note: Note, tmp_path: Path
) -> None:
    payload = deploys.render()
    with Guest(image("bookworm", "no-python"), files=payload.injected_files()) as guest:
        guest.boot()
        said = guest.wait_console(r"initialrunner: no usable Python.*install the package python3")
        note("without Python: its console says so", guest.since())
        assert "json, zlib" in said[0]
        # The deployer's side: the host's wget has brought the report that was signed for it beforehand.
        guest.wait_for(lambda: "state" in deploys.known(payload), 120, "the collector hears of it")
        note("without Python: its collector knows", guest.since())
        manifest = tmp_path / "manifest.json"
        manifest.write_text(json.dumps(payload.manifest("personality", provider="nova")))
        done = deploys.bootstrap("wait", str(manifest), "--timeout", "5s")
        assert (done.returncode, done.stdout) == (6, "vm-1 waiting\n"), done.stdout + done.stderr
        assert "vm-1: waiting for python3\n" in done.stderr
        # Once, not every minute; and whoever logs in reads it, too.
        assert guest.text("/etc/motd").count("no usable Python") == 1
