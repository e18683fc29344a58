"""Target `user-data`: the bundle as the script that cloud-init runs, compressed or encoded only where needed."""

from __future__ import annotations

import base64

from bootstrap.payload.gzipped import gzipped
from bootstrap.payload.model import Payload
from bootstrap.targets import limits, table
from bootstrap.targets.model import Output, Packed, Request
from bootstrap.targets.providers import Provider


def pack(request: Request) -> Packed:
    """Everything rides in the bundle, which is the user-data."""
    payload = request.build(channel="single", units=request.units)
    return packed_as(request, payload, request.message(payload.bundle))


def packed_as(request: Request, payload: Payload, text: bytes) -> Packed:
    """Pack a payload whose user-data is this text, measured against the provider if there is one."""
    blob = content(text, request.provider)
    measures = [limits.unlimited(table.USER_DATA.name, blob)]
    if request.provider is not None:
        measures = limits.user_data(blob, request.provider, contents=request.contents)
    return Packed(request.target, request.provider, payload, tuple(measures), blob, lean=request.lean)


def output(packed: Packed) -> Output:
    """Return the user-data as a file."""
    return Output(table.BY_NAME[packed.target].file, packed.blob)


def content(text: bytes, provider: Provider | None) -> bytes:
    """Return what the server should get as user-data: text as it is, or gzip of it where that alone fits.

    The result is what command-line tools take as a file. cloud-init undoes gzip by itself, so the host sees the very
    same bytes. What fits neither way is returned in its smaller form, for `limits` to refuse.
    """
    limit = provider.user_data if provider else None
    if provider is None or limit is None or limit.most is None or limit.used(text) <= limit.most:
        return text
    # These providers take text only.
    if provider.gzip == "no":
        return text
    compressed = gzipped(text)
    if provider.gzip == "base64":
        compressed = base64.b64encode(compressed)
    return min(text, compressed, key=len)


def argument(blob: bytes, provider: Provider | None, *, encoded: bool | None = None) -> str | bytes:
    """Return blob as the provider's SDK call takes it (`call` in its profile): base64, plain text, or gzip as bytes.

    encoded: True or False for a call that wants the other form than the profile's, as openstacksdk's cloud layer,
    novaclient and Heat, which encode by themselves, or EC2's launch templates, which do not.
    """
    if encoded is None:
        encoded = provider is not None and provider.takes == "base64"
    if encoded:
        return base64.b64encode(blob).decode("ascii")
    return blob if blob.startswith(b"\x1f\x8b") else blob.decode("utf-8")
