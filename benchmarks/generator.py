"""The generator's verbs beside an empty Python and beside cloud-init's own helpers for its user-data.

    python benchmarks/generator.py [--runs 11] [--without-cloud-init] [--json]

`cloud-init schema` and `cloud-init devel make-mime` run in a Debian of their own, by that Debian's Python; the verbs by
the Python that runs this. Each is set beside an empty run of its own Python too. Budgets: --version 60 ms, check 300 ms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import cloud_init
from measure import ROOT, Row, compare, cost, machine, progress
from place import Place

EMPTY, THEIR_EMPTY = "python -c pass", "its python3 -c pass"
SCHEMA, MIME = "cloud-init schema", "cloud-init devel make-mime"
CLOUD_CONFIG = b"#cloud-config\npackages: [nginx]\nruncmd:\n  - [systemctl, enable, --now, nginx]\n"


def theirs(place: Place) -> dict[str, Sequence[str]]:
    """What cloud-init's user has for the same work; every one must succeed, or there is no figure."""
    place.put("/root/user-data", CLOUD_CONFIG)
    place.put("/root/script", cloud_init.SCRIPT)
    parts = ["-a", "/root/user-data:cloud-config", "-a", "/root/script:x-shellscript"]
    return {
        THEIR_EMPTY: ["/usr/bin/python3", "-c", "pass"],
        SCHEMA: ["cloud-init", "schema", "--config-file", "/root/user-data"],
        MIME: ["cloud-init", "devel", "make-mime", *parts],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="of everything, in turn")
    parser.add_argument("--without-cloud-init", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the numbers")
    options = parser.parse_args()
    tar, why = (None, "--without-cloud-init") if options.without_cloud_init else cloud_init.debian()
    bootstrap = [sys.executable, "-m", "bootstrap"]
    ours = {EMPTY: [sys.executable, "-c", "pass"]}
    ours |= {f"bootstrap {option}": [*bootstrap, option] for option in ("--version", "--help")}
    for spec in sorted(ROOT.glob("examples/*/*.yaml")):
        ours[f"bootstrap check {spec.parent.name}"] = [*bootstrap, "check", str(spec)]
    heading = {"machine": machine(), "Python": sys.version.split()[0]}
    with ExitStack() as stack:
        place = stack.enter_context(Place(tar)) if tar else None
        peers = theirs(place) if place else {}
        if place:
            heading["cloud-init"] = f"{cloud_init.version(place)} in Debian {cloud_init.SUITE}"
        else:
            heading["cloud-init"] = f"not measured ({why})"
            progress(f"cloud-init: not measured ({why})")
        taken: dict[str, list[float]] = {name: [] for name in [*ours, *peers]}
        # The first round pays for byte code and cold caches.
        for number in range(options.runs + 1):
            for name, command in ours.items():
                cpu, _ = cost(command)
                taken[name] += [cpu] if number else []
            for name, command in peers.items():
                sample = place.meter([command]) if place else None
                if not sample or not sample.ok:
                    raise SystemExit(f"{name} failed")
                taken[name] += [sample.cpu_ms] if number else []
    heading["runs"] = f"{options.runs} of each in turn; medians, with the lowest and the highest"
    budgets = {"--version": 60, "check": 300}
    rows = []
    for name in ours:
        if name != EMPTY:
            budget = budgets.get(name.split()[1])
            for beside in (EMPTY, SCHEMA, MIME) if "check" in name else (EMPTY,):
                middle = statistics.median(taken[beside]) if beside in taken else None
                note = "" if beside in taken else "not measured"
                rows.append(Row(name, "CPU ms", taken[name], beside, middle, budget, note=note))
    for name in peers:
        if name != THEIR_EMPTY:
            rows.append(Row(name, "CPU ms", taken[name], THEIR_EMPTY, statistics.median(taken[THEIR_EMPTY])))
    compare(rows, heading)


if __name__ == "__main__":
    main()
