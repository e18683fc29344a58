"""Kills the packed runner before every state-changing system call it makes, and looks at what comes of it.

    python tests/crash/crashtest.py [--all] [--json]

A clean run under strace counts the calls between taking the lock and exit, tick by tick. Then, for every one of them, a
fresh run is killed (SIGKILL, by strace's fault injection) just before that very call, started again as the next cron
minute would, and judged. The oracle is a log that the stages write and sync themselves. Needs root and strace.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from box import Box
from handmade import payload, stage

from bootstrap.payload.model import Payload
from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER
from bootstrap.runner.journal import unseal

# What changes something that outlives the call. openat counts only where it may create or write.
CHANGING = (
    "openat", "write", "pwrite64", "fsync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat",
    "mkdir", "mkdirat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "ftruncate", "clone", "clone3", "fork",
    "vfork", "kill", "sync",
)  # fmt: skip
MOST_TICKS = 30
VALUE = "s3cret-of-the-crash-test"
ORACLE = "/srv/oracle"
# Two that hold the file at once are two stages at once.
NOTE = """note() { echo "$1 $INITIALRUNNER_STAGE" >>/srv/oracle; sync /srv/oracle; }
exec 9>/srv/busy; flock -n 9 || note overlap
note begin
"""
END = "\nnote end\n"
# The runner's own python3 comes by PATH: this one adds strace where the test asks for it.
PYTHON = """#!/bin/sh
[ -s /srv/strace ] && exec strace -qq $(cat /srv/strace) /usr/bin/python3 "$@"
exec /usr/bin/python3 "$@"
"""
# A reboot ends the runner at once; the test then really gives the copy a new boot.
REBOOT = "#!/bin/sh\ntouch /srv/reboot-asked; sync; kill -9 $(cat /run/initialrunner.lock); sleep 9\n"
INJECTED = b"#!/bin/sh\nset -eu\n" + NOTE.encode() + END.encode()


@dataclass(frozen=True)
class Point:
    """Just before the `nth` call of this name in tick `tick`."""

    tick: int
    call: str
    nth: int


@dataclass
class Verdict:
    """What was wrong with one point; empty lists are good."""

    point: Point
    killed: bool = False
    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    overlapping: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        return self.lost + self.repeated + self.overlapping + self.unreadable


def scenario(url: str, secret: bytes, deploy: int) -> Payload:
    """Stages that succeed, fail once, say "not yet" once, reboot; a file awaited, one injected, a secret, reports."""
    once = "test -e /srv/{0} || {{ touch /srv/{0}; {1}; }}\n"
    stages = [
        stage("plain", NOTE + END),
        stage("injected", "/etc/rc.local.stage1\n"),
        stage("flaky", NOTE + once.format("flaky", "exit 3") + END, attempts=3, delay_s=0.01),
        stage("later", NOTE + once.format("later", "exit 75") + END),
        stage("secret", NOTE + "test -n $TOKEN" + END, environment={"TOKEN": VALUE}, secrets=["TOKEN"]),
        stage("reboots", NOTE + END, reboot="after"),
        stage("proven", NOTE + "touch /srv/proof" + END, verify="test -e /srv/proof"),
    ]
    files = [
        RenderedFile("/etc/rc.local.stage1", INJECTED, 0o755, deliver="inject"),
        RenderedFile("/srv/open", b"open\n"),
        RenderedFile("/srv/secret", VALUE.encode(), 0o600, secret=True, keep=False),
    ]
    return payload(
        stages, files=files, report=(url, secret), deploy_id=f"20261120T{deploy:06d}-crash0", secrets=[VALUE],
        wait_for=[{"path": "/srv/awaited", "min_size": 1, "mode": 0o600}],
        every_boot=[{"name": "worker", "text": "touch /srv/worker\n", "digest": "w"}],
        health={"stable": 2, "interval_s": 0.01, "checks": [{"kind": "file", "path": "/srv/worker"}]},
    )  # fmt: skip


class Life:
    """One server in a box, from its files to its end; many lives share a box and its collector."""

    def __init__(self, box: Box, deploy: int) -> None:
        self.box, self.deploy = box, f"20261120T{deploy:06d}-crash0"
        one = scenario(box.collector.url, box.collector.secret, deploy)
        box.sh(f"rm -rf {STATE} /etc/initialrunner {TRIGGER} {COMMAND} /srv /run/initialrunner*; mkdir /srv")
        for file in one.files:
            box.put(file.path, file.content, 0o400)
        box.put("/srv/awaited", b"x")
        box.put("/usr/local/sbin/python3", PYTHON, 0o755)
        box.put("/usr/local/sbin/systemctl", REBOOT, 0o755)

    def tick(self, strace: str = "") -> None:
        """One cron minute; a reboot that was asked for happens."""
        self.box.put("/srv/strace", strace)
        self.box.tick()
        if self.box.exists("/srv/reboot-asked"):
            self.box.sh("rm /srv/reboot-asked")
            self.box.reboot()

    def over(self) -> bool:
        return not self.box.exists(TRIGGER)

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
        return [unseal(line) for line in (self.box.read(f"{STATE}/journal") or b"").split(b"\n")[:-1]]


def clean_run(box: Box, every: bool = False) -> list[Point]:
    """The points of a run that nobody disturbs; every: all system calls, not only those that change something."""
    life, points = Life(box, 0), []
    for number in range(MOST_TICKS):
        if life.over():
            break
        life.tick("-o /srv/trace")
        points += list(points_of(number, box.text("/srv/trace"), every))
    check = judge(life, Verdict(Point(-1, "none", 0)), [], 0)
    if check.wrong or not life.over():
        raise SystemExit(f"the undisturbed run is wrong: {check.wrong or 'it does not end'}")
    return points


def points_of(tick: int, trace: str, every: bool) -> Iterator[Point]:
    """The calls of one trace that come after the lock was taken."""
    seen: Counter[str] = Counter()
    locked = False
    for line in trace.splitlines():
        found = re.match(r"(\w+)\((.*)", line)
        if not found:
            continue
        call, rest = found.groups()
        seen[call] += 1
        if call == "flock" and rest.endswith("= 0"):
            locked = True
        creates = call != "openat" or re.search(r"O_(WRONLY|RDWR|CREAT)", rest)
        if locked and (every or (call in CHANGING and creates)):
            yield Point(tick, call, seen[call])


def try_point(box: Box, point: Point, deploy: int) -> Verdict:
    """One life, killed at one point."""
    life, verdict = Life(box, deploy), Verdict(point)
    for _ in range(point.tick):
        if life.over():
            break
        life.tick()
    booted = box.copy.status()["boots"]
    life.tick(f"-o /srv/trace -e inject={point.call}:signal=KILL:when={point.nth}")
    # A reboot that the scenario itself asks for ends the runner too.
    verdict.killed = "+++ killed by SIGKILL +++" in box.text("/srv/trace") and box.copy.status()["boots"] == booted
    done = [e["stage"] for e in life.journal() if e and e["type"] == "stage.ended" and e["result"] == "done"]
    before = len(life.oracle())
    life.go_on()
    return judge(life, verdict, done, before)


def judge(life: Life, verdict: Verdict, done: list[str], before: int) -> Verdict:
    """Look at everything there is to see after a life. done: recorded before the kill, `before` oracle lines then."""
    oracle, journal, box = life.oracle(), life.journal(), life.box
    names = ["plain", "injected", "flaky", "later", "secret", "reboots", "proven"]
    verdict.lost += [f"{name} never ended" for name in names if f"end {name}" not in oracle]
    verdict.repeated += [f"{name} ran again" for name in done if f"begin {name}" in oracle[before:]]
    verdict.overlapping += [line for line in oracle if line.startswith("overlap")]
    good = [event for event in journal if event]
    if len(good) < len(journal) or [e["seq"] for e in good] != list(range(1, len(good) + 1)):
        verdict.unreadable.append("the journal does not read back")
    if not good or good[-1].get("state") != "healthy":
        verdict.lost.append(f"it ended as {good[-1:]}")
    told = box.collector.get(f"/v1/servers/box-1/events?deploy_id={life.deploy}", missing={"events": []})["events"]
    if [e["seq"] for e in told] != [e["seq"] for e in good]:
        verdict.lost.append(f"the collector has {len(told)} events of {len(good)}")
    left = box.sh(f"ls -d {BUNDLE} {TRIGGER} /srv/secret; grep -rl {VALUE} {STATE} {COMMAND} /etc/initialrunner").stdout
    verdict.lost += [f"left behind: {path}" for path in left.split()]
    return verdict


def work(points: list[tuple[int, Point]]) -> list[Verdict]:
    """Try these points in a box of one's own."""
    with Box() as box:
        return [try_point(box, point, number) for number, point in points]


