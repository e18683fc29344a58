"""Works out the largest content of the user's own that fits each provider, in a whole bundle and beside a carrier.

The content is one file that does not compress, added to examples/hello with reports: the worst case, since text has
several times as much room. Sizes are found by halving, with the packing that `render` does.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bootstrap
from bootstrap.errors import PayloadError
from bootstrap.payload.pack import LEANEST
from bootstrap.payload.split import COLLECTOR_PATH, runner_text
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.targets import stub, table
from bootstrap.targets.model import Request
from bootstrap.targets.providers import PROVIDERS, Provider

HELLO = Path(__file__).resolve().parents[1] / "examples/hello"
COLLECTOR = "https://deploy.internal:8443"
# Sizes are multiples of so many bytes.
STEP = 128


def rows() -> Iterator[str]:
    """Yield a line of the table for each way that a provider's create call has."""
    for one in PROVIDERS:
        for target in ways(one):
            whole, carried = largest(one, target, None), largest(one, target, source())
            yield f"| `{one.name}` | {target.name} | {whole} | {carried} |"


def source() -> tuple[str, ...]:
    """Return the source that a carrier names: the runner's text at the collector."""
    return (f"{COLLECTOR}{COLLECTOR_PATH}{runner_text().sha256}",)


def ways(one: Provider) -> list[table.Target]:
    """Return the targets that a provider's create call takes, the starter's and the stub's aside."""
    through_user_data = [table.USER_DATA, table.CLOUD_CONFIG] if one.user_data else []
    return [*([table.PERSONALITY] if one.files else []), *through_user_data]


def largest(one: Provider, target: table.Target, sources: tuple[str, ...] | None) -> str:
    """Return the largest content in bytes, for the table. sources: of the runner's text; None: a whole bundle."""
    if target is table.PERSONALITY and stub.needed(one):
        return "a stub"
    limit = one.content if target is table.PERSONALITY else one.user_data
    if limit is None or limit.raw_bytes is None:
        return "no limit"
    # Nothing makes such a content smaller, so that no more of it fits than the provider takes of anything.
    files = (one.files.most if one.files and target is table.PERSONALITY else 1) or 1
    low, high = -1, limit.raw_bytes * files // STEP
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(one, target, sources, middle * STEP):
            low = middle
        else:
            high = middle - 1
    return "nothing" if low < 0 else f"{low * STEP:,}"


def _fits(one: Provider, target: table.Target, sources: tuple[str, ...] | None, size: int) -> bool:
    request = Request(_rendered(size), target.name, one, sources=sources)
    # A whole bundle may leave out the verbs that no tick needs; a carrier never has to.
    for attempt in [request] if sources is not None else [replace(request, lean=lean) for lean in range(LEANEST + 1)]:
        try:
            target.code().pack(attempt)
        except PayloadError:
            continue
        return True
    return False


@functools.cache
def _hello() -> Rendered:
    return bootstrap.load(HELLO).plan("hello-1", deploy_id="d1", report_url=COLLECTOR).render(bytes(32)).rendered


def _rendered(size: int) -> Rendered:
    """Return examples/hello with a file of so many bytes."""
    rendered = _hello()
    content = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(size // 32 + 1))[:size]
    return replace(rendered, files=(*rendered.files, *([RenderedFile("/srv/hello/own", content)] if size else [])))
