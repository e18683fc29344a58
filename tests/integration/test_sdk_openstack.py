"""The pages on OpenStack's SDKs, run against a real Nova: what its driver was given is what was rendered."""

from __future__ import annotations

from pathlib import Path

import pytest
import sdk_pages
from nova import FLAVOR, IMAGE, Nova, Spawned

import bootstrap
from bootstrap.payload.bundle import unpack
from bootstrap.runner.host import TRIGGER

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


@pytest.mark.parametrize(
    ("page", "program", "changes", "said"),
    [
        pytest.param(
            "create-with-openstacksdk.md", "personality.py",
            {'compute_default_microversion="2.1"': "", "config_drive=True": 'config_drive=True, networks="none"'},
            "'personality' was unexpected", id="openstacksdk negotiates a version without personality",
        ),
        pytest.param(
            "create-with-openstacksdk.md", "cloud.py",
            {'userdata=web.user_data("nova", encoded=False)': "personality=web.personality()"},
            "unexpected keyword argument 'personality'", id="its cloud layer has no personality",
        ),
        pytest.param(
            "create-with-novaclient.md", "files.py",
            {'Client("2.1"': 'Client("2.57"', "config_drive=True": 'config_drive=True, nics="none"'},
            "UnsupportedAttribute", id="novaclient refuses files past 2.56",
        ),
    ],
)  # fmt: skip
def test_what_a_page_warns_of_is_so(
    nova: Nova, tmp_path: Path, page: str, program: str, changes: dict[str, str], said: str
) -> None:
    sdk_pages.saved(page, tmp_path)
    text = (tmp_path / program).read_text()
    for right, wrong in changes.items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    (tmp_path / program).write_text(text)
    ids = {"IMAGE": IMAGE, "FLAVOR": FLAVOR}
    done = nova.twice(lambda: sdk_pages.python([program], tmp_path, {**nova.environment, **ids}))
    assert done.returncode != 0
    assert said in done.stderr, done.stderr[-1000:]
