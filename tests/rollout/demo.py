"""A roll-out to watch, on one machine: two servers are replaced under load, a bad release is taken back.

    python tests/rollout/demo.py        # or: make demo-deploy

Servers are containers with a systemd of their own, the balancer is a HAProxy, the reports go to a real collector. The
clients of load.py count every request that fails. Exit code 1 when any did, or when a roll-out ended otherwise than
it should.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(TOP)]

from whole_site import FRONT, SHOP, Site

DEPLOY_AFTER_S = 2.0
FLOOR = 2  # the servers of shop.yaml
FAILED = 5  # the exit code of a roll-out that was taken back since a server failed


class Load:
    """Clients in a process of their own, from now until `end`, and until so many requests are answered."""

    def __init__(self, requests: int, rate: float, file: Path) -> None:
        self._file = file
        self.count: dict[str, Any] = {}
        words = [FRONT, "--requests", str(requests), "--rate", str(rate), "--json", str(file), "--until-eof"]
        self._process = subprocess.Popen(
            [sys.executable, HERE / "load.py", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def end(self) -> None:
        """Send no more than the number that was asked for, wait for all answers, and print the count."""
        text, _ = self._process.communicate()
        self.count = json.loads(self._file.read_text())
        print(text, end="", flush=True)


class Demo:
    """The scenes. wrong: what was not as it should be."""

    def __init__(self, site: Site, requests: int, rate: float) -> None:
        self._site, self._requests, self._rate = site, requests, rate
        self.wrong: list[str] = []

    def first(self) -> None:
        """The first roll-out, to a site without any server."""
        self._title("r1: the first roll-out")
        self._deploy("r1", 0)

    def replaced(self) -> None:
        """Two servers for two others, under load."""
        self._title(f"r2 replaces r1 under {self._rate:.0f} requests a second")
        with self._load() as load:
            self._deploy("r2", 0)
        self._judge(load, {"r1", "r2"})

    def taken_back(self) -> None:
        """A release whose stage fails, under load."""
        self._title("r3, whose stage `migrate` fails")
        with self._load() as load:
            self._deploy("r3", FAILED)
        self._judge(load, {"r2"})

    def reloaded(self) -> None:
        """HAProxy reads its file again, under load."""
        self._title("HAProxy is reloaded")
        before = self._site.members()
        with self._load() as load:
            self._site.reload_balancer()
        self._judge(load, {"r2"})
        after = self._site.members()
        print(f"members before: {_listed(before)}\n        after: {_listed(after)}")
        if before != after:
            self.wrong.append("after the reload HAProxy has other members than before")

    def gone_back(self) -> None:
        """A release that is not wanted any more, while the servers before it are kept, under load."""
        self._title("r4 replaces r2, and r2 is wanted back")
        before = self._site.members()
        with self._load() as load:
            self._deploy("r4", 0, "--set", "keep_old=10m", "--leave-old")
            self._deploy("r4", 0, "--previous", "--leave-old")
        self._judge(load, {"r2", "r4"})
        if self._site.members() != before:
            self.wrong.append(f"after the way back the members are {_listed(self._site.members())}")

    def many(self, count: int) -> None:
        """So many servers in one roll-out, and the memory that they take."""
        self._title(f"{count} servers at once")
        before = _available()
        self._deploy("r1", 0, "--set", f"count={count}")
        up = [state for state in self._site.members().values() if state.startswith("UP")]
        print(f"{len(up)} members are up; all of it takes {(before - _available()) >> 20} MiB")
        if len(up) != count:
            self.wrong.append(f"{len(up)} of {count} members are up")

    # --- its parts --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _load(self) -> Iterator[Load]:
        """Send requests during the block, and count them; the members that are up are watched meanwhile."""
        with self._site.watched() as ups:
            load = Load(self._requests, self._rate, self._site.folder / "load.json")
            try:
                time.sleep(DEPLOY_AFTER_S)
                yield load
            finally:
                load.end()
        print(f"members that HAProxy called up, in {len(ups)} looks: never fewer than {min(ups)}", flush=True)
        if min(ups) < FLOOR:
            self.wrong.append(f"only {min(ups)} members were up at one moment")

    def _deploy(self, release: str, code: int, *words: str) -> None:
        """Run the command line, as a person or a CI job does, and show what it prints."""
        words = ("deploy", str(SHOP.relative_to(TOP)), "--set", f"release={release}", *words, "--yes")
        print(f"$ bootstrap {' '.join(words)}", flush=True)
        began = time.monotonic()
        process = subprocess.Popen(
            self._site.command(*words, *self._site.settings), env=self._site.environment, cwd=TOP, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                print(f"  | {line}", end="", flush=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took_s, memory = time.monotonic() - began, usage.ru_maxrss >> 10
        print(f"exit code {process.returncode} after {took_s:.1f} s, with at most {memory} MiB", flush=True)
        if process.returncode != code:
            self.wrong.append(f"the roll-out of {release} ended with {process.returncode} instead of {code}")

    def _judge(self, load: Load, releases: set[str]) -> None:
        count = load.count
        if count["failed"] or count["requests"] < self._requests:
            self.wrong.append(f"{count['failed']} of {count['requests']} requests failed")
        answered = {row["revision"] for row in count["by"]}
        if answered != releases:
            self.wrong.append(f"{', '.join(sorted(answered))} answered instead of {', '.join(sorted(releases))}")

    def _title(self, text: str) -> None:
        print(f"\n== {text}", flush=True)


def _available() -> int:
    """The bytes of memory that programs could have."""
    rows = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(row.split()[1]) << 10 for row in rows if row.startswith("MemAvailable:"))


def _listed(members: dict[str, str]) -> str:
    return ", ".join(f"{name} {state}" for name, state in sorted(members.items()))


def main() -> int:
    """Show all scenes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=5000, help="in each scene [default: %(default)s]")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second [default: %(default)s]")
    parser.add_argument("--servers", type=int, metavar="N", help="only roll out so many servers, and measure that")
    options = parser.parse_args()
    print("making a site: a switch, a HAProxy, a collector, and the Debian that servers start from", flush=True)
    with Site() as site:
        demo = Demo(site, options.requests, options.rate)
        scenes = (demo.first, demo.replaced, demo.taken_back, demo.reloaded, demo.gone_back)
        for scene in (lambda: demo.many(options.servers),) if options.servers else scenes:
            # Without servers there is nothing to see in the next scene.
            if not demo.wrong:
                scene()
    print("\n" + ("all as it should be" if not demo.wrong else "wrong: " + "; ".join(demo.wrong)))
    return 1 if demo.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
