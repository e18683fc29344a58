"""One image with the runner baked in, booted as three clones: each takes its own payload from its own source, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import disks
import images
import pytest
from deploys import LOG, Deploys, assert_clean, started_by_the_image
from guest import Guest
from images import Image, Recipe

from bootstrap.image.bake import Settings, bake
from bootstrap.rendering import Rendering
from bootstrap.runner.baked.program import TAKEN
from bootstrap.runner.host import BUNDLE
from bootstrap.targets import iso

pytestmark = pytest.mark.timeout(900)
SOURCES = ("files", "config-drive", "nocloud")
STAGE = "/etc/rc.local.stage1"
SPEC = f"""
version: 1
name: clone
files:
  - path: {STAGE}
    deliver: inject
    mode: "0755"
    content: "#!/bin/sh\\necho {{{{ server }}}} >>{LOG}; sync\\n"
stages:
  - {{name: one, run: {STAGE}}}
every_boot:
  - {{name: worker, run: "cd /srv && setsid python3 -m http.server --bind 127.0.0.1 8080 >/dev/null 2>&1 &"}}
health:
  deadline: 2m
  checks: [{{http: "http://127.0.0.1:8080/"}}]
"""


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """A bookworm into which the runner was baked, and nothing else of ours."""
    plain = images.get(Recipe())
    with disks.unpacked(plain.disk) as root:
        done = bake(root, Settings(sources=SOURCES))
        assert done.trigger == "both"
        made = images.from_root(root, tmp_path_factory.mktemp("baked") / "image", plain)
    yield made
    made.disk.unlink()


def on_a_config_drive(payload: Rendering) -> dict[str, object]:
    """Our own target: injected files beside the bundle, which nobody but the baked runner puts in place."""
    return {"drive": payload.config_drive().image()}


def as_user_data_on_a_config_drive(payload: Rendering) -> dict[str, object]:
    """As OpenStack writes one for a create call with user-data and no injected files."""
    meta = json.dumps({"uuid": payload.deploy_id, "name": payload.server}).encode()
    user_data = payload.user_data("nova", encoded=False)
    content = user_data.encode() if isinstance(user_data, str) else user_data
    files = {"openstack/latest/meta_data.json": meta, "openstack/latest/user_data": content}
    return {"drive": iso.image(files, "config-2", payload.deploy_id)}


def without_its_runner(payload: Rendering) -> dict[str, object]:
    """Plan and files alone, as user-data: the runner is in the image."""
    meta = json.dumps({"uuid": payload.deploy_id, "name": payload.server}).encode()
    content = payload.pack("user-data", "nova", runner_from=["disk"]).blob
    assert content is not None and len(content) < 4500
    files = {"openstack/latest/meta_data.json": meta, "openstack/latest/user_data": content}
    return {"drive": iso.image(files, "config-2", payload.deploy_id)}


def on_a_nocloud_image(payload: Rendering) -> dict[str, object]:
    return {"drive": payload.nocloud().image()}


def as_injected_files(payload: Rendering) -> dict[str, object]:
    return {"files": started_by_the_image(payload)}


CLONES = [
    pytest.param("clone-1", on_a_config_drive, "config-drive", id="config drive"),
    pytest.param("clone-4", as_user_data_on_a_config_drive, "config-drive", id="user-data on a config drive"),
    pytest.param("clone-5", without_its_runner, "config-drive", id="without its runner", marks=pytest.mark.slow),
    pytest.param("clone-2", on_a_nocloud_image, "nocloud", id="NoCloud"),
    pytest.param("clone-3", as_injected_files, "files", id="injected files"),
]


@pytest.mark.parametrize(("server", "how", "source"), CLONES)
def test_a_clone_takes_its_own_payload_once(
    server: str,
    how: Callable[[Rendering], dict[str, object]],
    source: str,
    baked: Image,
    deploys: Deploys,
    note: Callable[[str, float], None],
) -> None:
    payload = deploys.render(SPEC, server)
    with Guest(baked, **how(payload)) as guest:  # type: ignore[arg-type]
        guest.boot()
        note(f"baked, by {source}: healthy", deploys.wait_healthy(guest, payload))
        assert deploys.known(payload)["instance_id"] == guest.uuid
        assert json.loads(guest.text(TAKEN))["source"] == source
        assert_clean(guest)
        # Once more, with the same drive in it.
        boot = guest.text("/proc/sys/kernel/random/boot_id")
        guest.reboot()
        guest.wait_for(lambda: guest.text("/proc/sys/kernel/random/boot_id") != boot, 240, "it is up again")
        guest.wait_for(lambda: "running" in guest.sh("systemctl is-system-running --wait || :"), 240, "it has booted")
        assert guest.text(LOG).splitlines() == [server]
        assert_clean(guest)


def test_without_a_payload_it_boots_and_starts_nothing(baked: Image, note: Callable[[str, float], None]) -> None:
    with Guest(baked) as guest:
        guest.boot()
        guest.wait_console("login:", 240)
        note("baked, without a payload: login", guest.since())
        assert guest.sh("systemctl is-system-running --wait || :").strip() == "running"
        assert guest.sh(f"ls {LOG} {TAKEN} {BUNDLE} 2>/dev/null || :") == ""
