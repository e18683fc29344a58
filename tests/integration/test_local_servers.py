"""The local driver: containers of this machine, in a private network, through the contract of all drivers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from debian_root import local_root
from namespaces import private_namespaces
from servers_contract import POOL, RealTime, ServersContract, is_gone, marks, request, until
from systemd_box import needs_local_servers

import bootstrap
from bootstrap.deploy.drivers import local, local_machine
from bootstrap.deploy.faults import Busy, Exists, Fault, Quota
from bootstrap.deploy.model import Marks, ServerRequest, ServerState
from bootstrap.deploy.payloads import Payload

pytestmark = [pytest.mark.integration, needs_local_servers]

SPEC = """
version: 1
name: web
trigger: systemd
files:
  - {path: /srv/greeting, content: "{{ server }} {{ revision }}\\n"}
stages:
  - {name: touch, run: cp /srv/greeting /srv/done}
"""


class LocalWorld(RealTime):
    """One state folder, with a network of its own."""

    settings: Mapping[str, Any] = {}
    impossible: Mapping[str, Any] = {"root": "/nowhere/debian"}

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.cloud = {"root": str(local_root()), "state": str(self.state), "network": "10.91.7.0/28", "bridge": "ir-t"}
        (folder / "web.yaml").write_text(SPEC)
        self._spec = folder / "web.yaml"

    def servers(self) -> local.LocalServers:
        return local.servers(self.cloud)

    def payload(self, name: str, of: Marks) -> Any:
        return Payload(bootstrap.load(self._spec).plan(name, deploy_id=of.deploy).render())

    def foreign(self, name: str, metadata: Mapping[str, str]) -> str:
        with self.servers().store.new(name, metadata, local_root()):
            return name

    def folder(self, name: str) -> Path:
        return self.state / "servers" / name

    def close(self) -> None:
        driver = self.servers()
        for name in driver.store.names():
            driver.delete(name)


@pytest.fixture
def world() -> Iterator[LocalWorld]:
    # Not below tmp_path: its long name would be in the command lines, and the disk of /tmp may be an overlay.
    folder = Path(tempfile.mkdtemp(prefix="local-", dir="/var/tmp"))
    try:
        # In a network: its making fetches packages.
        place = LocalWorld(folder)
        with private_namespaces():
            try:
                yield place
            finally:
                place.close()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def servers(world: LocalWorld) -> local.LocalServers:
    return world.servers()


class TestLocalServers(ServersContract):
    """The contract."""


def inside(world: LocalWorld, name: str, *command: str) -> str:
    """The output of a command in a running server."""
    target = str(first_process(world, name))
    enter = ["nsenter", "--all", "--target", target, "--", "/usr/bin/env", "PATH=/usr/sbin:/usr/bin", *command]
    return subprocess.run(enter, capture_output=True, text=True, check=False).stdout


def leftovers(world: LocalWorld) -> dict[str, list[str]]:
    """Whatever a server has beside its folder: links, network namespaces, mounts, processes."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    lines = [(path.parent.name, path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    return {
        "links": [name for _, name in socket.if_nameindex() if name not in ("lo", "ir-t")],
        "networks": sorted(os.listdir("/run/netns")),
        "mounts": [row for row in mounts if str(world.state) in row],
        "processes": [pid for pid, path in lines if str(world.state).encode() in read(path)],
        "folders": sorted(os.listdir(world.state / "servers")),
    }


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


NOTHING: dict[str, list[str]] = {"links": [], "networks": [], "mounts": [], "processes": [], "folders": []}


def test_the_payload_is_there_at_power_on_and_systemd_starts_the_runner(
    world: LocalWorld, servers: local.LocalServers
) -> None:
    server = servers.create(request(world, "shop-web-1-abcd"))
    until(world, lambda: (world.folder(server.id) / "upper/srv/done").exists())
    text = (world.folder(server.id) / "upper/srv/done").read_text()
    revision = world.payload(server.name, marks()).rendering.revision
    assert text == f"shop-web-1-abcd {revision}\n"
    assert inside(world, server.id, "hostname").strip() == "shop-web-1-abcd"
    assert not (local_root() / "srv/done").exists()


def test_a_server_answers_at_its_address(world: LocalWorld, servers: local.LocalServers) -> None:
    server = servers.create(request(world, "shop-web-1-abcd"))
    until(world, lambda: "running" in inside(world, server.id, "systemctl", "is-system-running"))
    script = "import socket; s = socket.create_server(('0.0.0.0', 99)); s.accept()[0].send(b'hi')"
    inside(world, server.id, "systemd-run", "--quiet", "python3", "-c", script)

    def answers() -> bool:
        try:
            with socket.create_connection((server.address or "", 99), 1) as connection:
                return connection.recv(9) == b"hi"
        except OSError:
            return False

    until(world, answers)


