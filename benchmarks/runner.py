"""Measures the runner on a host beside cloud-init, an empty Python and an empty shell, all in one throwaway place.

    python benchmarks/runner.py [--runs 11] [--without-cloud-init] [--json]

Everything is run in turn in one Debian laid into a copy of this machine, with the same Python; without a network to
make that Debian from, in the copy itself and without cloud-init. Needs root. Budgets are those of the design.
"""

from __future__ import annotations

import argparse
import base64
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cloud_init
from measure import ROOT, Row, compare, machine, progress
from place import Place, Sample

from bootstrap import resources
from bootstrap.payload.build import build
from bootstrap.payload.model import Payload
from bootstrap.rehearse.collector import Collector
from bootstrap.rehearse.copy import STATE, Copy, journal_events
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.runner.contract import server_key

LATE = "/etc/rc.local.stage1"
SCRIPT = b"#!/bin/sh\necho >>/root/ran\n"
TRIGGER, LOCK, COMMAND = "/etc/cron.d/initialrunner", "/run/initialrunner.lock", "/usr/local/sbin/initialrunner"
SERVER, DEPLOY = "bench-1", "bench"
SHELL, PYTHON = "sh -c :", "python3 -I -S -c pass"
BOOT, BARE, STATUS = "cloud-init's four stages", "cloud-init, scripts-user only", "cloud-init status"
FIRST, WHOLE, REPORTING = "trigger to first stage", "whole run of one stage", "whole run, with reports"
WAITING, FAILED = "tick while another waits", "tick after a final failure"


def payload(stages: Sequence[str], files: tuple[RenderedFile, ...] = (), **plan: object) -> Payload:
    """A payload of these stage texts, as a spec of the same stages would give it. plan: more keys of the host plan."""
    import jinja2

    text = resources.text("cron/initialrunner.j2")
    template = jinja2.Environment(keep_trailing_newline=True, autoescape=False).from_string(text)
    cron = template.render(files="@FILES@", sha256="@SHA256@", mark="@MARK@")
    host_plan = {
        "version": 1, "name": "bench", "server": SERVER, "deploy_id": DEPLOY, "revision": "0" * 12,
        "stages": [{"name": f"s{n}", "text": text, "digest": str(n)} for n, text in enumerate(stages)], **plan,
    }  # fmt: skip
    return build(Rendered(SERVER, DEPLOY, "0" * 12, host_plan, files, cron))


@dataclass(frozen=True)
class Subject:
    """Commands to measure. before and after: scripts that are not measured; check: raises when a run did no work."""

    commands: Sequence[Sequence[str]]
    before: str = ":"
    after: str = ":"
    check: Callable[[Sample], None] = lambda sample: None


def starts(place: Place, collector: Collector, runs: int, *, beside_cloud_init: bool) -> dict[str, list[Sample]]:
    """Every subject once a run, in turn, so that a busy moment hits all alike; one run before, for the caches."""
    subjects = {SHELL: Subject([["sh", "-c", ":"]]), PYTHON: Subject([["/usr/bin/python3", "-I", "-S", "-c", "pass"]])}
    subjects |= ours(place, collector)
    if beside_cloud_init:
        cloud_init.seed(place)
        for name, settings in ((BARE, "bare"), (BOOT, "as-shipped")):
            subjects[name] = Subject(cloud_init.STAGES, cloud_init.prepare(settings), check=lambda s: ran(place, s))
        # After the four stages, so that it finds them done.
        subjects[STATUS] = Subject([["cloud-init", "status"]])
    samples: dict[str, list[Sample]] = {name: [] for name in subjects}
    for number in range(runs + 1):
        for name, subject in subjects.items():
            place.sh(subject.before)
            sample = place.meter(subject.commands)
            subject.check(sample)
            place.sh(subject.after)
            if number:
                samples[name].append(sample)
    return samples


