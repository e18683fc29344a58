"""The sources of the runner's text that a carrier names: the words of `--runner-from` become URLs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bootstrap.errors import Problem
from bootstrap.payload import role
from bootstrap.payload.refused import Refused
from bootstrap.payload.split import COLLECTOR_PATH, runner_text
from bootstrap.render.model import Rendered

DISK, COLLECTOR = "disk", "collector"
# A source stands on a line of its own in a here-document, whose text sh leaves alone: no URL can end that.
_URL = re.compile(r"(https?|s3)://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]+")
_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])[:/]")
OPTION = "--runner-from"


def urls(names: Sequence[str], rendered: Rendered) -> tuple[str, ...]:
    """Return the URLs that a host asks after its own disk, which it looks at in any case.

    names: "disk", "collector" and URLs. One that ends with a slash is a folder, in which the SHA-256 names the text.
    Raises Refused with every name that leads nowhere.
    """
    found: dict[str, None] = {}
    problems = []
    for name in names:
        if name == DISK:
            continue
        url = of_collector(rendered) if name == COLLECTOR else name
        if url is None:
            problems.append(_problem("the spec reports to no collector", "add `report:`, or give --report-url"))
        elif url.startswith(role.SCHEME) and (fault := role.fault(url)):
            problems.append(_problem(f"{_shown(url)} cannot be fetched: {fault}", "write s3://BUCKET/KEY"))
        elif not _URL.fullmatch(url):
            hint = f"write {DISK}, {COLLECTOR} or an https:// URL without quotes and blanks"
            problems.append(_problem(f"{_shown(url)} is no source of the runner's text", hint))
        elif url.startswith("http://") and not _LOOPBACK.match(url) and name != COLLECTOR:
            problems.append(_problem(f"{_shown(url)} is not encrypted", "write https://"))
        else:
            found[url + runner_text().sha256 if url.endswith("/") else url] = None
    if problems:
        raise Refused(problems)
    return tuple(found)


def of_collector(rendered: Rendered) -> str | None:
    """Return the URL of the runner's text at the collector that the server reports to; None when it reports to none."""
    url = rendered.host_plan.get("report", {}).get("url")
    return None if url is None else f"{str(url).rstrip('/')}{COLLECTOR_PATH}{runner_text().sha256}"


def known(rendered: Rendered, published: Sequence[str]) -> tuple[str, ...]:
    """Return the sources that need no option: what `bootstrap publish` has put somewhere, and the collector."""
    collector = of_collector(rendered)
    return (*published, *((collector,) if collector else ()))


def _problem(message: str, hint: str) -> Problem:
    return Problem("payload.runner-from", f"{OPTION}: {message}", hint=hint)


def _shown(url: str) -> str:
    # A query may give the right to read.
    return repr(url.split("?")[0])
