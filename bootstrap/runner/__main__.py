"""Runs the checkout on the plan of a bundle: `python -m pdb -m bootstrap.runner BUNDLE VERB` steps through it.

It acts on this very machine, as the bundle would: be on a machine to throw away, or ask for a verb that only reads.
"""

import sys

from bootstrap.runner import bundle
from bootstrap.runner.form import SEPARATOR, WHOLE, unpacked_code


def run(path, argv):
    """Leave the names that the head of this bundle would leave, then start the modules of the checkout."""
    with open(path, "rb") as file:
        bundle.TEXT = file.read()
    match = WHOLE.fullmatch(bundle.TEXT)
    if not match:
        sys.exit("%s is no whole bundle, such as `bootstrap render --target tree` writes" % path)
    bundle.PARTS = match.group(2).decode().split(SEPARATOR)
    # The plan is unpacked with the code of its bundle as dictionary, whatever code then reads it.
    bundle.HOT, bundle.COLD = unpacked_code(bundle.PARTS[0])
    # Imported only now: these modules take the names above as they are at that moment.
    from bootstrap.runner.tick.run import main

    main(argv)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m bootstrap.runner BUNDLE [VERB...]")
    run(sys.argv[1], sys.argv[2:] or ["help"])
