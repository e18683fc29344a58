"""Files injected by an agent into a guest that is up: the wrong way round, torn, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from deploys import LOG, Deploys, assert_clean, tree
from guest import Guest
from images import Image

from bootstrap.runner.host import BUNDLE, TRIGGER

pytestmark = pytest.mark.timeout(900)
STAGE = "/etc/rc.local.stage1"
SPEC = f"""
version: 1
name: late
files:
  - path: {STAGE}
    deliver: inject
    mode: "0755"
    content: |
      #!/bin/sh
      echo one >>{LOG}
      # Nothing below this line may be missing.
      echo one ends >>{LOG}
stages:
  - {{name: one, run: {STAGE}}}
  - {{name: two, run: echo two >>{LOG}}}
every_boot:
  - {{name: worker, run: "cd /srv && setsid python3 -m http.server --bind 127.0.0.1 8080 >/dev/null 2>&1 &"}}
health:
  deadline: 2m
  checks: [{{http: "http://127.0.0.1:8080/"}}]
"""


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def test_injected_late_and_torn_each_stage_runs_once(
    image: Callable[..., Image], deploys: Deploys, note: Callable[[str, float], None]
) -> None:
    payload = deploys.render(SPEC)
    files = tree(payload)
    # The next whole minute, when cron reads a new entry, comes as soon as all is there that comes before it.
    with Guest(image(), clock_second=35) as guest:
        guest.boot()
        guest.wait_for(guest.agent.answers, 120, "the guest agent answers")
        # The trigger first, though it starts what is not there; then half of a bundle, left as an agent leaves it.
        *_, last = (path for path in files if path.startswith(BUNDLE))
        first = [TRIGGER, *(path for path in files if path not in (TRIGGER, STAGE, last))]
        for path in first:
            guest.agent.write(path, files[path])
        guest.agent.begin(last, half(files[last]))
        note("trigger, and half a bundle, are there", guest.since())
        # The brackets: so that it does not find itself.
        looks = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q '[s]leep 5' && echo looks || :"
        guest.wait_for(lambda: guest.sh(looks), 180, "cron has started the trigger, which looks for a whole bundle")
        assert not deploys.known(payload)
        guest.agent.write(last, files[last])
        note("the bundle is whole", guest.since())

        def missing() -> list[tuple[str, str]]:
            waiting = deploys.events(payload, "waiting")
            return [(one["path"], one["why"]) for one in waiting[-1]["missing"]] if waiting else []

        guest.wait_for(lambda: missing() == [(STAGE, "absent")], 120, "the runner waits for the stage's file")
        guest.agent.begin(STAGE, half(files[STAGE]))
        guest.sh("sleep 1")
        assert guest.text(LOG) == ""
        guest.agent.write(STAGE, files[STAGE])
        whole = guest.since()
        note("the stage's file is whole", whole)
        note("healthy", deploys.wait_healthy(guest, payload))
        assert_clean(guest)
        assert guest.text(LOG).splitlines() == ["one", "one ends", "two"]
        assert [e["stage"] for e in deploys.events(payload, "stage.started")] == ["one", "two"]
        # What the agent made writable by everybody is so no longer.
        assert guest.sh(f"stat -c '%a %U' {STAGE}").strip() == "755 root"
