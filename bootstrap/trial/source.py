"""Chooses the way by which a clone of an image gets its payload. Pure, but for the image's files, which it reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from bootstrap.errors import UsageError
from bootstrap.image.bake import check_sources
from bootstrap.runner.baked.program import IMAGE, SIGNERS, TAKEN
from bootstrap.runner.baked.sources import DEFAULT_URL, named
from bootstrap.runner.host import STATE

CLOUD_INIT = "/usr/bin/cloud-init"
# A clone of an image with one of these believes that it has run already.
LIVED = (TAKEN, f"{STATE}/journal")

# path in the image -> its content, None when it is not there.
Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Traits:
    """What an image's disk says about how it takes a payload.

    sources: of its baked runner, None without one; is_signed_only: whether that takes signed bundles alone; lived: a
    trace of a payload that has run in it, "" without one.
    """

    sources: tuple[str, ...] | None = None
    is_signed_only: bool = False
    has_cloud_init: bool = False
    lived: str = ""


def look(read: Read) -> Traits:
    """Read the traits of an image from its disk. Raises UsageError for settings of a bake that cannot be read."""
    content = read(IMAGE)
    sources = None
    if content is not None:
        try:
            sources = tuple(str(source) for source in json.loads(content)["sources"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{IMAGE} of the image cannot be read: {error}", hint="bake it again: bootstrap bake ROOT"
            ) from error
    lived = next((path for path in LIVED if read(path) is not None), "")
    return Traits(sources, read(SIGNERS) is not None, read(CLOUD_INIT) is not None, lived)


@dataclass(frozen=True)
class Source:
    """The way that was chosen. name: as `bake` names it; is_baked: whether the image's own runner looks there."""

    name: str
    is_baked: bool

    def __str__(self) -> str:
        return self.name


def choose(wanted: str | None, traits: Traits, *, signed: bool) -> Source:
    """Choose a source. wanted: of --source; signed: whether the payload will be.

    Raises UsageError for a source that the image does not look at, and where a payload is not signed that must be.
    """
    if wanted is not None:
        check_sources((wanted,))
    if traits.is_signed_only and not signed:
        raise UsageError(
            f"the image takes only signed payloads: it has {SIGNERS}", hint="sign the trial's with --sign KEY"
        )
    if traits.sources is None:
        return Source(wanted or ("cloud-init" if traits.has_cloud_init else "files"), is_baked=False)
    if not traits.sources:
        raise UsageError(f"{IMAGE} of the image names no source", hint="bake it again: bootstrap bake ROOT --source S")
    own = {named(source)[0]: source for source in traits.sources}
    name = named(wanted or traits.sources[0])[0]
    if name not in own:
        raise UsageError(
            f"--source {wanted}: the runner of this image does not look there",
            hint=f"it looks at: {', '.join(traits.sources)}",
        )
    url = named(own[name])[1]
    if url != DEFAULT_URL:
        others = [source for source in traits.sources if "=" not in source]
        raise UsageError(
            f"the image asks {url}, and a trial answers at {DEFAULT_URL} alone",
            hint=f"try another of its sources: --source {others[0]}" if others else f"bake it with --source {name}",
        )
    return Source(name, is_baked=True)
