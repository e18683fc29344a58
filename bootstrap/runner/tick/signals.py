"""The exceptions by which a run ends early."""


class Failed(Exception):
    """A stage that failed for good: (stage name, cause, one line for people)."""


class Again(Exception):
    """Not yet: the next tick goes on."""


class Superseded(Exception):
    """A newer trigger names another bundle: stop, and leave the machine to it."""
