"""The names that the head of a bundle leaves in memory before it starts the runner; here they are a checkout's.

A bundle never holds this module: its head sets the values, and `loader` has the other `later`.
"""

from hashlib import sha256  # noqa: F401 - the head brings the cheapest there is: OpenSSL's costs 3 MiB
from importlib import import_module

from bootstrap.runner.form import SEAM, decode  # noqa: F401 - SEAM is between the modules of HOT and COLD
from bootstrap.runner.later import MODULES

PARTS = []  # the packed sections as text: 0 code, 1 plan, 2 file contents
HOT = b""  # the code a tick needs; plan and contents are deflated with it as dictionary, since they use the same words
COLD = b""  # the code of the rare moments
TEXT = b""  # the whole bundle, as its digest counts it
undo = decode


def later(name):
    """Return a function of the later part, by import: so the runner runs, and stops at breakpoints, in a checkout."""
    for module in MODULES:
        function = getattr(import_module("bootstrap.runner.later." + module), name, None)
        if function:
            return function
    raise NameError("no module of bootstrap/runner/later has " + name)
