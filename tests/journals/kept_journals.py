"""Writes the journals that tests keep of the present format: `python tests/journals/kept_journals.py` before a release.

A kept journal is never written again once its format was released: what a host has on disk does not change either.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "support")]

from box import Box
from handmade import payload, stage
from oracle import NOTE, kill_runner_after, start_tick

from bootstrap.payload.model import Payload
from bootstrap.runner.host import STATE
from bootstrap.runner.tick.journal import VERSION

UUID, MACHINE_ID = "4c4c4544-0033-4a10-8052-b4c04f4b3132", "0123456789abcdef0123456789abcdef"
FIRST = "note first; echo revision=7 >$INITIALRUNNER_OUTPUT; [ -e /srv/again ] || { >/srv/again; exit 3; }"
# Stages of which an attempt fails and passes, waits, hangs until it is cut short, and follows.
STAGES = [
    stage("first", NOTE + FIRST, attempts=2, delay_s=0.01),
    stage("second", NOTE + "note second; [ -e /srv/ready ] || exit 75"),
    stage("third", NOTE + "note third; [ -e /srv/bad ] && exit 4; [ -e /srv/go ] || sleep 1006"),
    stage("fourth", NOTE + "note fourth"),
]
MOMENTS = ("again", "interrupted", "failed", "healthy")


def of_this_run() -> Payload:
    """The payload whose runs are kept."""
    return payload(STAGES, health={"checks": [{"kind": "file", "path": "/etc/passwd"}]})


def new_box() -> Box:
    """A host with the identity that the kept journals name."""
    return Box(of_this_run().files, dmi={"product_uuid": UUID + "\n"}, machine_id=MACHINE_ID)


def bring_to(box: Box, moment: str) -> None:
    """Run until the journal is that of this moment; `healthy` is cut before the runner has left the host."""
    box.tick()
    if moment == "again":
        return
    box.sh(f"touch /srv/ready {'/srv/bad' if moment == 'failed' else ''} {'/srv/go' if moment == 'healthy' else ''}")
    if moment == "interrupted":
        start_tick(box)
        kill_runner_after(box, "third")
    else:
        box.tick()


def main() -> None:
    folder = HERE / str(VERSION)
    folder.mkdir(exist_ok=True)
    for moment in MOMENTS:
        with new_box() as box:
            bring_to(box, moment)
            (folder / f"{moment}.journal").write_text(box.text(f"{STATE}/journal"), encoding="utf-8")


if __name__ == "__main__":
    main()