def first_process(world: LocalWorld, name: str) -> int:
    pid = int((world.folder(name) / "pid").read_text())
    until(world, lambda: bool(Path(f"/proc/{pid}/task/{pid}/children").read_text()))
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_nothing_is_left_of_a_deleted_server(world: LocalWorld, servers: local.LocalServers) -> None:
    for slot in (1, 2):
        servers.create(request(world, f"shop-web-{slot}-abcd", marks(slot)))
    servers.delete("shop-web-1-abcd")
    assert leftovers(world)["folders"] == ["shop-web-2-abcd"]
    assert len(leftovers(world)["links"]) == len(leftovers(world)["networks"]) == len(leftovers(world)["mounts"]) == 1
    servers.delete("shop-web-2-abcd")
    assert leftovers(world) == NOTHING


def test_a_server_that_powers_itself_off_is_in_error_with_its_last_lines(
    world: LocalWorld, servers: local.LocalServers
) -> None:
    server = servers.create(request(world, "shop-web-1-abcd"))
    until(world, lambda: "running" in inside(world, server.id, "systemctl", "is-system-running"))
    inside(world, server.id, "sh", "-c", r"printf '\033[31mthe disk is on fire\033[0m\n' >/dev/console")
    inside(world, server.id, "systemctl", "--no-block", "poweroff")
    until(world, lambda: servers.get(server.id).state is ServerState.ERROR)
    assert "\nthe disk is on fire\n" in servers.console(server.id)
    last = " | ".join(servers.console(server.id).splitlines()[-3:])
    assert servers.get(server.id).fault == f"it runs no more; its last lines: {last}"
    servers.delete(server.id)
    assert leftovers(world) == NOTHING


# A deployer in a process of its own, which is killed with SIGKILL when it enters or has left one step of the driver.
CHILD = """
import os, signal, sys
sys.path[:0] = {paths!r}
import pytest
from pathlib import Path
from bootstrap.deploy import durable
from bootstrap.deploy.drivers import local, local_machine, local_store
from bootstrap.deploy.model import ServerRequest
from servers_contract import marks
work, place, when = {work!r}, {place!r}, {when!r}
owners = [owner for owner in (local_machine.Machine, durable, local_store.Store, local_store) if hasattr(owner, place)]
real = getattr(owners[0], place) if owners else None
def step(*args, **kwargs):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
    return answer
driver = local.servers({cloud!r})
if owners:
    setattr(owners[0], place, step)
if work == "create":
    import bootstrap
    from bootstrap.deploy.payloads import Payload
    plan = bootstrap.load({spec!r}).plan("shop-web-1-abcd", deploy_id=marks().deploy)
    driver.create(ServerRequest("shop-web-1-abcd", marks(), {{}}, Payload(plan.render())))
else:
    driver.delete("shop-web-1-abcd")
"""


