"""A carrier on a host: it puts the ordinary bundle together, from the disk or a URL, and runs nothing else."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from box import Box, needs_root
from runner_server import RunnerServer

import bootstrap
from bootstrap.payload.model import Payload
from bootstrap.payload.split import FOLDER, runner_text
from bootstrap.runner.host import BUNDLE, STATE, STUB, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
SPEC = """
version: 1
name: plain
files: [{path: /etc/plain/made, content: "{{ server }}"}]
stages: [{name: site, run: cp /etc/plain/made /srv/made, verify: test -s /srv/made}]
every_boot: [{name: worker, run: touch /srv/booted}]
health: {checks: [{file: /srv/made}]}
"""
TEXT = f"{FOLDER}/{runner_text().sha256}"


def payload(*sources: str, target: str = "user-data") -> Payload:
    """Return a payload whose runner comes from these sources. It opens no port, since boxes share that of this host."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plain.yaml").write_text(SPEC)
        rendering = bootstrap.load(Path(folder, "plain.yaml")).plan("plain-1", deploy_id="by-hand").render()
        return rendering.pack(target, runner_from=sources).payload


def healthy(box: Box) -> bool:
    return box.state() == "healthy" and not box.exists(TRIGGER)


def test_the_bundle_is_the_ordinary_one_to_the_byte(tmp_path: Path) -> None:
    spec = tmp_path / "patient.yaml"
    spec.write_text("version: 1\nname: patient\nwait_for:\n- {path: /srv/go, min_size: 1}\n")
    packed = bootstrap.load(spec).plan("patient-1").render().pack("user-data", runner_from=["disk"]).payload
    with Box() as box:
        box.put(TEXT, runner_text().content)
        box.put("/root/user-data", packed.script)
        assert box.sh("sh /root/user-data").returncode == 0
        assert box.read(BUNDLE) == packed.bundle and hashlib.sha256(packed.bundle).hexdigest() == packed.digest
        assert packed.digest in box.text(TRIGGER) and not box.exists(STUB)
        box.put("/srv/go", "go")
        box.wait_for(lambda: healthy(box))


@pytest.mark.parametrize("how", ["sh FILE", "pipe into sh", "./FILE", "busybox sh FILE", "bash FILE"])
def test_with_the_text_on_the_disk_no_network_is_needed(how: str) -> None:
    with Box() as box:
        box.put(TEXT, runner_text().content)
        box.put("/root/user-data", payload("disk").script, 0o700)
        command = "cat /root/user-data | sh" if "pipe" in how else how.replace("FILE", "/root/user-data")
        done = box.sh(command)
        assert done.returncode == 0, done.stderr
        box.wait_for(lambda: healthy(box))
        assert [event["stage"] for event in box.events("stage.started")] == ["site"]
        assert not box.exists(STUB) and not box.exists(BUNDLE)


@pytest.mark.parametrize("program", ["curl", "wget", "python3"])
def test_with_any_one_of_the_programs_that_fetch(program: str) -> None:
    with RunnerServer() as server, Box(network="host") as box:
        others = {"curl": "curl", "wget": "wget"}
        box.sh("rm -f " + " ".join(f"/usr/bin/{name}" for key, name in others.items() if key != program) + " /nothing")
        box.put("/root/user-data", payload(server.url).script)
        done = box.sh("sh /root/user-data")
        assert done.returncode == 0, done.stderr
        assert server.asked == [f"/runner/{runner_text().sha256}"]
        box.wait_for(lambda: healthy(box))


@pytest.mark.parametrize("way", ["404", "403", "500", "other", "cut", "short", "empty", "redirect"])
def test_a_source_that_answers_wrongly_is_named_and_the_next_one_is_asked(way: str) -> None:
    with RunnerServer() as wrong, RunnerServer() as right, Box(network="host") as box:
        wrong.answers = [way] * 20
        box.put("/root/user-data", payload(wrong.url).script)
        alone = box.sh("sh /root/user-data")
        assert alone.returncode == 75
        assert alone.stderr.startswith(f"initialrunner: waits for the runner {runner_text().sha256}: ")
        assert wrong.url in alone.stderr and alone.stderr.count("\n") == 1
        assert not box.exists(STATE) and not box.exists(BUNDLE)
        wrong.answers = [way] * 20
        box.put("/root/user-data", payload(wrong.url, right.url).script)
        assert box.sh("sh /root/user-data").returncode == 0
        box.wait_for(lambda: healthy(box))


