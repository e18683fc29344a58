"""`bootstrap wait NAME`: an end that was there before the wait began is no answer, and a refused report is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collector_process import ROOT, CollectorProcess, assert_error, until
from reports import failed_story, healthy_story, numbered, signed

pytestmark = pytest.mark.integration
OLD, NEW = "20261120T120000-old000", "20261121T120000-new000"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path) as running:
        yield running


def start(collector: CollectorProcess, *argv: str) -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOOTSTRAP_")} | {"PYTHONPATH": str(ROOT)}
    env |= {"BOOTSTRAP_COLLECTOR": collector.url, "BOOTSTRAP_TOKEN_FILE": str(collector.folder / "token")}
    return subprocess.Popen(
        [sys.executable, "-m", "bootstrap", *argv], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def member(collector: CollectorProcess, name: str, story: list[dict[str, Any]], deploy_id: str) -> None:
    collector.report(story, server=name, deploy_id=deploy_id, key_of="web-*", group="web-*")


# --- whose end counts ---


@pytest.mark.fault(145)
@pytest.mark.parametrize(("story", "state"), [(healthy_story("a"), "healthy"), (failed_story(), "failed")])
@pytest.mark.parametrize("count", [1, 12], ids=["one", "many"])
def test_an_end_of_before_is_no_answer_and_is_said(
    collector: CollectorProcess, story: list[dict[str, Any]], state: str, count: int
) -> None:
    names = [f"web-{number}" for number in range(count)]
    for name in names:
        collector.report(story, server=name, deploy_id=OLD)
    code, out, err = end(start(collector, "wait", *names, "--timeout", "1s", "--quiet"))
    assert (code, out) == (6, "".join(f"{name} {state} before this wait began, in deploy {OLD}\n" for name in names))
    said = err.splitlines()[0]
    assert said.startswith(f"web-0 had already ended ({state}, deploy {OLD}, at 20")
    assert said.endswith(
        "UTC) before this wait began; waiting for a newer deploy. "
        f"To ask for that one: bootstrap wait build/web-0 (its manifest), or --deploy-id {OLD}"
    )
    assert err.splitlines()[-1].startswith(f"  web-0 had already ended ({state}, deploy {OLD}, at 20")
    # Asked for by its deploy, the same end is an answer.
    assert end(start(collector, "wait", *names, "--deploy-id", OLD))[0] == (0 if state == "healthy" else 5)


@pytest.mark.fault(145)
@pytest.mark.parametrize(("story", "code"), [(healthy_story("a"), 0), (failed_story(), 5)])
def test_the_end_of_a_newer_deploy_is_the_answer(
    collector: CollectorProcess, story: list[dict[str, Any]], code: int
) -> None:
    collector.report(healthy_story("a"), server="web-1", deploy_id=OLD)
    waiting = start(collector, "wait", "web-1")
    until(lambda: collector.waiters() > 0)
    assert waiting.poll() is None
    collector.report(story, server="web-1", deploy_id=NEW)
    found, out, err = end(waiting)
    assert (found, out) == (code, f"web-1 {'failed' if code else 'healthy'}\n")
    assert f"deploy {OLD}" in err and NEW not in err


@pytest.mark.fault(145)
def test_an_end_that_is_reached_after_the_wait_began_is_the_answer_whatever_its_deploy(
    collector: CollectorProcess,
) -> None:
    """A deploy under way, and a failed host that a late file heals."""
    late = numbered({"type": "started", "stages": []}, {"type": "state", "state": "failed", "reason": "x is absent"})
    for story, more in ((healthy_story("a"), slice(3, None)), (late, slice(0, 0))):
        name = "under-way" if more.start else "healed"
        collector.report(story[: more.start or None], server=name, deploy_id=OLD)
        before = collector.waiters()
        waiting = start(collector, "wait", name)
        until(lambda before=before: collector.waiters() > before)
        rest = story[more] or numbered({"type": "state", "state": "healthy", "final": True}, first=3)
        collector.report(rest, server=name, deploy_id=OLD)
        code, out, err = end(waiting)
        assert (code, out) == (0, f"{name} healthy\n")
        assert ("had already ended (failed" in err) == (name == "healed")


@pytest.mark.fault(145)
def test_a_group_that_had_its_members_before_is_no_answer(collector: CollectorProcess) -> None:
    member(collector, "web-a", healthy_story("a"), OLD)
    code, out, err = end(start(collector, "wait", "web-*", "--count", "1", "--timeout", "1s", "--json"))
    shown = json.loads(out)
    assert (code, shown["result"], [one["ended_before_wait"] for one in shown["servers"]]) == (6, "timeout", [True])
    assert shown["why"] == f"web-* had already ended (1 of 1 healthy, deploy {OLD}) before this wait began"
    assert f"bootstrap wait 'build/web-*' (its manifest), or --deploy-id {OLD}" in err
    waiting = start(collector, "wait", "web-*", "--count", "1")
    # It has no long poll to be seen by: there is nothing of the new deploy yet.
    assert waiting.stderr and waiting.stderr.readline().startswith("web-* had already ended")
    member(collector, "web-b", healthy_story("a"), NEW)
    assert end(waiting)[:2] == (0, "web-* 1 of 1 healthy\nweb-b healthy\n")


@pytest.mark.fault(145)
def test_one_old_end_holds_up_all_and_one_new_failure_ends_it(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a"), server="old", deploy_id=OLD)
    waiting = start(collector, "wait", "old", "new")
    until(lambda: collector.waiters() > 0)
    collector.report(failed_story(), server="new", deploy_id=NEW)
    code, out, _ = end(waiting)
    assert (code, out) == (5, f"old healthy before this wait began, in deploy {OLD}\nnew failed\n")


def test_the_collector_answers_only_for_a_deploy_after_the_named_one(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a"), server="web-1", deploy_id=OLD)
    query = "/v1/servers/web-1/wait?timeout_s=0.05"
    for after in (OLD, NEW):
        assert collector.get(f"{query}&after={after}")["deploy_id"] == OLD
    assert_error(collector.ask("GET", f"{query}&after=no/id"), 422, "malformed")
    collector.report(healthy_story("a"), server="web-1", deploy_id=NEW)
    assert collector.get(f"/v1/servers/web-1/wait?timeout_s=60&after={OLD}")["deploy_id"] == NEW


# --- whom the collector refuses ---


def refused(collector: CollectorProcess, host: str, server: str = "web-1", **more: Any) -> None:
    content, headers = signed(healthy_story("a"), server=server, deploy_id=NEW, **more)
    assert_error(collector.send(content, headers | {"host": host}), 421, "wrong_host")


def lines(collector: CollectorProcess) -> list[str]:
    return [line.partition("WARNING ")[2] for line in collector.errors().splitlines() if "refused (421)" in line]


@pytest.mark.fault(146)
def test_a_report_under_a_name_that_is_not_ours_is_said_once_and_to_who_waits(collector: CollectorProcess) -> None:
    for _ in range(3):
        refused(collector, "10.0.2.2:8497")
    advice = "which is not a name of this collector; to allow it: bootstrap serve --allow-host 10.0.2.2"
    assert lines(collector) == [f"refused (421): web-1 at 127.0.0.1 reports under the name '10.0.2.2', {advice}"]
    code, out, err = end(start(collector, "wait", "web-1", "--deploy-id", NEW, "--timeout", "300ms", "--quiet"))
    sentence = (
        f"the collector refuses the reports of web-1 (deploy {NEW}): they come under the name '10.0.2.2', {advice}"
    )
    assert (code, out) == (6, "web-1 never heard of\n")
    assert err.splitlines() == [
        sentence,
        f"web-1: never heard of in deploy {NEW}, last report never",
        "error[gate]: not healthy within 0.3s",
        f"  {sentence}",
    ]
    # Neither of another server, nor of another deploy; and no more of one that was heard at last.
    for argv in (["web-2", "--deploy-id", NEW], ["web-1", "--deploy-id", OLD]):
        assert "refuses" not in end(start(collector, "wait", *argv, "--timeout", "300ms"))[2]
    collector.report(healthy_story("a")[:2], server="web-1", deploy_id=NEW)
    assert "refuses" not in end(start(collector, "wait", "web-1", "--timeout", "300ms"))[2]
    assert 'reports_total{result="wrong_host"} 3' in collector.ask("GET", "/metrics").text


@pytest.mark.fault(146)
def test_a_report_signed_with_another_secret_is_said_to_who_waits(collector: CollectorProcess) -> None:
    content, headers = signed(healthy_story("a"), server="web-7", deploy_id=NEW, secret=b"x" * 32)
    assert_error(collector.send(content, headers), 401, "forged")
    for argv in (["web-7"], ["web-*", "--count", "1"]):
        code, out, _ = end(start(collector, "wait", *argv, "--timeout", "300ms", "--json"))
        assert (code, json.loads(out)["why"]) == (
            6,
            f"the collector refuses the reports of web-7 (deploy {NEW}): "
            f"the signature is not that of web-7 in deploy {NEW}",
        )


@pytest.mark.fault(146)
def test_a_strangers_name_is_neither_an_escape_nor_a_command(collector: CollectorProcess) -> None:
    evil = "x\x9b2J$(reboot);`id`"
    refused(collector, evil)
    (line,) = lines(collector)
    assert line.isprintable() and "'x\\x9b2j$(reboot);`id`'" in line
    assert line.endswith("bootstrap serve --allow-host NAME")
    err = end(start(collector, "wait", "web-1", "--timeout", "300ms"))[2]
    assert all(one.isprintable() for one in err.splitlines()) and "--allow-host NAME" in err
    assert "refuses the reports of web-1" in err


@pytest.mark.fault(146)
def test_names_are_bounded_and_scanners_leave_room_for_those_of_hosts(collector: CollectorProcess) -> None:
    for number in range(60):
        response = collector.ask("GET", "/", token=False, headers={"host": f"scan-{number}.example"})
        assert_error(response, 421, "wrong_host")
    assert len(lines(collector)) == 33
    assert lines(collector)[-1] == (
        "refused (421): there are more unknown names; no more of them are listed"
    )
    for number in range(250):
        refused(collector, f"host-{number % 50}", server=f"web-{number}")
    assert len(lines(collector)) == 66
    kept = collector.get("/v1/refused")["refused"]
    assert [one["server"] for one in kept] == [f"web-{number}" for number in range(249, 49, -1)]


def test_who_was_refused_is_told_to_readers_only(collector: CollectorProcess) -> None:
    assert_error(collector.ask("GET", "/v1/refused", token=False), 401, "unauthorised")
    assert collector.get("/v1/refused") == {"refused": []}
