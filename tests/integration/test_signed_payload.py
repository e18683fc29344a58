"""Signed payloads on hosts that do not ask for signatures: however they travel, the first boot is as without one."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import keys
import pytest
from box import Box, needs_root
from cloud_init import first_boot, seeded

import bootstrap
from bootstrap.payload.sign import verify
from bootstrap.rendering import Rendering
from bootstrap.runner.baked.signed import split
from bootstrap.runner.host import BUNDLE, COMMAND, TRIGGER

pytestmark = [pytest.mark.integration, needs_root, keys.needs_ssh_keygen]
HELLO = Path(__file__).parents[2] / "examples/hello/hello.yaml"
needs_cloud_init = pytest.mark.skipif(not shutil.which("cloud-init"), reason="needs Debian's cloud-init")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.key(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def hello(key: Path) -> Rendering:
    return bootstrap.load(HELLO).plan("hello-1", deploy_id="20261120T120000-ab12cd").render(sign=key)


def ends_healthy(box: Box) -> None:
    box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER) and not box.exists(BUNDLE))
    assert [e["stage"] for e in box.events("stage.started")] == ["site"]
    scrubbed = box.read(COMMAND) or b""
    assert split(scrubbed) == (scrubbed, None), "what stays is another text, which nobody has signed"
    assert "healthy" in box.run(COMMAND, "status").stdout


def test_as_pieces_that_are_injected(hello: Rendering, key: Path, tmp_path: Path) -> None:
    payload = hello.pack("personality", "nova").payload
    assert len(payload.pieces) == 4
    assert verify(payload.bundle, keys.allowed(tmp_path / "allowed", key)).startswith("deploy@example.org ")
    with Box(payload.files) as box:
        assert box.tick().returncode == 0
        ends_healthy(box)


def test_as_a_script(hello: Rendering) -> None:
    script = hello.user_data()
    with Box() as box:
        box.put("/root/user-data", script, mode=0o700)
        assert box.sh("cat /root/user-data | sh").returncode == 0
        ends_healthy(box)


@needs_cloud_init
@pytest.mark.parametrize("carrier", ["message in gzip", "cloud-config"])
def test_by_cloud_init(hello: Rendering, carrier: str) -> None:
    files = dict(hello.nocloud(beside=["#cloud-config\nruncmd: [[touch, /srv/theirs]]\n"]).files)
    if carrier == "cloud-config":
        files["user-data"] = hello.cloud_config().encode()
    else:
        assert b"multipart" in files["user-data"][:200]
        files["user-data"] = gzip.compress(files["user-data"])
    with Box() as box:
        seeded(box, "nocloud", files)
        first_boot(box)
        ends_healthy(box)
        assert box.exists("/srv/theirs") is (carrier != "cloud-config")