def test_a_damaged_text_on_the_disk_is_named_and_the_url_is_asked() -> None:
    with RunnerServer() as server, Box(network="host") as box:
        box.put(TEXT, runner_text().content[:-1] + b"~")
        server.answers = ["404"] * 2
        box.put("/root/user-data", payload(server.url).script)
        first = box.sh("rm -f /usr/bin/wget; sh /root/user-data")
        assert first.returncode == 75 and f"{TEXT} is damaged" in first.stderr
        assert box.sh("sh /root/user-data").returncode == 0
        box.wait_for(lambda: healthy(box))


@pytest.mark.parametrize("cron", ["fast", None])
def test_started_once_it_is_tried_again_until_the_source_answers(cron: str | None) -> None:
    with RunnerServer() as server, Box(network="host", cron=cron) as box:
        server.answers = ["404"] * 6
        box.put("/root/user-data", payload(server.url).script)
        assert box.sh("sh /root/user-data").returncode == 75
        assert box.stat(TRIGGER)[:2] == ("0644", "root:root") and box.stat(STUB)[:2] == ("0600", "root:root")
        if cron is None:
            box.reboot()
            while not box.exists(BUNDLE) and box.state() != "healthy":
                box.tick()
        box.wait_for(lambda: healthy(box))
        assert not box.exists(STUB)


def test_injected_as_a_file_it_is_started_by_its_entry() -> None:
    packed = payload("disk", target="tree")
    with Box(packed.files, cron="fast") as box:
        box.wait_for(lambda: box.exists("/run/initialrunner.missed"))
        assert not box.exists(STATE)
        box.put(TEXT, runner_text().content)
        box.wait_for(lambda: healthy(box))
        assert not box.exists(STUB)


def places(size: int, last: int) -> list[int]:
    """Return fifty places: around the last lines, and a spread over the rest."""
    spread = range(last // 40 // 2, last, last // 40)
    return sorted({*spread, *range(last, size - 1, max(1, (size - 1 - last) // 12))})[:60]


@pytest.mark.parametrize("shell", ["sh", "bash", "busybox sh"])
def test_cut_off_at_any_of_fifty_places_nothing_runs_and_a_line_says_why(shell: str) -> None:
    script = payload("disk").script
    last = script.index(b"\n__\n}\nc=")
    with Box() as box:
        box.put(TEXT, runner_text().content)
        cuts = places(len(script) - len(";exit 4\n"), last)
        assert len(cuts) >= 50
        for cut in cuts:
            box.put("/root/user-data", script[:cut])
            done = box.sh(f"cat /root/user-data | {shell}")
            assert not any(map(box.exists, (STATE, BUNDLE, STUB, TRIGGER))), f"a cut at {cut} left traces"
            # The two comments at its beginning are all that a shell takes for whole.
            assert done.stderr or cut <= script.index(b"\n{\n") + 1, f"a cut at {cut} was not reported"


def test_altered_at_any_of_fifty_places_it_runs_nothing_or_the_very_bundle() -> None:
    packed = payload("disk")
    script = packed.script
    with Box() as box:
        box.put(TEXT, runner_text().content)
        # From the last line up: what is altered there may still run, since the rest proves itself.
        for place in places(len(script), script.index(b"\n__\n}\nc=")):
            other = b"~" if script[place : place + 1] != b"~" else b"^"
            box.put("/root/user-data", script[:place] + other + script[place + 1 :])
            done = box.sh("cat /root/user-data | sh; rm -rf /run/initialrunner.*")
            if box.exists(STATE) or box.exists(BUNDLE):
                box.wait_for(lambda: healthy(box))
                assert [event["stage"] for event in box.events("stage.started")] == ["site"]
                box.sh(f"rm -rf {STATE} {BUNDLE} {STUB} {TRIGGER} /usr/local/sbin/initialrunner /srv/made")
            else:
                assert done.stderr, f"an alteration at {place} was not reported"
                assert not box.exists(STUB) and not box.exists(TRIGGER), f"an alteration at {place} left traces"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["slow", "silent", "cut", "short", "other", "404"])
def test_a_source_that_fails_for_a_while_makes_a_server_that_is_healthy_later(way: str) -> None:
    """Each try is bounded, also one at a source that sends a byte a second, or nothing at all."""
    with RunnerServer() as server, Box(network="host", cron="fast") as box:
        # Three programs may ask in each try.
        server.answers = [way] * 3
        box.put("/root/user-data", payload(server.url).script)
        first = box.sh("sh /root/user-data", timeout_s=240)
        assert first.returncode == 75 and server.url in first.stderr
        box.wait_for(lambda: healthy(box), timeout_s=90)
        assert [event["stage"] for event in box.events("stage.started")] == ["site"]
