"""Servers that live through a crash test: what they are told to do, minute by minute, and what came of it.

The oracle is a log that the stages write and sync themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from box import Box
from handmade import payload, stage
from systemd_box import service_command

from bootstrap.payload import triggers
from bootstrap.payload.model import Payload
from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER
from bootstrap.runner.tick.journal import unseal

MOST_TICKS = 30
UNITS = triggers.units("auto")
SERVICE = UNITS[f"{triggers.FOLDER}/initialrunner.service"]
VALUE = "s3cret-of-the-crash-test"
ORACLE = "/srv/oracle"
NAMES = ("plain", "injected", "flaky", "later", "reboots", "secret", "proven")
# Two that hold the file at once are two stages at once.
NOTE = """note() { echo "$1 $INITIALRUNNER_STAGE" >>/srv/oracle; sync /srv/oracle; }
exec 9>/srv/busy; flock -n 9 || note overlap
note begin
"""
END = "\nnote end\n"
INJECTED = b"#!/bin/sh\nset -eu\n" + NOTE.encode() + END.encode()
AWAITED = b"x"
# The runner's own python3 comes by PATH: this one adds strace where the test asks for it.
PYTHON = """#!/bin/sh
[ -s /srv/strace ] && exec strace -qq $(cat /srv/strace) /usr/bin/python3 "$@"
exec /usr/bin/python3 "$@"
"""
# A reboot ends the runner at once; the test then really gives the copy a new boot.
REBOOT = "#!/bin/sh\n[ $1 = reboot ] || exit 0; touch /run/reboot-asked; sync; kill -9 $(cat /run/initialrunner.lock)\n"
TOOLS = {"/usr/local/sbin/python3": PYTHON, "/usr/local/sbin/systemctl": REBOOT}


@dataclass
class Verdict:
    """What was wrong with one life; empty lists are good."""

    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    overlapping: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        return self.lost + self.repeated + self.overlapping + self.unreadable


def totals(verdicts: list[Any]) -> str:
    """The line that both modes end with."""
    kinds = ("lost", "repeated", "overlapping", "unreadable")
    return ", ".join(f"{sum(bool(getattr(one, kind)) for one in verdicts)} {kind}" for kind in kinds)


def deploy_id(deploy: int) -> str:
    return f"20261120T{deploy:06d}-crash0"


def scenario(url: str, secret: bytes, deploy: int, units: bool) -> Payload:
    """Stages that succeed, fail once, say "not yet" once, reboot; a file awaited, one injected, a secret, reports."""
    once = "test -e /srv/{0} || {{ touch /srv/{0}; {1}; }}\n"
    stages = [
        stage("plain", NOTE + END),
        stage("injected", "/etc/rc.local.stage1\n"),
        stage("flaky", NOTE + once.format("flaky", "exit 3") + END, attempts=3, delay_s=0.01),
        stage("later", NOTE + once.format("later", "exit 75") + END),
        stage("reboots", NOTE + END, reboot="after"),
        # After the reboot, which syncs all: its log must be blotted out on disk without that.
        stage("secret", NOTE + "echo $TOKEN" + END, environment={"TOKEN": VALUE}, secrets=["TOKEN"]),
        # Its last effect is what `verify` asks for.
        stage("proven", NOTE + END + "touch /srv/proof\n", verify="test -e /srv/proof"),
    ]
    files = [
        RenderedFile("/etc/rc.local.stage1", INJECTED, 0o755, deliver="inject"),
        RenderedFile("/srv/open", b"open\n"),
        RenderedFile("/srv/secret", VALUE.encode(), 0o600, secret=True, keep=False),
    ]
    return payload(
        stages, files=files, units=units, report=(url, secret), deploy_id=deploy_id(deploy), secrets=[VALUE],
        wait_for=[{"path": "/srv/awaited", "min_size": 1, "mode": 0o600}],
        every_boot=[{"name": "worker", "text": "touch /srv/worker\n", "digest": "w"}],
        health={"stable": 2, "interval_s": 0.01, "deadline_s": 20, "checks": [{"kind": "file", "path": "/srv/worker"}]},
    )  # fmt: skip


class Life:
    """One server in a box, from its files to its end."""

    def __init__(self, box: Box, deploy: int, *, units: bool = True) -> None:
        self.box, self.deploy = box, deploy_id(deploy)
        self.payload = scenario(box.collector.url, box.collector.secret, deploy, units)
        for path, text in TOOLS.items():
            box.put(path, text, 0o755)

    def inject(self, mode: int = 0o400) -> None:
        """Bring the payload and the file that is waited for."""
        for file in self.payload.files:
            self.box.put(file.path, file.content, mode)
        self.box.put("/srv/awaited", AWAITED)

    def tick(self, strace: str = "") -> bool:
        """One cron minute; a reboot that was asked for happens, and is told."""
        self.box.put("/srv/strace", strace)
        if self.box.exists(TRIGGER):
            self.box.tick()
        else:  # what systemd still has in memory
            self.box.run(*service_command(SERVICE))
        if strace:
            self.box.put("/srv/strace", "")  # it is meant for this tick alone
        asked = self.box.exists("/run/reboot-asked")
        if asked:
            self.box.reboot()
        return asked

    def over(self) -> bool:
        return not any(self.box.exists(path) for path in (TRIGGER, *UNITS))

    def go_on(self) -> None:
        """Minutes until the trigger is gone."""
        for _ in range(MOST_TICKS):
            if self.over():
                return
            self.tick()

    def oracle(self) -> list[str]:
        return self.box.text(ORACLE).splitlines()

    def journal(self) -> list[dict[str, Any] | None]:
        """Every line of the journal, None for one that does not prove itself."""
        return journal_in(self.box.read(f"{STATE}/journal") or b"")


def journal_in(data: bytes) -> list[dict[str, Any] | None]:
    return [unseal(line) for line in data.split(b"\n")[:-1]]


def done_in(journal: list[dict[str, Any] | None]) -> list[str]:
    """The stages whose end this journal records."""
    return [e["stage"] for e in journal if e and e["type"] == "stage.ended" and e["result"] == "done"]


def judge(life: Life, verdict: Verdict, done: list[str], before: int) -> None:
    """Look at everything there is to see after a life. done: recorded before the crash, `before` oracle lines then."""
    oracle, journal, box = life.oracle(), life.journal(), life.box
    verdict.lost += [f"{name} never ended" for name in NAMES if f"end {name}" not in oracle]
    verdict.repeated += [f"{name} ran again" for name in done if f"begin {name}" in oracle[before:]]
    verdict.overlapping += [line for line in oracle if line.startswith("overlap")]
    good = [event for event in journal if event]
    if len(good) < len(journal) or [e["seq"] for e in good] != list(range(1, len(good) + 1)):
        verdict.unreadable.append("the journal does not read back")
    # A boot that comes while reports are still owed has its own every_boot after that.
    states = [event for event in good if event["type"] == "state"]
    if not states or states[-1]["state"] != "healthy":
        verdict.lost.append(f"it ended as {states[-1:]}")
    told = box.collector.get(f"/v1/servers/box-1/events?deploy_id={life.deploy}", missing={"events": []})["events"]
    if [(e["seq"], e["type"], e["at"]) for e in told] != [(e["seq"], e["type"], e["at"]) for e in good]:
        verdict.lost.append(f"the collector has {len(told)} events of {len(good)}, or others")
    ours = " ".join((BUNDLE, TRIGGER, *UNITS, "/srv/secret"))
    left = box.sh(f"ls -d {ours}; grep -rl {VALUE} {STATE} {COMMAND} /etc/initialrunner").stdout
    verdict.lost += [f"left behind: {path}" for path in left.split()]
    for path, data in ("/etc/rc.local.stage1", INJECTED), ("/srv/open", b"open\n"), ("/srv/awaited", AWAITED):
        if box.read(path) != data:
            verdict.lost.append(f"{path} is not as it was brought")
    if box.run(COMMAND, "status").returncode:
        verdict.lost.append("the admin's command does not work")
