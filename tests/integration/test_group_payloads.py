"""One payload for many hosts: members name themselves, the group's key signs, and `wait` counts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from box import Box, needs_root
from collector_process import ROOT, CollectorProcess, assert_error, until
from oracle import deliver
from reports import SECRET, failed_story, healthy_story, signed

import bootstrap
from bootstrap.runner.host import STATE

pytestmark = pytest.mark.integration
UUIDS = ["3d1219c7-c4c5-404a-aa1f-6d2a48adfda4", "11111111-2222-3333-4444-555555555555"]
IDS = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"]
MEMBERS = ["web-3d1219c7c4c5", "web-111111112222"]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path) as one:
        yield one


def member(collector: CollectorProcess, name: str, story: list[dict[str, Any]], deploy_id: str = "d1") -> None:
    collector.report(story, server=name, deploy_id=deploy_id, key_of="web-*", group="web-*")


def run(collector: CollectorProcess, *argv: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOOTSTRAP_")} | {"PYTHONPATH": str(ROOT)}
    env |= {"BOOTSTRAP_COLLECTOR": collector.url, "BOOTSTRAP_TOKEN_FILE": str(collector.folder / "token")}
    command = [sys.executable, "-m", "bootstrap", *argv]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


# --- waiting ---


@pytest.mark.parametrize(("last", "code"), [(healthy_story("a"), 0), (failed_story(), 5)])
def test_wait_takes_a_whole_fleet(
    collector: CollectorProcess, tmp_path: Path, last: list[dict[str, Any]], code: int
) -> None:
    (tmp_path / "web.yaml").write_text("version: 1\nname: web\nstages: [{name: a, run: 'true'}]\n")
    names = [f"web-{number}" for number in range(12)]
    bootstrap.load(tmp_path / "web.yaml").fleet(names, deploy_id="d1").write(tmp_path / "build", ["user-data"])
    for name in names[:-1]:
        collector.report(healthy_story("a"), server=name, deploy_id="d1")
    # Yesterday's healthy is not today's answer.
    collector.report(healthy_story("a"), server=names[-1], deploy_id="d0")
    assert run(collector, "wait", str(tmp_path / "build"), "--timeout", "300ms").returncode == 6
    collector.report(last, server=names[-1], deploy_id="d1")

    done = run(collector, "wait", str(tmp_path / "build/manifest.json"), "--timeout", "30s")

    assert (done.returncode, len(done.stdout.splitlines())) == (code, 12)


def test_wait_is_0_once_so_many_members_are_healthy(collector: CollectorProcess) -> None:
    member(collector, "web-a", healthy_story("a"))
    # Neither another server of the deploy counts, whatever it calls itself, nor a member in an earlier deploy.
    collector.report(healthy_story("a"), server="web-b", deploy_id="d1", group="web-*")
    member(collector, "web-c", healthy_story("a"), deploy_id="d0")
    before = collector.waiters()
    done: list[subprocess.CompletedProcess[str]] = []
    thread = threading.Thread(target=lambda: done.append(run(collector, "wait", "web-*", "--count", "2")))
    thread.start()
    until(lambda: collector.waiters() > before)
    assert not done
    member(collector, "web-d", healthy_story("a"))
    thread.join(60)

    assert done[0].returncode == 0, done[0].stderr
    assert done[0].stdout == "web-* 2 of 2 healthy\nweb-a healthy\nweb-d healthy\n"
    assert "web-*: 1 of 2 healthy\n" in done[0].stderr


def test_wait_ends_at_the_first_member_that_fails_unless_some_may(collector: CollectorProcess) -> None:
    member(collector, "web-bad", failed_story())
    member(collector, "web-good", healthy_story("a"))
    argv = ["wait", "web-*", "--deploy-id", "d1", "--timeout", "500ms"]

    done = run(collector, *argv, "--count", "2")
    assert (done.returncode, done.stdout.splitlines()) == (
        5, ["web-* 1 of 2 healthy, 1 failed", "web-bad failed", "web-good healthy"]
    )  # fmt: skip
    assert "web-bad failed in stage packages: exit 100" in done.stderr
    assert run(collector, *argv, "--count", "2", "--failures", "1").returncode == 6
    assert run(collector, *argv, "--count", "1", "--failures", "1").returncode == 0


def test_json_tells_the_group_and_its_members(collector: CollectorProcess) -> None:
    member(collector, "web-a", healthy_story("a"))

    shown = json.loads(run(collector, "wait", "web-*", "--count", "1", "--deploy-id", "d1", "--json").stdout)

    assert shown["groups"] == [
        {"server": "web-*", "deploy_id": "d1", "state": "healthy", "count": 1, "healthy": 1, "states": {"healthy": 1}}
    ]
    assert [(one["server"], one["group"]) for one in shown["servers"]] == [("web-a", "web-*")]


@pytest.mark.parametrize(
    ("argv", "said"),
    [(["web-*"], "web-* is a group, and its count is missing"), (["web-1", "--count", "2"], "no group is named")],
    ids=["a-group-without-a-count", "a-count-without-a-group"],
)
def test_a_count_and_a_group_go_together(collector: CollectorProcess, argv: list[str], said: str) -> None:
    done = run(collector, "wait", *argv, "--timeout", "300ms")
    assert done.returncode == 2 and said in done.stderr


def test_wait_is_6_when_no_member_was_ever_heard_of(collector: CollectorProcess) -> None:
    done = run(collector, "wait", "web-*", "--count", "1", "--timeout", "300ms")
    assert (done.returncode, done.stdout) == (6, "web-* 0 of 1 healthy\n")


def test_status_and_the_page_show_whose_members_they_are(collector: CollectorProcess) -> None:
    member(collector, "web-a", healthy_story("a"))
    collector.report(healthy_story("a"), server="web-b", deploy_id="d1")

    listed = run(collector, "status", "web-*").stdout
    assert "web-a" in listed and "web-b" not in listed
    assert "  group      web-*\n" in run(collector, "status", "web-a").stdout
    assert "group" not in run(collector, "status", "web-b").stdout
    page = collector.ask("GET", "/", headers={"accept": "text/html"}).text
    assert page.count("member of web-*") == 1


# --- whose key speaks for whom ---


def test_a_name_outside_the_group_is_refused_and_changes_nothing(collector: CollectorProcess) -> None:
    content, headers = signed(healthy_story("a"), server="db-1", deploy_id="d1", key_of="web-*", group="web-*")

    message = assert_error(collector.send(content, headers), 401, "forged")

    assert message == "the signature is not that of db-1 in deploy d1"
    assert collector.get("/v1/servers") == {"servers": []}


@pytest.mark.parametrize("known", ["heard", "announced"])
def test_a_member_cannot_speak_for_a_server_that_has_a_key_of_its_own(collector: CollectorProcess, known: str) -> None:
    if known == "heard":
        collector.report(healthy_story("a")[:2], server="web-1", deploy_id="d1")
    else:
        collector.ask("POST", "/v1/expect", json=[{"server": "web-1", "deploy_id": "d1", "deadline_s": 600}])
    before = collector.get("/v1/servers/web-1")
    content, headers = signed(healthy_story("a"), server="web-1", deploy_id="d1", key_of="web-*", group="web-*")

    assert_error(collector.send(content, headers), 401, "forged")

    assert collector.get("/v1/servers/web-1") == before
    # Its own key still speaks for it, and for no member.
    collector.report(healthy_story("a"), server="web-1", deploy_id="d1")
    member(collector, "web-2", healthy_story("a")[:2])
    content, headers = signed(healthy_story("a"), server="web-2", deploy_id="d1")
    assert_error(collector.send(content, headers), 401, "forged")


# --- on hosts ---


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "web.yaml"
    path.write_text("""\
