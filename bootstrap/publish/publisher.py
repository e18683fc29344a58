"""Publishes files marked `publish: true`, swift:// objects of a spec, bundles, and the text of the runner."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bootstrap.errors import Problem
from bootstrap.payload.split import runner_text
from bootstrap.publish.objects import Objects, PublishError, Unfit
from bootstrap.publish.places import Opened
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
    """Uploads to one place and makes the URLs that hosts fetch from. done: all objects so far."""

    at: Opened
    dry_run: bool = False
    done: list[Done] = field(default_factory=list)

    def check(self, plan: Plan | None, *, runner: bool) -> None:
        """Refuse all that cannot be published, at once, before anything is sent. Raises Unfit.

        plan: of the servers whose files are published; runner: whether the runner's text is.
        """
        names = [name for _, name, _ in _files(plan)] if plan else []
        # The name of a bundle is shorter than that of the runner's text.
        names += [runner_text().sha256] if runner else ["0" * DIGITS]
        problems: list[Problem] = []
        try:
            self.at.objects.check(names)
        except Unfit as refused:
            problems += refused.problems
        for subject, address, _ in _addresses(plan) if plan else ():
            try:
                self.at.find(address)
            except PublishError as refused:
                problems.append(Problem(refused.code, f"{subject}: {refused.message}", hint=refused.hint))
        if problems:
            raise Unfit(problems)

    def files(self, plan: Plan) -> dict[str, str]:
        """Upload or find everything that a plan's host will fetch. Return SHA-256 or swift://… -> URL."""
        urls = {}
        for path, name, data in _files(plan):
            urls[hashlib.sha256(data).hexdigest()] = self.put(path, name, data)
        for path, address, sha256 in _addresses(plan):
            urls[address] = self.find(path, address, sha256)
        return urls

    def runner(self) -> str:
        """Upload the runner's text under its SHA-256, unless it is there already, and return its URL."""
        text = runner_text()
        return self.put("runner's text", text.sha256, text.content)

    def put(self, subject: str, name: str, data: bytes) -> str:
        """Upload `data` under that name, unless it is there already, and return its URL. subject: for the table."""
        objects, digest = self.at.objects, hashlib.sha256(data).hexdigest()
        did = "there" if objects.digest(name) == digest else "would upload" if self.dry_run else "uploaded"
        if did == "uploaded":
            objects.put(name, data, digest)
        return self._add(subject, objects, name, digest, len(data), did)

    def find(self, subject: str, address: str, sha256: str) -> str:
        """Return the URL of an object that somebody else has uploaded.

        Raises PublishError if it is missing or was published with another SHA-256.
        """
        objects, name = self.at.find(address)
        label, published = _label(objects, name), objects.digest(name)
        if published is None:
            raise PublishError(f"{subject}: there is no {label} in this account", hint="upload it first")
        # An object that was not uploaded by `bootstrap publish` has no note of its SHA-256. The host checks it anyway.
        if published and published != sha256:
            raise PublishError(
                f"{subject}: {label} was published with SHA-256 {published}, but the spec pins {sha256}",
                hint="pin the SHA-256 of the object, or upload the content that the spec pins",
            )
        return self._add(subject, objects, name, sha256, None, "found")

    def _add(self, subject: str, objects: Objects, name: str, sha256: str, size: int | None, did: str) -> str:
        """Note an object for the table, and return its URL."""
        # Places whose URLs have no end do not look at it.
        expires = self.at.expires or 0
        url = objects.untried_url(name, expires) if self.dry_run else objects.url(name, expires)
        self.done.append(Done(subject, _label(objects, name), sha256, size, did, "" if self.dry_run else url))
        return url


def _files(plan: Plan) -> Iterator[tuple[str, str, bytes]]:
    """Yield (path for people, name of the object, content) of every file of a plan that is published."""
    for file in plan.files:
        if file.publish and file.data is not None:
            digest = hashlib.sha256(file.data).hexdigest()
            # One object serves all servers. If its path is a template, it differs between them and cannot name the
            # object; the name of its source can.
            path = file.source_name if is_template(file.path.value) and file.source_name else file.path.value
            yield path, f"{digest[:DIGITS]}/{PurePosixPath(path).name}", file.data


def _addresses(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Yield (path on the host, swift://… address, SHA-256) of every file that somebody else has uploaded."""
    for file in plan.files:
        # The address is not rendered: an object's name cannot depend on the server.
        if file.fetch_url is not None and file.fetch_url.value.startswith("swift://"):
            yield file.path.value, file.fetch_url.value, str(file.fetch_sha256)


def _label(objects: Objects, name: str) -> str:
    """Return an object's place and name for people: boot/0123456789abcdef."""
    return f"{objects.place.rpartition('://')[2]}/{name}"
