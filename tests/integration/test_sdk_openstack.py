"""The pages on OpenStack's SDKs, run against a real Nova: what its driver was given is what was rendered."""

from __future__ import annotations

from pathlib import Path

import pytest
import sdk_pages
from nova import FLAVOR, IMAGE, Nova, Spawned

import bootstrap
from bootstrap.payload.bundle import unpack
from bootstrap.payload.paths import TRIGGER

pytestmark = pytest.mark.integration


def by_page(nova: Nova, page: str, program: str, folder: Path) -> Spawned:
    """What the driver got of the server that a page's program made."""

    def make() -> Spawned:
        sdk_pages.run(page, program, folder, {**nova.environment, "IMAGE": IMAGE, "FLAVOR": FLAVOR})
        return nova.built()

    return nova.twice(make)


@pytest.mark.parametrize(
    ("page", "program"),
    [
        ("create-with-openstacksdk.md", "personality.py"),
        ("create-with-novaclient.md", "files.py"),
        ("create-with-libcloud.md", "files.py"),
    ],
)
def test_injected_files_arrive_intact(nova: Nova, tmp_path: Path, page: str, program: str) -> None:
    got = by_page(nova, page, program, tmp_path)

    arrived = dict(got.files)
    bundle = b"".join(content for path, content in sorted(got.files) if path != TRIGGER)
    plan = unpack(bundle).plan
    web = bootstrap.load(tmp_path / "web.yaml").plan("web-1", deploy_id=plan["deploy_id"]).render()
    assert arrived == web.injected_files() and len(got.files) == len(arrived)
    assert got.config_drive and got.user_data == web.starter().encode()


@pytest.mark.parametrize(
    ("page", "program"),
    [
        ("create-with-openstacksdk.md", "proxy.py"),
        ("create-with-openstacksdk.md", "cloud.py"),
        ("create-with-novaclient.md", "userdata.py"),
        ("create-with-libcloud.md", "userdata.py"),
    ],
)
def test_user_data_arrives_intact(nova: Nova, tmp_path: Path, page: str, program: str) -> None:
    got = by_page(nova, page, program, tmp_path)

    assert got.files == () and got.user_data
    assert sdk_pages.is_the_bundle_of(tmp_path, got.user_data)
