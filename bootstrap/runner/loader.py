"""Brings functions of the part that is compiled later. In a bundle it takes the place of bundle.py."""

from bootstrap.runner.bundle import COLD, SEAM

# One namespace serves all modules of a bundle: a compiled module adds its names to these globals.
WAITING = COLD.split(SEAM)  # modules that are not compiled yet


def later(name):
    """Return a function of the later part, compiled on first use: a tick should not pay for the admin's verbs."""
    while name not in globals():
        module = WAITING.pop(0)
        # The first line names the module, so that a traceback leads to a line of it.
        exec(compile(module, module.split(b"\n")[0][1:], "exec"), globals())
    return globals()[name]
