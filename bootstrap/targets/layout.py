"""Chooses how each file travels: the payload that suits a target and a provider, measured before anyone uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.errors import PayloadError, UsageError
from bootstrap.payload import crontab
from bootstrap.payload.build import build, cron_entry
from bootstrap.render.model import Rendered
from bootstrap.targets import mime, table
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
) -> Packed:
    """Build the payload for a target and refuse what does not fit: PayloadError, with everything that is wrong.

    provider: None measures against no limit (personality needs one). cron_template: the user's own cron template, which
    is to blame (SpecError) when the entry is one that cron would not run. beside: the user's own user-data. url: where
    hosts fetch the bundle from, for the target stub and for providers whose injected files are too small for anything
    else. sign: the key that signs the bundle; its signature counts like every byte.
    """
    request = Request(rendered, target, provider, beside, url, sign.stand_in if sign else None)
    while True:
        packed = _packed(request, cron_template)
        # A signature may cost a touch, so only the layout that was chosen gets one; it is then packed with that.
        if sign is None:
            return packed
        if sign.settle(packed.payload.bundle):
            return replace(packed, signed_by=sign.fingerprint)


def _packed(request: Request, cron_template: str | None) -> Packed:
    target = table.find(request.target)
    if request.beside and not target.takes_parts:
        others = ", ".join(row.name for row in table.TARGETS if row.takes_parts)
        raise UsageError(f"{target.name} carries no user-data of yours", hint=f"targets that do: {others}")
    # Verbs that no tick needs are left out only where they have to be: whoever looks at a host later wants them.
    code = target.code()
    try:
        packed = code.pack(request)
    except PayloadError:
        # It may fit without the verbs that no tick needs. If not, the message is about that smallest form.
        packed = code.pack(replace(request, lean=True))
    # User-data is judged too: there the runner writes the very same entry. With a stub it is that of a payload without.
    entry = cron_entry(request.rendered, build(request.rendered, channel="single") if packed.url else packed.payload)
    # The digest, whole and in part, is all that differs between the servers of a fleet: without it one verdict serves.
    digest = packed.payload.digest.encode()
    alike = entry.replace(digest, b"0" * 64).replace(digest[:12], b"0" * 12)
    crontab.require(alike, template=cron_template)
    return packed
