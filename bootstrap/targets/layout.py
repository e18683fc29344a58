"""Chooses how each file travels: the payload that suits a target and a provider, measured before anyone uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.errors import PayloadError, UsageError
from bootstrap.payload import crontab
from bootstrap.payload.build import build, cron_entry, least_bytes
from bootstrap.payload.pack import LEANEST
from bootstrap.payload.refused import Refused
from bootstrap.render.model import Rendered
from bootstrap.targets import mime, runner_sources, table
from bootstrap.targets.model import Packed, Request
from bootstrap.targets.providers import Provider

if TYPE_CHECKING:
    from bootstrap.payload.sign import Signer


def pack(
    rendered: Rendered,
    target: str,
    provider: Provider | None = None,
    *,
    cron_template: str | None = None,
    beside: Sequence[mime.Part] = (),
    url: str | None = None,
    sign: Signer | None = None,
    runner_from: Sequence[str] | None = None,
    published_runner: Sequence[str] = (),
) -> Packed:
    """Build the payload for a target and refuse what does not fit: PayloadError, with everything that is wrong.

    provider: None measures against no limit (personality needs one). cron_template: the user's own cron template, which
    is to blame (SpecError) when the entry is one that cron would not run. beside: the user's own user-data. url: where
    hosts fetch the bundle from, for the target stub and for providers whose injected files are too small for anything
    else. sign: the key that signs the bundle; its signature counts like every byte. runner_from: the sources of the
    runner's text, for a carrier in place of the bundle. published_runner: URLs of it, for a carrier where a whole
    bundle does not fit; the collector that the server reports to is such a source too.
    """
    request = Request(rendered, target, provider, beside, url, sign.stand_in if sign else None)
    spare = runner_sources.known(rendered, published_runner) if table.find(target).takes_carrier else ()
    if runner_from is not None:
        if not table.find(target).takes_carrier:
            others = ", ".join(row.name for row in table.TARGETS if row.takes_carrier)
            raise UsageError(
                f"{runner_sources.OPTION} is not for {target}, which fetches the whole bundle",
                hint=f"leave the option out; targets that take it: {others}",
            )
        request, spare = replace(request, sources=runner_sources.urls(runner_from, rendered, provider)), ()
    while True:
        packed = _packed(request, cron_template, spare)
        if packed.chosen:
            runner_sources.check_published(published_runner, provider)
        # A signature may cost a touch, so only the layout that was chosen gets one; it is then packed with that.
        if sign is None:
            return packed
        if sign.settle(packed.payload.bundle):
            return replace(packed, signed_by=sign.fingerprint)


def _packed(request: Request, cron_template: str | None, spare: tuple[str, ...]) -> Packed:
    target = table.find(request.target)
    if request.beside and not target.takes_parts:
        others = ", ".join(row.name for row in table.TARGETS if row.takes_parts)
        raise UsageError(f"{target.name} carries no user-data of yours", hint=f"targets that do: {others}")
    # Verbs that no tick needs are left out only where they have to be: whoever looks at a host later wants them.
    packed = _fitted(target, request, spare)
    # User-data is judged too: there the runner writes the very same entry. With a stub it is that of a payload without.
    entry = cron_entry(request.rendered, build(request.rendered, channel="single") if packed.url else packed.payload)
    # The digest, whole and in part, is all that differs between the servers of a fleet: without it one verdict serves.
    digest = packed.payload.digest.encode()
    alike = entry.replace(digest, b"0" * 64).replace(digest[:12], b"0" * 12)
    crontab.require(alike, template=cron_template)
    return packed


def _fitted(target: table.Target, request: Request, spare: tuple[str, ...]) -> Packed:
    """Pack in the first form that fits: whole, whole without some verbs that no tick needs, or a carrier.

    spare: sources of the runner's text that a carrier may name. Raises PayloadError when no form fits.
    """
    code = target.code()
    if spare and _is_hopeless(target, request):
        return replace(code.pack(replace(request, sources=spare)), chosen=True)
    try:
        return code.pack(request)
    except PayloadError:
        if request.sources is not None:
            raise
    for lean in range(1, LEANEST + 1):
        try:
            return code.pack(replace(request, lean=lean))
        except PayloadError as error:
            # The message is about the smallest whole form, unless a carrier fits.
            refusal = error
    if request.provider is None or not target.takes_carrier:
        raise refusal
    try:
        packed = code.pack(replace(request, sources=spare))
    except PayloadError:
        raise refusal from None
    if spare:
        return replace(packed, chosen=True)
    # The mend that keeps everything stands first.
    mend = f"let hosts fetch the runner, and all of it fits: add `report:`, or give {runner_sources.OPTION} SOURCE"
    raise Refused([replace(p, hint=f"{mend}; or {p.hint}" if p.hint else mend) for p in refusal.problems])


def _is_hopeless(target: table.Target, request: Request) -> bool:
    """Whether no whole bundle can fit, so that a fleet need not try two for each of its servers."""
    limit = request.provider.user_data if request.provider and target.is_read_by_all else None
    room = limit.raw_bytes if limit else None
    return room is not None and least_bytes(request.rendered) > room
