"""Bundles without the code that their plans never reach, run as they are: to the end, through every verb and repair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from box import Box, needs_root
from handmade import payload, stage

from bootstrap.payload import gates
from bootstrap.payload.bundle import unpack
from bootstrap.payload.model import Payload
from bootstrap.rehearse.copy import JOURNAL, STATE
from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
ONE = stage("one", "echo first >>/srv/one")
VERBS = (
    "status", "status --json", "why", "logs one", "timeline", "history", "verify", "doctor", "report", "source",
    "run --dry-run", "run one", "run one --force", "--version", "help",
)  # fmt: skip
PLAIN: dict[str, Any] = {"stages": [ONE], "trigger": "cron"}
# Plans with little more than the one feature, which the name begins with.
PLANS: dict[str, dict[str, Any]] = {
    "nothing": PLAIN,
    "health, by a file": {**PLAIN, "checks": [{"kind": "file", "path": "/srv/one"}]},
    "health, by a command": {**PLAIN, "checks": [{"kind": "command", "text": "test -s /srv/one"}]},
    "every-boot": {**PLAIN, "every_boot": [stage("worker", "echo boot >>/srv/boots")]},
    "retry": {**PLAIN, "stages": [stage("one", "echo >>/srv/one; test $(wc -l </srv/one) = 2", attempts=2, delay_s=0)]},
    "skip-if": {**PLAIN, "stages": [ONE, stage("two", "false", skip_if="test -s /srv/one")]},
    "verify": {**PLAIN, "stages": [stage("one", "echo >>/srv/one", verify="test -s /srv/one")]},
    "user": {**PLAIN, "stages": [stage("one", "id -un >/tmp/one", user="nobody")]},
    "needs a file": {**PLAIN, "stages": [stage("one", "true", needs=[{"file": "/etc/passwd"}])]},
    "needs cloud-init": {**PLAIN, "stages": [stage("one", "true", needs=[{"cloud-init": True}])]},
    "secrets": {**PLAIN, "stages": [stage("one", "echo $KEY", environment={"KEY": "s3cret"}, secrets=["KEY"])],
                "secrets": ["s3cret"]},
    "owners": {**PLAIN, "files": [RenderedFile("/srv/file", b"x", owner=("nobody", "root"))]},
    "after": {**PLAIN, "files": [RenderedFile("/srv/file", b"x", after="one")]},
    "keep": {**PLAIN, "files": [RenderedFile("/srv/file", b"x", keep=False)]},
    "group": {**PLAIN, "server": "web-*"},
    "proxy": {**PLAIN, "stages": [stage("one", "echo $http_proxy")], "proxy": {"http": "http://proxy:3128"}},
    "late-files": {**PLAIN, "wait_for": [{"path": "/srv/late", "min_size": 1, "settle_s": 0}]},
    "units": {"stages": [ONE]},
}  # fmt: skip


def without_errors(box: Box, command: str, *verbs: str) -> None:
    """Run verbs: what each answers is for other tests, here none may miss a name."""
    for verb in verbs:
        done = box.run("sh", command, *verb.split())
        output = done.stdout + done.stderr
        wrong = [words for words in ("Traceback", "is not defined", "has no attribute") if words in output]
        assert not wrong and done.returncode in (0, 2, 4, 5, 75), f"{verb}: {output}"


def packed(**plan: Any) -> Payload:
    plan = dict(plan)
    return payload(plan.pop("stages"), **plan)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_ends_healthy_and_every_verb_runs(plan: dict[str, Any]) -> None:
    made = packed(**plan)
    assert len(gates.absent(unpack(made.bundle).plan)) > len(gates.GATES) - 5
    with Box(made.files) as box:
        # What two of the plans wait for.
        box.put("/srv/late", "x")
        box.put("/run/cloud-init/result.json", "{}")
        without_errors(box, BUNDLE, "status", "why", "doctor", "run --dry-run")
        done = box.tick()
        assert done.returncode == 0, done.stderr
        assert box.state() == "healthy"
        assert not box.exists(TRIGGER) and not box.exists(BUNDLE)
        # As the admin's command: scrubbed, and without the bundle.
        without_errors(box, COMMAND, *VERBS, "tick", "reset")


def test_reports_arrive_from_a_plan_with_nothing_else() -> None:
    with Box() as box:
        made = packed(**PLAIN, report=(box.collector.url, box.collector.secret))
        assert gates.absent(unpack(made.bundle).plan) == frozenset(gates.GATES) - {"report"}
        for file in made.files:
            box.put(file.path, file.content, 0o400)
        box.tick()
        assert box.state() == "healthy" and not box.exists(TRIGGER)
        assert box.collector.get("/v1/servers/box-1")["state"] == "healthy"
        without_errors(box, COMMAND, *VERBS)


def test_a_failure_is_rolled_back() -> None:
    fails = stage("two", "exit 3")
    with Box(packed(stages=[{**ONE, "undo": "rm /srv/one"}, fails], trigger="cron", rollback=True).files) as box:
        box.tick()
        assert box.state() == "failed" and not box.exists("/srv/one")
        without_errors(box, BUNDLE, *VERBS)


def breaks_nothing(box: Box) -> None:
    pass


def damages_the_journal(box: Box) -> None:
    """A damaged line in the middle, which the next run has to set aside."""
    box.run("sh", BUNDLE, "run", "one")
    lines = box.text(JOURNAL).splitlines(True)
    box.put(JOURNAL, "".join([lines[0], lines[1].replace("state", "stare", 1), *lines[2:]]))


def opens_the_trigger(box: Box) -> None:
    """A trigger that others can write, which is put aside."""
    assert box.run("sh", BUNDLE, "run", "one").returncode == 0
    box.put(TRIGGER, box.text(TRIGGER) + "#\n", 0o644)


def cuts_an_attempt(box: Box) -> None:
    """A runner that was killed within a stage."""
    box.put("/srv/hold", "x")
    box.sh(f"setsid sh {BUNDLE} run one </dev/null >/dev/null 2>&1 &")
    box.wait_for(lambda: box.events("stage.started"))
    box.wait_for(box.kill_runner)
    box.sh("rm /srv/hold")


RARE: dict[str, tuple[Callable[[Box], None], str]] = {
    "a first run": (breaks_nothing, "started"),
    "a damaged journal": (damages_the_journal, "lost"),
    "a trigger that others changed": (opens_the_trigger, "fixed"),
    "an attempt that was cut": (cuts_an_attempt, "interrupted"),
}


@pytest.mark.parametrize(("breaks", "event"), RARE.values(), ids=RARE)
def test_a_plan_with_nothing_in_it_has_what_the_rare_moments_need(breaks: Callable[[Box], None], event: str) -> None:
    held = stage("one", "while test -e /srv/hold; do sleep 0.1; done")
    with Box(packed(stages=[held], trigger="cron").files) as box:
        breaks(box)
        done = box.tick()
        assert done.returncode == 0, done.stderr
        assert box.state() == "healthy" and box.events(event)
        without_errors(box, COMMAND, *VERBS)


def test_a_server_that_failed_is_reported_by_nobody_and_still_says_why() -> None:
    with Box(packed(stages=[stage("one", "echo no >&2; exit 3")], trigger="cron").files) as box:
        assert box.tick().returncode == 5
        assert "stage one failed" in box.console()
        assert "no" in box.run("sh", BUNDLE, "why").stdout
        without_errors(box, BUNDLE, *VERBS, "reset", "status")
        assert not box.exists(f"{STATE}/unsent")
