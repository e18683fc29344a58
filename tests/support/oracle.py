"""A log that stages write and sync themselves: what really ran, whatever the runner's journal says of it."""

from __future__ import annotations

from box import LOCK, TRIGGER, Box

from bootstrap.payload.model import Payload
from bootstrap.runner.host import COMMAND

ORACLE = "/srv/oracle"
# In front of a stage's text; `block` holds the stage until the test lets it go.
NOTE = """note() { echo "$1" >>/srv/oracle; sync /srv/oracle; }
block() { while [ ! -e "/srv/$1" ]; do sleep 0.05; done; }
"""


def ran(box: Box) -> list[str]:
    """The words of the log, in order."""
    return box.text(ORACLE).split()


def ended(box: Box, name: str) -> list[tuple[str, str | None]]:
    """(result, cause) of every end of a stage, as journalled."""
    return [(e["result"], e.get("cause")) for e in box.events("stage.ended", stage=name)]


def said(box: Box, words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the admin's command."""
    done = box.sh(f"{COMMAND} {words}")
    return done.returncode, done.stdout, done.stderr


def deliver(box: Box, brought: Payload) -> None:
    """Inject a payload's files, the trigger last, as Nova does."""
    for file in brought.files:
        box.put(file.path, file.content, 0o400)


def start_tick(box: Box) -> None:
    """Start the trigger's command and do not wait for it."""
    box.sh(f"sed -n 's/^@reboot root //p' {TRIGGER} >/root/tick; setsid sh /root/tick </dev/null >/dev/null 2>&1 &")


def kill_runner_after(box: Box, word: str, times: int = 1) -> None:
    """SIGKILL to the runner once a stage has noted `word` so often; what the stage started lives on."""
    box.wait_for(lambda: ran(box).count(word) >= times)
    assert box.kill_runner()
    box.wait_for(lambda: box.sh(f"flock -n {LOCK} true").returncode == 0)
