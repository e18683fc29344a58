"""The packed runner's size as text: what each spec's bundle carries, what each feature takes, and the room in channels.

A bundle carries what its plan calls. The budget is for what examples/hello calls, as user-data or in Nova's files.
Exits 1 when a budget is exceeded.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bootstrap import load
from bootstrap.api import Rendering
from bootstrap.errors import PayloadError
from bootstrap.payload import gates, pack
from bootstrap.payload.bundle import head, reader, unpack
from bootstrap.targets.model import Packed

# Bytes of text.
HOT_BUDGET, WHOLE_BUDGET = 13_500, 22_500
FOLDER = Path(__file__).parent
SPECS = {
    "hello": FOLDER.parent / "examples/hello",
    "web": FOLDER.parent / "examples/web",
    "usual": FOLDER / "usual",
}
# Those that tests start on hosts, as EC2's user-data with the text from the collector; gzipped bytes of each at most.
CARRIED = {
    "hello": SPECS["hello"] / "hello.yaml", "web": SPECS["web"] / "web.yaml",
    "real": FOLDER.parent / "tests/support/real_site/real.yaml",
}  # fmt: skip
CARRIER_BUDGET, OWN_BYTES = 4_500, 10_240
# Of Nova, and of EC2.
PIECE, PIECES, USER_DATA = 7_680, 5, 16_384


def render(name: str) -> Rendering:
    """Render a spec of the table, with a key for its reports."""
    os.environ.setdefault("USUAL_TOKEN", "a token of the usual length, 0123456789abcdef")
    return load(SPECS[name]).plan(f"{name}-1", deploy_id="20261120T120000-ab12cd").render(bytes(32))


def sizes(absent: frozenset[str]) -> tuple[int, int]:
    """Return the bytes of text of the hot part and of both."""
    return pack.hot_bytes(absent), len(pack.packed(absent=absent))


def features() -> dict[str, tuple[int, int]]:
    """Return what each feature takes of a bundle with everything: (hot, whole)."""
    hot, whole = sizes(frozenset())
    taken = {name: sizes(frozenset({name})) for name in gates.GATES}
    return {name: (hot - less_hot, whole - less_whole) for name, (less_hot, less_whole) in taken.items()}


def form(packed: Packed) -> str:
    """Return the form in which a payload travels."""
    return "carrier" if packed.payload.carrier else ("whole", "without looking back", "without doctor")[packed.lean]


def in_nova(rendering: Rendering) -> dict[str, Any]:
    """Return the number of Nova's files that a payload takes, and the bytes that are free in those of the bundle."""
    try:
        packed = rendering.pack("personality", "nova")
    except PayloadError as error:
        return {"form": "refused", "files": None, "free": None, "why": str(error)}
    files = packed.payload.files
    others = len(files) - len(packed.payload.pieces)
    used = len(packed.payload.carrier or packed.payload.bundle)
    return {"form": form(packed), "files": len(files), "free": (PIECES - others) * PIECE - used}


def in_ec2(rendering: Rendering) -> dict[str, Any]:
    """Return the bytes of user-data that a carrier takes on EC2, and those that are free."""
    used = len(rendering.pack("user-data", "ec2", runner_from=["disk"]).blob)
    return {"form": "carrier", "used": used, "free": USER_DATA - used}


def carried(spec: Path) -> int:
    """Return the bytes of EC2's user-data with the carrier of a server that reports over https."""
    plan = load(spec).plan("web-1", deploy_id="20261120T120000-ab12cd", report_url="https://deploy.internal:8443")
    return len(plan.render(bytes(32)).split("collector").user_data_bytes("ec2"))


