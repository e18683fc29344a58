"""The packed runner's size as text, module by module, beside its budget. Exits 1 when a budget is exceeded.

A bundle carries what its plan calls; the budget is for what examples/hello calls.
"""

from __future__ import annotations

import bz2
import json
import sys
from pathlib import Path

import bootstrap.runner
from bootstrap import load
from bootstrap.payload import gates, pack
from bootstrap.payload.bundle import head, reader, unpack
from bootstrap.runner.form import encode

# Bytes of text.
HOT_BUDGET, WHOLE_BUDGET = 13_500, 22_500
HELLO = Path(__file__).parents[1] / "examples/hello"


def main() -> int:
    """Print the sizes; 1 when over."""
    hot, whole = pack.hot_bytes(), len(pack.packed())
    absent = gates.absent(unpack(load(HELLO).plan("hello-1").render().pack("tree").payload.bundle).plan)
    hello_hot, hello_whole = pack.hot_bytes(absent), len(pack.packed(absent=absent))
    head_bytes = len(head()) + len(reader())
    folder = Path(bootstrap.runner.__file__).parent
    modules = {}
    for name in (*pack.HOT, *pack.COLD):
        _, body = pack.flatten((folder / f"{name}.py").read_text(encoding="utf-8"))
        modules[name] = len(encode(bz2.compress(body.encode())))
    over = hello_hot > HOT_BUDGET or hello_whole > WHOLE_BUDGET
    if "--json" in sys.argv:
        sizes = {"hot": hot, "whole": whole, "hello_hot": hello_hot, "hello_whole": hello_whole, "head": head_bytes}
        print(json.dumps({**sizes, "modules": modules, "over": over}, indent=2))
        return int(over)
    print("each module packed by itself (together they share words, so the sum is larger than the whole):")
    for name, size in sorted(modules.items(), key=lambda item: -item[1]):
        print(f"  {name:16} {size:>7,}  {'cold' if name in pack.COLD else 'hot'}")
    print(f"hot part       {hot:>7,}")
    print(f"with the verbs {whole:>7,}")
    print(f"hot, for hello {hello_hot:>7,}  budget {HOT_BUDGET:,}")
    print(f"with the verbs {hello_whole:>7,}  budget {WHOLE_BUDGET:,}")
    print(f"head           {head_bytes:>7,}")
    if over:
        print("over the budget", file=sys.stderr)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
