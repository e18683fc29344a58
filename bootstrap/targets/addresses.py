"""Rules for the URLs that a stub and a carrier fetch from, and how messages show them."""

from __future__ import annotations

import re

from bootstrap.payload import role
from bootstrap.targets.providers import Provider

_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])[:/]")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this very machine, which needs no encryption."""
    return _LOOPBACK.match(url) is not None


def without_role(url: str, provider: Provider | None) -> str | None:
    """Return why no instance of a provider can fetch an s3:// address; None where it may, and for other URLs."""
    if not url.startswith(role.SCHEME) or provider is None or provider.has_roles:
        return None
    return f"an instance of {provider.name} has no role that S3 takes, and so cannot fetch {shown(url)}"


def shown(url: str) -> str:
    """Return a URL for a message, in quotes: a query may give the right to read, and so does a password."""
    start, mark, end = url.split("?")[0].partition("://")
    host, slash, path = end.partition("/")
    return repr(f"{start}{mark}***@{host.rpartition('@')[2]}{slash}{path}" if "@" in host else f"{start}{mark}{end}")
