"""A guest with cloud-init: the user's own cloud-config and our payload in one NoCloud image, each in its turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from deploys import LOG, Deploys, assert_clean
from guest import Guest
from images import Image

pytestmark = pytest.mark.timeout(900)
# `early` runs beside cloud-init, `late` when that has ended.
SPEC = f"""
version: 1
name: both
stages:
  - {{name: early, run: "echo early >>{LOG}"}}
  - {{name: late, run: "cat /srv/theirs; echo late >>{LOG}", needs: [cloud-init: true]}}
every_boot:
  - {{name: worker, run: "cd /srv && setsid python3 -m http.server --bind 127.0.0.1 8080 >/dev/null 2>&1 &"}}
health:
  deadline: 2m
  checks: [{{http: "http://127.0.0.1:8080/theirs"}}]
"""
THEIRS = f"""#cloud-config
write_files:
  - {{path: /srv/theirs, content: "written by cloud-init"}}
runcmd:
  - [sh, -c, "cat /srv/theirs && echo runcmd >>{LOG}"]
"""


def test_a_payload_beside_a_cloud_config_in_a_nocloud_image(
    image: Callable[..., Image], deploys: Deploys, note: Callable[[str, float], None]
) -> None:
    payload = deploys.render(SPEC)
    drive = payload.nocloud(beside=[THEIRS]).image()
    with Guest(image("bookworm", "cloud-init"), drive=drive) as guest:
        guest.boot()
        note("beside cloud-init: healthy", deploys.wait_healthy(guest, payload, 400))
        assert guest.sh("cloud-init status --wait || :").strip(". \n").endswith("status: done")
        note("cloud-init has ended", guest.since())
        # Ours did not wait for theirs; the stage that needs it came after all of it.
        assert guest.text(LOG).splitlines() == ["early", "runcmd", "late"]
        assert guest.text("/etc/hostname").strip() == "vm-1"
        assert_clean(guest)
