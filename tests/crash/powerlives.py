"""Cuts the power after every call that changes the disk, drops what was not synced, and looks at what comes of it.

One undisturbed run is recorded by strace and replayed on the model of powercut.py, whose idea of the disk is compared
with the real one after every tick. Every different disk that a cut may leave is then laid into a new server, which
boots, goes on minute by minute to the end, and is judged. Its collector knows what it had been told by then.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import lives
import recorded
import reports
from box import Box
from lives import MOST_TICKS, NAMES, ORACLE, Life, done_in, journal_in, judge, totals
from powercut import Disk, Left, Tree
from warm import Warm

from bootstrap.rehearse.collector import Collector
from bootstrap.runner.host import STATE, TRIGGER
from bootstrap.runner.tick.journal import JOURNAL

SECRET = bytes(range(32))
MACHINE_ID = "5ca1ab1e" * 4
# As files are injected: nobody has to write those again to make them safe, only to sync them.
MODE = 0o600
# Those of the harness.
NOT_OURS = "/srv/strace", "/srv/trace"
LOOK = f"""
import base64, json, os, stat, sys
paths = set(json.load(sys.stdin))
for top in "{STATE}", "/etc/initialrunner", "/srv":
    for folder, names, files in os.walk(top):
        paths.update([folder], [os.path.join(folder, name) for name in files])
found = dict()
for path in paths:
    if os.path.lexists(path):
        info = os.lstat(path)
        data = None if stat.S_ISDIR(info.st_mode) else base64.b64encode(open(path, "rb").read()).decode()
        found[path] = [info.st_mode & 0o7777, [info.st_uid, info.st_gid], data]
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Cut:
    """A disk that a power cut may leave, and what the world outside knew by then.

    told: bodies of the reports sent; done: stages that must not run again.
    """

    after: str
    disk: Tree
    told: tuple[bytes, ...]
    done: tuple[str, ...]

    @property
    def key(self) -> tuple[object, ...]:
        return tuple(sorted(self.disk.items())), len(self.told), self.done


@dataclass
class Verdict(lives.Verdict):
    """What was wrong after one cut."""

    after: str = ""


@contextlib.contextmanager
def server() -> Iterator[Box]:
    """A new server, the same as every other by its identity, with a new collector that has the same secret."""
    with Box(machine_id=MACHINE_ID) as box, Collector(Warm(box.copy), secret=SECRET) as collector:  # type: ignore[arg-type]
        box.collector = collector
        yield box


# --- recording ------------------------------------------------------------------------------------------------------


def record() -> list[tuple[str, list[Cut]]]:
    """Every point of an undisturbed run, with the disks that a cut there may leave."""
    points: list[tuple[str, list[Cut]]] = []
    told: list[bytes] = []
    with server() as box:
        life, disk = Life(box, 0, units=False), Disk()
        life.inject(MODE)
        bring(life, disk)
        compare(box, disk)
        points.append(("nothing", list(cuts("nothing", disk, told))))
        for number in range(MOST_TICKS):
            if life.over():
                break
            rebooted = life.tick(f"{recorded.STRACE} -o /srv/trace")
            for call in recorded.calls(box.text("/srv/trace")):
                recorded.apply(call, disk)
                told += [recorded.body(call)] if call.name == "sendto" else []
                after = f"tick {number}, {call}"
                points.append((after, list(cuts(after, disk, told))))
            compare(box, disk)
            if rebooted:
                disk.sync()
        verdict = Verdict()
        judge(life, verdict, [], 0)
        if verdict.wrong or not life.over():
            raise SystemExit(f"the undisturbed run is wrong: {verdict.wrong or 'it does not end'}")
    return points


def bring(life: Life, disk: Disk) -> None:
    """What the injecting agent does, which syncs nothing."""
    brought = [(file.path, file.content, MODE) for file in life.payload.files]
    disk.mkdir("/etc/initialrunner", 0o755)
    for path, data, mode in [*brought, ("/srv/awaited", lives.AWAITED, 0o644)]:
        disk.create(path, mode)
        disk.write(path, data)


def compare(box: Box, disk: Disk) -> None:
    """The model must have understood every call: what it takes the disk to be is what the disk is."""
    model = disk.now()
    asked = box.run("/usr/bin/python3", "-c", LOOK, input=json.dumps(list(model)).encode())
    assert asked.returncode == 0, asked.stderr
    real = {
        path: Left(mode, (owner[0], owner[1]), None if data is None else base64.b64decode(data))
        for path, (mode, owner, data) in json.loads(asked.stdout).items()
        if path not in (*NOT_OURS, "/srv")
    }
    odd = sorted(path for path in model.keys() | real.keys() if model.get(path) != real.get(path))
    assert not odd, f"the model differs: {[(path, model.get(path), real.get(path)) for path in odd[:3]]}"


