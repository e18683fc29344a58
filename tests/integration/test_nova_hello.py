"""The hello example through a real Nova: what its driver was given, laid out as each writer does, ends healthy."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from box import Box, needs_root
from nova import Nova

import bootstrap
from bootstrap.payload.model import InjectedFile
from bootstrap.rendering import Rendering
from bootstrap.runner.host import TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
HELLO = Path(__file__).parents[2] / "examples/hello/hello.yaml"


@pytest.fixture(scope="module")
def hello() -> Rendering:
    return bootstrap.load(HELLO).plan("hello-1").render()


def ends_healthy(box: Box) -> None:
    box.wait_for(lambda: box.state() == "healthy", timeout_s=60)
    box.wait_for(lambda: not box.exists(TRIGGER))
    assert [event["stage"] for event in box.events("stage.started")] == ["site"]
    ping = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/ping').status)"
    assert box.python(ping) == "200\n"


@pytest.mark.parametrize(
    "mode", [pytest.param(0o440, id="0440 of Cloud Servers"), pytest.param(0o644, id="0644 of nova-agent")]
)
def test_as_personality(nova: Nova, hello: Rendering, mode: int) -> None:
    got = nova.create(personality=hello.personality())
    files = [InjectedFile(path, content, mode) for path, content in got.files]
    assert files[-1].path == TRIGGER
    with Box(files, cron="real", inject_mode=mode) as box:
        ends_healthy(box)


def test_as_user_data(nova: Nova, hello: Rendering) -> None:
    got = nova.create(user_data=hello.user_data("nova"))
    assert got.user_data and got.files == ()
    with Box(cron="real") as box:
        # As cloud-init runs it.
        box.put("/var/lib/cloud/instance/scripts/part-001", got.user_data, mode=0o700)
        assert box.run("/var/lib/cloud/instance/scripts/part-001").returncode == 0
        ends_healthy(box)


def test_as_config_drive(nova: Nova, hello: Rendering) -> None:
    starter = base64.b64encode(hello.starter().encode()).decode()
    got = nova.create(personality=hello.personality(), user_data=starter, config_drive=True)
    assert got.config_drive
    metadata = json.loads(got.drive["openstack/latest/meta_data.json"])
    user_data = got.drive["openstack/latest/user_data"].decode()
    files = [InjectedFile(f["path"], got.drive[f"openstack{f['content_path']}"], 0o660) for f in metadata["files"]]
    # As cloud-init lays them out, which cron ignores; then cloud-init starts what it was given to start.
    with Box(files, cron="real", inject_mode=0o660) as box:
        assert box.stat(TRIGGER)[0] == "0660"
        box.put("/var/lib/cloud/instance/boothooks/part-001", user_data.removeprefix("#cloud-boothook\n"), mode=0o700)
        done = box.run("/var/lib/cloud/instance/boothooks/part-001", environment={"INSTANCE_ID": "i-1"})
        assert done.returncode == 0, done.stderr
        ends_healthy(box)
        assert [event["was"]["mode"] for event in box.events("fixed", path=TRIGGER)] == ["0660"]
