"""Rendered -> Payload: which file travels how, the bundle, and the trigger that names its digest."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from bootstrap.errors import PayloadError
from bootstrap.payload import bundle as bundles
from bootstrap.payload import gates, pack, split, triggers
from bootstrap.payload.gzipped import gzipped
from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.payload.no_python_report import script
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.runner.defaults import FILE, PLAN
from bootstrap.runner.host import BUNDLE, STUB, TRIGGER
from bootstrap.runner.tick.files import trigger_text

RC_LOCAL = "/etc/rc.local"
# The trigger names each chunk in a command line of at most 998 characters.
MOST_CHUNKS = 9


def build(
    rendered: Rendered,
    *,
    channel: str = "files",
    chunk_bytes: int | None = None,
    inject_rc_local: bool = True,
    units: str = "inside",
    lean: int = 0,
    sign: Callable[[bytes], str] | None = None,
    sources: Sequence[str] | None = None,
) -> Payload:
    """Build one server's payload.

    channel: "files" (files marked `deliver: inject`, and rc.local unless inject_rc_local is off, travel as files of
    their own) or "single" (one stream, such as user-data: everything rides in the bundle).
    chunk_bytes: the most raw bytes one injected file may hold; a larger bundle travels as bundle.1 … bundle.9.
    units: the place of systemd's units, unless the spec wants cron alone: "inside" (the runner makes them on a host
    that needs them), "apart" (as files too) or "none" (for a payload that has no room).
    lean: 1 or 2 without verbs that have a stand-in (see payload.pack.sources), and without the report of a host that
    has no Python. Code that the plan never calls is left out in any case.
    sign: the signature of a bundle, as base64 text, to go along with it (see payload.sign).
    sources: the URLs of the runner's text, perhaps none, for a carrier in place of the bundle (see payload.split).
    Such a bundle has the code of every feature, since all servers share it.
    The same input gives the same bytes. Raises PayloadError when nine chunks are not enough.
    """
    single = channel == "single"
    files = list(rendered.files)
    if rendered.rc_local is not None:
        deliver = "inject" if inject_rc_local and not single else "bundle"
        files.append(RenderedFile(RC_LOCAL, rendered.rc_local.encode(), 0o755, deliver=deliver))
    inside, apart = _sort(files, single)
    kind = rendered.host_plan.get("trigger", PLAN["trigger"])
    plan = dict(rendered.host_plan, files=[_entry(f, single) for f in files], cron=triggers.entry(rendered.cron, kind))
    unit_texts = triggers.units(kind) if units != "none" else {}
    if unit_texts:
        plan["units"] = unit_texts
    if plan.get("every_boot"):
        plan["boot_unit"] = triggers.boot_unit()
    is_split = sources is not None
    if is_split:
        code, dictionary = split.code()
    else:
        choices = (lean, gates.absent(plan))
        code, dictionary = pack.packed(*choices), pack.sources(*choices)[0].encode()
    # Sorted keys and no spaces: the same plan gives the same bytes, and few.
    packed_plan = pack.deflate(json.dumps(plan, sort_keys=True, separators=(",", ":")).encode(), dictionary)
    packed_files = pack.deflate(b"".join(f.content for f in inside), dictionary)
    parts = [code, packed_plan, packed_files]
    # It takes 750 bytes and is for hosts that are badly made, so it is the first to give way.
    # In a split the carrier sends it, since the head of the bundle belongs to the text that all servers share.
    no_python_report = "" if lean or is_split else script(plan)
    text = bundles.compose(parts, no_python_report)
    if sign is not None:
        # The signature is of the bundle without it, so the bundle is put together twice.
        parts.append(sign(text))
        text = bundles.compose(parts, no_python_report)
    # The trigger pins the whole text, its own last line and the signature included.
    digest = hashlib.sha256(text).hexdigest()
    carrier = None if sources is None else split.carrier(text, plan, sources)
    if carrier is None:
        pieces = _pieces(text, chunk_bytes)
        start = trigger_text(plan, digest, [piece.path for piece in pieces])
    else:
        pieces = [InjectedFile(STUB, carrier, 0o600)]
        start = split.entry(hashlib.sha256(carrier).hexdigest(), plan).encode()
    trigger = InjectedFile(TRIGGER, start, 0o644)
    used = dict(zip(("runner", "plan", "files", "signature"), map(len, parts), strict=False))
    used["head"] = len(text) - sum(used.values())
    # Units come after the bundle and before the trigger, which must not start what is not whole.
    started = [InjectedFile(path, text.encode()) for path, text in unit_texts.items()] if units == "apart" else []
    injected = (*(InjectedFile(f.path, f.content, f.mode) for f in apart), *pieces, *started, trigger)
    return Payload(rendered.server, rendered.deploy_id, rendered.revision, text, digest, injected, used, carrier)


def least_bytes(rendered: Rendered) -> int:
    """Return what the runner alone takes of a compressed whole bundle, in its smallest form: no bundle is smaller."""
    # The files and units that packing adds may need more of the runner, never less.
    files = [{"path": file.path, "fetch": file.fetch} for file in rendered.files if file.fetch is not None]
    return _code_bytes(gates.absent({**rendered.host_plan, "files": files}))


@functools.cache
def _code_bytes(absent: frozenset[str]) -> int:
    return len(gzipped(pack.packed(pack.LEANEST, absent).encode()))


def cron_entry(rendered: Rendered, payload: Payload) -> bytes:
    """Return the entry of a payload as cron would run it, also where the spec wants systemd alone."""
    return bytes(trigger_text({"cron": rendered.cron}, payload.digest, payload.pieces))


def _sort(files: list[RenderedFile], single: bool) -> tuple[list[RenderedFile], list[RenderedFile]]:
    # In one stream there is no place for a file of its own, so the runner places it from the bundle.
    apart = [f for f in files if f.deliver == "inject" and not single]
    return [f for f in files if f not in apart and f.deliver != "fetch"], apart


def _entry(file: RenderedFile, single: bool) -> dict[str, Any]:
    """Return one file as the host plan lists it. Keys at their default are left out, since bytes matter."""
    entry: dict[str, Any] = {"path": file.path}
    if file.fetch is not None:
        entry |= {"deliver": "fetch", "fetch": file.fetch, "sha256": file.fetch["sha256"]}
    else:
        entry |= {"size": len(file.content), "sha256": hashlib.sha256(file.content).hexdigest()}
        if file.deliver == "inject" and not single:
            entry["deliver"] = "inject"
    user, group = file.owner
    values = {"mode": file.mode, "user": user, "group": group, "secret": file.secret, "keep": file.keep}
    later = {"after": file.after} if file.after else {}
    return entry | {key: value for key, value in values.items() if value != FILE[key]} | later


def _pieces(text: bytes, chunk_bytes: int | None) -> list[InjectedFile]:
    if chunk_bytes is None or len(text) <= chunk_bytes:
        return [InjectedFile(BUNDLE, text, 0o600)]
    pieces = [text[at : at + chunk_bytes] for at in range(0, len(text), chunk_bytes)]
    if len(pieces) > MOST_CHUNKS:
        raise PayloadError(
            f"the bundle has {len(text)} bytes: {len(pieces)} files of {chunk_bytes} bytes; {MOST_CHUNKS} is the most",
            hint="move large files to `fetch:`, or use the user-data or stub target",
        )
    return [InjectedFile(f"{BUNDLE}.{number}", piece, 0o600) for number, piece in enumerate(pieces, 1)]
