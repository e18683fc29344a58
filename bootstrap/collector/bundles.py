"""Bundles behind signed URLs: the check of an upload, the URL with its end and its signature. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re

from bootstrap.collector.refusal import Refusal, malformed
from bootstrap.collector.shelf import MAX_BUNDLE_BYTES, MAX_TEXT_BYTES, clock_text
from bootstrap.runner.form import LAST_LINE, MAGIC

# A URL of 64 hex digits more would not fit a stub of 750 bytes with a long name of the collector. Half of them, 128
# bits, are not to be guessed either.
SIGNATURE_DIGITS = 32
HOUR_S = 3600
# A deployer that counts to a full hour itself is a moment older when its request is read.
LATE_S = 60

_END = re.compile(r"[0-9]{1,12}")


def check_text(sha256: str, content: bytes) -> None:
    """Refuse an upload that is no runner text with this digest. Raises Refusal 413 or 422."""
    _check(sha256, content, MAX_TEXT_BYTES)
    if not content.startswith(MAGIC.encode()) or not content.isascii() or content.endswith(b"\n"):
        raise malformed("the body is not a runner text: a bundle's first part, which ends without a line end")


def check_bundle(sha256: str, content: bytes) -> None:
    """Refuse an upload that is no whole bundle with this digest. Raises Refusal 413 or 422."""
    _check(sha256, content, MAX_BUNDLE_BYTES)
    if not content.startswith(MAGIC.encode()) or not content.isascii():
        raise malformed("the body is not a bundle")
    body, line_end, last = content[:-1].rpartition(b"\n")
    if last + b"\n" != (LAST_LINE % hashlib.sha256(body + line_end).hexdigest()).encode():
        raise malformed("the bundle is not whole: its last line does not hold the SHA-256 of all before it")


def _check(sha256: str, content: bytes, most: int) -> None:
    if len(content) > most:
        raise Refusal("too_large", f"the body has {len(content):,} bytes, and {most:,} are taken")
    if (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise malformed(f"the SHA-256 of the body is {digest}, not {sha256}")


def end_of(now: float, expires_s: int) -> int:
    """The end of a URL in seconds since 1970: now + expires_s and, for an hour or more, from there to a full hour.

    A bundle that is published again within the hour then has the same URL, and so the same stub. The full hour is the
    next one; an end that lies less than a minute after one is moved back to it.
    """
    if expires_s < HOUR_S:
        return -int(-(now + expires_s) // 1)
    return int(-(-(now + expires_s - LATE_S) // HOUR_S)) * HOUR_S


def url_of(secret: bytes, sha256: str, expires: int) -> str:
    """The path and query by which anybody who has it may fetch the bundle until `expires`."""
    return f"/v1/bundles/{sha256}?expires={expires}&signature={_signature(secret, sha256, str(expires))}"


def require_signed(secret: bytes, sha256: str, expires: str, signature: str, now: float) -> None:
    """Let only a URL that this collector has made pass, until its end. Raises Refusal 403 or 410."""
    # The signature first: whoever has none learns nothing. A number is read only from a text that was signed.
    genuine = hmac.compare_digest(signature.encode("utf-8", "replace"), _signature(secret, sha256, expires).encode())
    if not genuine or _END.fullmatch(expires) is None:
        raise Refusal("unsigned", "this URL has no signature of this collector")
    if int(expires) <= now:
        raise Refusal("expired", f"this URL was good until {clock_text(int(expires))}; publish the bundle again")


def _signature(secret: bytes, sha256: str, expires: str) -> str:
    # A key of its own, so that no signature for one purpose serves for another.
    key = hmac.digest(secret, b"initialrunner/bundles/v1", "sha256")
    return hmac.new(key, f"{sha256}\n{expires}".encode("utf-8", "replace"), "sha256").hexdigest()[:SIGNATURE_DIGITS]
