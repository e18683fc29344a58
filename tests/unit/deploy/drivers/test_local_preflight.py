"""The reasons why local servers cannot be made: each with what is there, what is wanted, and what to do."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.deploy.drivers import local_preflight, local_settings
from bootstrap.deploy.drivers.local_store import Store
from bootstrap.deploy.model import Marks, ServerRequest
from bootstrap.payload.model import InjectedFile

MARKS = Marks("shop/web", "20270101T000000Z-abcd", 1, 1, "0123456789ab")


class OneFile:
    """A payload of one file, in the place of a rendered one."""

    def __init__(self, path: str) -> None:
        self.rendering = self.payload = self
        self.files = (InjectedFile(path, b""),)

    def pack(self, target: str) -> OneFile:
        assert target == "tree"
        return self


def request(settings: dict[str, Any] | None = None, payload: Any = None) -> ServerRequest:
    return ServerRequest("shop-web-1-abcd", MARKS, settings or {}, payload)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The names that a root has to have."""
    root = tmp_path / "debian"
    for name in ("lib/systemd/systemd", "sbin/init", "usr/bin/python3", "bin/tar"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.fixture
def settings(tmp_path: Path, root: Path) -> local_settings.Settings:
    return local_settings.read({"root": str(root), "state": str(tmp_path / "state"), "network": "198.51.100.0/28"})


def test_a_root_without_what_a_server_needs_is_refused_with_the_command_that_makes_one(root: Path) -> None:
    assert local_preflight.root_problems(root) == []
    (root / "sbin/init").unlink()
    (root / "usr/bin/python3").unlink()
    assert local_preflight.root_problems(root) == [
        f"the root {root} has no /sbin/init and no python3: make one with: "
        f"mmdebstrap --variant=minbase --include=systemd-sysv,python3 bookworm {root}"
    ]


def test_an_absolute_link_in_a_root_counts_as_what_it_is_there(root: Path) -> None:
    (root / "sbin/init").unlink()
    (root / "sbin/init").symlink_to("/lib/systemd/nowhere-on-this-machine")
    assert local_preflight.root_problems(root) == []


def test_an_unknown_key_of_a_tier_is_refused() -> None:
    assert local_preflight.server_problems(request({"flavor": "m1.small", "root": "relative"})) == [
        "server.flavor: the local driver knows no such key, only root: remove it",
        "server.root: 'relative' is no absolute path: begin it with /",
    ]


@pytest.mark.parametrize(
    ("path", "has_cron", "is_refused"),
    [
        ("/etc/systemd/system/initialrunner.service", False, False),
        ("/etc/cron.d/initialrunner", True, False),
        ("/etc/cron.d/initialrunner", False, True),
    ],
    ids=["systemd", "cron", "cron-in-a-root-without"],
)
def test_a_payload_that_nothing_would_start_is_refused(
    settings: local_settings.Settings, root: Path, path: str, has_cron: bool, is_refused: bool
) -> None:
    if has_cron:
        (root / "usr/sbin").mkdir()
        (root / "usr/sbin/cron").touch()
    reasons = local_preflight.problems(settings, Store(settings), [request(payload=OneFile(path))])
    text = f"its spec has `trigger: cron`, and the root {root} has no cron: write `trigger: systemd` or `both`"
    assert (text in reasons) == is_refused


def test_servers_of_one_tier_have_one_reason(settings: local_settings.Settings) -> None:
    reasons = local_preflight.problems(settings, Store(settings), [request({"image": "x"})] * 3)
    assert [reason for reason in reasons if "image" in reason] == [
        "server.image: the local driver knows no such key, only root: remove it"
    ]


def interfaces(*links: tuple[str, str]) -> str:
    rows = [{"ifname": name, "addr_info": [{"family": "inet", "local": address}]} for name, address in links]
    return json.dumps([*rows, {}, {"ifname": "down", "addr_info": []}])


@pytest.mark.parametrize(
    ("links", "reasons"),
    [
        ([("lo", "127.0.0.1"), ("irun0", "198.51.100.1")], []),
        ([("lo", "127.0.0.1")], []),
        (
            [("irun0", "192.0.2.1")],
            ["the interface irun0 exists without the address 198.51.100.1: name another one by cloud.local.bridge"],
        ),
        (
            [("eth0", "198.51.100.7")],
            [
                "the interface eth0 has 198.51.100.7, which is in 198.51.100.0/28: "
                "choose another cloud.local.network"
            ],
        ),
    ],
    ids=["ours", "none", "other-bridge", "other-interface"],
)
def test_the_network_must_be_free(
    settings: local_settings.Settings,
    monkeypatch: pytest.MonkeyPatch,
    links: list[tuple[str, str]],
    reasons: list[str],
) -> None:
    monkeypatch.setattr(local_preflight, "run", lambda *command: interfaces(*links))
    assert local_preflight._network(settings) == reasons
    assert settings.gateway == ipaddress.IPv4Address("198.51.100.1")


def test_what_the_machine_has_too_little_of_is_said_with_both_numbers(
    settings: local_settings.Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit = tmp_path / "max_user_instances"
    limit.write_text("128\n")
    monkeypatch.setattr(local_preflight, "_INOTIFY", limit)
    monkeypatch.setattr(local_preflight, "_inotify_used", lambda: 60)
    monkeypatch.setattr(local_preflight, "_available", lambda: 600 << 20)
    assert local_preflight._room(settings, Store(settings), 10) == []
    assert local_preflight._room(settings, Store(settings), 20) == [
        "20 servers need 20 free addresses in 198.51.100.0/28, and there are 13: choose a larger cloud.local.network",
        "20 servers need 640 MiB of memory, and there are 600: make room, or fewer servers",
        "20 servers need 100 inotify instances, and 60 of 128 are in use: sysctl fs.inotify.max_user_instances=260",
    ]


def test_inotify_instances_in_use_are_counted(tmp_path: Path) -> None:
    link = tmp_path / "3"
    link.symlink_to("anon_inode:inotify")
    assert local_preflight._leads_to_inotify(link)
    assert not local_preflight._leads_to_inotify(tmp_path / "4")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/lib/x", "ext4"), ("/var/lib/docker/x", "overlay"), ("/varied", "overlay"), ("/mnt/a b/c", "xfs")],
)
def test_the_file_system_of_a_folder_is_that_of_the_deepest_mount(path: str, kind: str) -> None:
    rows = ["overlay / overlay rw", "d /var ext4 rw", "overlay /var/lib/docker overlay rw", "d /mnt/a\\040b xfs rw"]
    assert local_preflight._deepest(Path(path), (row.split() for row in rows)) == kind
