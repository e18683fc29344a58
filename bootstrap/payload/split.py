"""A bundle in two parts: the runner's text, which every server shares, and a carrier with what is this server's own."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field

from bootstrap.payload import bundle, pack
from bootstrap.runner import form

# The runner's text lies below this folder of an image, under the name of its SHA-256.
FOLDER = "/usr/lib/initialrunner"
# Below the URL of a collector.
COLLECTOR_PATH = "/v1/runner/"


@dataclass(frozen=True)
class RunnerText:
    """The first part of a bundle, up to the end of its code: public, the same for every server of a toolkit version.

    sha256: its name in hex. ASCII without a line end at the end.
    """

    content: bytes = field(repr=False)
    sha256: str


@functools.cache
def runner_text() -> RunnerText:
    """Return the runner's text of this toolkit version, with every feature that a plan can ask for."""
    filled = form.GLUE % (form.PURPOSE, bundle.reader(), bundle.head(), pack.packed())
    content = filled.removesuffix(form.GLUE.rpartition("%s")[2]).encode("ascii")
    return RunnerText(content, hashlib.sha256(content).hexdigest())
