"""Kills a deployer at every point of a roll-out; `resume`, or `reap` without its state, has to leave the site right.

    python tests/rollout/kills.py                 # every point; or: make killtest
    python tests/rollout/kills.py --every 9       # some of them, as the tests do

The site is real: containers, a HAProxy, a collector. Two servers replace two others. HAProxy is asked every 50 ms
whether two of them are up. Beside them are a server and a member that somebody else has made, and a server with a name
like ours that has no marks; all three have to be there at the end as they were.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parents[1])]

from whole_site import ADDRESS, SHOP, Site, output

from bootstrap.deploy.model import Marks, ServerRequest

FLOOR, LOOK_S = 2, 0.05
FOREIGN = "somebody-else"
FOREIGN_PORT = 9099
WAYS = ("resume", "reap")
STRANGERS = {"stranger", "shop-web-1"}
LONGEST_S = 120.0


class Watch:
    """Asks HAProxy all the time how many members of ours are up. lows: (when, members) below the floor."""

    def __init__(self, site: Site) -> None:
        self._site, self._stop = site, threading.Event()
        self.looks, self.lows = 0, list[str]()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _look(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                members = self._site.members()
            except ValueError:
                # No answer: the balancer is being reloaded. Its old process goes on serving meanwhile.
                continue
            self.looks += 1
            ups = [name for name, state in members.items() if state.startswith("UP") and name != FOREIGN]
            if len(ups) < FLOOR:
                self.lows.append(f"{time.strftime('%H:%M:%S')}: {members}")


@dataclass
class Kills:
    """The trials on one site. wrong: what was not as it should be."""

    site: Site
    every: int
    ways: tuple[str, ...] = WAYS
    wrong: list[str] = field(default_factory=list)
    trials: int = 0
    looks: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    _member: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """The first roll-out, then a kill at each point, by both ways back."""
        self._bootstrap("deploy", str(SHOP), *self._options("k0"), "--yes")
        self._furnish()
        with Watch(self.site) as watch:
            for name in self.ways:
                way = self._resume if name == "resume" else self._reap
                point = 1
                while self._trial(point, name, way):
                    point += self.every
            self.looks = watch.looks
            self.wrong += [f"below the floor: {low}" for low in watch.lows[:5]]

    # --- one trial --------------------------------------------------------------------------------------------------

    def _trial(self, point: int, name: str, way: Callable[[], tuple[int, str]]) -> bool:
        """Kill a roll-out at one point, and go on in one way. False: it ended before it came to the point."""
        release = f"k{self.trials + 1}{name}"
        words = ["deploy", str(SHOP), *self._options(release), "--yes"]
        killed = subprocess.run(
            [sys.executable, HERE / "killed.py", str(point), *words], env=self.site.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LONGEST_S,
            check=False,
        )  # fmt: skip
        if killed.returncode == 0:
            return False
        self.trials += 1
        if killed.returncode != -9:
            self.wrong.append(f"{name} {point}: the roll-out ended with {killed.returncode}: {killed.stdout[-800:]}")
            return self.trials < 3
        code, text = way()
        self._judge(f"{name} {point}", code, text)
        print(f"{name} {point}: exit {code}, {'as it should be' if not self.wrong else self.wrong[-1]}", flush=True)
        return True

    def _resume(self) -> tuple[int, str]:
        return self._again("resume", self._newest(), "--yes")

    def _reap(self) -> tuple[int, str]:
        """The machine of the deployer is gone, and its state with it."""
        shutil.rmtree(Path(self.site.environment["XDG_STATE_HOME"], "initialrunner", "deploys"))
        return self._again("reap", "--file", str(SHOP), *self.site.settings, "--yes")

    def _again(self, *words: str) -> tuple[int, str]:
        """Run a verb, once the lease of the killed deployer has ended."""
        end = time.monotonic() + 20
        while True:
            # Point 0 is never passed: the verb runs through, with the short lease.
            code, text = output([sys.executable, str(HERE / "killed.py"), "0", *words], self.site.environment)
            if code != 4 or "is held by" not in text or time.monotonic() > end:
                return code, text
            time.sleep(0.3)

    def _judge(self, where: str, code: int, text: str) -> None:
        """See that one release serves, whole, and that nothing else was touched."""
        self.ends[f"exit {code}"] = self.ends.get(f"exit {code}", 0) + 1
        # The last kills come after the end was recorded.
        if code not in (0, 5) and "has ended: done" not in text:
            self.wrong.append(f"{where}: exit {code}: {text[-800:]}")
        members = self.site.members()
        foreign = members.pop(FOREIGN, "gone")
        servers = {s.name: s.marks for s in self.site.servers().find("shop/web")}
        deploys = {marks.deploy for marks in servers.values() if marks}
        if sorted(servers) != sorted(members) or len(servers) != FLOOR or len(deploys) != 1:
            self.wrong.append(f"{where}: servers {sorted(servers)}, members {sorted(members)}")
        if not foreign.startswith("UP"):
            self.wrong.append(f"{where}: the foreign member is {foreign}")
        strangers = set(self.site.servers().store.names()) - set(servers)
        if strangers != STRANGERS:
            self.wrong.append(f"{where}: the servers of others are {sorted(strangers)}")

    # --- the site ---------------------------------------------------------------------------------------------------

    def _furnish(self) -> None:
        """Put in what others have made: a server, a server with a name like ours, and a member."""
        driver = self.site.servers()
        for name in STRANGERS:
            driver.create(ServerRequest(name, Marks("other/web", "other", 1, 1, "0"), {}))
            body = driver.store.folder(name) / "server.json"
            content = json.loads(body.read_text())
            content["metadata"] = {"owner": "somebody"}
            body.write_text(json.dumps(content))
        # A process, not a thread: a process with threads cannot leave the site's namespaces.
        self._member = subprocess.Popen([sys.executable, __file__, "--answer"], stdin=subprocess.DEVNULL)
        config = self.site.folder / "haproxy.cfg"
        text = config.read_text()
        end = text.index("\n", text.index("\nbackend web") + 1) + 1
        config.write_text(f"{text[:end]}    server {FOREIGN} {ADDRESS}:{FOREIGN_PORT} check inter 200ms\n{text[end:]}")
        self.site.reload_balancer()

    def close(self) -> None:
        """End what others have made."""
        if self._member is not None:
            self._member.kill()
            self._member.wait()

    def _newest(self) -> str:
        """The id of the deploy that was killed."""
        folder = Path(self.site.environment["XDG_STATE_HOME"], "initialrunner", "deploys")
        return max(path.name for path in folder.iterdir())

    def _options(self, release: str) -> list[str]:
        return ["--set", f"release={release}", *self.site.settings]

    def _bootstrap(self, *words: str) -> None:
        code, text = output(self.site.command(*words), self.site.environment)
        if code:
            raise SystemExit(f"`bootstrap {words[0]}` ended with {code}:\n{text}")


class Answers(socketserver.ThreadingTCPServer):
    """The member that somebody else has put into the pool. (http.server's own would ask for names at its start.)"""

    allow_reuse_address = daemon_threads = True


class Answer(BaseHTTPRequestHandler):
    """Answers everything with 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def trials(every: int, ways: tuple[str, ...]) -> Kills:
    """All trials on a site of their own."""
    with Site() as site:
        kills = Kills(site, every, ways)
        try:
            kills.run()
        finally:
            kills.close()
    return kills


def main() -> int:
    """Do the trials and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="distance between two points [default: %(default)s]")
    parser.add_argument("--ways", nargs="*", choices=WAYS, help="the ways on to try [default: both]")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        Answers((ADDRESS, FOREIGN_PORT), Answer).serve_forever()
    began = time.monotonic()
    kills = trials(options.every, tuple(options.ways or WAYS))
    ends = ", ".join(f"{count} times {end}" for end, count in sorted(kills.ends.items()))
    print(f"{kills.trials} kills in {time.monotonic() - began:.0f} s: {ends}; {kills.looks} looks at HAProxy")
    print("\n".join(kills.wrong) or "the floor held, nothing of ours was left over, nothing of others was touched")
    return 1 if kills.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
