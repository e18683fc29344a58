"""The exceptions by which a run ends early."""


class Failed(Exception):
    """A stage or a file has failed for good. stage: its name, or None; cause: a word; text: one line for people."""

    def __init__(self, stage, cause, text):
        self.stage, self.cause, self.text = stage, cause, text


class Again(Exception):
    """Not yet: the next tick goes on."""


class Superseded(Exception):
    """A newer trigger names another bundle: stop, and leave the machine to it."""
