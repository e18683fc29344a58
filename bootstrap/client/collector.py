"""One collector over HTTP: its URL, its token, and its answers. A refusal is raised, with a hint on what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import requests.auth

from bootstrap.client.wording import plain
from bootstrap.errors import CollectorError, ExitCode, UsageError

CONNECT_S = 5.0
ANSWER_S = 15.0  # in addition to the time that a long poll is asked to take
LEASE_S = 4.0  # a lease runs out meanwhile, so an answer that comes later is worth less than another try
GOOD, NO_ROOM = (200, 201), 507
# Short at first, since a collector that is just starting answers soon; at most 5 s, since somebody is waiting.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class Unreachable(CollectorError):
    """The collector does not answer, or answers "later". Asking again may help."""

    code = "collector.unreachable"


class Held(CollectorError):
    """Another holder has the lease that was asked for, or has had the one that was to be renewed."""

    exit_code = ExitCode.REFUSED
    code = "collector.held"


class Denied(CollectorError):
    """The token is wrong, or has no right to do this."""


class _Bearer(requests.auth.AuthBase):
    """The token as an auth object: requests would replace a plain header by a netrc entry for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["authorization"] = f"Bearer {self._token}"
        return request


class Collector:
    """A collector at `url`, read with `token`. ca: a PEM file to trust instead of the system's.

    Every method raises Unreachable when there is no answer, and CollectorError when the answer is a refusal.
    """

    def __init__(self, url: str, token: str, *, ca: Path | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"the collector {url!r} is not an http:// or https:// URL")
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        # Passed with each request, because REQUESTS_CA_BUNDLE in the environment overrides the session's own setting.
        self._verify = None if ca is None else str(ca)

    def server(self, name: str, deploy_id: str | None = None) -> dict[str, Any] | None:
        """Return all about one server; None when nothing has been heard of it."""
        try:
            server: dict[str, Any] = self._ask("GET", f"/v1/servers/{_part(name)}", {"deploy_id": deploy_id})
        except CollectorError as error:
            if error.code == "collector.not_found":
                return None
            raise
        return server

    def servers(
        self, deploy_id: str | None = None, *, brief: bool = False, group: str | None = None
    ) -> list[dict[str, Any]]:
        """Return every server in its current deploy, or those of one deploy.

        brief: without their stages; group: only the members of this group (`web-*`).
        """
        query = {"deploy_id": deploy_id, "brief": "1" if brief else None, "group": group}
        answer = self._ask("GET", "/v1/servers", query)
        servers: list[dict[str, Any]] = answer["servers"]
        return servers

    def events(self, name: str, deploy_id: str | None = None) -> list[dict[str, Any]]:
        """Return a server's events in order."""
        answer = self._ask("GET", f"/v1/servers/{_part(name)}/events", {"deploy_id": deploy_id})
        events: list[dict[str, Any]] = answer["events"]
        return events

    def wait(self, name: str, deploy_id: str | None, timeout_s: float, *, after: str | None = None) -> dict[str, Any]:
        """Return the server's state once it is healthy or failed, or as it is when timeout_s is over.

        after: a deploy id; only the end of a deploy after it counts.
        """
        query = {"for": "healthy", "timeout_s": f"{timeout_s:.3f}", "deploy_id": deploy_id, "after": after}
        state: dict[str, Any] = self._ask("GET", f"/v1/servers/{_part(name)}/wait", query, patience_s=timeout_s)
        return state

    def refused(self) -> list[dict[str, Any]]:
        """Return the servers whose reports the collector has refused, each with the reason.

        A collector of an earlier release does not have this route; its list is empty.
        """
        try:
            reports = self._ask("GET", "/v1/refused", {}).get("refused")
        except CollectorError as error:
            if error.code == "collector.not_found":
                return []
            raise
        return reports if isinstance(reports, list) else []

    def wait_deploy(
        self, deploy_id: str, count: int | None, timeout_s: float, *, group: str | None = None, failures: int = 0
    ) -> dict[str, Any]:
        """Return the roll-out's state once `count` are healthy, more than `failures` failed, or timeout_s is over."""
        query = {"for": "healthy", "timeout_s": f"{timeout_s:.3f}", "count": None if count is None else str(count)}
        query |= {"group": group, "failures": str(failures)}
        state: dict[str, Any] = self._ask("GET", f"/v1/deploys/{_part(deploy_id)}/wait", query, patience_s=timeout_s)
        return state

    def expect(self, manifests: list[dict[str, Any]]) -> None:
        """Announce servers: [{"server", "deploy_id", "revision"?, "deadline_s"}]."""
        self._ask("POST", "/v1/expect", {}, json=manifests)

    def lease(self, pool: str, holder: str, ttl_s: float, fence: int | None = None) -> dict[str, Any]:
        """Take the lease of a pool, or renew the one with this fence; ttl_s 0 ends it. Returns fence, holder, until.

        Raises Held when another holder has the pool, or has had it since. It needs the token with the right to deploy.
        """
        wanted = {"holder": holder, "ttl_s": ttl_s} | ({} if fence is None else {"fence": fence})
        lease: dict[str, Any] = self._ask("POST", f"/v1/leases/{_part(pool)}", {}, json=wanted, answer_s=LEASE_S)
        return lease

    def leases(self) -> list[dict[str, Any]]:
        """Return the leases that have not ended: pool, fence, holder, until."""
        leases: list[dict[str, Any]] = self._ask("GET", "/v1/leases", {}, answer_s=LEASE_S)["leases"]
        return leases

    def put(self, path: str, query: dict[str, str | None], content: bytes, answer_s: float) -> dict[str, Any]:
        """Store bytes at the collector and return its answer. It needs the token with the right to deploy."""
        answer: dict[str, Any] = self._ask("PUT", path, query, content=content, answer_s=answer_s)
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str | None],
        *,
        json: Any = None,
        content: bytes | None = None,
        patience_s: float = 0.0,
        answer_s: float = ANSWER_S,
    ) -> Any:
        params = {key: value for key, value in query.items() if value is not None}
        try:
            # Redirects are not followed: they could send the token to another machine.
            response = self._session.request(
                method,
                self.url + path,
                params=params,
                json=json,
                data=content,
                headers=None if content is None else {"content-type": "application/octet-stream"},
                verify=self._verify,
                timeout=(min(CONNECT_S, answer_s), patience_s + answer_s),
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise CollectorError(
                f"the certificate of {self.url} is not trusted: {_cause(error)}",
                hint="give its CA with --ca FILE (Python: ca=)",
            ) from error
        except requests.exceptions.RequestException as error:
            raise Unreachable(
                f"the collector at {self.url} does not answer: {_cause(error)}",
                hint="check that it runs; --collector URL or BOOTSTRAP_COLLECTOR (Python: collector=) names another",
            ) from error
        return self._judge(response)

    def _judge(self, response: requests.Response) -> Any:
        """Return the JSON of a good answer. Raises Unreachable for "later", CollectorError for every other answer."""
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.status_code in GOOD and isinstance(answer, dict):
            return answer
        error = answer.get("error") if isinstance(answer, dict) else None
        # The message goes to a terminal, and the other end may be anybody: it must not move the cursor.
        message = plain(error["message"]) if isinstance(error, dict) and "message" in error else None
        # A time-out, a busy collector, and every error of a load balancer or a server that is starting may pass. A
        # collector without room keeps its objects for days.
        is_later = response.status_code in (408, 429) or response.status_code >= 500
        if is_later and response.status_code != NO_ROOM:
            message = message or plain(response.reason)
            raise Unreachable(f"the collector at {self.url} answers {response.status_code}: {message}")
        if response.status_code in GOOD or message is None:
            raise CollectorError(
                f"{self.url} answers {response.status_code}, and not as a collector does", hint="check the URL"
            )
        hints = {
            401: "give --token-file FILE (Python: token=Path(FILE)): `bootstrap serve` prints its path",
            421: "start the collector with `bootstrap serve --allow-host NAME`",
        }
        kinds: dict[int, type[CollectorError]] = {401: Denied, 403: Denied, 409: Held}
        kind = kinds.get(response.status_code, CollectorError)
        refusal = kind(f"the collector refuses: {message}", hint=hints.get(response.status_code))
        if response.status_code == 404:
            # For a server this is an answer: nothing has been heard of it yet.
            refusal.code = "collector.not_found"
        raise refusal


def connect(
    url: str | None,
    token_file: Path | None,
    *,
    default_token: Path,
    ca: Path | None = None,
    token: str | None = None,
) -> Collector:
    """Return the collector that the arguments name, or BOOTSTRAP_COLLECTOR, BOOTSTRAP_TOKEN and BOOTSTRAP_TOKEN_FILE.

    default_token: the file in which `bootstrap serve` on this machine keeps its token. token: the token itself, in the
    place of a file. Raises UsageError.
    """
    url = url or os.environ.get("BOOTSTRAP_COLLECTOR") or "http://127.0.0.1:8080"
    if token is None and token_file is None:
        # The arguments outweigh the environment, in which an empty variable is one that is not set.
        token = os.environ.get("BOOTSTRAP_TOKEN") or None
    if token is None:
        path = token_file or Path(os.environ.get("BOOTSTRAP_TOKEN_FILE") or default_token)
        try:
            token = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the token file {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not ASCII text'}",
                hint="give --token-file FILE, or set BOOTSTRAP_TOKEN_FILE or BOOTSTRAP_TOKEN",
            ) from error
    if not token.isascii() or not token.isprintable() or not token:
        raise UsageError(
            "the token is empty or not printable ASCII", hint="take the one that `bootstrap serve` has made"
        )
    return Collector(url, token, ca=ca)


def patiently(question: Callable[[], Any], patience_s: float) -> Any:
    """Ask until there is an answer, with pauses that double; after patience_s raise the last Unreachable."""
    end, pause = time.monotonic() + patience_s, FIRST_PAUSE_S
    while True:
        try:
            return question()
        except Unreachable:
            # A question after the end would take longer than the caller allows.
            if time.monotonic() + pause > end:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def _part(text: str) -> str:
    """Quote one part of a path: a `/` in a name must not begin the next part."""
    return quote(text, safe="")


def _cause(error: Exception) -> str:
    """Return the message of the innermost error: requests wraps those of the kernel and of OpenSSL three times."""
    visited: set[int] = set()
    cause: BaseException = error
    # Each layer keeps the inner error elsewhere, and an error may even refer to itself.
    while id(cause) not in visited:
        visited.add(id(cause))
        inner = getattr(cause, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in cause.args if isinstance(a, BaseException)), None) or cause.__cause__
        cause = inner or cause
    text = str(cause)
    # urllib3 begins its messages with the repr of the connection.
    return plain(text.rpartition(">: ")[2]) or type(cause).__name__
