"""A whole roll-out by the command line: containers, a HAProxy, a collector, and clients that count what fails."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import load
import pytest
from demo import Demo
from systemd_box import needs_local_servers
from whole_site import SHOP, Site, haproxy_is_here, output

pytestmark = [
    pytest.mark.integration,
    needs_local_servers,
    pytest.mark.skipif(not haproxy_is_here(), reason="needs haproxy"),
    pytest.mark.timeout(600),
]
REQUESTS, RATE = 800, 80.0
# The last words of the lines after which a deployer is killed.
KILLED_AT = ("is asked for", "is added to web", "has left web")
IN_USE = 4  # the exit code while the lease of the killed deployer lasts: a minute at most


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def demo(site: Site) -> Demo:
    return Demo(site, REQUESTS, RATE)


class TestTheDemo:
    """Its scenes, in their order, on one site; one that goes wrong says what was wrong."""

    def test_the_first_roll_out_makes_servers_and_their_pool(self, demo: Demo, site: Site) -> None:
        demo.first()
        assert demo.wrong == []
        assert sorted(site.members().values()) == ["UP", "UP"]

    def test_servers_are_replaced_under_load_without_one_failed_request(self, demo: Demo, site: Site) -> None:
        before = site.members()
        demo.replaced()
        assert demo.wrong == []
        assert not before.keys() & site.members().keys()
        # The old servers are gone, since the time in which they are kept was over.
        assert sorted(site.servers().store.names()) == sorted(site.members())

    def test_a_release_whose_stage_fails_is_taken_back(
        self, demo: Demo, site: Site, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = site.members()
        demo.taken_back()
        assert demo.wrong == []
        assert site.members() == before
        assert sorted(site.servers().store.names()) == sorted(before)
        text = capsys.readouterr().out
        for words in ("stage migrate", "exit 3", "table orders has no column price"):
            assert words in text, words

    def test_a_reload_of_haproxy_finds_the_members_of_the_last_roll_out(self, demo: Demo) -> None:
        demo.reloaded()
        assert demo.wrong == []

    def test_the_servers_before_are_swapped_back_without_one_failed_request(self, demo: Demo) -> None:
        demo.gone_back()
        assert demo.wrong == []

    @pytest.mark.parametrize("words", ["drains in web", *(pytest.param(w, marks=pytest.mark.slow) for w in KILLED_AT)])
    def test_a_deployer_that_is_killed_is_resumed_without_one_failed_request(
        self, demo: Demo, site: Site, words: str
    ) -> None:
        # The slow ones may run without the scenes above.
        if not site.members():
            demo.first()
        release = f"r{len(words)}"
        clients = subprocess.Popen(
            [*load_command(site), "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with site.watched() as ups:
            try:
                killed_at(site, release, words)
                code, text = resumed(site)
            finally:
                lines, _ = clients.communicate()
        assert code == 0, text
        assert clients.returncode == 0, lines
        assert min(ups) >= 2
        assert sorted(site.members().values()) == ["UP", "UP"]
        assert sorted(site.servers().store.names()) == sorted(site.members())


def load_command(site: Site) -> list[str]:
    """The command of clients in a process of their own."""
    return [*site.python, load.__file__, "10.77.0.1:8000", "--requests", "100", "--rate", str(RATE)]


def killed_at(site: Site, release: str, words: str) -> None:
    """Begin a roll-out, and kill it with SIGKILL as soon as it prints these words."""
    command = site.command("deploy", str(SHOP), "--yes", *site.settings, "--set", f"release={release}")
    process = subprocess.Popen(
        command, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout
    seen = []
    with process.stdout:
        for line in process.stdout:
            seen.append(line)
            if line.rstrip().endswith(words):
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.wait() == -signal.SIGKILL, "".join(seen)


def resumed(site: Site) -> tuple[int, str]:
    """The exit code and the text of `resume`, as soon as the lease of the deployer that was killed is over."""
    end = time.monotonic() + 100
    while True:
        code, text = output(site.command("resume", "--yes"), site.environment)
        if code != IN_USE or time.monotonic() > end:
            return code, text
        time.sleep(2)