version: 1
name: web
report: {url: "https://deploy.internal"}
stages:
  - name: name
    run: |
      echo "$INITIALRUNNER_SERVER" >>/srv/name
      echo "me=$INITIALRUNNER_SERVER" >>"$INITIALRUNNER_OUTPUT"
  - {name: go, run: 'test -e /srv/go || exit 75'}
  - {name: peer, run: 'true', needs: [{server: db-1}]}
health: {checks: [{file: /srv/name}]}
""")
    return path


@needs_root
def test_two_hosts_with_one_payload_are_two_members_and_a_clone_of_one_is_another(
    collector: CollectorProcess, spec: Path
) -> None:
    plan = bootstrap.load(spec).plan("web-*", deploy_id="d1", report_url=collector.url)
    payload = plan.render(SECRET).pack("tree").payload
    collector.report(healthy_story("a"), server="db-1", deploy_id="d1")
    with Box(network="host", dmi={"product_uuid": UUIDS[0]}, machine_id=IDS[0]) as box:
        deliver(box, payload)
        assert box.tick().returncode == 75
        image = box.sh(f"tar -C / -cf - {STATE[1:]} | base64").stdout
        box.put("/srv/go", "")
        assert box.tick().returncode == 0, box.console()
    # The same payload on a disk that was copied from the first host while it was at work.
    with Box(network="host", dmi={"product_uuid": UUIDS[1]}, machine_id=IDS[0]) as clone:
        deliver(clone, payload)
        clone.put("/root/image", image)
        clone.sh("base64 -d /root/image | tar -C / -xf -; touch /srv/go")
        assert clone.tick().returncode == 0, clone.console()
        assert clone.text("/srv/name") == f"{MEMBERS[1]}\n"
        assert f"{MEMBERS[1]}  healthy" in clone.run("initialrunner", "status").stdout

    shown = json.loads(run(collector, "wait", "web-*", "--count", "2", "--deploy-id", "d1", "--json").stdout)
    told = {one["server"]: (one["state"], one["conflict"], one["stages"][0]["outputs"]) for one in shown["servers"]}
    assert told == {name: ("healthy", [], {"me": name}) for name in MEMBERS}
    assert shown["groups"][0]["healthy"] == 2
