"""A roll-out to watch, on one machine: two servers are replaced under load, a bad release is taken back.

    python tests/rollout/demo.py        # or: make demo-deploy

Servers are containers with a systemd of their own, the balancer is a HAProxy, the reports go to a real collector. The
clients of load.py count every request that fails. Exit code 1 when any did, or when a roll-out ended otherwise than
it should.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parents[1])]

from whole_site import FRONT, SHOP, Site

DEPLOY_AFTER_S = 2.0
FAILED = 5  # the exit code of a roll-out that was taken back since a server failed


class Load:
    """Clients in a process of their own, from now until all requests are answered."""

    def __init__(self, requests: int, rate: float, file: Path) -> None:
        self._file = file
        words = [FRONT, "--requests", str(requests), "--rate", str(rate), "--json", str(file)]
        self._process = subprocess.Popen(
            [sys.executable, HERE / "load.py", *words], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
        )

    def end(self) -> dict[str, Any]:
        """Wait for the last answer: print the count, and return it."""
        text, _ = self._process.communicate()
        count: dict[str, Any] = json.loads(self._file.read_text())
        print(text, end="", flush=True)
        return count


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
        load = self._load()
        self._deploy("r2", 0)
        self._judge(load, {"r1", "r2"})

    def taken_back(self) -> None:
        """A release whose stage fails, under load."""
        self._title("r3, whose stage `migrate` fails")
        load = self._load()
        self._deploy("r3", FAILED)
        self._judge(load, {"r2"})

    def reloaded(self) -> None:
        """HAProxy reads its file again, under load."""
        self._title("HAProxy is reloaded")
        before = self._site.members()
        load = self._load()
        self._site.reload_balancer()
        self._judge(load, {"r2"})
        after = self._site.members()
        print(f"members before: {_listed(before)}\n        after: {_listed(after)}")
        if before != after:
            self.wrong.append("after the reload HAProxy has other members than before")

    # --- its parts --------------------------------------------------------------------------------------------------

    def _load(self) -> Load:
        load = Load(self._requests, self._rate, self._site.folder / "load.json")
        time.sleep(DEPLOY_AFTER_S)
        return load

    def _deploy(self, release: str, code: int) -> None:
        """Run the command line, as a person or a CI job does, and show what it prints."""
        words = ["deploy", str(SHOP), "--set", f"release={release}", "--yes"]
        print(f"$ bootstrap deploy {SHOP.relative_to(HERE.parents[1])} --set release={release} --yes", flush=True)
        began = time.monotonic()
        process = subprocess.Popen(
            self._site.command(*words, *self._site.settings), env=self._site.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                print(f"  | {line}", end="", flush=True)
        print(f"exit code {process.wait()} after {time.monotonic() - began:.1f} s", flush=True)
        if process.returncode != code:
            self.wrong.append(f"the roll-out of {release} ended with {process.returncode} instead of {code}")

    def _judge(self, load: Load, releases: set[str]) -> None:
        count = load.end()
        if count["failed"] or count["requests"] != self._requests:
            self.wrong.append(f"{count['failed']} of {count['requests']} requests failed")
        answered = {row["revision"] for row in count["by"]}
        if answered != releases:
            self.wrong.append(f"{', '.join(sorted(answered))} answered instead of {', '.join(sorted(releases))}")

    def _title(self, text: str) -> None:
        print(f"\n== {text}", flush=True)


def _listed(members: dict[str, str]) -> str:
    return ", ".join(f"{name} {state}" for name, state in sorted(members.items()))


def main() -> int:
    """Show all scenes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=5000, help="in each scene [default: %(default)s]")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second [default: %(default)s]")
    options = parser.parse_args()
    print("making a site: a switch, a HAProxy, a collector, and the Debian that servers start from", flush=True)
    with Site() as site:
        demo = Demo(site, options.requests, options.rate)
        for scene in (demo.first, demo.replaced, demo.taken_back, demo.reloaded):
            scene()
    print("\n" + ("all as it should be" if not demo.wrong else "wrong: " + "; ".join(demo.wrong)))
    return 1 if demo.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
