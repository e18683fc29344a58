"""The routes of what hosts fetch: the runner's text, which is public, and bundles, by signed URLs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bootstrap.collector.bundles import check_bundle, check_text, end_of, require_signed, url_of
from bootstrap.collector.context import Collector, answer, body_of, collector_of
from bootstrap.collector.endpoint import BYTES, Access, Answer, Body, endpoint
from bootstrap.collector.fields import DIGEST
from bootstrap.collector.parameters import EXPIRES, EXPIRES_S, QUOTED, SIGNATURE
from bootstrap.collector.refusal import Refusal, malformed
from bootstrap.collector.schemas import ref
from bootstrap.collector.shelf import MAX_BUNDLE_BYTES, MAX_TEXT_BYTES, blocks_of

# A year, and never asked for again: other content has another name.
CACHING = "public, max-age=31536000, immutable"
# No browser may take for a page or a script what somebody has uploaded.
_FOR_NO_PAGE = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox"}
_BINARY = {"type": "string", "format": "binary"}

logger = logging.getLogger(__name__)


@endpoint(
    "GET",
    "/v1/runner/{sha256}",
    Access.NONE,
    {
        200: Answer("The text.", media=BYTES, headers={"etag": "The SHA-256.", "cache-control": "For a year."}),
        304: Answer("The caller has it, as its `if-none-match` says.", media="", headers={"etag": "The SHA-256."}),
    },
    refuses=("not_found",),
)
async def get_runner(request: Request) -> Response:
    """Fetch the runner's text of a toolkit version, the part of a bundle that all servers share.

    The text is public and never changes. A host that carries only its own part of a bundle fetches the other one here.
    The collector has the text of its own toolkit, and every text that was uploaded and is still needed.
    """
    collector, sha256 = collector_of(request), request.path_params["sha256"]
    if not DIGEST.holds(sha256):
        raise Refusal("not_found", f"{sha256[:QUOTED]!r} is not {DIGEST.expected}")
    content = await collector.texts.get(sha256)
    if content is None:
        raise Refusal("not_found", _unknown_text(sha256, collector.texts.own))
    tag = f'"{sha256}"'
    headers = {"etag": tag, "cache-control": CACHING, **_FOR_NO_PAGE}
    asked = request.headers.get("if-none-match", "")
    if asked.strip() == "*" or tag in (name.strip().removeprefix("W/") for name in asked.split(",")):
        return Response(status_code=304, headers=headers)
    if request.method == "GET":
        collector.counts["objects", "runner"] += 1
    return Response(content, headers=headers, media_type=BYTES)


@endpoint(
    "PUT",
    "/v1/runner/{sha256}",
    Access.DEPLOYER,
    {
        200: Answer("The text was there already.", ref("StoredText")),
        201: Answer("The text is on disk.", ref("StoredText")),
    },
    body=Body(f"The text, at most {MAX_TEXT_BYTES:,} bytes.", _BINARY, media=BYTES),
    refuses=("malformed", "no_room", "stopping"),
)
async def put_runner(request: Request) -> Response:
    """Store the runner's text of another toolkit version, such as that of a deployer which is newer than the collector.

    It stays as long as a deploy that was announced with it is stored, and for two years after a host has asked for it.
    """
    collector, sha256 = collector_of(request), _digest_of(request)
    content = await body_of(request, MAX_TEXT_BYTES)
    check_text(sha256, content)
    is_new = await collector.texts.keep(sha256, content)
    logger.info("route=runner result=%s sha256=%s bytes=%d", "stored" if is_new else "there", sha256, len(content))
    return answer({"url": f"/v1/runner/{sha256}"}, 201 if is_new else 200)


@endpoint(
    "PUT",
    "/v1/bundles/{sha256}",
    Access.DEPLOYER,
    {
        200: Answer("The bundle was there already; its end may be later now.", ref("StoredBundle")),
        201: Answer("The bundle is on disk.", ref("StoredBundle")),
    },
    query=(EXPIRES_S,),
    body=Body(f"The whole bundle, at most {MAX_BUNDLE_BYTES:,} bytes.", _BINARY, media=BYTES),
    refuses=("malformed", "no_room", "stopping"),
)
async def put_bundle(request: Request) -> Response:
    """Store the bundle of one server and make the URL that the server fetches it from.

    Everybody who knows the URL can fetch the bundle until its end, so the URL is as secret as the bundle. With an
    `expires_s` of an hour or more the URL ends at a full hour, so that the same bundle gets the same URL again within
    the hour. After the end the bundle is removed.
    """
    collector, sha256, expires_s = collector_of(request), _digest_of(request), EXPIRES_S.of(request)
    if collector.uploads.locked():
        raise Refusal("full", "too many bundles are uploaded at the same time", retry_after_s=2)
    # Held in memory one by one: each may have 16 MiB.
    async with collector.uploads:
        content = await body_of(request, MAX_BUNDLE_BYTES)
        # Other requests must not wait for the digest of a large one.
        await asyncio.to_thread(check_bundle, sha256, content)
        expires = end_of(collector.clock(), expires_s)
        is_new = await _keep_bundle(collector, sha256, content, expires)
    result = "stored" if is_new else "there"
    logger.info("route=bundles result=%s sha256=%s bytes=%d expires=%d", result, sha256, len(content), expires)
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
    return answer({"url": url_of(collector.secret, sha256, expires), "expires": until}, 201 if is_new else 200)


@endpoint(
    "GET",
    "/v1/bundles/{sha256}",
    Access.URL,
    {200: Answer("The bundle.", media=BYTES, headers={"etag": "The SHA-256."})},
    query=(EXPIRES, SIGNATURE),
    refuses=("not_found", "expired"),
)
async def get_bundle(request: Request) -> Response:
    """Fetch a bundle by the URL that its upload was answered with.

    Any collector that has the same secret and the same store answers it.
    """
    collector, sha256 = collector_of(request), request.path_params["sha256"]
    expires, signature = EXPIRES.of(request) or "", SIGNATURE.of(request) or ""
    require_signed(collector.secret, sha256, expires, signature, collector.clock())
    bundle = await collector.store.shelf.bundle(sha256)
    if bundle is None:
        raise Refusal("not_found", f"this collector does not have bundle {sha256}; publish it again")
    size, first = bundle
    headers = {"etag": f'"{sha256}"', "content-length": str(size), "cache-control": "no-store", **_FOR_NO_PAGE}
    if request.method == "GET":
        collector.counts["objects", "bundle"] += 1
    if len(first) == size or request.method == "HEAD":
        return Response(first, headers=headers, media_type=BYTES)
    return StreamingResponse(_rest(collector, sha256, size, first), headers=headers, media_type=BYTES)


def _digest_of(request: Request) -> str:
    sha256: str = request.path_params["sha256"]
    if not DIGEST.holds(sha256):
        raise malformed(f"the path: {sha256[:QUOTED]!r} is not {DIGEST.expected}")
    return sha256


def _unknown_text(sha256: str, own: str | None) -> str:
    message = f"this collector has no runner text {sha256}"
    return message if own is None else f"{message}; that of its own toolkit is {own}"


async def _keep_bundle(collector: Collector, sha256: str, content: bytes, expires: int) -> bool:
    """Store a bundle, block by block. Whether it is new."""
    shelf = collector.store.shelf
    if await shelf.begin_bundle(sha256, len(content), expires, collector.bundle_room):
        return False
    for number, block in blocks_of(content):
        await shelf.keep_block(sha256, number, block)
    await shelf.end_bundle(sha256)
    return True


async def _rest(collector: Collector, sha256: str, size: int, first: bytes) -> AsyncIterator[bytes]:
    """The blocks of a bundle. A block that has expired meanwhile ends the answer too early, which the client sees."""
    number, block = 0, first
    while True:
        yield block
        size, number = size - len(block), number + 1
        if size <= 0:
            return
        following = await collector.store.shelf.block(sha256, number)
        if following is None:
            raise Refusal("expired", f"bundle {sha256} expired while it was fetched")
        block = following
