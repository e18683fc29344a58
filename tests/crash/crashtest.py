"""Kills the packed runner before every state-changing system call it makes, and looks at what comes of it.

    python tests/crash/crashtest.py [--all | --power] [--json]

A clean run under strace counts the calls between taking the lock and exit, tick by tick. Then, for every one of them, a
fresh run is killed (SIGKILL, by strace's fault injection) just before that very call, started again as the next cron
minute would, and judged. --power cuts the power instead, and drops what was not synced: see powerlives.py.
Needs root and strace.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

import lives
from box import Box
from lives import MOST_TICKS, Life, done_in, judge, totals

from bootstrap.runner.host import COMMAND, STATE, TRIGGER

# What changes something that outlives the call. openat counts only where it may create or write.
CHANGING = (
    "openat", "write", "pwrite64", "fsync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat",
    "mkdir", "mkdirat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "ftruncate", "clone", "clone3", "fork",
    "vfork", "kill", "sync",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """Just before the `nth` call of this name in tick `tick`."""

    tick: int
    call: str
    nth: int


@dataclass
class Verdict(lives.Verdict):
    """What was wrong with one point."""

    point: Point = Point(-1, "none", 0)
    killed: bool = False


def empty(box: Box) -> None:
    """Take away what an earlier life has left in a box."""
    box.sh(f"rm -rf {STATE} /etc/initialrunner {TRIGGER} {COMMAND} /srv /run/initialrunner*; mkdir /srv")


def begin(box: Box, deploy: int) -> Life:
    """A life; many share a box and its collector."""
    empty(box)
    life = Life(box, deploy)
    life.inject()
    return life


def clean_run(box: Box, every: bool = False) -> list[Point]:
    """The points of a run that nobody disturbs; every: all system calls, not only those that change something."""
    life, points = begin(box, 0), []
    for number in range(MOST_TICKS):
        if life.over():
            break
        life.tick("-o /srv/trace")
        points += list(points_of(number, box.text("/srv/trace"), every))
    check = Verdict()
    judge(life, check, [], 0)
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
    life, verdict = begin(box, deploy), Verdict(point=point)
    for _ in range(point.tick):
        if life.over():
            break
        life.tick()
    booted = box.copy.status()["boots"]
    life.tick(f"-o /srv/trace -e inject={point.call}:signal=KILL:when={point.nth}")
    # A reboot that the scenario itself asks for ends the runner too.
    verdict.killed = "+++ killed by SIGKILL +++" in box.text("/srv/trace") and box.copy.status()["boots"] == booted
    done, before = done_in(life.journal()), len(life.oracle())
    life.go_on()
    judge(life, verdict, done, before)
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
    parser.add_argument("--power", action="store_true", help="cut the power instead, after every call")
    parser.add_argument("--json", action="store_true", help="print every point")
    options = parser.parse_args()
    if options.power:
        import powerlives

        return powerlives.main(options.json)
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
        print(f"{len(reached)} kill points")
        print(totals(verdicts))
    return int(any(one.wrong for one in verdicts))


if __name__ == "__main__":
    sys.exit(main())
