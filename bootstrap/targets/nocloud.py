"""Target `nocloud`: the volume `cidata`, whose user-data is the bundle."""

from __future__ import annotations

from bootstrap.targets import seed, user_data
from bootstrap.targets.model import Output, Packed, Request


def pack(request: Request) -> Packed:
    """Everything rides in the bundle, which is the user-data."""
    return user_data.pack(request)


def output(packed: Packed) -> Output:
    """Return the image and the folder with the same files."""
    return seed.nocloud(packed.payload, packed.blob).output()
