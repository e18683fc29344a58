"""Uploads to a collector: the runner's text of this toolkit, and whole bundles for stubs.

Both need the token with the right to deploy. A collector that does not answer is asked again for a while.
"""

from __future__ import annotations

import calendar
import hashlib
import time

from bootstrap.client.collector import Collector, Denied, patiently
from bootstrap.errors import CollectorError, UsageError

PATIENCE_S = 15.0  # a collector that is started again answers within seconds, and somebody may be looking on
ANSWER_S = 60.0  # for each attempt, after its last byte was sent
# The forms of the paths are those of bootstrap/collector/object_routes.py; hosts know the first one too.
RUNNER_PATH, BUNDLE_PATH = "/v1/runner/", "/v1/bundles/"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def put_runner(collector: Collector, sha256: str, content: bytes) -> str:
    """Upload a runner's text, unless it is there already, and return the URL that hosts fetch it from.

    Raises CollectorError.
    """
    path = RUNNER_PATH + sha256
    _put(collector, path, {}, sha256, content)
    return collector.url + path


def put_bundle(collector: Collector, sha256: str, content: bytes, expires_s: float) -> tuple[str, int]:
    """Upload a whole bundle and return the URL that one host fetches it from, and its end (seconds since 1970).

    expires_s: how long the URL shall be good. The collector moves the end to a full hour near it. The URL lets
    everybody in who knows it, so it is a secret like the bundle. Raises CollectorError.
    """
    path = BUNDLE_PATH + sha256
    answer = _put(collector, path, {"expires_s": str(int(expires_s))}, sha256, content)
    url, expires = answer.get("url"), answer.get("expires")
    # The URL goes into scripts that run as root on hosts, so no other path of another form is passed on.
    if not isinstance(url, str) or not url.startswith(path + "?") or not url.isascii() or not isinstance(expires, str):
        raise CollectorError(f"{collector.url} answers the upload of a bundle, and not as a collector does")
    try:
        return collector.url + url, calendar.timegm(time.strptime(expires, TIME_FORMAT))
    except ValueError as error:
        raise CollectorError(f"{collector.url} names an end of the URL that is no time: {expires!r}") from error


def _put(
    collector: Collector, path: str, query: dict[str, str | None], sha256: str, content: bytes
) -> dict[str, object]:
    """Upload with a few attempts, which are harmless: the name of the content is its digest."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UsageError(f"the SHA-256 of these {len(content):,} bytes is not {sha256}")
    try:
        answer: dict[str, object] = patiently(
            lambda: collector.put(path, query, content, answer_s=ANSWER_S), PATIENCE_S
        )
    except Denied as error:
        raise Denied(
            error.message,
            hint="uploads need the token with the right to deploy: --token-file FILE, BOOTSTRAP_TOKEN_FILE or "
            "BOOTSTRAP_TOKEN; `bootstrap serve --deploy-token-file FILE` makes it",
        ) from error
    except CollectorError as error:
        if error.code == "collector.not_found":
            raise CollectorError(
                f"the collector at {collector.url} is of a release that keeps no runner texts and no bundles",
                hint="upgrade the collector, or publish to another place",
            ) from error
        raise
    return answer
