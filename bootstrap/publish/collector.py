"""The runner's text and whole bundles at a collector, as `Objects` (objects.py) has them. It keeps no other object."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.client import uploads
from bootstrap.client.collector import Collector
from bootstrap.errors import Problem
from bootstrap.payload.split import runner_text
from bootstrap.publish.content import digests
from bootstrap.publish.objects import Listed, PublishError, Unfit

# As many characters as the end and the signature of a bundle's URL have.
_STAND_IN = "?expires=%d&signature=" + 32 * "0"


@dataclass
class CollectorObjects:
    """The objects that a collector keeps. expires: the wanted end of the bundles' URLs, in seconds since 1970.

    base_url: the collector as hosts know it, which may differ from the way of this machine. urls: of what has been put
    so far, by name. The collector signs the URL of a bundle when it takes the bundle.
    """

    collector: Collector
    expires: int
    base_url: str
    urls: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def place(self) -> str:
        return self.collector.url

    def check(self, names: Iterable[str]) -> None:
        # The names of files have a part of their path behind the digest.
        problems = [
            Problem(
                "publish.name", f"{self.place} cannot hold {name!r}: a collector keeps bundles and the runner's text",
                hint="publish files to Swift or S3, or to a folder of a web server",
            )
            for name in names
            if "/" in name
        ]  # fmt: skip
        if problems:
            raise Unfit(problems)

    def digest(self, name: str) -> str | None:
        # A bundle is always put, since only that gives its URL. Putting it again changes nothing.
        return None

    def put(self, name: str, content: bytes | Path, sha256: str) -> None:
        whole = digests(f"{self.place}/{name}", content, sha256)
        if isinstance(whole, Path):
            raise PublishError(f"{whole} is too large for a collector", hint="publish it to Swift or S3")
        if sha256 == runner_text().sha256:
            url = uploads.put_runner(self.collector, sha256, whole)
        else:
            url, _ = uploads.put_bundle(self.collector, sha256, whole, self.expires - time.time())
        self.urls[name] = self.base_url + url.removeprefix(self.collector.url)

    def read(self, name: str) -> Iterator[bytes]:
        raise PublishError(f"{self.place} is a collector, which hosts read", hint="publish to another place")

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        raise PublishError(f"{self.place} is a collector, which lists nothing", hint="publish to another place")

    def remove(self, name: str) -> None:
        raise PublishError(f"{self.place} is a collector, which removes nothing", hint="publish to another place")

    def url(self, name: str, expires: int) -> str:
        """Return the URL of what has been put by this object. The collector itself has made it, so it is not tried."""
        return self.urls[name]

    def untried_url(self, name: str, expires: int) -> str:
        if name == runner_text().sha256:
            return self.base_url + uploads.RUNNER_PATH + name
        # Under the full digest, which has 64 digits.
        return self.base_url + uploads.BUNDLE_PATH + name.ljust(64, "0") + _STAND_IN % expires
