"""Presigned URLs of S3, signed for a time that the caller names, so that the same hour gives the same URL.

boto3 signs for the present second only: every URL would differ, and so would every bundle that names one.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

# The longest life of a presigned URL. Source: docs.aws.amazon.com, "Download and upload objects with presigned URLs".
MAX_S = 7 * 86400


@dataclass(frozen=True)
class Credentials:
    """A key of AWS. token: of temporary credentials, else None. ends: their end, in seconds since 1970, if known."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    ends: float | None = None


def presigned(address: str, credentials: Credentials, region: str, signed_at: int, expires: int) -> str:
    """Return the URL that gives the right to GET an address of S3 until `expires`. Times: seconds since 1970.

    address: without a query, its path escaped as S3 wants it. Source: docs.aws.amazon.com, "Authenticating Requests:
    Using Query Parameters (AWS Signature Version 4)".
    """
    parts = urlsplit(address)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(signed_at))
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(expires - signed_at),
        "X-Amz-SignedHeaders": "host",
        # For the host alone, which says when a URL has expired: S3 looks at no name that begins with a small x-.
        # Source: docs.aws.amazon.com, "Custom access log information".
        "x-temp_url_expires": str(expires),
    }
    if credentials.token:
        query["X-Amz-Security-Token"] = credentials.token
    text = "&".join(f"{key}={quote(value, safe='')}" for key, value in sorted(query.items()))
    request = f"GET\n{parts.path}\n{text}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{address}?{text}&X-Amz-Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"
