"""The how-to page of HAProxy shows a deploy file that is right, a configuration that works, and the lines that come."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from haproxy_process import HaproxyBench, HaproxyProcess, free_port, until
from pages import blocks
from pool_contract import serving
from web_servers import WebServers

from bootstrap.deploy import file
from bootstrap.deploy.drivers import haproxy, haproxy_settings
from bootstrap.deploy.drivers.haproxy_file import BEGIN, END
from bootstrap.deploy.model import MemberState, PoolPlan

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
TEXTS = {block.saved_as: block.text for block in blocks(ROOT / "docs/how-to/haproxy.md") if block.saved_as}


def between_markers(text: str) -> list[str]:
    """The lines of ours, whatever their addresses are."""
    lines = [re.sub(r"\d+\.\d+\.\d+\.\d+:\d+", "ADDRESS", line.strip()) for line in text.splitlines()]
    return lines[lines.index(BEGIN) : lines.index(END) + 1]


def test_the_deploy_file_of_the_page_is_right(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(TEXTS["shop.yaml"], encoding="utf-8")
    (tmp_path / "web.yaml").write_text("version: 1\nname: web\nstages: [{name: one, run: echo one}]\n")
    settings = haproxy_settings.read(file.load(tmp_path / "shop.yaml").settings("haproxy"))
    assert (settings.config, settings.socket) == ("/etc/haproxy/haproxy.cfg", "/run/haproxy/admin.sock")


def test_the_configuration_of_the_page_gets_the_lines_of_the_page(tmp_path: Path) -> None:
    with WebServers() as servers:
        home = servers.address()
        servers.serve(home)
        proxy = HaproxyProcess(tmp_path, "")
        text = TEXTS["haproxy.cfg"].replace("/run/haproxy/admin.sock", str(proxy.socket))
        text = text.replace("192.0.2.10:8080", f"{home}:{servers.port}").replace(":80\n", f"127.0.0.1:{free_port()}\n")
        proxy.config.write_text(text, encoding="utf-8")
        with proxy:
            pool = haproxy.pool(proxy.settings(), PoolPlan("web", servers.port))
            for name in ("shop-web-1-a7c2", "shop-web-1-k3f9", "shop-web-2-k3f9"):
                address = servers.address()
                servers.serve(address)
                pool.add(name, address)
            until(lambda: {member.state for member in pool.members()} == {MemberState.UP})
            pool.drain("shop-web-2-k3f9")
            pool.remove("shop-web-1-a7c2")
            assert between_markers(proxy.config.read_text()) == between_markers(TEXTS["after.txt"])


def test_a_backend_with_a_cookie_gets_the_slots_of_the_page(tmp_path: Path) -> None:
    with WebServers() as servers:
        bench = HaproxyBench(tmp_path, servers, "cookie")
        with bench.proxy:
            serving(bench, bench.pool(), "shop-web-1-k3f9")
            assert between_markers(bench.proxy.config.read_text()) == between_markers(TEXTS["slots.txt"])