def run(every: bool = False, processes: int = 2) -> list[Verdict]:
    """Every point, on `processes` cores."""
    with Box() as box:
        points = list(enumerate(clean_run(box, every), 1))
    shares = [points[n :: processes * 8] for n in range(processes * 8)]
    with ProcessPoolExecutor(processes) as pool:
        return [verdict for found in pool.map(work, shares) for verdict in found]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--all", action="store_true", help="before every system call, not only those that change something"
    )
    parser.add_argument("--json", action="store_true", help="print every point")
    options = parser.parse_args()
    verdicts = run(options.all)
    reached = [one for one in verdicts if one.killed]
    if options.json:
        print(json.dumps([vars(one) | {"point": vars(one.point)} for one in verdicts], indent=1))
    else:
        print(
            "killed before: " + ", ".join(f"{call} {n}" for call, n in Counter(v.point.call for v in reached).items())
        )
        for one in verdicts:
            if one.wrong:
                print(f"  tick {one.point.tick}, {one.point.call} {one.point.nth}: {'; '.join(one.wrong)}")
        totals = [
            sum(map(bool, (getattr(v, k) for v in verdicts))) for k in ("lost", "repeated", "overlapping", "unreadable")
        ]
        print(f"{len(reached)} kill points")
        print("{} lost, {} repeated, {} overlapping, {} unreadable".format(*totals))
    return int(any(one.wrong for one in verdicts))


if __name__ == "__main__":
    sys.exit(main())
