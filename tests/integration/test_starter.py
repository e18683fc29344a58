"""The starter: what cloud-init brought with mode 0660 becomes a healthy server; only the named bundle is run."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
from box import Box, needs_root

import bootstrap
from bootstrap.runner.host import BUNDLE, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
SPEC = """\
version: 1
name: web
stages:
  - {name: one, run: echo >>/srv/ran}
"""
AT_BOOT = {"INSTANCE_ID": "i-0001"}


def rendered(folder: Path, deploy_id: str = "d1", spec: str = SPEC) -> Any:
    (folder / "web.yaml").write_text(spec)
    return bootstrap.load(folder / "web.yaml").plan("web-1", deploy_id=deploy_id).render()


def lay(box: Box, web: Any) -> None:
    """As cloud-init writes the files of a config drive: root's, and writable by its group."""
    for item in web.personality():
        box.put(item["path"], base64.b64decode(item["contents"]), mode=0o660)


def boothook(box: Box, web: Any) -> subprocess.CompletedProcess[str]:
    """As cloud-init runs it: the first line taken off, the program itself executed."""
    box.put("/root/boothook", web.starter().removeprefix("#cloud-boothook\n"), mode=0o700)
    return box.run("/root/boothook", environment=AT_BOOT)


def test_files_that_cron_ignores_end_healthy_and_the_trigger_is_made_anew(tmp_path: Path) -> None:
    web = rendered(tmp_path, spec=SPEC.replace("echo >>/srv/ran", "until test -e /srv/go; do sleep 0.05; done"))
    with Box() as box:
        lay(box, web)
        pieces = [item["path"] for item in web.personality() if item["path"].startswith(BUNDLE)]
        assert len(pieces) > 1
        assert boothook(box, web).returncode == 0
        box.wait_for(lambda: box.events("stage.started"))
        # cron would take it from here on; the pieces are closed, and no second copy of the bundle lies about.
        assert box.stat(TRIGGER)[:2] == ("0644", "root:root")
        assert {box.stat(path)[:2] for path in pieces} == {("0600", "root:root")}
        assert not box.exists(BUNDLE)
        (fixed,) = box.events("fixed", path=TRIGGER)
        assert fixed["was"]["mode"] == "0660" and box.exists(fixed["quarantined"])
        box.put("/srv/go", b"")
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert not any(box.exists(path) for path in pieces)


def test_a_torn_bundle_is_not_started_and_a_whole_one_at_the_next_boot_is(tmp_path: Path) -> None:
    web = rendered(tmp_path)
    with Box() as box:
        lay(box, web)
        path = next(item["path"] for item in web.personality() if item["path"].startswith(BUNDLE))
        whole = box.read(path)
        assert whole
        box.put(path, whole[:-1] + b"A", mode=0o660)
        assert boothook(box, web).returncode == 0
        assert not box.exists(STATE) and box.stat(TRIGGER)[0] == "0660"
        box.put(path, whole, mode=0o660)
        box.reboot()
        boothook(box, web)
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))


def test_a_bundle_that_is_whole_and_another_is_not_started(tmp_path: Path) -> None:
    web, other = rendered(tmp_path), rendered(tmp_path, "d2")
    with Box() as box:
        lay(box, other)
        boothook(box, web)
        assert not box.exists(STATE) and box.stat(TRIGGER)[0] == "0660"


def test_at_later_boots_it_changes_nothing(tmp_path: Path) -> None:
    web = rendered(tmp_path)
    with Box() as box:
        lay(box, web)
        boothook(box, web)
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        before = box.journal()
        box.reboot()
        assert boothook(box, web).returncode == 0
        assert box.journal() == before and not box.exists(TRIGGER)


@pytest.mark.parametrize("carrier", ["starter", "user-data"])
def test_an_old_payload_at_a_later_boot_does_not_undo_a_newer_deploy(tmp_path: Path, carrier: str) -> None:
    """cloud-init starts it at every boot, the newer one came by hand: the newer stays."""
    old = rendered(tmp_path, "d1", SPEC.replace("echo >>/srv/ran", "exit 3"))
    new = rendered(tmp_path, "d2", SPEC + "files: [{path: /srv/new, content: new}]\n")

    def boot(box: Box) -> None:
        if carrier == "starter":
            boothook(box, old)
        else:
            box.put("/root/user-data", old.user_data(), mode=0o700)
            assert box.run("/root/user-data", environment=AT_BOOT).returncode == 0

    with Box() as box:
        if carrier == "starter":
            lay(box, old)
        boot(box)
        box.wait_for(lambda: box.events("state", state="failed", final=True))
        box.put("/root/new", new.user_data(), mode=0o700)
        # Its trigger waits there, not yet begun: the old one leaves it alone.
        trigger = next(f for f in new.pack("tree").payload.files if f.path == TRIGGER).content
        box.put(TRIGGER, trigger)
        boot(box)
        assert box.read(TRIGGER) == trigger
        assert box.run("/root/new").returncode == 0
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        before = box.journal()
        assert before[0]["deploy_id"] == "d2"
        box.reboot()
        boot(box)
        assert box.journal() == before and not box.exists(TRIGGER)
