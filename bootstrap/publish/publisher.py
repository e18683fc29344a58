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

# In object names, so that no new content ever takes the place of what an older payload pins.
DIGITS = 16


@dataclass(frozen=True)
class Done:
    """One object. did: uploaded, there (with this content), would upload, or found (brought by somebody else)."""

    what: str
    object: str
    sha256: str
    size: int | None
    did: str
    url: str = field(repr=False)


@dataclass
class Publisher:
    """Puts things into one container and says by which URL hosts get them. expires: seconds since 1970."""

    account: Account
    endpoint: Endpoint
    container: str
    expires: int
    dry_run: bool = False
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    done: list[Done] = field(default_factory=list)

    def files(self, plan: Plan) -> dict[str, str]:
        """Everything that a plan's host will fetch from Swift: SHA-256, or swift://…, to URL."""
        found = {}
        for file in plan.files:
            if file.publish and file.data is not None:
                digest = hashlib.sha256(file.data).hexdigest()
                # One object serves all servers: a path that differs between them cannot name it, its source can.
                path = file.source_name if is_template(file.path.value) and file.source_name else file.path.value
                found[digest] = self.put(path, f"{digest[:DIGITS]}/{PurePosixPath(path).name}", file.data)
            elif file.fetch_url is not None and file.fetch_url.value.startswith("swift://"):
                # As it stands: what an object is called cannot depend on the server.
                found[file.fetch_url.value] = self.find(file.path.value, file.fetch_url.value, str(file.fetch_sha256))
        return found

    def put(self, what: str, name: str, data: bytes) -> str:
        """Have `data` under that name; its URL."""
        digest = hashlib.sha256(data).hexdigest()
        if self.dry_run:
            there = self.account.has(self.container, name) == digest
            # As long as the true one, so that what is rendered with it has its true size.
            did, url = (
                ("there" if there else "would upload"),
                temp_url(self.endpoint, self.container, name, "", self.expires),
            )
        else:
            key = self._key(self.container)
            did = "uploaded" if self.account.upload(self.container, name, data) else "there"
            url = self._url(self.container, name, key)
        self.done.append(Done(what, f"{self.container}/{name}", digest, len(data), did, "" if self.dry_run else url))
        return url

    def find(self, what: str, address: str, sha256: str) -> str:
        """The URL of an object that is there already. Raises PublishError when it is not, or is another."""
        container, _, name = address.removeprefix("swift://").partition("/")
        if not container or not name:
            raise PublishError(f"{what}: {address} names no object", hint="write swift://CONTAINER/OBJECT")
        there = self.account.has(container, name)
        if there is None:
            raise PublishError(f"{what}: there is no {container}/{name} in this account", hint="upload it first")
        if there and there != sha256:
            raise PublishError(
                f"{what}: {container}/{name} was published with SHA-256 {there}, and the spec pins {sha256}",
                hint="pin what is there, or upload the other",
            )
        url = temp_url(self.endpoint, container, name, "", self.expires)
        if not self.dry_run:
            url = self._url(container, name, self._key(container))
        self.done.append(Done(what, f"{container}/{name}", sha256, None, "found", "" if self.dry_run else url))
        return url

    def _key(self, container: str) -> str:
        if container not in self.keys:
            self.keys[container] = self.account.container(container)
        return self.keys[container]

    def _url(self, container: str, name: str, key: str) -> str:
        """A TempURL by the hosts' endpoint, tried by ours: the signature covers only the path."""
        ours = temp_url(self.account.ours, container, name, key, self.expires)
        self.account.try_url(ours)
        return temp_url(self.endpoint, container, name, key, self.expires)
