"""The packed runner's size as text: what each spec's bundle carries, what each feature takes, and the room in channels.

A bundle carries what its plan calls. The budget is for what examples/hello calls, as user-data or in Nova's files.
Exits 1 when a budget is exceeded.
"""

from __future__ import annotations

import json
import os
import sys
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
    everything = {"hot": hot, "whole": whole, "head": len(head()) + len(reader())}
    return {"everything": everything, "specs": specs, "features": features(), "over": over}


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
    if found["over"]:
        print("over the budget", file=sys.stderr)
    return int(found["over"])


if __name__ == "__main__":
    sys.exit(main())
