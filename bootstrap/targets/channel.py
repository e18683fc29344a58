"""Which file travels how: the payload that suits a target and a provider, measured before anyone uses it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bootstrap.errors import PayloadError, UsageError
from bootstrap.payload import crontab
from bootstrap.payload.build import build, cron_entry
from bootstrap.payload.model import Payload
from bootstrap.render.model import Rendered
from bootstrap.runner.defaults import filled
from bootstrap.targets import cloud_config, fit, mime, starter, stub, user_data
from bootstrap.targets.fit import Measure
from bootstrap.targets.providers import Provider

if TYPE_CHECKING:
    from bootstrap.payload.sign import Signer

TARGETS = ("tree", "personality", "user-data", "cloud-config", "nocloud", "config-drive", "stub")
# Those with user-data, in which our part can stand beside the user's own.
TAKES_PARTS = ("personality", "user-data", "nocloud", "config-drive", "stub")
# What `build` takes: from an unsigned bundle to its signature.
Sign = Callable[[bytes], str] | None


@dataclass(frozen=True)
class Packed:
    """A payload for one target.

    blob: what stands in the user-data, for the targets that go there, or may (personality: the starter). moved: files
    that the spec wants injected and that ride in the bundle, since the provider takes too few files. lean: verbs that
    no tick needs are left out for room. url: where a stub fetches the bundle from. signed_by: the key's fingerprint.
    """

    target: str
    provider: Provider | None
    payload: Payload
    measures: tuple[Measure, ...]
    blob: bytes = field(default=b"", repr=False)
    moved: tuple[str, ...] = ()
    lean: bool = False
    url: str | None = field(default=None, repr=False)
    signed_by: str | None = None


def pack(
    rendered: Rendered,
    target: str,
    provider: Provider | None = None,
    *,
    cron_template: str | None = None,
    beside: Sequence[mime.Part] = (),
    url: str | None = None,
    sign: Signer | None = None,
) -> Packed:
    """Build the payload for a target and refuse what does not fit: PayloadError, with everything that is wrong.

    provider: None measures against no limit (personality needs one). cron_template: the user's own cron template, which
    is to blame (SpecError) when the entry is one that cron would not run. beside: the user's own user-data. url: where
    hosts fetch the bundle from, for the target stub and for providers whose injected files are too small for anything
    else. sign: the key that signs the bundle; its signature counts like every byte.
    """
    while True:
        packed = _packed(rendered, target, provider, cron_template, beside, url, sign.stand_in if sign else None)
        # A signature may cost a touch, so only the layout that was chosen gets one; it is then packed with that.
        if sign is None:
            return packed
        if sign.settle(packed.payload.bundle):
            return replace(packed, signed_by=sign.fingerprint)


def _packed(
    rendered: Rendered,
    target: str,
    provider: Provider | None,
    cron_template: str | None,
    beside: Sequence[mime.Part],
    url: str | None,
    sign: Sign,
) -> Packed:
    if beside and target not in TAKES_PARTS:
        raise UsageError(f"{target} carries no user-data of yours", hint=f"targets that do: {', '.join(TAKES_PARTS)}")
    # A secret is no advice for `fetch:`.
    contents = {f.path: f.content for f in rendered.files if f.deliver == "bundle" and not f.secret}
    if target == "stub" or (target == "personality" and provider is not None and stub.needed(provider)):
        packed = _stub(rendered, target, provider, beside, url, sign)
    else:
        try:
            packed = _pack(rendered, target, provider, contents, beside, sign, lean=False)
        except PayloadError:
            # It may fit without the largest verb; if not, that is what has to shrink.
            packed = _pack(rendered, target, provider, contents, beside, sign, lean=True)
    # In user-data too: there the runner writes the very same entry. With a stub, that of a payload without one.
    entry = cron_entry(rendered, build(rendered, channel="single") if packed.url else packed.payload)
    # Judged without its digest, whole and in part the one thing that differs between the servers of a fleet.
    digest = packed.payload.digest.encode()
    alike = entry.replace(digest, b"0" * 64).replace(digest[:12], b"0" * 12)
    crontab.require(alike, template=cron_template)
    return packed


def _stub(
    rendered: Rendered,
    target: str,
    provider: Provider | None,
    beside: Sequence[mime.Part],
    url: str | None,
    sign: Sign,
) -> Packed:
    """All rides in the bundle, which lies at `url`; the server is given what fetches it."""
    url = stub.require(url, provider, beside)
    payload = build(rendered, channel="single", sign=sign)
    moved = tuple(file.path for file in rendered.files if file.deliver == "inject")
    script = stub.text(url, payload.digest)
    if target == "personality" and provider is not None:
        stub.measured(script, script, provider, url, beside)
        payload = replace(payload, files=stub.files(script))
        return Packed(
            target, provider, payload, tuple(fit.personality(payload.files, provider)), script, moved, url=url
        )
    whole = mime.compose(stub.boothook(script, payload.deploy_id), beside) if beside else script
    blob = user_data.content(whole, provider)
    measures = (
        stub.measured(blob, script, provider, url, beside),
        Measure("bundle, at the URL", len(payload.bundle), None, "bytes", "text", is_apart=True),
    )
    return Packed(target, provider, payload, measures, blob, moved, url=url)


def _pack(
    rendered: Rendered,
    target: str,
    provider: Provider | None,
    contents: dict[str, bytes],
    beside: Sequence[mime.Part],
    sign: Sign,
    *,
    lean: bool,
) -> Packed:
    if target == "personality" and provider is not None:
        payload, measures, moved = _injected(rendered, provider, contents, lean, sign)
        blob = _message(starter.text(payload).encode(), beside)
        if beside:
            measures += fit.user_data(blob, provider)
        return Packed(target, provider, payload, tuple(measures), blob, moved, lean)
    kind = filled(rendered.host_plan)["trigger"]
    # A runner that comes by user-data writes the units itself, where a host has no cron.
    units = "apart" if target == "tree" or kind in ("systemd", "both") else "inside"
    is_single = target in ("user-data", "nocloud")
    payload = build(rendered, channel="single" if is_single else "files", units=units, lean=lean, sign=sign)
    if target in ("tree", "config-drive"):
        # No call, no limit.
        measures = [Measure("bundle", len(payload.bundle), None, "bytes", "text")]
        blob = b"" if target == "tree" else _message(starter.text(payload).encode(), beside)
        return Packed(target, None, payload, tuple(measures), blob)
    text = _message(payload.bundle, beside) if is_single else cloud_config.text(payload).encode()
    blob = user_data.content(text, provider)
    measures = [Measure("user-data", len(blob), None, "bytes", fit.form_of(blob))]
    if provider is not None:
        measures = fit.user_data(blob, provider, contents=contents)
    return Packed(target, provider, payload, tuple(measures), blob, lean=lean)


def _message(ours: bytes, beside: Sequence[mime.Part]) -> bytes:
    return mime.compose(ours, beside) if beside else ours


def _injected(
    rendered: Rendered, provider: Provider, contents: dict[str, bytes], lean: bool, sign: Sign
) -> tuple[Payload, list[Measure], tuple[str, ...]]:
    """Files for a create call. Where the provider takes too few, rc.local rides in the bundle, then the others too.

    On the host the outcome is the same: the runner puts every file in place from wherever it came.
    """
    wanted = tuple(file.path for file in rendered.files if file.deliver == "inject")
    room = provider.content.raw_bytes if provider.content else None
    most = provider.files.most if provider.files else None
    kind = filled(rendered.host_plan)["trigger"]
    layouts = (("files", True, ()), ("files", False, ()), ("single", False, wanted))
    # Units go along where there is room for them, else ride in the bundle; cron comes first, unless the spec says so.
    places = {"systemd": ("apart",), "both": ("apart", "inside", "none"), "cron": ("none",)}
    tries = [(where, *layout) for where in places.get(kind, ("inside", "none")) for layout in layouts]
    if kind == "auto":
        tries.insert(0, ("apart", *layouts[0]))
    for one in tries:
        units, channel, inject_rc_local, moved = one
        built = functools.partial(
            build, rendered, channel=channel, inject_rc_local=inject_rc_local, units=units, lean=lean, sign=sign
        )
        try:
            payload = built(chunk_bytes=room)
        except PayloadError:
            # More than nine pieces: `fit` says how many there would be, and what to take out.
            payload = built()
            continue
        if most is None or len(payload.files) <= most:
            break
    return payload, fit.personality(payload.files, provider, contents=contents, movable=wanted), moved
