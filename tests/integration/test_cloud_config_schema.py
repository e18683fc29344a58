"""cloud-init's own schema judges the cloud-config we write, and its write_files module brings every byte."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.targets import layout
from bootstrap.targets.model import Packed

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not shutil.which("cloud-init"), reason="needs Debian's cloud-init"),
]

DEPLOY = "20261120T120000-ab12cd"
CRON = "@reboot root sh @FILES@ # @SHA256@ @MARK@\n"
FILES = (
    RenderedFile("/srv/plain", b"one\n\n  two: [\n", deliver="inject"),
    RenderedFile("/srv/binary", random.Random(1).randbytes(3_000), 0o600, deliver="inject"),
    RenderedFile("/srv/crlf", b"a\r\nb\r\n", deliver="inject"),
    RenderedFile("/srv/empty", b"", deliver="inject"),
)


@pytest.fixture(params=["cron", "both"])
def packed(request: pytest.FixtureRequest) -> Packed:
    plan = {
        "version": 1, "name": "web", "server": "web-1", "deploy_id": DEPLOY, "revision": "0" * 12, "stages": [],
        "trigger": request.param,
    }  # fmt: skip
    rendered = Rendered("web-1", DEPLOY, "0" * 12, plan, FILES, CRON, "#!/bin/sh\nexit 0\n")
    return layout.pack(rendered, "cloud-config")


def test_the_schema_is_content(packed: Packed, tmp_path: Path) -> None:
    path = tmp_path / "cloud-config.yaml"
    path.write_bytes(packed.blob)

    done = subprocess.run(["cloud-init", "schema", "-c", str(path)], capture_output=True, text=True)

    assert (done.returncode, done.stdout.strip()) == (0, f"Valid cloud-config: {path}"), done.stderr


def test_the_schema_would_say_so_if_it_were_wrong(packed: Packed, tmp_path: Path) -> None:
    path = tmp_path / "cloud-config.yaml"
    path.write_bytes(packed.blob.replace(b'permissions: "0644"', b"permissions: 0644"))

    done = subprocess.run(["cloud-init", "schema", "-c", str(path)], capture_output=True, text=True)

    assert done.returncode == 1
    assert "permissions" in done.stderr + done.stdout


WRITE = """
import sys
from cloudinit.config.cc_write_files import write_files
from cloudinit.util import load_yaml

root, path = sys.argv[1:]
files = load_yaml(open(path, "rb").read())["write_files"]
for file in files:
    file["path"] = root + file["path"]
    file["owner"] = "-1:-1"
write_files("write_files", files, "root:root")
"""


def test_cloud_inits_own_module_writes_every_byte_and_mode(packed: Packed, tmp_path: Path) -> None:
    path = tmp_path / "cloud-config.yaml"
    path.write_bytes(packed.blob)

    subprocess.run(["/usr/bin/python3", "-c", WRITE, f"{tmp_path}/root", path], check=True, capture_output=True)

    written = {
        file.path: (
            (tmp_path / "root" / file.path[1:]).read_bytes(),
            (tmp_path / "root" / file.path[1:]).stat().st_mode & 0o7777,
        )
        for file in packed.payload.files
    }
    assert written == {file.path: (file.content, file.mode) for file in packed.payload.files}
