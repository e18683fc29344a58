"""Target `stub`: a small script that fetches the bundle from a URL and starts it when its SHA-256 is right.

Its size is limited by the provider: by its user-data or, where its injected files are too small for a bundle, by one of
those.
"""

from __future__ import annotations

import calendar
import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from bootstrap import resources
from bootstrap.errors import Problem
from bootstrap.payload import role
from bootstrap.payload.build import build
from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.payload.refused import Refused
from bootstrap.runner.host import STUB, TRIGGER
from bootstrap.targets import limits, mime, starter, table, user_data
from bootstrap.targets.addresses import is_loopback, shown, without_role
from bootstrap.targets.limits import Measure
from bootstrap.targets.model import Output, Packed, Request
from bootstrap.targets.providers import BYTES, Provider

# The file that holds a stub which is no script by itself: it is compressed, or a part of a message.
STUB_IN = "stub-user-data"
# 1,000 characters of base64 hold so much. No provider's files are smaller.
MOST_BYTES = 750
# sh reads the URL between single quotes, where none of these characters has a meaning.
_SAFE = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]+")
# The shortest host and path that a URL can have. A longer one could be given shorter names.
_SHORTEST = len("https://x.io/b")


def pack(request: Request) -> Packed:
    """Pack the script as user-data. Everything rides in the bundle, which lies at the URL."""
    provider, beside = request.provider, request.beside
    url = require(request.url, provider, beside)
    payload = _apart(request)
    script = text(url, payload.digest)
    whole = mime.compose(starter.in_background(script, payload.deploy_id), beside) if beside else script
    # A stub alone is never compressed: one that does not fit has too long a URL.
    blob = user_data.content(whole, provider) if beside else script
    measures = (
        measured(blob, script, provider, url, beside),
        Measure("bundle, at the URL", len(payload.bundle), None, BYTES, "text", is_apart=True),
    )
    return Packed(request.target, provider, payload, measures, blob, request.injected, url=url)


def pack_as_files(request: Request, provider: Provider) -> Packed:
    """Pack the script as an injected file, for a provider whose files are too small for a bundle."""
    url = require(request.url, provider, request.beside)
    payload = _apart(request)
    script = text(url, payload.digest)
    measured(script, script, provider, url, request.beside)
    payload = replace(payload, files=files(script))
    measures = tuple(limits.personality(payload.files, provider))
    return Packed(request.target, provider, payload, measures, script, request.injected, url=url)


def output(packed: Packed) -> Output:
    """Return the script, or what it had to become to be user-data."""
    is_script = packed.blob.startswith(b"#!")
    return Output(table.STUB.file if is_script else STUB_IN, packed.blob)


def _apart(request: Request) -> Payload:
    """Build the bundle that lies at the URL. It has all verbs, since no limit of the provider's holds there."""
    return build(request.rendered, channel="single", sign=request.sign)


def text(url: str, digest: str) -> bytes:
    """Return the stub for a bundle of this SHA-256 at this URL, of any size. Raises Refused for an unsafe URL.

    The stub of an s3:// address signs with the role of its instance.
    """
    if url.startswith(role.SCHEME):
        return _by_role(url, digest)
    if not _SAFE.fullmatch(url) or not (url.startswith("https://") or is_loopback(url)):
        message = f"{shown(url)} is not the https:// URL of a bundle"
        raise Refused([Problem("payload.url", message, hint="write https:// and no quotes or blanks")])
    until = f" by {end}" if (end := expiry(url)) else ""
    script = resources.text("files/stub/stub.sh").replace("@UNTIL@", until).replace("@SHA256@", digest)
    # The URL is filled in last, since it may hold a text that looks like a placeholder.
    return script.replace("@URL@", url).encode("ascii")


def _by_role(address: str, digest: str) -> bytes:
    """Return the stub for a bundle at an s3:// address. Raises Refused for one that leads nowhere."""
    fault = role.fault(address)
    if fault:
        hint = "write s3://BUCKET/KEY, with ?region=NAME where the bucket is in another region than the instance"
        raise Refused([Problem("payload.url", f"{shown(address)} cannot be fetched: {fault}", hint=hint)])
    script = resources.text("files/stub/role.sh").replace("@FETCH@", role.fetcher("$f")).replace("@SHA256@", digest)
    return script.replace("@URL@", address).encode("ascii")


