"""The places that `bootstrap publish --to` names: read from the command line, and opened."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bootstrap.errors import UsageError
from bootstrap.publish.names import bucket_fault, container_fault
from bootstrap.publish.objects import Objects, PublishError
from bootstrap.publish.preflight import is_private
from bootstrap.publish.result import TIME_FORMAT
from bootstrap.publish.sigv4 import MAX_S

if TYPE_CHECKING:
    from bootstrap.client.collector import Collector

SWIFT, S3, COLLECTOR, FOLDER = "swift", "s3", "collector", "folder"
# A scheme, or what looks like one: a word before a colon or a double slash.
_SCHEME = re.compile(r"(\w+)(:|//)")
HOUR_S = 3600


@dataclass(frozen=True)
class Place:
    """A place of `--to`. kind: one of the four above; name: of the container or bucket, or the path of the folder."""

    kind: str
    name: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class Opened:
    """A place that can be published to.

    expires: the end of its URLs in seconds since 1970, None for URLs without an end. remark: about the place, for
    people. facts: about it, for published.json. warnings: for people, too. find: the objects and the name that an
    address of a spec (swift://…) means there; it raises PublishError for addresses of elsewhere.
    """

    objects: Objects
    expires: int | None
    remark: str
    find: Callable[[str], tuple[Objects, str]] = field(repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def parse(text: str) -> Place:
    """Return the place that a text names, once its names are checked. Raises UsageError."""
    slip = _slip(text)
    if slip:
        raise UsageError(f"{text!r} names no place to publish to", hint=slip)
    scheme, mark, address = text.partition("://")
    name, _, prefix = address.partition("/")
    prefix = prefix.strip("/")
    if mark and scheme in (SWIFT, S3):
        fault = container_fault(name) if scheme == SWIFT else bucket_fault(name)
        if fault:
            noun = "container" if scheme == SWIFT else "bucket"
            raise UsageError(
                f"{text} names no place to publish to: {fault}",
                hint=f"name the {noun} as the service lists it: {scheme}://{noun.upper()} or {scheme}://{noun.upper()}/PREFIX",
            )
        return Place(scheme, name, prefix)
    if text == COLLECTOR:
        return Place(COLLECTOR)
    # A word without a slash is more likely a container whose scheme was forgotten than a new folder.
    if not mark and "/" in text:
        return Place(FOLDER, text)
    raise UsageError(
        f"{text!r} names no place to publish to",
        hint="write swift://CONTAINER, s3://BUCKET, each with /PREFIX if you like, collector, or a folder with a "
        f"slash in it: ./{text if not mark else 'DIR'}",
    )


def _slip(text: str) -> str | None:
    """Return what somebody may have meant who mistyped a scheme or the collector; None for a text that is well typed.

    As a folder, s3:/acme would be made without a word, and nothing would reach the bucket.
    """
    if text.rstrip("/") == COLLECTOR != text:
        return f"write {COLLECTOR}, or ./{COLLECTOR} for a folder of that name"
    match = _SCHEME.match(text)
    near = get_close_matches(match[1].lower(), (SWIFT, S3), 1) if match else []
    if match is None or not near or text.startswith(f"{near[0]}://"):
        return None
    address = text[match.end() :]
    return f"did you mean {near[0]}://{address.lstrip('/')}?"


def open_swift(
    place: Place,
    environment: Mapping[str, str],
    lifetime_s: float,
    *,
    cloud: str | None,
    region: str | None,
    interface: str,
) -> Opened:
    """Log in to Swift and choose the endpoint. interface: auto, public or internal. Raises PublishError."""
    from bootstrap.publish import clouds, preflight, store
    from bootstrap.publish.swift import SwiftObjects

    account = store.log_in(clouds.find(cloud, environment), region)
    endpoint, choice = preflight.choose(account, interface, region)

    def find(address: str) -> tuple[Objects, str]:
        container, _, name = address.removeprefix(f"{SWIFT}://").partition("/")
        if not container or not name:
            raise PublishError(f"{address} names no object", hint="write swift://CONTAINER/OBJECT")
        return SwiftObjects(account, endpoint, container), name

    below = f" below {place.prefix}" if place.prefix else ""
    # The service of auth v1 may not tell its region.
    region_part = f"region {account.region}, " if account.region else ""
    facts = {"container": place.name, "region": account.region, "endpoint": endpoint.interface}
    return Opened(
        SwiftObjects(account, endpoint, place.name, place.prefix), _next_hour(time.time() + lifetime_s),
        f"container {place.name}{below}, {region_part}endpoint {choice}", find, facts,
    )  # fmt: skip


def open_s3(
    place: Place, lifetime_s: float, *, expires: str, endpoint_url: str | None, region: str | None, by_role: bool
) -> Opened:
    """Open a bucket. expires: the text of lifetime_s; region: the servers'. Raises UsageError, PublishError."""
    from bootstrap.publish.s3_login import open_bucket

    if lifetime_s > MAX_S and not by_role:
        raise UsageError(
            f"--expires {expires} is too long: a presigned URL of S3 is good for 7 days at most",
            hint="--expires 7d; or --instance-role, for servers whose role may read the bucket: that has no end",
        )
    objects = open_bucket(place.name, place.prefix, endpoint_url=endpoint_url, by_role=by_role)
    now = int(time.time())
    ends: int | None = min(_next_hour(now + lifetime_s), now - now % HOUR_S + MAX_S)
    warnings = []
    credentials = objects.credentials
    if by_role:
        ends = None
    # Credentials of the environment seldom have their end beside them.
    elif credentials.token and credentials.ends is None:
        warnings.append(
            "the credentials are temporary, so the URLs end when they do, at an hour that the credentials do not tell"
        )
    elif credentials.ends is not None and ends is not None and credentials.ends < ends:
        ends = int(credentials.ends)
        if ends <= now:
            raise PublishError("the credentials have expired", hint="log in again, or export new ones")
        warnings.append(
            f"the URLs end at {moment(ends)}, together with the temporary credentials that sign them, and not after "
            f"{expires}: use the keys of a user, or --instance-role"
        )
    remark = f"{objects.place}, region {objects.region}"
    if region and region != objects.region:
        remark += f", and the servers are in {region}: traffic between regions costs money"
    facts = {"container": place.name, "region": objects.region, "endpoint": objects.own_endpoint}
    return Opened(objects, ends, remark, _nowhere(objects.place), facts, tuple(warnings))


def open_folder(place: Place, base_url: str | None) -> Opened:
    """Open a folder. base_url: where a web server has it. Raises UsageError."""
    from bootstrap.publish.folder import FolderObjects

    if base_url is not None and (not is_private(base_url) or not urlsplit(base_url).hostname or "?" in base_url):
        raise UsageError(f"--base-url {base_url} is not an https:// URL", hint="hosts fetch by https only")
    folder = Path(place.name)
    # A folder that is missing is made.
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise UsageError(f"--to {place.name}: {nearest} is a file", hint="name a folder; one that is missing is made")
    objects = FolderObjects(folder, base_url.rstrip("/") if base_url else None)
    remark = f"folder {place.name}" + (f", as {objects.base_url}" if base_url else "")
    return Opened(objects, None, remark, _nowhere(place.name))


def open_collector(collector: Collector, lifetime_s: float, report_url: str | None) -> Opened:
    """Open a collector. report_url: the one that servers report to, if they do. Raises PublishError."""
    from bootstrap.publish.collector import CollectorObjects

    base_url = (report_url or collector.url).rstrip("/")
    if not is_private(base_url):
        raise PublishError(
            f"hosts cannot fetch from the collector {base_url}: they fetch by https only",
            hint="serve it by https: bootstrap serve --tls-cert FILE --tls-key FILE, or a proxy in front of it",
        )
    expires = _next_hour(time.time() + lifetime_s)
    remark = f"collector {collector.url}" + (f", for hosts {base_url}" if base_url != collector.url else "")
    return Opened(CollectorObjects(collector, expires, base_url), expires, remark, _nowhere(collector.url))


def moment(seconds: int) -> str:
    """Return a time, in seconds since 1970, as people read it."""
    return time.strftime(TIME_FORMAT, time.gmtime(seconds))


def _next_hour(seconds: float) -> int:
    """Round up to the full hour: publishing again within it makes the same URLs, and so the same bundles."""
    return int(-(-seconds // HOUR_S) * HOUR_S)


def _nowhere(place: str) -> Callable[[str], tuple[Objects, str]]:
    """Return the `find` of a place that has no account of Swift."""

    def find(address: str) -> tuple[Objects, str]:
        raise PublishError(
            f"{address} is in a Swift account, and not in {place}", hint="publish to Swift, with --to swift://CONTAINER"
        )

    return find
