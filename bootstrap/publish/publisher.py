"""Publishes for one spec: its files marked `publish: true`, its swift:// objects, and bundles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bootstrap.publish.store import Account, Endpoint, PublishError, temp_url
from bootstrap.spec.types import is_template

if TYPE_CHECKING:
    from bootstrap.plan.model import Plan

# Digits of the SHA-256 in the name of an object: new content gets a new name, so it never replaces an object that an
# older payload pins.
DIGITS = 16


@dataclass(frozen=True)
class Done:
    """One object. what: the file or bundle in it; url: "" in a dry run.

    did: uploaded, there (with this content already), would upload, or found (uploaded by somebody else).
    """

    what: str
    object: str
    sha256: str
    size: int | None
    did: str
    url: str = field(repr=False)


@dataclass
class Publisher:
    """Uploads to one container and makes the URLs that hosts fetch from. expires: seconds since 1970.

    keys: the key of each container that signs its TempURLs. done: all objects so far.
    """

    account: Account
    endpoint: Endpoint
    container: str
    expires: int
    dry_run: bool = False
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    done: list[Done] = field(default_factory=list)

    def files(self, plan: Plan) -> dict[str, str]:
        """Upload or find everything that a plan's host will fetch from Swift. Return SHA-256 or swift://… -> URL."""
        urls = {}
        for file in plan.files:
            if file.publish and file.data is not None:
                digest = hashlib.sha256(file.data).hexdigest()
                # One object serves all servers. If its path is a template, it differs between them and cannot name the
                # object; the name of its source can.
                path = file.source_name if is_template(file.path.value) and file.source_name else file.path.value
                urls[digest] = self.put(path, f"{digest[:DIGITS]}/{PurePosixPath(path).name}", file.data)
            elif file.fetch_url is not None and file.fetch_url.value.startswith("swift://"):
                # The address is not rendered: an object's name cannot depend on the server.
                urls[file.fetch_url.value] = self.find(file.path.value, file.fetch_url.value, str(file.fetch_sha256))
        return urls

    def put(self, subject: str, name: str, data: bytes) -> str:
        """Upload `data` under that name, unless it is there already, and return its URL. subject: for the table."""
        digest = hashlib.sha256(data).hexdigest()
        if self.dry_run:
            did = "there" if self.account.has(self.container, name) == digest else "would upload"
            # Signed with an empty key, the URL is as long as the true one: a stub that contains it has its true size.
            url = temp_url(self.endpoint, self.container, name, "", self.expires)
        else:
            key = self._key(self.container)
            did = "uploaded" if self.account.upload(self.container, name, data) else "there"
            url = self._url(self.container, name, key)
        self.done.append(Done(subject, f"{self.container}/{name}", digest, len(data), did, "" if self.dry_run else url))
        return url

    def find(self, subject: str, address: str, sha256: str) -> str:
        """Return the URL of an object that somebody else has uploaded.

        Raises PublishError if it is missing or was published with another SHA-256.
        """
        container, _, name = address.removeprefix("swift://").partition("/")
        if not container or not name:
            raise PublishError(f"{subject}: {address} names no object", hint="write swift://CONTAINER/OBJECT")
        published = self.account.has(container, name)
        if published is None:
            raise PublishError(f"{subject}: there is no {container}/{name} in this account", hint="upload it first")
        # An object that was not uploaded by `bootstrap publish` has no note of its SHA-256. The host checks it anyway.
        if published and published != sha256:
            raise PublishError(
                f"{subject}: {container}/{name} was published with SHA-256 {published}, but the spec pins {sha256}",
                hint="pin the SHA-256 of the object, or upload the content that the spec pins",
            )
        url = temp_url(self.endpoint, container, name, "", self.expires)
        if not self.dry_run:
            url = self._url(container, name, self._key(container))
        self.done.append(Done(subject, f"{container}/{name}", sha256, None, "found", "" if self.dry_run else url))
        return url

    def _key(self, container: str) -> str:
        """Return the key of a container. The account is asked for it once."""
        if container not in self.keys:
            self.keys[container] = self.account.container(container)
        return self.keys[container]

    def _url(self, container: str, name: str, key: str) -> str:
        """Return a TempURL at the hosts' endpoint, after a test at the endpoint that this machine can reach."""
        # The signature covers only the path, so both URLs are good or bad together.
        self.account.try_url(temp_url(self.account.reachable, container, name, key, self.expires))
        return temp_url(self.endpoint, container, name, key, self.expires)
