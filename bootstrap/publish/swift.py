"""The objects of one Swift container, as `Objects` (objects.py) has them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bootstrap.publish.content import digests
from bootstrap.publish.names import check as check_names
from bootstrap.publish.objects import BLOCK_BYTES, Listed, PublishError
from bootstrap.publish.store import Account, Endpoint, call, good, temp_url

# Our note of an object's SHA-256. Swift itself compares the MD5 of what arrives.
SHA256_META = "X-Object-Meta-Sha256"


@dataclass
class SwiftObjects:
    """A container, or what lies below a prefix of it. endpoint: the one that hosts fetch from.

    The container is made before the first object is put. keys: the key of the container, once it has been asked for.
    """

    account: Account
    endpoint: Endpoint
    container: str
    prefix: str = ""
    keys: list[str] = field(default_factory=list, repr=False)

    @property
    def place(self) -> str:
        return f"swift://{self.container}/{self.prefix}".rstrip("/")

    def check(self, names: Iterable[str]) -> None:
        check_names(names, self.place, prefix=self._name(""))

    def digest(self, name: str) -> str | None:
        answer = self.account.call("HEAD", self._path(name))
        if answer.status_code == 404:
            return None
        return good(answer, f"{self.place}/{name} cannot be read").headers.get(SHA256_META, "")

    def put(self, name: str, content: bytes | Path, sha256: str) -> None:
        md5 = hashlib.md5(usedforsecurity=False)
        content = digests(f"{self.place}/{name}", content, sha256, md5)
        self._key()
        headers = {"ETag": md5.hexdigest(), SHA256_META: sha256, "Content-Type": "application/octet-stream"}
        answer = self.account.call("PUT", self._path(name), headers, data=content)
        good(answer, f"{self.place}/{name} cannot be uploaded")
        if answer.headers.get("etag", "").strip('"') != md5.hexdigest():
            message = f"{self.place}/{name}: the service has stored other bytes than were sent"
            raise PublishError(message, hint="publish again")

    def read(self, name: str) -> Iterator[bytes]:
        import requests

        failure = f"{self.place}/{name} cannot be read"
        with self.account.call("GET", self._path(name), {"Accept-Encoding": "identity"}, stream=True) as answer:
            good(answer, failure)
            try:
                yield from answer.iter_content(BLOCK_BYTES)
            except requests.RequestException as error:
                raise PublishError(f"{failure} to its end: {type(error).__name__}", hint="try again") from error

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        begin, marker = self._name(prefix), ""
        while True:
            query = {"format": "json", "prefix": begin, "marker": marker}
            answer = self.account.call("GET", f"/{self.container}", params=query)
            # A container that is missing has no objects: it is made by the first `put`.
            entries = [] if answer.status_code == 404 else good(answer, f"{self.place} cannot be listed").json()
            if not entries:
                return
            for entry in entries:
                yield Listed(entry["name"].removeprefix(self._name("")), entry["bytes"], entry["hash"])
            marker = entries[-1]["name"]

    def remove(self, name: str) -> None:
        answer = self.account.call("DELETE", self._path(name))
        if answer.status_code != 404:
            good(answer, f"{self.place}/{name} cannot be removed")

    def url(self, name: str, expires: int) -> str:
        key = self._key()
        # The signature covers only the path, so the URLs of both endpoints are good or bad together. This machine tries
        # the one that it can reach.
        self._try(temp_url(self.account.reachable, self.container, self._name(name), key, expires))
        return temp_url(self.endpoint, self.container, self._name(name), key, expires)

    def untried_url(self, name: str, expires: int) -> str:
        # Signed with an empty key, the URL is as long as the true one.
        return temp_url(self.endpoint, self.container, self._name(name), "", expires)

    def _name(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def _path(self, name: str) -> str:
        return f"/{self.container}/{self._name(name)}"

    def _key(self) -> str:
        """Return the key of the container. The account is asked for it once."""
        if not self.keys:
            self.keys.append(self.account.container(self.container))
        return self.keys[0]

    def _try(self, url: str) -> None:
        """Ask for an object by its TempURL, without its body, to see that a host can fetch it. Raises PublishError."""
        path, query = urlsplit(url).path, urlsplit(url).query
        base = urlsplit(self.account.reachable.url)
        # No token is sent, since a host has none either.
        answer = call(self.account.session, "HEAD", f"{base.scheme}://{base.netloc}{path}?{query}", {})
        if answer.status_code == 401:
            raise PublishError(
                "the service refuses the TempURL that was just made",
                hint="its tempurl middleware is off or refuses sha256 signatures: see https://SERVICE/info",
            )
        good(answer, "the TempURL that was just made does not lead to the object")
