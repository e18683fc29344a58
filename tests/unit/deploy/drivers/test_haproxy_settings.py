"""The settings of the driver are read strictly, and the pool that it makes is what they say."""

from __future__ import annotations

import pytest

from bootstrap.deploy.drivers.haproxy_settings import Monitor, Settings, read, sections
from bootstrap.deploy.model import PoolPlan
from bootstrap.errors import UsageError


def test_the_smallest_settings_are_a_file_and_a_socket() -> None:
    assert read({"config": "/c", "socket": "/s"}) == Settings("/c", "/s", None, "*", Monitor())


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(UsageError) as refusal:
        read({"socket": "/s", "sockets": "/s", "monitor": {"url": "/"}})
    assert str(refusal.value) == (
        "cloud.haproxy.config is missing; "
        "cloud.haproxy.sockets: there is no such key, only config, socket, reload, bind, monitor; "
        "cloud.haproxy.monitor.url: there is no such key, only path, interval, timeout, rise, fall"
    )


def test_a_pool_has_a_frontend_where_it_listens() -> None:
    settings = read(
        {"config": "/c", "socket": "/s", "bind": "192.0.2.1", "monitor": {"path": "/ping", "interval": 0.5}}
    )
    assert (
        sections(settings, PoolPlan("web", 8080, 80))
        == """
frontend web-80
    bind 192.0.2.1:80
    default_backend web

backend web
    option httpchk GET /ping
    http-check expect status 200
    timeout check 1000ms
    default-server check inter 500ms rise 2 fall 2
"""
    )


def test_a_pool_without_a_port_of_its_own_is_a_backend_with_a_check() -> None:
    assert (
        sections(read({"config": "/c", "socket": "/s"}), PoolPlan("web", 8080))
        == """
backend web
    timeout check 1000ms
    default-server check inter 2000ms rise 2 fall 2
"""
    )
