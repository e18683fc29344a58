"""Target `config-drive`: the volume `config-2`, which carries the payload as injected files."""

from __future__ import annotations

from bootstrap.targets import seed, starter
from bootstrap.targets.limits import unlimited
from bootstrap.targets.model import Output, Packed, Request


def pack(request: Request) -> Packed:
    """Pack the files, and the starter as user-data. No call carries them, so that no limit holds."""
    payload = request.build(units=request.units)
    blob = request.message(starter.text(payload).encode())
    what = "bundle" if payload.carrier is None else "carrier"
    return Packed(request.target, None, payload, (unlimited(what, payload.script),), blob, sources=request.sources)


def output(packed: Packed) -> Output:
    """Return the image and the folder with the same files."""
    return seed.config_drive(packed.payload, packed.blob).output()
