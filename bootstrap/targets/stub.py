"""Target `stub`: a small script that fetches the bundle from a URL and starts it when its SHA-256 is right."""

from __future__ import annotations

import hashlib
import re
import time

from bootstrap import resources
from bootstrap.errors import Problem
from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.payload.paths import STUB, TRIGGER
from bootstrap.payload.refused import Refused
from bootstrap.targets.providers import Provider

# What 1,000 characters of base64 hold: the smallest file that a provider takes.
MOST_BYTES = 750
_SAFE = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]+")


def text(url: str, digest: str) -> bytes:
    """The stub for a bundle of this SHA-256 at this URL. Raises Refused when that takes more than MOST_BYTES."""
    if not _SAFE.fullmatch(url) or not (url.startswith("https://") or _loopback(url)):
        message = f"{_shown(url)} is not the https:// URL of a bundle"
        raise Refused([Problem("payload.url", message, hint="https:// and what a URL may hold, quotes left out")])
    script = resources.text("files/stub/stub.sh")
    until = f" by {end}" if (end := expiry(url)) else ""
    script = script.replace("@UNTIL@", until).replace("@URL@", url).replace("@SHA256@", digest)
    found = script.encode("ascii")
    if len(found) > MOST_BYTES:
        most = len(url) - (len(found) - MOST_BYTES)
        message = f"the URL has {len(url)} characters and a stub has room for {most}"
        raise Refused([Problem("payload.url", message, hint="shorter names of container, object or host")])
    return found


def expiry(url: str) -> str | None:
    """When a TempURL ends, as people read it; None for other URLs."""
    found = re.search(r"[?&]temp_url_expires=([0-9]+)(?:&|$)", url)
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(int(found[1]))) if found else None


def files(payload: Payload, url: str) -> tuple[InjectedFile, ...]:
    """The stub and the cron entry that starts it, for create calls that inject small files; the entry is last."""
    script = text(url, payload.digest)
    entry = resources.text("files/stub/cron").replace("@STUB@", STUB)
    entry = entry.replace("@SHA256@", hashlib.sha256(script).hexdigest())
    return InjectedFile(STUB, script, 0o600), InjectedFile(TRIGGER, entry.encode("ascii"), 0o644)


def needed(provider: Provider) -> bool:
    """Whether the provider's injected files are too small for anything but a stub."""
    room = provider.content.raw_bytes if provider.content else None
    return room is not None and room <= MOST_BYTES


def require_url(provider: Provider | None) -> Refused:
    """What to say when nobody told where the bundle lies."""
    message = "a stub fetches the bundle, and nothing says from where"
    if provider is not None and needed(provider):
        message = f"{provider.name} takes files of {MOST_BYTES} bytes: they carry a stub, which fetches the bundle"
    return Refused(
        [
            Problem(
                "payload.url",
                message,
                hint="bootstrap publish, then --published FILE; or --url URL, and put `bundle` of the output there",
            )
        ]
    )


def _loopback(url: str) -> bool:
    return re.match(r"http://(localhost|127\.0\.0\.1|\[::1\])[:/]", url) is not None


def _shown(url: str) -> str:
    return repr(url.split("?")[0])
