"""Reboot, reset button and power cut, in the middle of a stage and between two: it goes on as declared."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from deploys import LOG, Deploys, assert_clean
from guest import Guest
from images import Image

pytestmark = pytest.mark.timeout(900)
MIDDLE, BETWEEN = "first half of two", "three waits"
# `two` stands still half way, once; `three` wants a file that only a test brings.
SPEC = f"""
version: 1
name: power
stages:
  - {{name: one, run: "echo one >>{LOG}; sync"}}
  - name: two
    run: |
      echo two begins >>{LOG}; sync
      if [ ! -e /srv/half ]; then
        touch /srv/half; sync
        echo "{MIDDLE}" >/dev/console
        exec sleep 1000
      fi
      touch /srv/two
      echo two ends >>{LOG}; sync
    verify: test -e /srv/two
  - {{name: three, run: "echo three >>{LOG}; sync", needs: [{{file: /run/go}}]}}
every_boot:
  - {{name: worker, run: "cd /srv && setsid python3 -m http.server --bind 127.0.0.1 8080 >/dev/null 2>&1 &"}}
health:
  deadline: 2m
  checks: [{{http: "http://127.0.0.1:8080/half"}}]
"""


def power_cut(guest: Guest) -> None:
    guest.power_cut()
    guest.boot()


# Slow tests run in CI, too.
BREAKS = [
    pytest.param(power_cut, id="power cut", marks=pytest.mark.slow),
    pytest.param(Guest.reset, id="hard reset"),
    pytest.param(Guest.reboot, id="reboot"),
]


@pytest.mark.parametrize("interrupt", BREAKS)
def test_a_guest_goes_on_where_it_was_and_repeats_nothing(
    interrupt: Callable[[Guest], None],
    image: Callable[..., Image],
    deploys: Deploys,
    note: Callable[[str, float], None],
) -> None:
    payload = deploys.render(SPEC)

    def waits() -> bool:
        return bool(deploys.events(payload, "stage.ended", stage="two", result="done")) and bool(
            deploys.events(payload, "waiting")
        )

    with Guest(image(), files=payload.injected_files()) as guest:
        guest.boot()
        guest.wait_console(MIDDLE, 240)
        note("in the middle of stage two", guest.since())
        interrupt(guest)
        guest.wait_for(waits, 240, "stage two is done, and three waits for its file")
        note("after the first one: between stages two and three", guest.since())
        interrupt(guest)
        boot = deploys.known(payload)["boot_id"]
        guest.wait_for(lambda: deploys.known(payload)["boot_id"] != boot, 240, "it reports from its third boot")
        guest.sh("touch /run/go")
        note("after the second one: healthy", deploys.wait_healthy(guest, payload))
        assert_clean(guest)
        assert guest.text(LOG).splitlines() == ["one", "two begins", "two begins", "two ends", "three"]
    story = [(e["type"], e["stage"]) for e in deploys.events(payload) if e["type"] in ("stage.started", "interrupted")]
    assert story == [
        ("stage.started", "one"), ("stage.started", "two"), ("interrupted", "two"), ("stage.started", "two"),
        ("stage.started", "three"),
    ]  # fmt: skip
    done = [e["stage"] for e in deploys.events(payload, "stage.ended", result="done")]
    assert done == ["one", "two", "three"]
    boots = [e["boot_id"] for e in deploys.events(payload, "stage.started")]
    assert boots[0] == boots[1] and len({boots[1], boots[2], boots[3]}) == 3
