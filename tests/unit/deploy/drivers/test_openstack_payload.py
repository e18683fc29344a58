"""The keys of Nova's create call that bring the payload, by provider and channel."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace

import pytest

import bootstrap
from bootstrap.deploy.drivers.openstack_payload import carried
from bootstrap.deploy.drivers.openstack_settings import ServerSettings
from bootstrap.errors import PayloadError


@pytest.fixture
def web(tmp_path: Path) -> bootstrap.Rendering:
    (tmp_path / "web.yaml").write_text("version: 1\nname: web\nstages:\n  - {name: touch, run: touch /srv/done}\n")
    return bootstrap.load(tmp_path / "web.yaml").plan("web-1").render()


def test_user_data_are_base64(web: bootstrap.Rendering) -> None:
    assert carried(ServerSettings(), web) == {"user_data": web.user_data("nova")}
    assert base64.b64decode(carried(ServerSettings(), web)["user_data"])


def test_an_agent_gets_the_files_and_no_drive(web: bootstrap.Rendering) -> None:
    assert carried(ServerSettings(channel="personality"), web) == {"personality": web.personality("nova")}


def test_a_drive_carries_the_files_and_the_starter(web: bootstrap.Rendering) -> None:
    starter = base64.b64encode(web.starter("nova").encode()).decode()
    assert carried(ServerSettings(channel="config-drive"), web) == {
        "personality": web.personality("nova"), "user_data": starter, "config_drive": True,
    }  # fmt: skip


def test_the_limits_are_those_of_the_provider(web: bootstrap.Rendering) -> None:
    assert carried(ServerSettings(channel="personality"), web)
    with pytest.raises(PayloadError, match="rackspace"):
        carried(ServerSettings(channel="personality", provider="rackspace"), web)


def test_a_payload_may_hold_its_rendering_or_be_absent(web: bootstrap.Rendering) -> None:
    assert carried(ServerSettings(), SimpleNamespace(rendering=web)) == carried(ServerSettings(), web)
    assert carried(ServerSettings(), None) == {}