def killed(world: LocalWorld, work: str, place: str, when: str) -> int:
    """The exit code of a deployer that does one call and is killed at that place."""
    script = CHILD.format(
        paths=[str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")],
        work=work, place=place, when=when, cloud=world.cloud, spec=str(world.state.parent / "web.yaml"),
    )  # fmt: skip
    return subprocess.run([sys.executable, "-c", script], check=False).returncode


MAKING = [("replace", "before"), ("replace", "after"), ("plug", "before"), ("_make_bridge", "after"),
          ("plug", "after"), ("mount", "after"), ("put", "after"), ("power_on", "after")]  # fmt: skip


@pytest.mark.parametrize(("place", "when"), MAKING, ids=lambda word: word)
def test_a_deployer_killed_while_it_makes_a_server_leaves_nothing_or_one_that_is_found(
    world: LocalWorld, servers: local.LocalServers, place: str, when: str
) -> None:
    assert killed(world, "create", place, when) == -signal.SIGKILL
    found = servers.find(POOL)
    if place == "replace":
        assert found == ()
        # What was begun is no obstacle to the next one.
        servers.create(request(world, "shop-web-1-abcd"))
    else:
        state = ServerState.ACTIVE if place == "power_on" else ServerState.ERROR
        assert [(server.name, server.marks, server.state) for server in found] == [("shop-web-1-abcd", marks(), state)]
        with pytest.raises(Exists):
            servers.create(request(world, "shop-web-1-abcd"))
    servers.delete("shop-web-1-abcd")
    assert leftovers(world) == NOTHING


ENDING = [("replace", "after"), ("_power_off", "after"), ("take_down", "after"), ("discard", "before"),
          ("_stamp", "after"), ("_remove", "before")]  # fmt: skip


@pytest.mark.parametrize(("place", "when"), ENDING, ids=lambda word: word)
@pytest.mark.parametrize("by", ["delete", "find"])
def test_a_server_whose_end_was_cut_short_is_deleting_and_its_end_goes_on(
    world: LocalWorld, servers: local.LocalServers, place: str, when: str, by: str
) -> None:
    servers.create(request(world, "shop-web-1-abcd"))
    assert killed(world, "delete", place, when) == -signal.SIGKILL
    assert os.listdir(world.state / "servers") == ["shop-web-1-abcd"]
    if by == "delete":
        servers.delete("shop-web-1-abcd")
    else:
        assert [server.state for server in servers.find(POOL)] == [ServerState.DELETING]
    assert is_gone(servers, "shop-web-1-abcd")
    assert leftovers(world) == NOTHING


def test_servers_live_on_when_their_deployer_and_its_whole_session_are_killed(
    world: LocalWorld, servers: local.LocalServers
) -> None:
    script = CHILD.format(
        paths=[str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")], work="create",
        place="nowhere", when="", cloud=world.cloud, spec=str(world.state.parent / "web.yaml"),
    )  # fmt: skip
    deployer = subprocess.Popen(
        [sys.executable, "-c", script + "\nprint('made', flush=True)\nsignal.pause()"],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert deployer.stdout
    with deployer.stdout:
        assert deployer.stdout.readline() == "made\n"
        os.killpg(deployer.pid, signal.SIGKILL)
        deployer.wait()
        # Nobody holds the deployer's output: it ends with the deployer.
        assert deployer.stdout.read() == ""
    until(world, lambda: (world.folder("shop-web-1-abcd") / "upper/srv/done").exists())
    assert servers.get("shop-web-1-abcd").state is ServerState.ACTIVE


def test_while_one_deployer_deletes_a_server_it_is_busy_for_another(
    world: LocalWorld, servers: local.LocalServers
) -> None:
    servers.create(request(world, "shop-web-1-abcd"))
    with servers.store.end("shop-web-1-abcd") as body:
        with pytest.raises(Busy, match="somebody else makes or deletes the server 'shop-web-1-abcd'"):
            world.servers().delete("shop-web-1-abcd")
        local_machine.Machine(servers.settings, body, world.folder(body.name)).take_down()


def test_an_address_is_used_again_only_when_all_others_were_used_since(
    world: LocalWorld, servers: local.LocalServers
) -> None:
    world.cloud["network"] = "10.91.7.0/29"
    driver = world.servers()
    addresses = []
    for count in range(7):
        server = driver.create(request(world, f"shop-web-{count}-abcd", marks(count)))
        addresses.append(server.address)
        driver.delete(server.id)
    assert addresses == [f"10.91.7.{last}" for last in (2, 3, 4, 5, 6, 2, 3)]


def test_no_address_left_is_a_quota(world: LocalWorld) -> None:
    world.cloud["network"] = "10.91.7.0/29"
    driver = world.servers()
    for count in range(5):
        world.foreign(f"other-{count}", {})
    with pytest.raises(Quota) as error:
        driver.create(request(world, "shop-web-1-abcd"))
    assert (error.value.resource, error.value.have, error.value.want) == ("addresses", 0, 1)
    assert driver.preflight([request(world, "shop-web-1-abcd")]) == [
        "1 servers need 1 free addresses in 10.91.7.0/29, and there are 0: choose a larger cloud.local.network"
    ]


def test_a_failure_in_the_middle_leaves_nothing(world: LocalWorld, servers: local.LocalServers) -> None:
    root = world.state.parent / "root"
    for name in ("sbin/init", "lib/systemd/systemd", "usr/bin/python3", "bin/tar"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    payload = world.payload("shop-web-1-abcd", marks())
    with pytest.raises(Fault, match=r"chroot .*: failed to run command"):
        servers.create(ServerRequest("shop-web-1-abcd", marks(), {"root": str(root)}, payload))
    assert leftovers(world) == NOTHING


def test_what_has_the_name_of_a_link_or_a_network_of_ours_is_somebody_elses_and_stays(
    world: LocalWorld, servers: local.LocalServers
) -> None:
    subprocess.run(["ip", "link", "add", "ir0a5b0702", "type", "bridge"], check=True)
    subprocess.run(["ip", "netns", "add", "shop-web-1-abcd"], check=True)
    with pytest.raises(Exists, match="network namespace 'shop-web-1-abcd' of somebody else"):
        servers.create(request(world, "shop-web-1-abcd"))
    assert servers.create(request(world, "shop-web-2-abcd", marks(2))).address == "10.91.7.3"
    servers.delete("shop-web-2-abcd")
    assert leftovers(world) == NOTHING | {"links": ["ir0a5b0702"], "networks": ["shop-web-1-abcd"]}
