"""The connection to OpenStack, as far as no OpenStack is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.deploy.drivers.openstack_api import connection
from bootstrap.deploy.drivers.openstack_settings import Where
from bootstrap.errors import UsageError


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        (None, "the OpenStack cloud of the OS_[*] variables cannot be used: .*auth_url"),
        ("nowhere", "the OpenStack cloud 'nowhere' cannot be used: Cloud nowhere was not found"),
    ],
)
def test_a_cloud_that_is_not_described_is_a_mistake_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cloud: str | None, message: str
) -> None:
    # Neither a clouds.yaml of this folder nor variables of this machine describe a cloud.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_CLIENT_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match=message) as error:
        connection(Where(cloud, "somewhere"))
    assert error.value.hint and "clouds.yaml" in error.value.hint
