"""The page on Linode, whose user-data is too small for a bundle: the stub arrives as it was rendered."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import sdk_pages
from scripted_clouds import ScriptedClouds

import bootstrap
from bootstrap.errors import PayloadError

pytestmark = pytest.mark.integration

URL = "https://objects.example/deploys/web-1"


def test_linode_api4(tmp_path: Path) -> None:
    url = "api.linode.com/v4/linode/instances"
    with ScriptedClouds(tmp_path, {("POST", url): (200, {"id": 1, "label": "web-1"})}) as clouds:
        login = {"LINODE_TOKEN": "a-token", "SSH_KEY": "ssh-ed25519 AAAA", "BUNDLE_URL": URL}
        sdk_pages.run("create-with-linode.md", "create.py", tmp_path, {**clouds.environment, **login})
        (body,) = clouds.bodies(url)

    arrived = base64.b64decode(json.loads(body)["metadata"]["user_data"], validate=True)
    assert sdk_pages.is_the_stub_of(tmp_path, arrived, (tmp_path / "bundle").read_bytes(), URL)


@pytest.mark.parametrize("provider", ["ec2", "linode"])
def test_a_whole_bundle_is_refused_there(tmp_path: Path, provider: str) -> None:
    sdk_pages.saved("create-with-linode.md", tmp_path)
    web = bootstrap.load(tmp_path / "web.yaml").plan("web-1").render()
    with pytest.raises(PayloadError, match=rf"and {provider} takes 16,384"):
        web.user_data(provider)
