"""URLs as S3 presigns them: as long as boto3 makes them, with the same names and the same escapes in the query."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote

OBJECT = "https://acme-boot.s3.eu-west-1.amazonaws.com/web-1/bundle"
# These parts of the URL must be in no log and no message.
TOKEN = quote("IQoJb3JpZ2luX2VjE" + base64.b64encode(hashlib.shake_128(b"token").digest(465)).decode(), safe="")
SIGNATURE = hashlib.sha256(b"signature").hexdigest()
QUERY = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20261121%2Feu-west-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261121T090000Z&X-Amz-Expires=43200&X-Amz-SignedHeaders=host"
    f"&X-Amz-Security-Token={TOKEN}&X-Amz-Signature={SIGNATURE}"
)


def url(of: str = OBJECT, length: int = 1_058) -> str:
    """A presigned URL of that many characters: what is left is a name that the service does not look at."""
    whole = f"{of}?{QUERY}&n="
    return whole + "n" * (length - len(whole))
