"""The generator's verbs beside an empty Python and beside cloud-init's helpers for the same work.

    python benchmarks/generator.py [--runs 11] [--without-cloud-init] [--json]

`cloud-init schema` and `cloud-init devel make-mime` run in a Debian of their own, by that Debian's Python; the verbs by
the Python that runs this. Each is set beside an empty run of its own Python too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import cloud_init
from measure import ROOT, Row, compare, cpu_ms, machine, progress
from place import Place

EMPTY, THEIR_EMPTY = "python -c pass", "its own python3 -c pass"
SCHEMA, MIME = "cloud-init schema", "cloud-init devel make-mime"
FLEET = "1,000 servers rendered"
CLOUD_CONFIG = b"#cloud-config\npackages: [nginx]\nruncmd:\n  - [systemctl, enable, --now, nginx]\n"


def ours(folder: str) -> dict[str, Sequence[str]]:
    """The verbs, each on an example. folder: where to render to."""
    verbs = [sys.executable, "-m", "bootstrap"]
    hello = str(ROOT / "examples/hello/hello.yaml")
    target = ["--server", "hello-1", "--target", "user-data", "--output", folder]
    commands: dict[str, Sequence[str]] = {EMPTY: [sys.executable, "-c", "pass"]}
    commands |= {f"bootstrap {option}": [*verbs, option] for option in ("--version", "--help")}
    for spec in sorted(ROOT.glob("examples/*/*.yaml")):
        commands[f"bootstrap check {spec.parent.name}"] = [*verbs, "check", str(spec)]
    commands["bootstrap render hello"] = [*verbs, "render", hello, *target]
    servers = Path(folder) / "servers.csv"
    servers.write_text("name,port\n" + "".join(f"hello-{number},{8000 + number}\n" for number in range(1000)))
    fleet = ["--servers", str(servers), "--target", "user-data", "--output", f"{folder}/fleet"]
    commands[FLEET] = [*verbs, "render", hello, *fleet]
    return commands


def theirs(place: Place) -> dict[str, Sequence[str]]:
    """The commands of cloud-init for the same work; each must succeed, or there is no figure."""
    place.put("/root/user-data", CLOUD_CONFIG)
    place.put("/root/script", cloud_init.SCRIPT)
    parts = ["-a", "/root/user-data:cloud-config", "-a", "/root/script:x-shellscript"]
    return {
        THEIR_EMPTY: ["/usr/bin/python3", "-c", "pass"],
        SCHEMA: ["cloud-init", "schema", "--config-file", "/root/user-data"],
        MIME: ["cloud-init", "devel", "make-mime", *parts],
    }


def in_turn(place: Place | None, folder: str, runs: int) -> dict[str, list[float]]:
    """CPU milliseconds of every program, once a run; the run before pays for byte code and cold caches."""
    verbs, peers = ours(folder), theirs(place) if place else {}
    samples: dict[str, list[float]] = {name: [] for name in [*verbs, *peers]}
    for number in range(runs + 1):
        figures = {name: cpu_ms(command) for name, command in verbs.items()}
        for name, command in peers.items():
            assert place is not None
            sample = place.meter([command])
            if not sample.ok:
                raise SystemExit(f"{name} failed")
            figures[name] = sample.cpu_ms
        for name, figure in figures.items() if number else ():
            samples[name].append(figure)
    return samples


def rows(samples: dict[str, list[float]]) -> list[Row]:
    """Every verb beside its peers."""

    def row(name: str, beside: str, budget: float | None = None) -> Row:
        peer = statistics.median(samples[beside]) if beside in samples else None
        return Row(name, "CPU ms", samples[name], beside, peer, budget, note="" if peer else "not measured")

    table = []
    for name in samples:
        if name.startswith("bootstrap check"):
            table += [row(name, EMPTY, 300), row(name, SCHEMA, 300)]
        elif name.startswith("bootstrap render"):
            table += [row(name, EMPTY), row(name, MIME)]
        elif name.startswith("cloud-init"):
            table.append(row(name, THEIR_EMPTY))
        elif name not in (EMPTY, THEIR_EMPTY):
            table.append(row(name, EMPTY, {"bootstrap --version": 60, FLEET: 2000}.get(name)))
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="of everything, in turn")
    parser.add_argument("--without-cloud-init", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the numbers")
    options = parser.parse_args()
    tar, reason = (None, "--without-cloud-init") if options.without_cloud_init else cloud_init.debian()
    heading = {"machine": machine(), "Python": sys.version.split()[0]}
    with ExitStack() as stack:
        place = stack.enter_context(Place(tar)) if tar else None
        if place:
            heading["cloud-init"] = f"{cloud_init.version(place)}, in Debian {cloud_init.SUITE}"
        else:
            heading["cloud-init"] = f"not measured ({reason})"
            progress(f"cloud-init: not measured ({reason})")
        heading["runs"] = f"{options.runs} of each in turn; medians, with the lowest and the highest"
        samples = in_turn(place, stack.enter_context(TemporaryDirectory()), options.runs)
    compare(rows(samples), heading)


if __name__ == "__main__":
    main()