def carriers() -> dict[str, dict[str, int]]:
    """Return the size of each carrier, and what EC2 has left: beside it, and beside OWN_BYTES that do not compress."""
    sizes = {}
    for name, spec in CARRIED.items():
        used = carried(spec)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copytree(spec.parent, folder, dirs_exist_ok=True), spec.name)
            text = spec.read_text(encoding="utf-8")
            copy.write_text(text.replace("\nfiles:\n", "\nfiles:\n  - {path: /srv/own, source: own}\n", 1))
            Path(folder, "own").write_bytes(random.Random(1).randbytes(OWN_BYTES))
            sizes[name] = {"used": used, "free": USER_DATA - used, "free_beside_own": USER_DATA - carried(copy)}
    return sizes


def measured() -> dict[str, Any]:
    """Return all figures."""
    hot, whole = sizes(frozenset())
    specs = {}
    for name in SPECS:
        rendering = render(name)
        absent = gates.absent(unpack(rendering.pack("user-data").payload.bundle).plan)
        spec_hot, spec_whole = sizes(absent)
        specs[name] = {
            "hot": spec_hot, "whole": spec_whole, "absent": sorted(absent),
            "nova": in_nova(rendering), "ec2": in_ec2(rendering),
        }  # fmt: skip
    over = specs["hello"]["hot"] > HOT_BUDGET or specs["hello"]["whole"] > WHOLE_BUDGET
    by_carrier = carriers()
    over |= any(size["used"] > CARRIER_BUDGET or size["free_beside_own"] < 0 for size in by_carrier.values())
    everything = {"hot": hot, "whole": whole, "head": len(head()) + len(reader())}
    return {
        "everything": everything, "specs": specs, "features": features(), "carriers": by_carrier, "over": over,
    }  # fmt: skip


def main() -> int:
    """Print the sizes; 1 when over."""
    found = measured()
    if "--json" in sys.argv:
        print(json.dumps(found, indent=2))
        return int(found["over"])
    everything = found["everything"]
    print(f"{'bytes of text':<24}{'hot':>8}{'whole':>8}")
    print(f"{'with every feature':<24}{everything['hot']:>8,}{everything['whole']:>8,}")
    for name, spec in found["specs"].items():
        budget = f"  budget {HOT_BUDGET:,} and {WHOLE_BUDGET:,}" if name == "hello" else ""
        print(f"{name:<24}{spec['hot']:>8,}{spec['whole']:>8,}{budget}")
    print(f"{'head of a bundle':<24}{'':>8}{everything['head']:>8,}")
    print(f"\n{'saved without':<24}{'hot':>8}{'whole':>8}  packed for")
    for name, (hot, whole) in sorted(found["features"].items(), key=lambda row: -row[1][1]):
        users = [spec for spec, about in found["specs"].items() if name not in about["absent"]]
        print(f"{name:<24}{hot:>8,}{whole:>8,}  {', '.join(users)}".rstrip())
    print(f"\n{'room':<24}{'form':<22}{'used':>16}{'bytes free':>12}")
    for name, spec in found["specs"].items():
        nova, ec2 = spec["nova"], spec["ec2"]
        used = f"{nova['files']} of {PIECES} files" if nova["files"] else "-"
        free = "-" if nova["free"] is None else f"{nova['free']:,}"
        print(f"{name + ', Nova':<24}{nova['form']:<22}{used:>16}{free:>12}")
        print(f"{name + ', EC2':<24}{ec2['form']:<22}{ec2['used']:>10,} bytes{ec2['free']:>12,}")
    own = f"with {OWN_BYTES:,} own bytes"
    print(f"\n{'carriers on EC2':<24}{'gzipped bytes':>14}{'budget':>10}{'bytes free':>12}{own:>24}")
    for name, size in found["carriers"].items():
        free, beside = size["free"], size["free_beside_own"]
        print(f"{name:<24}{size['used']:>14,}{CARRIER_BUDGET:>10,}{free:>12,}{beside:>24,}")
    if found["over"]:
        print("over the budget", file=sys.stderr)
    return int(found["over"])


if __name__ == "__main__":
    sys.exit(main())
