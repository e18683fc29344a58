"""`bootstrap.wait()` and `bootstrap.status()` against a real collector: what they return, and what they raise."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from box import Box, needs_root
from collector_process import ROOT, TOKEN, CollectorProcess, until
from pages import blocks
from reports import DEPLOY, failed_story, healthy_story, numbered

import bootstrap
from bootstrap.errors import CollectorError, ExitCode, UsageError

pytestmark = pytest.mark.integration
SPEC = """\
version: 1
name: web
report: {url: "http://127.0.0.1:1"}
stages:
  - {name: a, run: "true"}
"""


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture
def asked(collector: CollectorProcess, monkeypatch: pytest.MonkeyPatch) -> CollectorProcess:
    """The same, named by the environment, as in a CI job."""
    monkeypatch.setenv("BOOTSTRAP_COLLECTOR", collector.url)
    monkeypatch.setenv("BOOTSTRAP_TOKEN", TOKEN)
    return collector


@pytest.fixture
def project(tmp_path: Path) -> bootstrap.Project:
    (tmp_path / "web.yaml").write_text(SPEC)
    return bootstrap.load(tmp_path / "web.yaml")


def test_a_healthy_server_is_returned_with_its_stages(asked: CollectorProcess) -> None:
    story = healthy_story("a", "b")
    story[3]["outputs"] = {"instance": "i-7", "port": "1"}
    story[5]["outputs"] = {"port": "2"}
    asked.report(story, server="good")
    lines: list[str] = []

    result = bootstrap.wait("good", deploy_id=DEPLOY, progress=lines.append)

    (server,) = result.servers
    assert (result.result, result.why, result.groups) == ("healthy", None, ())
    assert (server.name, server.state, server.deploy_id, server.failure) == ("good", "healthy", DEPLOY, None)
    assert [(stage.name, stage.state, stage.attempts, stage.exit_code) for stage in server.stages] == [
        ("a", "done", 1, 0), ("b", "done", 1, 0),
    ]  # fmt: skip
    assert server.outputs == {"instance": "i-7", "port": "2"}
    assert lines == ["good: healthy"]
    assert bootstrap.status("good") == (server,)


def test_a_failure_ends_the_wait_at_once_and_is_raised_with_its_reason(asked: CollectorProcess) -> None:
    story = failed_story()
    asked.report(story[:2], server="bad")
    before = asked.waiters()
    errors: list[bootstrap.ServerFailedError] = []

    def wait() -> None:
        with pytest.raises(bootstrap.ServerFailedError) as caught:
            bootstrap.wait("bad", "other", timeout=600)
        errors.append(caught.value)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: asked.waiters() > before)
    asked.report(story[2:], server="bad")
    thread.join(60)

    (error,) = errors
    assert error.message == (
        "bad failed in stage packages: exit 100, after 2 attempts: E: Unable to locate package nope"
    )
    assert error.hint == "on bad, `initialrunner why` and `initialrunner logs packages`"
    assert (error.exit_code, error.code) == (ExitCode.FAILED, "gate")
    assert [problem.message for problem in error.problems] == [error.message]
    bad, other = error.result.servers
    assert bad.failure is not None
    assert (bad.state, bad.failure.stage, bad.failure.exit_code) == ("failed", "packages", 100)
    assert (bad.failure.reason, bad.failure.line) == (
        "exit 100, after 2 attempts", "E: Unable to locate package nope",
    )  # fmt: skip
    assert (other.name, other.state, other.stages) == ("other", None, ())


def test_time_that_is_out_is_raised_with_the_states(asked: CollectorProcess) -> None:
    asked.report(numbered({"type": "started", "stages": ["a"]}), server="slow")

    with pytest.raises(bootstrap.WaitTimeoutError) as caught:
        bootstrap.wait("slow", "never", timeout="300ms")

    error = caught.value
    assert error.message == "not healthy within 0.3s: slow running; never never heard of"
    assert error.hint == "look at the console of each server never heard of: it says what it waits for"
    assert error.exit_code == ExitCode.TIMEOUT
    assert error.result.result == "timeout"
    assert isinstance(error, bootstrap.WaitError) and isinstance(error, bootstrap.BootstrapError)


def test_a_collector_that_is_never_reached_is_a_time_out_with_the_reason() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(bootstrap.WaitTimeoutError) as caught:
            bootstrap.wait("x", collector=url, token=TOKEN, timeout=0.3)
        assert caught.value.hint is not None and caught.value.hint.startswith("the collector was never reached: ")
        with pytest.raises(CollectorError, match="does not answer"):
            bootstrap.status("x", collector=url, token=TOKEN)


def test_an_end_of_an_earlier_roll_out_is_no_answer_to_a_name(asked: CollectorProcess) -> None:
    asked.report(healthy_story("a"), server="again")
    lines: list[str] = []

    with pytest.raises(bootstrap.WaitTimeoutError, match=r"not healthy within 0\.3s$") as caught:
        bootstrap.wait("again", timeout="300ms", progress=lines.append)

    assert caught.value.result.servers[0].ended_before_wait
    assert lines[0].startswith("again had already ended (healthy, ")
    assert caught.value.hint is not None and caught.value.hint.startswith("again had already ended (healthy, ")


def test_whatever_was_rendered_names_its_servers(
    asked: CollectorProcess, project: bootstrap.Project, tmp_path: Path
) -> None:
    secret = bytes(32)
    fleet = project.fleet(["r-1", "r-2"], deploy_id=DEPLOY)
    rendering = fleet.plan("r-1").render(secret)
    index = fleet.write(tmp_path / "build", ["tree"], secret=secret)
    for name in ("r-1", "r-2"):
        asked.report(healthy_story("a"), server=name, deploy_id="yesterday")
        asked.report(healthy_story("a"), server=name)

    ways: list[tuple[Any, list[str]]] = [
        (rendering, ["r-1"]),
        (fleet.plan("r-2"), ["r-2"]),
        (rendering.manifest("tree"), ["r-1"]),
        (fleet, ["r-1", "r-2"]),
        (index, ["r-1", "r-2"]),
        (tmp_path / "build", ["r-1", "r-2"]),
        (tmp_path / "build/r-2/manifest.json", ["r-2"]),
        (str(tmp_path / "build/r-2"), ["r-2"]),
    ]
    for way, names in ways:
        # Each is asked for once, however often it is named.
        servers = bootstrap.wait(way, way).servers
        assert [(server.name, server.deploy_id) for server in servers] == [(name, DEPLOY) for name in names]
        assert bootstrap.status(way) == servers


def test_many_servers_have_their_stages_too(asked: CollectorProcess) -> None:
    names = [f"many-{number}" for number in range(12)]
    for name in names:
        asked.report(healthy_story("a"), server=name)

    servers = bootstrap.wait(*names, deploy_id=DEPLOY).servers

    assert [server.name for server in servers] == names
    assert {server.stages[0].name for server in servers} == {"a"}
    asked.report(failed_story(), server="many-x")
    with pytest.raises(bootstrap.ServerFailedError, match=r"^many-x failed in stage packages") as caught:
        bootstrap.wait(*names, "many-x", deploy_id=DEPLOY)
    assert {len(server.stages) for server in caught.value.result.servers} == {1, 2}


def test_a_group_is_waited_for_with_a_count(asked: CollectorProcess) -> None:
    for name in ("g-1", "g-2"):
        asked.report(healthy_story("a"), server=name, key_of="g-*", group="g-*")

    result = bootstrap.wait("g-*", deploy_id=DEPLOY, count=2)

    assert [server.name for server in result.servers] == ["g-1", "g-2"]
    assert [(group.name, group.count, group.healthy) for group in result.groups] == [("g-*", 2, 2)]
    assert [server.group for server in bootstrap.status("g-*", deploy_id=DEPLOY)] == ["g-*", "g-*"]
    with pytest.raises(bootstrap.WaitTimeoutError, match="g-\\*: 2 of 3 healthy"):
        bootstrap.wait("g-*", deploy_id=DEPLOY, count=3, timeout="300ms")
    asked.report(failed_story(), server="g-3", key_of="g-*", group="g-*")
    with pytest.raises(bootstrap.ServerFailedError, match=r"^g-3 failed in stage packages"):
        bootstrap.wait("g-*", deploy_id=DEPLOY, count=3)
    with pytest.raises(UsageError, match=r"g-\* is a group, and its count is missing") as caught:
        bootstrap.wait("g-*")
    assert caught.value.hint == "--count N (Python: count=N): how many must be healthy"


def test_the_token_is_a_text_or_a_file(collector: CollectorProcess, tmp_path: Path) -> None:
    collector.report(healthy_story("a"), server="tok")
    for token in (TOKEN, collector.folder / "token"):
        (server,) = bootstrap.wait("tok", deploy_id=DEPLOY, collector=collector.url, token=token).servers
        assert server.state == "healthy"
    with pytest.raises(CollectorError, match="the collector refuses: "):
        bootstrap.wait("tok", collector=collector.url, token="wrong")
    with pytest.raises(UsageError, match="the token is empty"):
        bootstrap.wait("tok", collector=collector.url, token="")
    with pytest.raises(UsageError, match=f"the token file {tmp_path}/none cannot be read: No such file"):
        bootstrap.status(collector=collector.url, token=tmp_path / "none")


def test_without_names_the_status_is_that_of_every_server(asked: CollectorProcess) -> None:
    asked.report(healthy_story("a"), server="one-of-all", deploy_id="zz-own")

    assert "one-of-all" in [server.name for server in bootstrap.status()]
    assert [server.name for server in bootstrap.status(deploy_id="zz-own")] == ["one-of-all"]
    with pytest.raises(UsageError, match="nothing has been heard of nope, none in deploy zz-own"):
        bootstrap.status("nope", "one-of-all", "none", deploy_id="zz-own")


def test_wrong_arguments_are_refused(asked: CollectorProcess) -> None:
    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((), {}, "there is no server to wait for"),
        (("x",), {"timeout": "15"}, "the timeout '15' is not a duration with a unit"),
        (("x",), {"collector": "deploy:8443"}, "the collector 'deploy:8443' is not an http:// or https:// URL"),
        (({"name": "x"},), {}, "the dictionary is not a manifest: it must name server and deploy_id"),
        ((7,), {}, "int names no server"),
        ((["x", "y"],), {}, "list names no server"),
        ((Path("none.json"),), {}, "none.json cannot be read: No such file or directory"),
        (("x",), {"count": 1}, "no group is named"),
    ]
    for servers, options, message in wrong:
        with pytest.raises(UsageError) as caught:
            bootstrap.wait(*servers, **options)
        assert caught.value.message == message


def test_what_a_collector_of_another_release_adds_is_left_out(asked: CollectorProcess) -> None:
    from bootstrap.client.answers import server

    asked.report(healthy_story("a"), server="later")
    answer = asked.get("/v1/servers/later")
    later = {**answer, "moon": "full", "stages": [{**stage, "moon": "full"} for stage in answer["stages"]]}
    assert server(later) == server(answer)
    # And of an earlier one.
    assert server({"server": "a", "deploy_id": "d", "state": "running"}).stages == ()


@needs_root
def test_the_program_of_the_reference_page_waits_for_a_real_server(collector: CollectorProcess, tmp_path: Path) -> None:
    page = blocks(ROOT / "docs/reference/api.md")
    for block in page:
        if block.saved_as:
            (tmp_path / block.saved_as).write_text(block.text, encoding="utf-8")
    (shown,) = (text for block in page for command, text in block.commands if command == "python3 gate.py")
    shutil.copy(collector.folder / "secret", tmp_path / "collector.secret")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("BOOTSTRAP_")}
    environment = {"PYTHONPATH": str(ROOT), "BOOTSTRAP_COLLECTOR": collector.url, "BOOTSTRAP_TOKEN": TOKEN}

    with subprocess.Popen(
        [sys.executable, "-u", "gate.py"], cwd=tmp_path, env=inherited | environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            until(lambda: (tmp_path / "user-data").exists())
            with Box(network="host") as box:
                box.put("/root/user-data", (tmp_path / "user-data").read_bytes(), mode=0o700)
                assert box.run("/root/user-data").returncode == 0
                answer, _ = process.communicate(timeout=60)
        finally:
            process.kill()

    assert process.returncode == 0, answer
    # A fast server may have passed a state between two answers.
    assert set(answer.splitlines()) <= set(shown.splitlines())
    assert answer.splitlines()[-2:] == shown.splitlines()[-2:]
