"""A cloud-init that is switched off, or leaves the network alone, and how much that matters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from image_root import link, put, systemd
from judging import findings, told

from bootstrap.image.judges import cloud_init
from bootstrap.image.seal import seal
from bootstrap.image.tree import Tree
from bootstrap.image.units import Units

IMAGE = "/etc/initialrunner/image.json"
D = "/etc/cloud/cloud.cfg.d"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    systemd(tmp_path)
    put(tmp_path, "/usr/bin/cloud-init", "#!/usr/bin/python3\n", 0o755)
    put(tmp_path, "/etc/cloud/cloud.cfg", "users:\n  - default\n")
    put(tmp_path, f"{D}/90_dpkg.cfg", "datasource_list: [ NoCloud, ConfigDrive, None ]\n")
    return tmp_path


OFF = {
    "/etc/cloud/cloud-init.disabled": "",
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet cloud-init=disabled"\n',
    "/etc/cloud/ds-identify.cfg": "policy: disabled\n",
    f"{D}/99-own.cfg": "datasource_list: [ None ]\n",
}


@pytest.mark.parametrize("path", OFF)
@pytest.mark.parametrize(("sources", "severity"), [(["cloud-init"], "error"), (["files", "nocloud"], "warning")])
def test_what_switches_it_off(root: Path, path: str, sources: list[str], severity: str) -> None:
    files = {path: OFF[path], IMAGE: json.dumps({"sources": sources})}
    wanted = [("cloud-init.off", severity, path)]
    assert [one for one in told(cloud_init, root, files) if one[0] != "cloud-init.policy"] == wanted


def test_a_policy_of_the_image_itself_is_a_warning(root: Path) -> None:
    path = "/etc/cloud/ds-identify.cfg"
    assert told(cloud_init, root, {path: "policy: enabled\n"}) == [("cloud-init.policy", "warning", path)]


def test_masked_units_switch_it_off(root: Path) -> None:
    link(root, "/etc/systemd/system/cloud-init.service", "/dev/null")
    link(root, "/etc/systemd/system/cloud-final.service", "/dev/null")
    (finding,) = findings(cloud_init, root, {})
    assert finding.path == "/etc/systemd/system/cloud-init.service"
    assert finding.subject == "masked units of cloud-init (cloud-init.service, cloud-final.service)"


@pytest.mark.parametrize("path", [path for path in OFF if path != f"{D}/99-own.cfg"])
def test_what_is_switched_off_starts_no_unit(root: Path, path: str) -> None:
    put(root, "/usr/lib/systemd/system-generators/cloud-init-generator", "ELF", 0o755)
    put(root, "/usr/lib/systemd/system/cloud-init.target", "[Unit]\nWants=cloud-init.service\n")
    put(root, "/usr/lib/systemd/system/cloud-init.service", "[Service]\n")

    def is_on() -> bool:
        tree = Tree(root)
        try:
            return Units(tree).start("cloud-init").on
        finally:
            tree.close()

    assert is_on()
    put(root, path, OFF[path])
    assert not is_on()


@pytest.mark.parametrize("text", ["network: {config: disabled}\n", "network:\n  config: disabled\n"])
@pytest.mark.parametrize(
    ("settings", "severity"),
    [({}, "error"), ({"/etc/systemd/network/80-dhcp.network": "[Match]\nType=ether\n"}, "warning")],
)
def test_a_network_that_it_leaves_alone(root: Path, text: str, settings: dict[str, str], severity: str) -> None:
    path = f"{D}/99-disable-network-config.cfg"
    assert told(cloud_init, root, {path: text, **settings}) == [("cloud-init.network", severity, path)]


def test_the_last_file_counts(root: Path) -> None:
    first = "network: {config: disabled}\ndatasource_list: []\n"
    files = {f"{D}/10-a.cfg": first, f"{D}/95-b.cfg": "network: {version: 2}\n"}
    assert told(cloud_init, root, files) == []


def test_what_the_installer_of_ubuntu_left_is_removed(root: Path) -> None:
    """As its own hook for `cloud-init clean` does it."""
    files = {
        "/etc/cloud/cloud-init.disabled": "Disabled by Ubuntu live installer after first boot.\n",
        f"{D}/99-installer.cfg": "datasource_list: [None]\n",
        "/etc/cloud/ds-identify.cfg": "policy: enabled\n",
        "/etc/netplan/00-installer-config.yaml": "network: {ethernets: {enp0s3: {dhcp4: true}}}\n",
    }
    for path, text in files.items():
        put(root, path, text)
    cleaned = {(one.path, one.code) for one in seal(root, runner=False, clean=True).cleaned}
    assert {path for path, _ in cleaned} >= set(files)
    assert told(cloud_init, root, {}) == []
    assert not any((root / path.lstrip("/")).exists() for path in files)


def test_a_network_of_the_installer_stays_where_no_cloud_init_writes_another(tmp_path: Path) -> None:
    files = {"/etc/netplan/00-installer-config.yaml": "network: {version: 2}\n"}
    assert told(cloud_init, tmp_path, files) == [("net.installer", "warning", "/etc/netplan/00-installer-config.yaml")]


def test_a_source_that_is_not_installed(tmp_path: Path) -> None:
    files = {IMAGE: json.dumps({"sources": ["files", "cloud-init"]})}
    assert told(cloud_init, tmp_path, files) == [("cloud-init.missing", "error", IMAGE)]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sources": 1}', '{"sources": [1]}'])
def test_settings_that_cannot_be_read_are_no_source(root: Path, text: str) -> None:
    assert told(cloud_init, root, {IMAGE: text}) == []
