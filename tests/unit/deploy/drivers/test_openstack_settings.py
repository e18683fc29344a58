"""The settings of the OpenStack drivers, as a deploy file gives them and as a program may."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.deploy.drivers.openstack_settings import Monitor, PoolSettings, ServerSettings, read_pool, read_servers
from bootstrap.errors import UsageError
from bootstrap.spec.deploy_drivers import OctaviaSettings, OpenstackSettings


def test_what_a_deploy_file_gives_is_read() -> None:
    servers = OpenstackSettings(cloud="mine", region="one").model_dump(exclude_none=True)
    assert read_servers(servers) == ServerSettings("mine", "one", "nova", "user-data", 600.0)
    pool = OctaviaSettings(cloud="mine", network="private", load_balancer="shop").model_dump(exclude_none=True)
    assert read_pool(pool) == PoolSettings("mine", None, "shop", "private")


def test_the_keys_of_the_deploy_file_are_the_keys_of_the_drivers() -> None:
    assert OpenstackSettings.model_fields.keys() == ServerSettings.__dataclass_fields__.keys()
    assert OctaviaSettings.model_fields.keys() == PoolSettings.__dataclass_fields__.keys()


@pytest.mark.parametrize(
    ("read", "settings", "message"),
    [
        (read_servers, {"colour": "red"}, "cloud.openstack: there is no 'colour', only cloud, region"),
        (read_servers, {"provider": "ec2"}, "cloud.openstack.provider: 'ec2' is not one of nova, rackspace"),
        (read_servers, {"channel": "mail"}, "cloud.openstack.channel: 'mail' is not one of user-data"),
        (read_pool, {"load_balancer": "shop", "monitor": {"colour": 1}}, "cloud.octavia.monitor: there is no 'colour'"),
        (read_pool, {}, "cloud.octavia.load_balancer: it is missing"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(read: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        read(settings)
    assert error.value.message.startswith(message)


@pytest.mark.parametrize(
    ("monitor", "times"),
    [(Monitor(), (2, 1)), (Monitor(interval=0.5, timeout=0.2), (2, 1)), (Monitor(interval=2.5, timeout=3.0), (4, 3))],
)
def test_octavia_gets_whole_seconds_with_the_interval_above_the_time_out(
    monitor: Monitor, times: tuple[int, int]
) -> None:
    assert (monitor.delay, monitor.whole_timeout) == times
