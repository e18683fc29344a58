"""Start-up of the generator command beside that of Python itself. Budgets: --version 60 ms, check 300 ms."""

from __future__ import annotations

import sys

from measure import ROOT, in_turn, show


def main() -> None:
    """Measure and print."""
    bootstrap = [sys.executable, "-m", "bootstrap"]
    programs = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "bootstrap --version": [*bootstrap, "--version"],
        "bootstrap --help": [*bootstrap, "--help"],
    }
    for spec in sorted(ROOT.glob("examples/*/*.yaml")):
        programs[f"bootstrap check {spec.parent.name}"] = [*bootstrap, "check", str(spec)]
    show(in_turn(programs))


if __name__ == "__main__":
    main()
