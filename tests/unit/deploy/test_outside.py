"""The real world of the core: the reports of a real collector, and how probes, commands and pauses are passed on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from collector_process import TOKEN, CollectorProcess
from reports import DEPLOY, event, failed_story, healthy_story

from bootstrap.client.collector import Collector
from bootstrap.deploy import faults
from bootstrap.deploy.outside import RealOutside
from bootstrap.deploy.protocols import Outside, ProbeRequest, Report
from bootstrap.deploy.signals import Stop
from bootstrap.deploy.stopping import Stopped


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        running.report(failed_story(tail="one\nE: no \x1b[2J package\n"), server="web-1")
        waiting = [{"path": "/etc/key", "why": "absent", "saw": "is not there"}]
        running.report([event(1, "waiting", missing=waiting)], server="web-2", state="waiting")
        running.report(healthy_with_outputs(), server="web-3")
        running.report(healthy_story("a"), server="web-4", deploy_id="yesterday")
        running.report(healthy_story("a")[:3], server="web-5")
        yield running


def healthy_with_outputs() -> list[dict[str, Any]]:
    """A healthy story whose two stages have outputs, the second over the first."""
    story = healthy_story("a", "b")
    story[0]["addresses"] = ["10.0.0.3", "fd00::3"]
    ends = [event for event in story if event["type"] == "stage.ended"]
    ends[0]["outputs"] = {"port": "1", "version": "3"}
    ends[1]["outputs"] = {"port": "2"}
    return story


@pytest.fixture
def asked(collector: CollectorProcess) -> Iterator[tuple[RealOutside, list[str]]]:
    """The outside of this collector, and the paths that it asks for."""
    client, paths = Collector(collector.url, TOKEN), []

    def note(response: Any, *_: Any, **__: Any) -> None:
        paths.append(response.request.path_url)

    client._session.hooks["response"].append(note)
    yield RealOutside(client, Stop()), paths
    client._session.close()


Asked = tuple[RealOutside, list[str]]


def test_the_report_of_a_failure_has_its_lines(asked: Asked) -> None:
    report = asked[0].reports(DEPLOY, ["web-1"])["web-1"]
    assert (report.state, report.reason) == ("failed", "stage packages: exit 100, after 2 attempts")
    assert report.lines == (
        "web-1 failed in stage packages: exit 100, after 2 attempts",
        "  first failing line: E: no \N{REPLACEMENT CHARACTER}[2J package",
        "  last lines of packages.log:",
        "    | one",
        "    | E: no \N{REPLACEMENT CHARACTER}[2J package",
    )


def test_a_host_that_waits_says_what_for(asked: Asked) -> None:
    report = asked[0].reports(DEPLOY, ["web-2"])["web-2"]
    assert (report.state, report.lines) == ("waiting", ())


def test_a_healthy_server_brings_its_outputs_and_addresses(asked: Asked) -> None:
    assert asked[0].reports(DEPLOY, ["web-3"]) == {
        "web-3": Report("healthy", None, (), {"port": "2", "version": "3"}, ("10.0.0.3", "fd00::3"))
    }


def test_only_these_names_in_this_deploy_count(asked: Asked) -> None:
    """A server of the same name that was healthy yesterday is no answer."""
    seen = asked[0].reports(DEPLOY, ["web-4", "web-5", "web-9"])
    assert {name: report.state for name, report in seen.items()} == {"web-4": None, "web-5": "running", "web-9": None}
    assert asked[0].reports("yesterday", ["web-4"])["web-4"].state == "healthy"


def test_many_servers_are_one_request_and_what_is_healthy_is_read_whole_once(asked: Asked) -> None:
    outside, paths = asked
    brief = f"/v1/servers?deploy_id={DEPLOY}&brief=1"
    outside.reports(DEPLOY, ["web-2", "web-5", "web-9"])
    assert paths == [brief]
    outside.reports(DEPLOY, ["web-2", "web-3", "web-5"])
    again = outside.reports(DEPLOY, ["web-2", "web-3", "web-5"])
    assert paths[1:] == [brief, f"/v1/servers?deploy_id={DEPLOY}", brief]
    assert again["web-3"].outputs == {"port": "2", "version": "3"}


def test_two_hosts_that_report_as_one_server_are_named(collector: CollectorProcess, asked: Asked) -> None:
    for journal, events in (("j-a", healthy_story("a")[:3]), ("j-b", healthy_story("a")[:3])):
        collector.report(events, server="web-6", journal=journal)
    collector.report([event(4, "state", state="running")], server="web-6", journal="j-a")
    assert asked[0].reports(DEPLOY, ["web-6"])["web-6"].reason == "two hosts report as this server"


def test_a_collector_that_is_away_is_unknown(tmp_path_factory: pytest.TempPathFactory) -> None:
    with CollectorProcess(tmp_path_factory.mktemp("away")) as running:
        outside = RealOutside(Collector(running.url, TOKEN), Stop())
        running.report(healthy_story("a"), server="web-1")
        assert outside.reports(DEPLOY, ["web-1"])["web-1"].state == "healthy"
        running.kill()
        # What was healthy a moment ago is no answer now.
        with pytest.raises(faults.Unknown, match="does not answer"):
            outside.reports(DEPLOY, ["web-1"])


def test_a_collector_that_refuses_is_denied(collector: CollectorProcess) -> None:
    with pytest.raises(faults.Denied, match="reading needs the token"):
        RealOutside(Collector(collector.url, "a-wrong-token-0123456789"), Stop()).reports(DEPLOY, ["web-1"])
    with pytest.raises(faults.Broken, match="deploy_id: '-' is not a name"):
        RealOutside(Collector(collector.url, TOKEN), Stop()).reports("-", ["web-1"])


def test_without_a_collector_nobody_has_reported() -> None:
    assert RealOutside(None, Stop()).reports("d", ["a"]) == {"a": Report(None)}


def test_a_pause_keeps_the_lease_and_ends_when_the_user_asks() -> None:
    beats: list[int] = []
    stop = Stop()
    outside: Outside = RealOutside(None, stop, beat=lambda: beats.append(1))
    outside.pause(0)
    outside.command("true", {}, 60)
    assert len(beats) >= 1
    stop.ask()
    with pytest.raises(Stopped):
        outside.pause(600)
    outside.pause(0.001)


def test_clocks_probes_and_commands_are_real() -> None:
    outside = RealOutside(None, Stop())
    assert outside.now() > 1_790_000_000 > outside.clock()
    assert outside.command("echo $A; exit 4", {"A": "b"}, 60) == (4, "b")
    assert outside.probe([ProbeRequest("http://127.0.0.1:1/")]) == ["connection refused"]