def ours(place: Place, collector: Collector) -> dict[str, Subject]:
    """The runner's subjects.

    "trigger to first stage" ends there in truth: the first act of that stage is to end the runner. The stage of a whole
    run is told how to end; with 75, "not yet", it is trigger, runner, stage, journal, exit.
    """
    key = base64.b64encode(server_key(collector.secret, SERVER, DEPLOY)).decode()
    text = "echo >>/root/ran; read code </root/code; exit $code"
    late = RenderedFile(LATE, SCRIPT, 0o755, deliver="inject")
    payloads = {
        "first": payload(["echo >>/root/ran; kill -9 $PPID"]),
        "plain": payload([text]),
        "reports": payload([text], report={"url": collector.url, "key": key}),
        "late": payload([LATE], (late,)),
    }
    commands = {name: place.lay(name, files) for name, files in payloads.items()}
    for name, command in commands.items():
        place.put(f"/root/{name}.command", command.encode())
    place.sh(f"rm /root/payloads/late{LATE}")
    forget = f"rm -rf {STATE} /run/initialrunner* /etc/initialrunner {COMMAND} {TRIGGER} /root/ran"
    # Waits for the file that never comes, in a session of its own.
    wait = 'setsid sh -c "$(cat /root/late.command)" </dev/null >/dev/null 2>&1 &'
    until = f"timeout 30 sh -c 'until [ -s {LOCK} ] && ! flock -n {LOCK} true; do sleep 0.02; done'"

    def fresh(name: str, code: int) -> str:
        return f"{forget}; cp -a /root/payloads/{name}/. /; echo {code} >/root/code"

    def tick(name: str) -> list[list[str]]:
        return [["sh", "-c", commands[name]]]

    def reported(sample: Sample) -> None:
        ran(place, sample)
        if SERVER not in str(collector.get("/v1/servers")):
            raise SystemExit("no report came")

    def gone(sample: Sample) -> None:
        place.sh(f"! [ -e {TRIGGER} ]")

    final = f'{fresh("plain", 3)}; sh -c "$(cat /root/plain.command)" >/dev/null 2>&1 || :'
    return {
        FIRST: Subject(tick("first"), fresh("first", 75), check=lambda sample: ran(place, sample)),
        WHOLE: Subject(tick("plain"), fresh("plain", 75), check=lambda sample: ran(place, sample)),
        REPORTING: Subject(tick("reports"), fresh("reports", 75), check=reported),
        WAITING: Subject(tick("late"), f"{fresh('late', 0)}; {wait} {until}", f"kill -9 $(cat {LOCK})"),
        FAILED: Subject(tick("plain"), final, check=lambda sample: ran(place, sample)),
        # No cost of its own is asked for: the check is that nothing is left to tick.
        "success": Subject(tick("plain"), fresh("plain", 0), check=gone),
    }


def ran(place: Place, sample: Sample) -> None:
    """The script ran, once; what did not run it has no figure."""
    if place.sh("cat /root/ran 2>/dev/null || :").stdout != "\n":
        raise SystemExit("the script was not run once")


def overhead_ms(place: Place, runs: int, count: int = 40) -> tuple[list[float], list[float]]:
    """Milliseconds of a stage that does nothing, intent to intent, mean of a run; and of two synced writes there.

    The journal is on the disk of the checkout: in memory, where a copy keeps its files, a sync costs nothing.
    """
    command = place.lay("many", payload([":"] * count))
    stages, synced = [], []
    with tempfile.TemporaryDirectory(dir=_build()) as name:
        folder = Path(name)
        place.sh(f"rm -rf {STATE}")
        place.on_disk(STATE, folder)
        for _ in range(runs):
            place.sh(f"find {STATE} -mindepth 1 -delete; rm -rf /run/initialrunner*; cp -a /root/payloads/many/. /")
            place.meter([["sh", "-c", command]])
            events = journal_events((folder / "journal").read_bytes())
            starts = [event["uptime_s"] for event in events if event["type"] == "stage.started"]
            if len(starts) != count:
                raise SystemExit(f"{len(starts)} of {count} stages began")
            stages.append(1000 * (starts[-1] - starts[0]) / (count - 1))
            with (folder / "beside").open("wb", buffering=0) as file:
                start = time.monotonic()
                for _ in range(2 * count):
                    file.write(b"x" * 150)
                    os.fsync(file.fileno())
                synced.append(1000 * (time.monotonic() - start) / count)
    return stages, synced