def expiry(url: str) -> str | None:
    """Return the time at which a TempURL or a presigned URL (AWS, Google) expires, as text; None for other URLs."""
    # AWS and Google name the start and the length in seconds, Swift and older AWS URLs the end itself.
    query = {name.lower(): value for name, value in parse_qsl(url.partition("?")[2])}
    try:
        for kind in ("x-amz", "x-goog"):
            if f"{kind}-date" in query:
                began = calendar.timegm(time.strptime(query[f"{kind}-date"], "%Y%m%dT%H%M%SZ"))
                ends = began + int(query[f"{kind}-expires"])
                break
        else:
            ends = int(query["temp_url_expires"] if "temp_url_expires" in query else query["expires"])
        return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(ends))
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def files(script: bytes) -> tuple[InjectedFile, ...]:
    """Return the stub and the cron entry that starts it, for calls that inject small files; the entry is last."""
    entry = resources.text("files/stub/cron").replace("@STUB@", STUB)
    entry = entry.replace("@SHA256@", hashlib.sha256(script).hexdigest())
    return InjectedFile(STUB, script, 0o600), InjectedFile(TRIGGER, entry.encode("ascii"), 0o644)


def measured(
    blob: bytes, script: bytes, provider: Provider | None, url: str, beside: Sequence[mime.Part] = ()
) -> Measure:
    """Measure a stub against the room that its provider has for one; provider None: against nothing.

    script: the stub itself; blob: the user-data it became, with the user's own parts. Raises Refused for one too large.
    """
    if provider is None:
        return limits.unlimited(table.STUB.name, blob)
    limit = provider.content if needed(provider) else provider.user_data
    if limit is None:
        # This raises the refusal, with the way that the provider has.
        limits.user_data(blob, provider)
    assert limit is not None
    measure = limits.measured(table.STUB.name, blob, limit)
    if measure.left is None or measure.left >= 0:
        return measure
    # If the stub alone would fit, the user's own parts are to blame, not the URL.
    if beside and limit.used(user_data.content(script, provider)) <= (limit.most or 0):
        raise Refused([_too_large(blob, provider, beside)])
    raise Refused([_too_long(url, script, provider)])


def _too_long(url: str, script: bytes, provider: Provider) -> Problem:
    """Return the problem of a URL for which the provider has no room."""
    injected = needed(provider)
    limit = provider.content if injected else provider.user_data
    holds = (limit.raw_bytes if limit else None) or 0
    most = holds - (len(script) - len(url))
    takes = f"files of {holds:,} bytes" if injected else f"user-data of {holds:,} bytes"
    message = f"the URL has {len(url):,} characters and a stub has room for {most:,}: {provider.name} takes {takes}"
    query = len(url) - len(url.split("?")[0])
    if query + _SHORTEST <= most:
        return Problem("payload.url", message, hint="shorter names of container, object or host")
    hint = f"its query alone has {query:,}, so shorter names do not help: use a URL without so long a query"
    if injected and provider.user_data:
        option = f"{table.USER_DATA.option} --provider {provider.name}"
        hint += f", or user-data, which has room for the bundle itself: {option}"
    return Problem("payload.url", message, hint=hint)


def _too_large(blob: bytes, provider: Provider, beside: Sequence[mime.Part]) -> Problem:
    """The problem of user's own parts beside which a stub would fit, were they smaller."""
    limit = provider.user_data
    assert limit is not None
    message = f"user-data: {limits.counted(blob, limit)} with the stub, and {provider.name} takes {limit.most:,}"
    largest = max(beside, key=lambda part: len(part.data))
    over = len(blob) - (limit.raw_bytes or 0)
    return Problem(
        "payload.size", message, hint=f"take {over:,} bytes out of your own: {largest.name} has {len(largest.data):,}"
    )


def needed(provider: Provider) -> bool:
    """Whether the provider's injected files are too small for anything but a stub."""
    room = provider.content.raw_bytes if provider.content else None
    return room is not None and room <= MOST_BYTES


def require(url: str | None, provider: Provider | None, beside: Sequence[mime.Part] = ()) -> str:
    """Return the URL of the bundle. Raises Refused without one, or when a stub has no room for parts of the user's."""
    problems = []
    small = provider is not None and needed(provider)
    takes = f"{provider.name} takes files of {MOST_BYTES} bytes" if provider is not None else ""
    if url is None:
        message = f"{table.STUB.option} needs the URL of the bundle"
        problems.append(
            Problem(
                "payload.url",
                f"{takes}: they carry a stub, which needs the URL of the bundle" if small else message,
                hint="bootstrap publish, then --published FILE; or --url URL, and put the file `bundle` there",
            )
        )
    if url is not None and (fault := without_role(url, provider)):
        hint = "publish without --instance-role: that gives a presigned URL"
        problems.append(Problem("payload.url", fault, hint=hint))
    if small and beside and provider is not None:
        hint = "give your user-data to the create call itself, where the image runs cloud-init"
        if provider.user_data:
            hint += f"; or {table.USER_DATA.option} --provider {provider.name}, which carries the bundle beside it"
        message = f"{takes}: they carry a stub, and no user-data of yours"
        problems.append(Problem("payload.user-data", message, hint=hint))
    if url is None or problems:
        raise Refused(problems)
    return url
