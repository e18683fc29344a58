"""Target `personality`: the list of injected files that a server-create call takes (Nova, Rackspace, libcloud)."""

from __future__ import annotations

import base64
import json

from bootstrap.errors import PayloadError, UsageError
from bootstrap.payload.model import Payload
from bootstrap.targets import limits, starter, stub, table
from bootstrap.targets.model import Output, Packed, Request
from bootstrap.targets.providers import Provider


def pack(request: Request) -> Packed:
    """Choose a layout that the provider takes: as many files of their own as it allows, else a stub."""
    provider = request.provider
    if provider is None:
        raise UsageError(f"{table.PERSONALITY.name} is measured against a provider", hint="name one with --provider")
    if stub.needed(provider):
        return stub.pack_as_files(request, provider)
    payload, moved = _laid_out(request, provider)
    measures = limits.personality(payload.files, provider, contents=request.contents, movable=request.injected)
    blob = request.message(starter.text(payload).encode())
    if request.beside:
        measures += limits.user_data(blob, provider)
    return Packed(
        request.target, provider, payload, tuple(measures), blob, moved, request.lean, sources=request.sources
    )


def output(packed: Packed) -> Output:
    """Return the list and, unless it carries a stub, the starter that goes into the user-data of the same call."""
    content = text(packed.payload).encode()
    return Output(table.PERSONALITY.file, content, starter=None if packed.url else packed.blob)


def items(payload: Payload) -> list[dict[str, str]]:
    """`[{"path": …, "contents": base64}]` in the order in which they should arrive: the trigger is last.

    A mode cannot be carried here: Nova refuses unknown keys, and what a file gets depends on who writes it.
    """
    return [{"path": file.path, "contents": base64.b64encode(file.content).decode("ascii")} for file in payload.files]


def text(payload: Payload) -> str:
    """The same as JSON, as `personality.json` holds it."""
    return json.dumps(items(payload), indent=1) + "\n"


def _laid_out(request: Request, provider: Provider) -> tuple[Payload, tuple[str, ...]]:
    """Return the first layout that the provider takes, or the last one for the refusal, and the files that it moved.

    Where the provider takes too few files, rc.local rides in the bundle, then the others too. On the host the outcome
    is the same: the runner puts every file in place from wherever it came.
    """
    room = provider.content.raw_bytes if provider.content else None
    most = provider.files.most if provider.files else None
    # The first layout is the one that the spec asks for; the others need fewer files.
    layouts: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
        ("files", True, ()), ("files", False, ()), ("single", False, request.injected),
    )  # fmt: skip
    # Units go along where there is room for them, else ride in the bundle; cron comes first, unless the spec says so.
    places = {"systemd": ("apart",), "both": ("apart", "inside", "none"), "cron": ("none",)}
    attempts = [(units, *layout) for units in places.get(request.trigger, ("inside", "none")) for layout in layouts]
    if request.trigger == "auto":
        attempts.insert(0, ("apart", *layouts[0]))
    for units, channel, inject_rc_local, moved in attempts:
        options = {"units": units, "channel": channel, "inject_rc_local": inject_rc_local}
        try:
            laid_out = request.build(chunk_bytes=room, **options), moved
        except PayloadError:
            # More than nine pieces are needed: `limits` says how many, and what to take out.
            laid_out = request.build(**options), moved
            continue
        if most is None or len(laid_out[0].files) <= most:
            break
    return laid_out
