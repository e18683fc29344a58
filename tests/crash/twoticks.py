"""Two ticks of one host at once, and in half of the trials a SIGKILL somewhere in them.

    python tests/crash/twoticks.py [--trials 1000] [--seed 1] [--json]

Each trial starts the trigger's command twice, a random moment apart, as cron's minute and its @reboot line do, or cron
and a timer. Afterwards cron's minutes go on until the trigger is gone. A trial is good when no trigger lies beside a
finished journal, the admin's command answers, and no stage was lost, repeated after its recorded end, or overlapped.
The long scenario of lives.py is tried so as well, with both runners killed. Needs root.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

import crashtest
import lives
from box import Box
from handmade import payload, stage
from lives import NOTE, ORACLE, done_in, journal_in, judge, totals
from oracle import deliver

from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

MOST_APART_S, MOST_LATER_S = 0.4, 0.6
MOST_TICKS = 6
NAMES = ("one", "two")
SHORT = [stage(name, NOTE + "note end\n") for name in NAMES]
# $1: seconds between the two; $2: what a third process runs meanwhile.
BOTH = f"""sed -n 's/^@reboot root //p' {TRIGGER} >/root/tick
setsid sh /root/tick </dev/null >/dev/null 2>&1 & one=$!
sleep $1
setsid sh /root/tick </dev/null >/dev/null 2>&1 & two=$!
eval "$2"
wait
"""
HOLDER = "kill -9 $(cat /run/initialrunner.lock)"
# Each tick is a session of its own: the kernel takes all of it at once.
EVERYTHING = "kill -9 -$one -$two"
KILLS = (HOLDER, EVERYTHING, "kill -9 -$one", "kill -9 -$two")


@dataclass(frozen=True)
class Trial:
    """apart_s: between the two starts; later_s: from the second one to the kill; kill: a shell command, "" for none."""

    number: int
    apart_s: float
    later_s: float
    kill: str

    @property
    def command(self) -> str:
        return f"sleep {self.later_s:.3f}; {{ {self.kill}; }} 2>/dev/null" if self.kill else ":"


@dataclass
class Verdict(lives.Verdict):
    """What was wrong with one trial."""

    trial: Trial = Trial(-1, 0, 0, "")


def drawn(trials: int, seed: int) -> list[Trial]:
    """The trials of a seed; every second one is killed."""
    dice = random.Random(seed)
    return [
        Trial(n, dice.uniform(0, MOST_APART_S), dice.uniform(0, MOST_LATER_S), dice.choice(KILLS) if n % 2 else "")
        for n in range(1, trials + 1)
    ]


def try_short(box: Box, trial: Trial) -> Verdict:
    """Two short stages and no collector: the second tick most often comes while the first one finishes."""
    verdict = Verdict(trial=trial)
    crashtest.empty(box)
    deliver(box, payload(SHORT, deploy_id=lives.deploy_id(trial.number)))
    box.run("sh", "-c", BOTH, "sh", f"{trial.apart_s:.3f}", trial.command)
    for _ in range(MOST_TICKS):
        if not box.exists(TRIGGER):
            break
        box.tick()
    oracle, journal = box.text(ORACLE).splitlines(), journal_in(box.read(f"{STATE}/journal") or b"")
    cut = [event["stage"] for event in journal if event and event["type"] == "interrupted"]
    verdict.lost += [f"{name} never ended" for name in NAMES if f"end {name}" not in oracle]
    verdict.repeated += [f"{n} ran again" for n in NAMES if oracle.count(f"begin {n}") > 1 + cut.count(n)]
    verdict.overlapping += [line for line in oracle if line.startswith("overlap")]
    verdict.lost += [f"{path} is left" for path in (TRIGGER, BUNDLE) if box.exists(path)]
    status = box.run(COMMAND, "status")
    if status.returncode or "healthy" not in status.stdout:
        verdict.unreadable.append(f"status answers {status.returncode}: {status.stdout}{status.stderr}")
    return verdict


def try_long(box: Box, trial: Trial) -> Verdict:
    """The scenario of lives.py, its first two ticks at once, and both of them killed."""
    life, verdict = crashtest.begin(box, trial.number), Verdict(trial=trial)
    both = f"sleep {trial.later_s:.3f}; {{ {EVERYTHING}; }} 2>/dev/null"
    box.run("sh", "-c", BOTH, "sh", f"{trial.apart_s:.3f}", both)
    if box.exists("/run/reboot-asked"):
        box.reboot()
    done, before = done_in(life.journal()), len(life.oracle())
    life.go_on()
    judge(life, verdict, done, before)
    return verdict


def work(share: tuple[str, list[Trial]]) -> list[Verdict]:
    kind, trials = share
    with Box() as box:
        return [(try_long if kind == "long" else try_short)(box, trial) for trial in trials]


def run(trials: int, seed: int = 1, processes: int = 2, long: int | None = None) -> list[Verdict]:
    """Short trials, and long ones: a tenth as many unless said."""
    count = max(1, trials // 10) if long is None else long
    everything = [("short", drawn(trials, seed)), ("long", drawn(count, seed + 1))]
    shares = [(kind, part[n :: processes * 4]) for kind, part in everything for n in range(processes * 4)]
    with ProcessPoolExecutor(processes) as pool:
        return [verdict for found in pool.map(work, shares) for verdict in found]


def main(trials: int, seed: int, as_json: bool) -> int:
    verdicts = run(trials, seed)
    if as_json:
        print(json.dumps([vars(one) | {"trial": vars(one.trial)} for one in verdicts], indent=1))
        return int(any(one.wrong for one in verdicts))
    for one in verdicts:
        if one.wrong:
            print(f"  {one.trial}: {'; '.join(one.wrong)}")
    print(f"{len(verdicts)} times two ticks at once, of each two trials one killed (seed {seed})")
    print(totals(verdicts))
    return int(any(one.wrong for one in verdicts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print every trial")
    options = parser.parse_args()
    sys.exit(main(options.trials, options.seed, options.json))
