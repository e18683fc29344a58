"""What is particular to HAProxy: whose lines are whose, what the file and the process say, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from haproxy_process import HaproxyBench
from pool_contract import by_name, is_in, serving
from web_servers import WebServers

from bootstrap.deploy.drivers import haproxy, haproxy_settings, haproxy_stat
from bootstrap.deploy.drivers.haproxy import HaproxyPool
from bootstrap.deploy.drivers.haproxy_file import BEGIN, END
from bootstrap.deploy.drivers.haproxy_local import LocalProcess
from bootstrap.deploy.faults import Broken, Busy, Denied, Exists, Unknown
from bootstrap.deploy.model import MemberState
from bootstrap.deploy.protocols import Pool

pytestmark = pytest.mark.integration
NAME = "shop-web-1-aaaa"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HaproxyBench]:
    with WebServers() as servers:
        bench = HaproxyBench(tmp_path, servers)
        with bench.proxy:
            yield bench


def ours(bench: HaproxyBench) -> list[str]:
    """The lines between the markers of the file."""
    lines = [line.strip() for line in bench.proxy.config.read_text().splitlines()]
    return lines[lines.index(BEGIN) + 1 : lines.index(END)]


def servers(bench: HaproxyBench, backend: str = "web") -> list[str]:
    """The names of all servers that the process has, also of those that are no members any more."""
    rows = bench.proxy.ask("show servers state").splitlines()
    return [row.split()[3] for row in rows if row.split()[1:2] == [backend]]


def with_text(pool: Pool, wanted: str) -> None:
    with pytest.raises(Broken) as refusal:
        pool.members()
    assert refusal.value.message == wanted


# --- strangers --------------------------------------------------------------------------------------------------------


def test_a_member_of_somebody_else_is_neither_drained_nor_removed(bench: HaproxyBench) -> None:
    text = bench.proxy.config.read_text()
    for call in (bench.pool().drain, bench.pool().remove):
        with pytest.raises(Denied) as refusal:
            call(bench.stranger)
        assert refusal.value.message == (
            "stranger of web stands outside of the markers in the file: it is somebody else's"
        )
    with pytest.raises(Exists):
        bench.pool().add(bench.stranger, bench.home)
    assert bench.proxy.config.read_text() == text
    bench.until(is_in(bench.pool(), bench.stranger, MemberState.UP))


def test_a_server_that_only_the_process_has_is_refused_at_the_start(bench: HaproxyBench) -> None:
    going_on = bench.pool()
    going_on.members()
    bench.proxy.ask("add server web/extra 192.0.2.9:80 check")
    home = f"{bench.home}:{bench.servers.port}"
    with_text(
        bench.pool(),
        f"the file says that web has stranger {home}, the process says extra 192.0.2.9:80, stranger {home}: "
        "reload HAProxy, or mend the file, so that they agree",
    )
    # A roll-out that is under way goes on: it can do nothing about it.
    assert [member.name for member in going_on.members()] == ["stranger", "extra"]


def test_a_server_with_another_address_in_the_file_is_refused_at_the_start(bench: HaproxyBench) -> None:
    config = bench.proxy.config
    config.write_text(config.read_text().replace(f"server stranger {bench.home}", "server stranger 192.0.2.1", 1))
    port = bench.servers.port
    with_text(
        bench.pool(),
        f"the file says that web has stranger 192.0.2.1:{port}, the process says stranger {bench.home}:{port}: "
        "reload HAProxy, or mend the file, so that they agree",
    )


def test_a_file_from_which_our_lines_were_lost_is_refused(bench: HaproxyBench) -> None:
    untouched = bench.proxy.config.read_text()
    serving(bench, bench.pool(), NAME)
    bench.proxy.config.write_text(untouched)
    with pytest.raises(Broken, match=f"the file says that web has stranger .*, the process says {NAME} .*, stranger"):
        bench.pool().members()


def test_a_backend_that_only_the_process_has_is_refused(bench: HaproxyBench) -> None:
    bench.proxy.config.write_text("global\n")
    with_text(bench.pool(), "the process has a backend web and the file has none: they must belong together")


def test_a_server_without_a_check_is_named(bench: HaproxyBench) -> None:
    with_text(
        bench.unmonitored(),
        "bare has no monitor: HAProxy does not check stranger, so nobody knows whether they serve; put `check` into "
        "their lines, or into `default-server`",
    )


# --- the file and the process -----------------------------------------------------------------------------------------


def test_the_file_has_what_the_process_has_at_each_step(bench: HaproxyBench) -> None:
    pool = bench.pool()
    member = serving(bench, pool, NAME)
    at = f"{member.address}:{member.port}"
    assert ours(bench) == [f"server {NAME} {at} check # serves"]
    pool.drain(NAME)
    assert ours(bench) == [f"server {NAME} {at} check disabled # drained"]
    pool.remove(NAME)
    assert ours(bench) == [f"# left {NAME} {at}"]
    assert servers(bench) == ["stranger"]
    other = serving(bench, pool, "shop-web-2-aaaa")
    assert ours(bench) == [f"server shop-web-2-aaaa {other.address}:{other.port} check # serves"]


def test_a_member_that_is_added_has_the_options_of_default_server(bench: HaproxyBench) -> None:
    serving(bench, bench.pool(), NAME)
    rows = list(csv.DictReader(bench.proxy.ask("show stat -1 4 -1").lstrip("# ").splitlines()))
    checks = [(row["check_rise"], row["check_fall"]) for row in rows if row["pxname"] == "web"]
    # HAProxy's own defaults are 2 and 3.
    assert checks == [("2", "2")] * 2


def test_a_server_that_could_not_be_deleted_is_deleted_by_the_next_call(bench: HaproxyBench) -> None:
    class Late(LocalProcess):
        """A HAProxy that still counts a session while the member leaves."""

        def ask(self, command: str) -> str:
            return "Server still has connections attached.\n" if command.startswith("del ") else super().ask(command)

    member = serving(bench, bench.pool(), NAME)
    settings = haproxy_settings.read(bench.settings())
    HaproxyPool(Late(settings.config, settings.socket), bench.plan(), "").remove(NAME)
    # It is no member any more, although HAProxy has it still.
    assert servers(bench) == ["stranger", NAME] and list(by_name(bench.pool())) == ["stranger"]
    serving(bench, bench.pool(), "shop-web-2-aaaa")
    assert servers(bench) == ["stranger", "shop-web-2-aaaa"]
    bench.pool().add(NAME, member.address)
    bench.until(is_in(bench.pool(), NAME, MemberState.UP))


def test_what_haproxy_does_not_take_does_not_stay_in_the_file(bench: HaproxyBench) -> None:
    class Refusing(LocalProcess):
        def ask(self, command: str) -> str:
            return "out of memory\n" if command.startswith("add server") else super().ask(command)

    text, address = bench.proxy.config.read_text(), bench.address()
    settings = haproxy_settings.read(bench.settings())
    pool = HaproxyPool(Refusing(settings.config, settings.socket), bench.plan(), "")
    command = f"add server web/{NAME} {address}:{bench.servers.port} check inter 100ms fall 2 rise 2"
    with pytest.raises(Broken) as refusal:
        pool.add(NAME, address)
    assert refusal.value.message == f"HAProxy answered `{command}` with: out of memory"
    # The markers may stay; nobody stands between them.
    assert ours(bench) == [] if BEGIN in bench.proxy.config.read_text() else bench.proxy.config.read_text() == text


def test_sessions_that_are_left_end_when_their_member_is_removed(bench: HaproxyBench) -> None:
    member = serving(bench, bench.pool(), NAME)
    with bench.hold(member.address):
        assert by_name(bench.pool())[NAME].sessions == 1
        bench.pool().remove(NAME)
        process = LocalProcess(str(bench.proxy.config), str(bench.proxy.socket))

        def has_ended() -> bool:
            view = haproxy_stat.seen(process, "web")
            return view is not None and (NAME not in view.rows or view.rows[NAME].sessions == 0)

        bench.until(has_ended)


def test_a_deployer_waits_for_another_one(bench: HaproxyBench) -> None:
    with LocalProcess(str(bench.proxy.config), "").locked():
        with pytest.raises(Busy):
            bench.pool().add(NAME, bench.address())
        with pytest.raises(Busy):
            bench.pool().remove(NAME)
    assert [member.name for member in bench.pool().members()] == ["stranger"]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "address", "message"),
    [
        ("a b", "192.0.2.1", "HAProxy takes no member with the name 'a b': letters, digits and _ . : - are possible"),
        (
            "a\nb",
            "192.0.2.1",
            "HAProxy takes no member with the name 'a\\nb': letters, digits and _ . : - are possible",
        ),
        (
            "a;quit",
            "192.0.2.1",
            "HAProxy takes no member with the name 'a;quit': letters, digits and _ . : - are possible",
        ),
        ("", "192.0.2.1", "HAProxy takes no member with the name '': letters, digits and _ . : - are possible"),
        (NAME, "db.internal", "a member of HAProxy needs an IP address, not 'db.internal'"),
        (NAME, "192.0.2.1 backup", "a member of HAProxy needs an IP address, not '192.0.2.1 backup'"),
    ],
)
def test_a_name_or_an_address_that_haproxy_would_misread_is_refused(
    bench: HaproxyBench, name: str, address: str, message: str
) -> None:
    text = bench.proxy.config.read_text()
    with pytest.raises(Broken) as refusal:
        bench.pool().add(name, address)
    assert refusal.value.message == message
    assert bench.proxy.config.read_text() == text


def test_a_pool_with_which_haproxy_would_not_start_is_not_written(bench: HaproxyBench) -> None:
    settings = {**bench.settings(), "monitor": {"path": '/ping" "\''}}
    text = bench.proxy.config.read_text()
    with pytest.raises(Broken):
        haproxy.pool(settings, bench.plan("new", bench.new_listen)).add(NAME, bench.address())
    with pytest.raises(Broken, match=r"HAProxy would not start with the new file: .*ALERT"):
        haproxy.pool({**settings, "monitor": {"path": "/ping", "rise": 0}}, bench.plan("new")).add(
            NAME, bench.address()
        )
    assert bench.proxy.config.read_text() == text


def test_a_pool_that_haproxy_does_not_load_is_taken_out_of_the_file_again(bench: HaproxyBench) -> None:
    text = bench.proxy.config.read_text()
    with pytest.raises(Broken, match="`exit 3` ended with 3"):
        haproxy.pool({**bench.settings(), "reload": "exit 3"}, bench.plan("new")).add(NAME, bench.address())
    assert bench.proxy.config.read_text() == text


def test_a_haproxy_that_reads_another_file_is_said(bench: HaproxyBench, tmp_path: Path) -> None:
    copy = tmp_path / "copy.cfg"
    copy.write_text(bench.proxy.config.read_text())
    with pytest.raises(Unknown) as refusal:
        haproxy.pool({**bench.settings(), "config": str(copy)}, bench.plan("new")).add(NAME, bench.address())
    assert refusal.value.message == (
        "HAProxy was reloaded, but not from `cloud.haproxy.config` as it is now: it has no backend new"
    )


def test_a_reload_by_the_signal_finds_the_master(bench: HaproxyBench) -> None:
    settings = haproxy_settings.read(bench.settings())
    before = bench.proxy.pid()
    LocalProcess(settings.config, settings.socket).reload()
    assert bench.proxy.pid() != before
    # The same again at once: the master does not lose the second signal while it starts.
    LocalProcess(settings.config, settings.socket).reload()


def test_a_member_that_was_swept_away_meanwhile_is_unknown(bench: HaproxyBench) -> None:
    """Somebody's reload that had read the file before our change takes the change away."""

    class Swept(LocalProcess):
        def ask(self, command: str) -> str:
            answer = super().ask(command)
            if command.endswith("state ready"):
                super().ask(f"set server web/{NAME} state maint")
                super().ask(f"del server web/{NAME}")
            return answer

    settings, address = replace(haproxy_settings.read(bench.settings())), bench.address()
    bench.serve(address)
    with pytest.raises(Unknown) as refusal:
        HaproxyPool(Swept(settings.config, settings.socket), bench.plan(), "").add(NAME, address)
    assert refusal.value.message == f"HAProxy was reloaded while {NAME} of web was being changed"
    # The core looks: a member that drains is added again.
    assert by_name(bench.pool())[NAME].state is MemberState.DRAINING
    bench.pool().add(NAME, address)
    bench.until(is_in(bench.pool(), NAME, MemberState.UP))