def cuts(after: str, disk: Disk, told: list[bytes]) -> Iterator[Cut]:
    for words, tree in disk.cuts():
        yield Cut(f"{after}; {words}", tree, tuple(told), known_done(tree, told))


def known_done(tree: Tree, told: list[bytes]) -> tuple[str, ...]:
    """The stages that must not run again.

    Their end is on disk, or somebody outside knows of it: the collector, or whoever saw a later stage begin.
    """
    done = set(done_in(journal_in(data_of(tree, JOURNAL))))
    for body in told:
        done.update(done_in(json.loads(body)["events"]))
    begun = [NAMES.index(line.split()[1]) for line in data_of(tree, ORACLE).decode().splitlines()]
    done.update(NAMES[: max(begun, default=0)])
    return tuple(sorted(done))


def data_of(tree: Tree, path: str) -> bytes:
    found = tree.get(path)
    return (found and found.data) or b""


# --- going on -------------------------------------------------------------------------------------------------------


def lay(box: Box, tree: Tree) -> None:
    """Make the disk of a new server what the cut left of another's."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, left in sorted(tree.items()):
            info = tarfile.TarInfo(path.lstrip("/"))
            info.mode, (info.uid, info.gid) = left.mode, left.owner
            info.type = tarfile.DIRTYPE if left.data is None else tarfile.REGTYPE
            info.size = len(left.data or b"")
            tar.addfile(info, io.BytesIO(left.data or b""))
    done = box.run("tar", "-xpf", "-", "-C", "/", input=packed.getvalue())
    assert done.returncode == 0, done.stderr


def bring_again(life: Life, tree: Tree) -> None:
    """As long as nothing has run, what the agent brought and did not sync is its own to bring again."""
    for file in life.payload.files:
        if data_of(tree, file.path) != file.content:
            life.box.put(file.path, file.content, MODE)
    if data_of(tree, "/srv/awaited") != lives.AWAITED:
        life.box.put("/srv/awaited", lives.AWAITED)


def tell(box: Box, bodies: tuple[bytes, ...]) -> None:
    """Let the collector know what it was told before the cut."""
    for body in bodies:
        one = json.loads(body)
        names = {key: one[key] for key in ("server", "deploy_id", "journal")}
        headers = reports.sign(body, first=one["events"][0]["seq"], secret=SECRET, **names)
        status, answer = box.collector.request("POST", "/v1/events", body, headers)
        assert status == 200, answer


def stuck(box: Box) -> str:
    """Why the trigger would start nothing, "" when it would."""
    trigger = box.text(TRIGGER)
    named = re.search(r'f="([^"]+)".* = "([0-9a-f]{64})  -"', trigger)
    if not named:
        return "the trigger is damaged"
    whole = b"".join(box.read(path) or b"" for path in named[1].split()).rstrip(b"\n") + b"\n"
    return "" if hashlib.sha256(whole).hexdigest() == named[2] else f"the trigger starts nothing: {named[1]}"


def try_cut(cut: Cut) -> Verdict:
    """One server, from the boot after the cut to its end. Being new it has another boot id, and nothing in /run."""
    verdict = Verdict(after=cut.after)
    oracle = data_of(cut.disk, ORACLE).decode().splitlines()
    with server() as box:
        life = Life(box, 0, units=False)
        lay(box, cut.disk)
        tell(box, cut.told)
        if not oracle:
            bring_again(life, cut.disk)
        try:
            for _ in range(MOST_TICKS):
                if life.over():
                    break
                why = stuck(box)
                if why:
                    verdict.lost.append(why)
                    break
                life.tick()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            verdict.lost.append(str(error)[:200])
        judge(life, verdict, list(cut.done), len(oracle))
    return verdict


def run(processes: int = 2) -> tuple[int, list[Verdict]]:
    """How many points there are, and the verdict on every different disk."""
    points = record()
    different = {cut.key: cut for _, found in points for cut in found}
    with ProcessPoolExecutor(processes) as pool:
        return len(points), list(pool.map(try_cut, different.values(), chunksize=4))


def main(as_json: bool) -> int:
    points, verdicts = run()
    if as_json:
        print(json.dumps([vars(one) for one in verdicts], indent=1))
    else:
        for one in verdicts:
            if one.wrong:
                print(f"  {one.after}: {'; '.join(one.wrong)}")
        print(f"{points} power cuts, {len(verdicts)} different disks")
        print(totals(verdicts))
    return int(any(one.wrong for one in verdicts))
