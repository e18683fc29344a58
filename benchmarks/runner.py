"""What the runner costs on a host, in a throwaway copy of this machine, beside `sh -c :` and an empty Python there.

Budgets: trigger to first stage 40 ms CPU and 15 MiB; a tick while another one works 5 ms; after the end nothing;
last byte of a late file to the first stage 20 ms (p95 of 30); overhead of a stage 15 ms. Needs root.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time

from bootstrap import resources
from bootstrap.payload.build import build
from bootstrap.payload.crontab import parse
from bootstrap.payload.model import Payload
from bootstrap.rehearse.copy import Copy
from bootstrap.render.model import Rendered, RenderedFile

LATE = "/etc/rc.local.stage1"
SCRIPT = b"#!/bin/sh\ndate >>/root/ran\n"
TRIGGER, LOCK = "/etc/cron.d/initialrunner", "/run/initialrunner.lock"

# Runs in the copy: cost of one command, everything it waited for included. VmHWM is asked of the largest process.
METER = """
import os, resource, sys, time
command, rounds, reset = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for _ in range(rounds):
    os.system(reset)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    pid = os.fork()
    if not pid:
        null = os.open("/dev/null", os.O_RDWR)
        [os.dup2(null, fd) for fd in (0, 1, 2)]
        os.execve("/bin/sh", ["sh", "-c", command], {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(1000 * cpu, 1000 * (time.monotonic() - begun), after.ru_maxrss)
"""


def payload(stages: list[str], files: tuple[RenderedFile, ...] = ()) -> Payload:
    """A payload of these stage texts, as a spec of the same stages would give it."""
    import jinja2

    template = jinja2.Environment(keep_trailing_newline=True, autoescape=False).from_string(
        resources.text("cron/initialrunner.j2")
    )
    cron = template.render(files="@FILES@", sha256="@SHA256@", mark="@MARK@")
    plan = {
        "version": 1, "name": "bench", "server": "bench-1", "deploy_id": "bench", "revision": "0" * 12,
        "stages": [{"name": f"s{n}", "text": text, "digest": str(n)} for n, text in enumerate(stages)],
    }  # fmt: skip
    return build(Rendered("bench-1", "bench", "0" * 12, plan, files, cron))


def inject(copy: Copy, one: Payload, *, leave_out: str = "") -> str:
    """Put the files in and give the every-minute command."""
    for file in one.files:
        if file.path != leave_out:
            copy.put(file.path, file.content, mode=0o400)
    return next(entry.command for entry in parse(one.files[-1].content).entries if entry.schedule == "* * * * *")


def meter(copy: Copy, command: str, rounds: int = 15, reset: str = ":") -> dict[str, float]:
    """Median CPU and wall milliseconds and the peak MiB of a command in the copy."""
    out = copy.run(["/usr/bin/python3", "-c", METER, command, str(rounds), reset], timeout_s=300).stdout
    rows = [tuple(map(float, line.split())) for line in out.splitlines()]
    cpu, wall, peak = zip(*rows, strict=True)
    return {"cpu_ms": statistics.median(cpu), "wall_ms": statistics.median(wall), "peak_mib": max(peak) / 1024}


def starts() -> dict[str, dict[str, float]]:
    """Commands whose cost is asked for, each in the state it meets on a host."""
    found = {}
    forget = "rm -rf /var/lib/initialrunner /run/initialrunner.lock"
    with Copy("bench-1") as copy:
        found["sh -c :"] = meter(copy, ":")
        found["python3 -I -S -c pass"] = meter(copy, "exec /usr/bin/python3 -I -S -c pass")
        command = inject(copy, payload(["exit 75"]))
        # The stage says "not yet", so that a run is: trigger, runner, first stage, end.
        found["trigger to first stage"] = meter(copy, command, reset=forget)
        copy.run(["/bin/sh", "-c", f"touch {LOCK}; (flock {LOCK} sleep 600) </dev/null >/dev/null 2>&1 &"])
        found["tick while another works"] = meter(copy, command)
    with Copy("bench-1") as copy:
        command = inject(copy, payload(["exit 3"]))
        copy.run(["/bin/sh", "-c", command], timeout_s=60)
        found["tick after a final failure"] = meter(copy, command)
    return found


def overhead_ms(count: int = 40) -> float:
    """Milliseconds a stage that does nothing takes, from its intent to the next one's, median."""
    with Copy("bench-1") as copy:
        copy.run(["/bin/sh", "-c", inject(copy, payload([":"] * count))], timeout_s=120)
        begun = [e["uptime_s"] for e in copy.journal() if e["type"] == "stage.started"]
    return 1000 * statistics.median(later - former for former, later in itertools.pairwise(begun))


def late_ms(rounds: int = 30) -> list[float]:
    """Milliseconds from the last byte of an injected file to the stage that runs it, cron ticking."""
    taken = []
    one = payload([LATE], (RenderedFile(LATE, SCRIPT, 0o755, deliver="inject"),))
    for _ in range(rounds):
        with Copy("bench-1") as copy:
            inject(copy, one, leave_out=LATE)
            copy.boot(cron="fast")
            wait(lambda: copy.run(["flock", "-n", LOCK, "true"]).returncode == 1, "no runner waits")
            at = copy.put(LATE, SCRIPT, mode=0o400)
            wait(lambda: any(e.get("final") for e in copy.journal()), "no end")
            begun = [e["uptime_s"] for e in copy.journal() if e["type"] == "stage.started"]
            ran = (copy.read("/root/ran") or b"").count(b"\n")
            if (len(begun), ran) != (1, 1):
                raise SystemExit(f"the stage began {len(begun)} times and ran {ran} times")
            taken.append(1000 * (begun[0] - at))
    return sorted(taken)


def wait(ready, what: str) -> None:
    """Poll for at most half a minute."""
    end = time.monotonic() + 30
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(what)
        time.sleep(0.05)


def main() -> None:
    """Measure and print."""
    figures, stage_ms, late = starts(), overhead_ms(), late_ms()
    p95 = late[int(0.95 * (len(late) - 1))]
    if "--json" in sys.argv:
        print(json.dumps({"starts": figures, "stage_ms": stage_ms, "late_ms": late, "late_p95_ms": p95}, indent=2))
        return
    floor = figures["python3 -I -S -c pass"]["cpu_ms"]
    print(f"{'':30} {'CPU ms':>8} {'wall ms':>8} {'peak MiB':>9} {'beside Python':>14}")
    for name, one in figures.items():
        ratio = one["cpu_ms"] / floor
        print(f"{name:30} {one['cpu_ms']:>8.1f} {one['wall_ms']:>8.1f} {one['peak_mib']:>9.1f} {ratio:>13.2f}x")
    print(f"overhead of a stage (two fsyncs included): {stage_ms:.1f} ms, {stage_ms / floor:.2f}x an empty Python")
    print(f"last byte to first stage, {len(late)} runs: median {statistics.median(late):.1f} ms, p95 {p95:.1f} ms")


if __name__ == "__main__":
    main()
