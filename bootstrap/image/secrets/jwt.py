"""JSON web tokens (RFC 7519): only those that stay valid for long are secrets of an image."""

from __future__ import annotations

import base64
import json
import re

from bootstrap.image.secrets.pattern import Secret

# A token that lasts a day has expired before a clone boots.
_LONG_S = 30 * 86400


def _is_long_lived(match: bytes) -> bool:
    try:
        header, claims = (json.loads(_decoded(part)) for part in match.split(b".")[:2])
    except ValueError:
        return False
    if not isinstance(header, dict) or not isinstance(claims, dict) or header.get("alg") in (None, "none"):
        return False
    # The documents' sample of jwt.io, and keys that browsers are given.
    if claims.get("name") == "John Doe" or claims.get("role") == "anon" or claims.get("sub") in ("1234567890", "foo"):
        return False
    begin, end = claims.get("iat", claims.get("nbf")), claims.get("exp")
    if end is None:
        # What names nobody is a sample, or a signed text and no right.
        return bool({"iss", "sub", "aud", "role"} & claims.keys())
    return all(isinstance(time, int | float) for time in (begin, end)) and end - begin > _LONG_S


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


JWT = Secret(
    "token.jwt", (b"eyJ",),
    re.compile(rb"\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{20}"),
    "a long-lived JSON web token", far=True, is_real=_is_long_lived,
)  # fmt: skip
