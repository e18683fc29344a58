"""What the head of a bundle leaves in memory before it starts the runner. Empty in a checkout; never packed itself."""

from hashlib import sha256  # noqa: F401 - the head brings the cheapest there is: OpenSSL's costs 3 MiB

PARTS = []  # the packed sections as text: 0 code, 1 plan, 2 file contents
HOT = b""  # the code a tick needs; plan and contents are deflated with it as dictionary, since they use the same words
COLD = b""  # the code of the rare moments
TEXT = b""  # the whole bundle, as its digest counts it


def undo(text):
    """The bytes that five-for-four text stands for: what pack() of lifecycle.py makes."""
    raise NotImplementedError("only the head of a bundle brings this")
