"""The values between the parts of this folder: a request, the packed payload, and its output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.payload.build import build
from bootstrap.payload.model import Payload
from bootstrap.render.model import Rendered
from bootstrap.runner.defaults import PLAN
from bootstrap.targets import mime, starter
from bootstrap.targets.limits import Measure
from bootstrap.targets.providers import Provider

# From the bytes of an unsigned bundle to its signature, which is text.
Sign = Callable[[bytes], str]


@dataclass(frozen=True)
class Request:
    """One payload that is wanted.

    provider: whose limits hold; None measures against no limit. beside: the user's own user-data. url: where hosts
    fetch the bundle from. sign: None leaves the bundle unsigned. lean: which verbs are left out (payload.pack.sources).
    sources: the URLs of the runner's text, perhaps none, for a carrier in place of the bundle; None: the bundle itself.
    """

    rendered: Rendered
    target: str
    provider: Provider | None = None
    beside: Sequence[mime.Part] = ()
    url: str | None = None
    sign: Sign | None = None
    lean: int = 0
    sources: tuple[str, ...] | None = None

    @property
    def trigger(self) -> str:
        """`trigger` of the spec: auto, cron, systemd or both."""
        return str({**PLAN, **self.rendered.host_plan}["trigger"])

    @property
    def units(self) -> str:
        """The place of systemd's units where their number does not count: apart when the spec asks for systemd."""
        return "apart" if self.trigger in ("systemd", "both") else "inside"

    @property
    def injected(self) -> tuple[str, ...]:
        """The paths of the files that the spec wants injected."""
        return tuple(file.path for file in self.rendered.files if file.deliver == "inject")

    @property
    def contents(self) -> dict[str, bytes]:
        """Path and content of what could be fetched instead, for hints. A URL would give a secret away."""
        return {f.path: f.content for f in self.rendered.files if f.deliver == "bundle" and not f.secret}

    def build(self, **how: Any) -> Payload:
        """Build the payload. how: as payload.build takes it."""
        return build(self.rendered, lean=self.lean, sign=self.sign, sources=self.sources, **how)

    def message(self, boothook: bytes) -> bytes:
        """Return our user-data by itself or, when there are parts of the user's own, one message of all."""
        return mime.compose(boothook, self.beside) if self.beside else boothook

    def started_by(self, payload: Payload) -> bytes:
        """Return the user-data that starts a payload, with the user's own parts beside it."""
        if payload.carrier is None or not self.beside:
            return self.message(payload.script)
        # A part is a boothook, which must not hold up the boot while the carrier fetches.
        return self.message(starter.in_background(payload.carrier, payload.deploy_id))


@dataclass(frozen=True)
class Packed:
    """A payload for one target.

    blob: the user-data, for the targets that go there, or may (personality: the starter). moved: the files that the
    spec wants injected and that ride in the bundle, since the provider takes too few files. lean: which verbs
    that no tick needs are left out for room. url: of the bundle that a stub fetches. signed_by: the key's fingerprint.
    sources: the URLs of the runner's text for a carrier, else None. chosen: whether it was chosen for want of room.
    """

    target: str
    provider: Provider | None
    payload: Payload
    measures: tuple[Measure, ...]
    blob: bytes = field(default=b"", repr=False)
    moved: tuple[str, ...] = ()
    lean: int = 0
    url: str | None = field(default=None, repr=False)
    signed_by: str | None = None
    sources: tuple[str, ...] | None = field(default=None, repr=False)
    chosen: bool = False


@dataclass(frozen=True)
class Output:
    """The files that `render` writes for one target.

    file: the name of its file, empty when it writes a folder alone. content: of the file. folder: the name of its
    folder, if any, and lay: what makes that. starter: user-data that starts the files, for the same call.
    """

    file: str = ""
    content: bytes = field(default=b"", repr=False)
    folder: str = ""
    lay: Callable[[Path], object] | None = field(default=None, repr=False)
    starter: bytes | None = field(default=None, repr=False)
