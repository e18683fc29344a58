"""Target `user-data`: the bundle as the script that cloud-init runs, compressed or encoded only where needed."""

from __future__ import annotations

import base64
import gzip

from bootstrap.targets.providers import Provider


def content(text: bytes, provider: Provider | None) -> bytes:
    """What the server should get as user-data: text as it is, or gzip of it where that alone fits.

    The result is what command-line tools take as a file. cloud-init undoes gzip by itself, so the host sees the very
    same bytes. What fits neither way is returned in its smaller form, for `fit` to refuse.
    """
    limit = provider.user_data if provider else None
    if provider is None or limit is None or limit.most is None or limit.used(text) <= limit.most:
        return text
    if provider.gzip == "no":
        return text
    # No time and no name in the header: equal text gives equal bytes.
    small = gzip.compress(text, 9, mtime=0)
    if provider.gzip == "base64":
        small = base64.b64encode(small)
    return min(text, small, key=len)


def argument(blob: bytes, provider: Provider | None, *, encoded: bool | None = None) -> str | bytes:
    """blob as the provider's SDK call takes it (`call` in the table): base64, plain text, or bytes when gzipped.

    encoded: True or False for a call that wants the other form than the profile's, as openstacksdk's cloud layer,
    novaclient and Heat, which encode by themselves, or EC2's launch templates, which do not.
    """
    if encoded is None:
        encoded = provider is not None and provider.takes == "base64"
    if encoded:
        return base64.b64encode(blob).decode("ascii")
    return blob if blob.startswith(b"\x1f\x8b") else blob.decode("utf-8")
