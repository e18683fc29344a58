"""The packed runner's size as text, module by module, beside its budget. Exits 1 when a budget is exceeded."""

from __future__ import annotations

import bz2
import json
import sys
from pathlib import Path

import bootstrap.runner
from bootstrap import resources
from bootstrap.payload import pack
from bootstrap.runner.lifecycle import encode

# Bytes of text. Nova's limit for one injected file is 10,240 characters of Base64: 7,680 bytes is the aim.
HOT_BUDGET, HOT_AIM, WHOLE_BUDGET = 10_240, 7_680, 15_360


def main() -> int:
    """Print the sizes; 1 when over."""
    hot, whole = pack.hot_bytes(), len(pack.packed(fetches=False))
    head = sum(len(resources.text(f"files/bundle/{name}")) for name in ("head.sh", "stub.py"))
    folder = Path(bootstrap.runner.__file__).parent
    modules = {}
    for name in (*pack.HOT, *pack.COLD):
        _, body = pack.flatten((folder / f"{name}.py").read_text(encoding="utf-8"))
        modules[name] = len(encode(bz2.compress(body.encode())))
    over = hot > HOT_BUDGET or whole > WHOLE_BUDGET
    if "--json" in sys.argv:
        print(json.dumps({"hot": hot, "whole": whole, "head": head, "modules": modules, "over": over}, indent=2))
        return int(over)
    print("each module packed by itself (together they share words, so the sum is larger than the whole):")
    for name, size in sorted(modules.items(), key=lambda item: -item[1]):
        print(f"  {name:12} {size:>7,}  {'cold' if name in pack.COLD else 'hot'}")
    print(f"hot part       {hot:>7,}  budget {HOT_BUDGET:,}, aim {HOT_AIM:,}")
    print(f"with the verbs {whole:>7,}  budget {WHOLE_BUDGET:,}")
    print(f"head           {head:>7,}")
    if over:
        print("over the budget", file=sys.stderr)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
