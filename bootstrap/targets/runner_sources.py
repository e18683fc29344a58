"""The sources of the runner's text that a carrier names: the words of `--runner-from` become URLs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from urllib.parse import urlsplit

from bootstrap.errors import Problem
from bootstrap.payload import role
from bootstrap.payload.refused import Refused
from bootstrap.payload.split import COLLECTOR_PATH, runner_text
from bootstrap.render.model import Rendered
from bootstrap.spec.types import CREDENTIALS_HINT, has_credentials, is_url
from bootstrap.targets.addresses import is_loopback, shown, without_role
from bootstrap.targets.providers import Provider

DISK, COLLECTOR = "disk", "collector"
# A source stands on a line of its own in a here-document, whose text sh leaves alone: no URL can end that.
_URL = re.compile(r"(https?|s3)://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]+")
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
OPTION, CODE = "--runner-from", "payload.runner-from"


def urls(names: Sequence[str], rendered: Rendered, provider: Provider | None = None) -> tuple[str, ...]:
    """Return the URLs that a host asks after its own disk, which it looks at in any case.

    names: "disk", "collector" and URLs. One that ends with a slash is a folder, in which the SHA-256 names the text.
    Raises Refused with every name that leads nowhere.
    """
    resolved: dict[str, None] = {}
    problems = []
    for name in names:
        if name == DISK:
            continue
        url = of_collector(rendered) if name == COLLECTOR else name
        if url is None:
            problems.append(_problem("the spec reports to no collector", "add `report:` to the spec"))
        elif fault := _fault(url, provider, is_collector=name == COLLECTOR):
            problems.append(_problem(*fault))
        else:
            resolved[_of_text(url)] = None
    if problems:
        raise Refused(problems)
    return tuple(resolved)


def _fault(url: str, provider: Provider | None, *, is_collector: bool) -> tuple[str, str] | None:
    """Return (why no host gets the runner from a URL, how to mend it); None when it may."""
    if url.startswith(role.SCHEME):
        if fault := role.fault(_of_text(url)):
            return f"{shown(url)} cannot be fetched: {fault}", "write s3://BUCKET/KEY"
        if fault := without_role(url, provider):
            return fault, "give a presigned https:// URL, between single quotes, or another source"
    if not _URL.fullmatch(url) or not (url.startswith(role.SCHEME) or is_url(url)):
        near = get_close_matches(url.lower(), (DISK, COLLECTOR), 1)
        written = f"write {DISK}, {COLLECTOR}, s3://BUCKET/KEY or an https:// URL without quotes and blanks"
        return f"{shown(url)} is no source of the runner's text", f"did you mean {near[0]}?" if near else written
    if is_collector:
        return None
    if url.startswith("http://") and not is_loopback(url):
        return f"{shown(url)} is not encrypted", "write https://"
    if has_credentials(url):
        # Manifests and notes show a URL up to its query.
        return f"{shown(url)} contains a name or a password", CREDENTIALS_HINT
    if (foreign := _DIGEST.search(url.split("?")[0])) and foreign[0] != runner_text().sha256:
        return _of_another_version(url), "bootstrap publish --runner; or end the URL with the slash of the folder"
    return None


def check_published(published: Sequence[str], provider: Provider | None) -> None:
    """Refuse the URLs of published.json from which no host gets its runner, and so waits for ever. Raises Refused.

    A URL without a digest in its path may lead to any text.
    """
    problems = []
    for url in published:
        digest = _DIGEST.search(url.split("?")[0])
        if digest and digest[0] != runner_text().sha256:
            hint = "publish the text of this version beside it: bootstrap publish --runner"
            problems.append(Problem(CODE, _of_another_version(url), hint=hint))
        elif fault := without_role(url, provider):
            problems.append(Problem(CODE, fault, hint="publish without --instance-role: that gives a presigned URL"))
    if problems:
        raise Refused(problems)


def _of_text(url: str) -> str:
    """Return the URL of the text: in a folder, whose URL ends with a slash, its SHA-256 is its name."""
    return url + runner_text().sha256 if url.endswith("/") else url


def _of_another_version(url: str) -> str:
    return f"{shown(url)} is the runner of another version of this toolkit: this one has {runner_text().sha256}"


def place(url: str) -> str:
    """Return the part of a URL that tells people where it leads: its host, or the bucket."""
    parts = urlsplit(url)
    return f"{role.SCHEME}{parts.netloc}" if parts.scheme == "s3" else parts.netloc.rpartition("@")[2]


def is_exact(url: str) -> bool:
    """Whether a URL names the text by its SHA-256, so that it can lead to no other."""
    return runner_text().sha256 in url.split("?")[0]


def of_collector(rendered: Rendered) -> str | None:
    """Return the URL of the runner's text at the collector that the server reports to; None when it reports to none."""
    url = rendered.host_plan.get("report", {}).get("url")
    return None if url is None else f"{str(url).rstrip('/')}{COLLECTOR_PATH}{runner_text().sha256}"


def known(rendered: Rendered, published: Sequence[str]) -> tuple[str, ...]:
    """Return the sources that need no option: what `bootstrap publish` has put somewhere, and the collector."""
    collector = of_collector(rendered)
    return (*published, *((collector,) if collector else ()))


def _problem(message: str, hint: str) -> Problem:
    return Problem(CODE, f"{OPTION}: {message}", hint=hint)
