"""The pages on clouds without an emulator, run as they stand: what arrives at the cloud's own name is the bundle."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sdk_pages
from scripted_clouds import ScriptedClouds

pytestmark = pytest.mark.integration

ACTION = {"id": 1, "command": "create_server", "status": "running", "progress": 0, "resources": []}
TENANT = "login.microsoftonline.com/a-tenant"
TOKEN = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}
MACHINE = (
    "management.azure.com/subscriptions/a-subscription/resourceGroups/web/providers/Microsoft.Compute/"
    "virtualMachines/web-1"
)
CREATED = {"server": {"id": 1, "name": "web-1"}, "action": ACTION, "next_actions": [], "root_password": None}
ENDPOINTS = {"issuer": f"https://{TENANT}/v2.0", **{
    f"{kind}_endpoint": f"https://{TENANT}/oauth2/v2.0/{kind}" for kind in ("token", "authorization")
}}  # fmt: skip
# As little as each SDK is content with.
ANSWERS: dict[tuple[str, str], tuple[int, Any]] = {
    ("POST", "api.hetzner.cloud/v1/servers"): (201, CREATED),
    ("POST", "api.digitalocean.com/v2/droplets"): (202, {"droplet": {"id": 1, "name": "web-1"}}),
    ("POST", "oauth2.googleapis.com/token"): (200, TOKEN),
    ("POST", "compute.googleapis.com/compute/v1/projects/a-project/zones/*/instances"): (200, {"status": "DONE"}),
    ("GET", f"{TENANT}/v2.0/.well-known/openid-configuration"): (200, ENDPOINTS),
    ("POST", f"{TENANT}/oauth2/v2.0/token"): (200, TOKEN),
    ("PUT", MACHINE): (201, {"name": "web-1", "properties": {"provisioningState": "Succeeded"}}),
}
GOOGLE = {"type": "authorized_user", "client_id": "one", "client_secret": "two", "refresh_token": "three"}


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedClouds]:
    with ScriptedClouds(tmp_path_factory.mktemp("clouds"), ANSWERS) as running:
        yield running


def asked(clouds: ScriptedClouds, page: str, folder: Path, url: str, **environment: str) -> Any:
    """Run a page's program; the JSON of the one create call that arrived at url."""
    sdk_pages.run(page, "create.py", folder, {**clouds.environment, **environment})
    (body,) = clouds.bodies(url)
    return json.loads(body)


def test_hcloud(clouds: ScriptedClouds, tmp_path: Path) -> None:
    url = "api.hetzner.cloud/v1/servers"
    body = asked(clouds, "create-with-hcloud.md", tmp_path, url, HCLOUD_TOKEN="a-token")

    assert body["name"] == "web-1"
    assert sdk_pages.is_the_bundle_of(tmp_path, body["user_data"].encode())


def test_pydo(clouds: ScriptedClouds, tmp_path: Path) -> None:
    url = "api.digitalocean.com/v2/droplets"
    body = asked(clouds, "create-with-pydo.md", tmp_path, url, DIGITALOCEAN_TOKEN="a-token")

    assert body["name"] == "web-1"
    assert sdk_pages.is_the_bundle_of(tmp_path, body["user_data"].encode())


def test_google_cloud_compute(clouds: ScriptedClouds, tmp_path: Path) -> None:
    (tmp_path / "login.json").write_text(json.dumps(GOOGLE))
    body = asked(
        clouds, "create-with-google-cloud.md", tmp_path,
        "compute.googleapis.com/compute/v1/projects/a-project/zones/europe-west4-a/instances",
        GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "login.json"), GOOGLE_CLOUD_PROJECT="a-project", IMAGE="an-image",
    )  # fmt: skip

    (item,) = body["metadata"]["items"]
    assert (body["name"], item["key"]) == ("web-1", "user-data")
    assert sdk_pages.is_the_bundle_of(tmp_path, item["value"].encode())


def test_azure_mgmt_compute(clouds: ScriptedClouds, tmp_path: Path) -> None:
    body = asked(
        clouds, "create-with-azure.md", tmp_path, MACHINE,
        AZURE_TENANT_ID="a-tenant", AZURE_CLIENT_ID="a-client", AZURE_CLIENT_SECRET="a-secret",
        AZURE_SUBSCRIPTION_ID="a-subscription", SSH_KEY="ssh-ed25519 AAAA", NIC="a-nic",
    )  # fmt: skip

    profile = body["properties"]["osProfile"]
    assert profile["computerName"] == "web-1"
    assert sdk_pages.is_the_bundle_of(tmp_path, base64.b64decode(profile["customData"], validate=True))