def _build() -> Path:
    folder = ROOT / "build" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def late_ms(rounds: int) -> list[float]:
    """Milliseconds from the last byte of an injected file to the stage that runs it, cron ticking."""
    waits = []
    late = payload([LATE], (RenderedFile(LATE, SCRIPT, 0o755, deliver="inject"),))
    for _ in range(rounds):
        with Copy(SERVER) as copy:
            for file in late.files:
                if file.path != LATE:
                    copy.put(file.path, file.content, mode=0o400)
            copy.boot(cron="fast")
            wait(lambda: copy.run(["flock", "-n", LOCK, "true"]).returncode == 1, "no runner waits")
            at = copy.put(LATE, SCRIPT, mode=0o400)
            wait(lambda: any(e.get("final") for e in copy.journal()), "no end")
            starts = [e["uptime_s"] for e in copy.journal() if e["type"] == "stage.started"]
            times = (copy.read("/root/ran") or b"").count(b"\n")
            if (len(starts), times) != (1, 1):
                raise SystemExit(f"the stage began {len(starts)} times and ran {times} times")
            waits.append(1000 * (starts[0] - at))
    return sorted(waits)


def wait(ready: Callable[[], object], complaint: str) -> None:
    """Poll for at most half a minute."""
    end = time.monotonic() + 30
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(complaint)
        time.sleep(0.05)


def rows(samples: dict[str, list[Sample]]) -> list[Row]:
    """The comparisons of CPU and of peaks."""
    table = []

    def add(name: str, peers: Sequence[str], cpu: float | None, peak: float | None) -> None:
        for part, unit, budget in (("cpu_ms", "CPU ms", cpu), ("peak_mib", "peak MiB", peak)):
            if unit == "peak MiB" and peak is None:
                continue
            values = [getattr(sample, part) for sample in samples[name]]
            for peer in peers:
                theirs = [getattr(sample, part) for sample in samples.get(peer, ())]
                middle = statistics.median(theirs) if theirs else None
                note = "" if theirs else "not measured"
                table.append(Row(name, unit, values, peer, middle, budget, note=note))

    add(FIRST, (BOOT, BARE, PYTHON, SHELL), 35, 15)
    add(WHOLE, (BOOT, BARE, PYTHON, SHELL), None, None)
    add(REPORTING, (BOOT, BARE, PYTHON, SHELL), 60, 25)
    add(WAITING, (STATUS, PYTHON, SHELL), 5, None)
    add(FAILED, (STATUS, PYTHON, SHELL), None, None)
    table.append(Row("tick after success", "CPU ms", [0.0], "no entry is left", None, 0))
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="of everything, in turn; thrice as many late files")
    parser.add_argument("--without-cloud-init", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the numbers")
    options = parser.parse_args()
    if os.geteuid():
        parser.error("needs root, for the copy and what is mounted in it")
    tar, reason = (None, "--without-cloud-init") if options.without_cloud_init else cloud_init.debian()
    if not tar:
        progress(f"cloud-init: not measured ({reason})")
    with Place(tar) as place, Collector(place.copy) as collector:
        heading = {"machine": machine(), "place": f"Debian {cloud_init.SUITE}" if tar else "a copy of this machine"}
        heading["Python"] = place.sh("/usr/bin/python3 --version").stdout.split()[1]
        heading["cloud-init"] = cloud_init.version(place) if tar else f"not measured ({reason})"
        heading["runs"] = f"{options.runs} of each in turn; medians, with the lowest and the highest"
        table = rows(starts(place, collector, options.runs, beside_cloud_init=bool(tar)))
        stages, synced = overhead_ms(place, options.runs)
    table.append(Row("overhead of a stage", "ms", stages, "two synced writes there", statistics.median(synced), 15))
    late = late_ms(3 * options.runs)
    p95 = late[int(0.95 * (len(late) - 1))]
    # Nobody waits for half a minute's mean here: cron looks once a minute, whatever the machine.
    table.append(Row("last byte to first stage, p95", "ms", late, "cron's half minute, reckoned", 30_000, 20, p95))
    compare(table, heading)


if __name__ == "__main__":
    main()
