"""The results of rendering: the plan as the host reads it, and the bytes of every file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypedDict

from bootstrap.errors import Problem
from bootstrap.runner.defaults import FILE


@dataclass(frozen=True)
class RenderedFile:
    """One file of the server. mode: final permission bits; owner: (user, group) names.

    deliver: "bundle" (inside the bundle), "inject" (a file of its own in the create call) or "fetch" (content is
    empty; the host gets it from fetch["url"], pinned by fetch["sha256"], at most fetch["max_size"] bytes).
    after: the stage whose good end it is placed after; None: it is placed before all stages. key: the entry of the spec
    (`files[0]`), "" for a file of the toolkit's own.
    """

    path: str
    content: bytes
    mode: int = FILE["mode"]
    owner: tuple[str, str] = (FILE["user"], FILE["group"])
    secret: bool = FILE["secret"]
    keep: bool = FILE["keep"]
    deliver: str = "bundle"
    fetch: dict[str, Any] | None = None
    after: str | None = None
    key: str = ""


class PublishedBundle(TypedDict):
    """The URL of the bundle of one server in one roll-out, its digest and its size in bytes."""

    url: str
    sha256: str
    size: int
    deploy_id: str


@dataclass(frozen=True)
class Published:
    """The files and bundles that an object store holds for hosts to fetch.

    urls: of files by their SHA-256 in hex, and of objects by their swift://CONTAINER/OBJECT. A URL may give the right
    to read, so it is as private as the file. bundles: by server. runner: the URLs of the runner's text, best first.
    """

    urls: dict[str, str] = field(default_factory=dict, repr=False)
    bundles: dict[str, PublishedBundle] = field(default_factory=dict, repr=False)
    runner: tuple[str, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.urls or self.bundles or self.runner)


@dataclass(frozen=True)
class Rendered:
    """Everything about one server in one roll-out, as text and numbers.

    host_plan: the JSON the host reads (docs/reference/plan.md), without `files` and `trigger`, which packing adds.
    rc_local: the text of /etc/rc.local, None when nothing runs at every boot.
    cron: the cron entry, with the placeholders @FILES@, @SHA256@ and @MARK@ that packing fills in.
    secret_values: what must never be shown; for redaction by value.
    warnings: problems that do not stop a render.
    """

    server: str
    deploy_id: str
    revision: str
    host_plan: dict[str, Any]
    files: tuple[RenderedFile, ...]
    cron: str
    rc_local: str | None = None
    secret_values: tuple[str, ...] = field(default=(), repr=False)
    warnings: tuple[Problem, ...] = ()
