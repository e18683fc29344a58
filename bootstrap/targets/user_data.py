"""Target `user-data`: the bundle as the script that cloud-init runs, compressed or encoded only where needed."""

from __future__ import annotations

import base64

from bootstrap.errors import PayloadError
from bootstrap.payload.gzipped import gzipped
from bootstrap.payload.model import Payload
from bootstrap.targets import limits, table
from bootstrap.targets.model import Output, Packed, Request
from bootstrap.targets.providers import Provider


def pack(request: Request) -> Packed:
    """Everything rides in the bundle, which is the user-data."""
    payload = request.build(channel="single", units=request.units)
    return packed_as(request, payload, request.started_by(payload))


def packed_as(request: Request, payload: Payload, text: bytes) -> Packed:
    """Pack a payload whose user-data is this text, measured against the provider if there is one."""
    blob = content(text, request.provider, is_tight=payload.carrier is not None)
    measures = [limits.unlimited(table.USER_DATA.name, blob)]
    if request.provider is not None:
        measures = limits.user_data(blob, request.provider, contents=request.contents)
    return Packed(
        request.target, request.provider, payload, tuple(measures), blob, lean=request.lean, sources=request.sources
    )


def output(packed: Packed) -> Output:
    """Return the user-data as a file."""
    return Output(table.BY_NAME[packed.target].file, packed.blob)


def content(text: bytes, provider: Provider | None, *, is_tight: bool = False) -> bytes:
    """Return what the server should get as user-data: text as it is, or gzip of it where that alone fits.

    is_tight: whether room counts, so that gzip is taken wherever the provider has it.

    The result is what command-line tools take as a file. cloud-init undoes gzip by itself, so the host sees the very
    same bytes. What fits neither way is returned in its smaller form, for `limits` to refuse.
    """
    limit = provider.user_data if provider else None
    fits = limit is None or limit.most is None or limit.used(text) <= limit.most
    if provider is None or (fits and not is_tight):
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
    return blob if _is_gzip(blob) else blob.decode("utf-8")


def text(blob: bytes, provider: Provider | None) -> str:
    """Return blob as text. Raises PayloadError where it had to be compressed to fit, to bytes that are no text."""
    if _is_gzip(blob):
        name = provider.name if provider else "the provider"
        raise PayloadError(
            f"{name} has room for this user-data only when it is compressed, which is bytes and no text",
            hint="take user_data_bytes(), or user_data(encoded=True) where the call takes base64",
        )
    return blob.decode("utf-8")


def _is_gzip(blob: bytes) -> bool:
    return blob.startswith(b"\x1f\x8b")
