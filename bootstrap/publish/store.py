"""Talks to one Swift account: logging in (Keystone v3 or auth v1), single requests, keys, TempURLs.

No secret is put into a URL, a message or a log, except for the TempURLs that are its result.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from bootstrap.publish.clouds import Cloud
from bootstrap.publish.content import opened
from bootstrap.publish.objects import PublishError

if TYPE_CHECKING:
    import requests

# To connect, and for each read: a store may take a minute to confirm a large object.
TIMEOUT_S = (10, 120)
# The pauses before a request is sent again that got no answer, or one of these.
PAUSES_S, LATER = (0.5, 1.0, 2.0), (408, 429, 500, 502, 503, 504)
# Swift's tempurl middleware reads the key of a container here.
KEY_META = "X-Container-Meta-Temp-Url-Key"


@dataclass(frozen=True)
class Endpoint:
    """The URL of an account. interface: public or internal; region: None when it is not known."""

    url: str
    interface: str
    region: str | None


@dataclass
class Account:
    """A logged-in account with all its endpoints. token: the right to change it; renew: logs in again for a new one."""

    endpoints: tuple[Endpoint, ...]
    region: str | None
    token: str = field(repr=False)
    session: requests.Session = field(repr=False)
    renew: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    _renewing: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def reachable(self) -> Endpoint:
        """The public endpoint of the store's region. This machine uses it, since it is seldom inside of the region."""
        return next(e for e in self.endpoints if e.interface == "public" and e.region == self.region)

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
        """Send one request about the account. more: as for `call`. Raises PublishError when there is no answer."""
        url, token = self.reachable.url + quote(path), self.token
        answer = call(self.session, method, url, {"X-Auth-Token": token, **(headers or {})}, **more)
        if answer.status_code != 401 or self.renew is None:
            return answer
        answer.close()
        # A token is good for an hour or a day, and to publish a large folder may take longer. Of several threads that
        # are refused at once, one logs in.
        with self._renewing:
            if self.token == token:
                self.token = self.renew()
        return call(self.session, method, url, {"X-Auth-Token": self.token, **(headers or {})}, **more)

    def container(self, name: str) -> str:
        """Make the container if it is missing. Return the key that signs its TempURLs, drawn if it has none."""
        answer = self.call("HEAD", f"/{name}")
        if answer.status_code == 404:
            good(self.call("PUT", f"/{name}"), f"container {name} cannot be made")
            answer = self.call("HEAD", f"/{name}")
        good(answer, f"container {name} cannot be read")
        key = answer.headers.get(KEY_META)
        if not key:
            # An existing key is never replaced: that would end every URL that was made with it.
            key = secrets.token_hex(32)
            good(self.call("POST", f"/{name}", {KEY_META: key}), f"container {name} takes no key for TempURLs")
        return key


def log_in(cloud: Cloud, region: str | None = None) -> Account:
    """Log in and return the account. region: the region to take if the cloud names none.

    Raises PublishError, which names what was refused, or the regions to choose from.
    """
    import requests

    session = requests.Session()
    session.verify = cloud.verify

    def logged_in() -> Account:
        return _version_1(cloud, session) if cloud.version == 1 else _version_3(cloud, session, region)

    account = logged_in()
    account.renew = lambda: logged_in().token
    return account


def temp_url(endpoint: Endpoint, container: str, name: str, key: str, expires: int) -> str:
    """Return a URL that gives the right to read one object until `expires` (seconds since 1970), signed with SHA-256.

    Source: docs.openstack.org/swift, "Temporary URL middleware". GET includes HEAD there.
    """
    base = urlsplit(endpoint.url)
    path = f"{base.path}/{container}/{name}"
    signature = hmac.new(key.encode(), f"GET\n{expires}\n{path}".encode(), "sha256").hexdigest()
    return f"{base.scheme}://{base.netloc}{quote(path)}?temp_url_sig={signature}&temp_url_expires={expires}"


def _version_1(cloud: Cloud, session: requests.Session) -> Account:
    """Log in by Swift's auth v1: the answer's headers hold the token and one URL."""
    headers = {"X-Auth-User": cloud.auth["user"], "X-Auth-Key": cloud.auth["key"]}
    answer = good(call(session, "GET", cloud.auth["auth"], headers), "auth v1")
    endpoints = endpoints_1(answer.headers.get("X-Storage-Url", ""), cloud.region)
    return Account(endpoints, endpoints[0].region, answer.headers.get("X-Auth-Token", ""), session)


def endpoints_1(url: str, region: str | None) -> tuple[Endpoint, ...]:
    """Return the endpoints of an account, of which auth v1 names one.

    The host names of Rackspace Cloud Files contain more: the internal network (ServiceNet) has the same name with the
    prefix snet-, and storage101.ord1 is in the region ORD.
    """
    base = url.rstrip("/")
    host = urlsplit(base).hostname or ""
    if not host.endswith(".clouddrive.com"):
        return (Endpoint(base, "public", region),)
    region = host.split(".")[1].rstrip("0123456789").upper()
    public = base.replace("//snet-", "//", 1)
    return Endpoint(public, "public", region), Endpoint(public.replace("//", "//snet-", 1), "internal", region)


def _version_3(cloud: Cloud, session: requests.Session, region: str | None) -> Account:
    """Log in by Keystone v3 and read the endpoints from its catalog."""
    auth = cloud.auth
    url = auth["auth_url"].rstrip("/")
    url = url if url.endswith("/v3") else f"{url}/v3"
    answer = good(call(session, "POST", f"{url}/auth/tokens", {}, json=_identity(auth)), "Keystone")
    try:
        services = [s for s in answer.json()["token"].get("catalog", []) if s["type"] == "object-store"]
        endpoints = [
            Endpoint(e["url"].rstrip("/"), e["interface"], e.get("region_id") or e.get("region"))
            for service in services
            for e in service["endpoints"]
            if e["interface"] in ("public", "internal")
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise PublishError(
            f"{url} does not answer as Keystone v3 does: {error!r}", hint="check auth_url, or OS_AUTH_URL"
        ) from error
    regions = sorted({e.region or "" for e in endpoints if e.interface == "public"})
    # The servers' region is only a fallback: a store with one region may well serve others.
    chosen = cloud.region or (regions[0] if len(regions) == 1 else region)
    if chosen not in regions:
        listed = ", ".join(regions)
        if not regions:
            raise PublishError(
                "this cloud has no object store in its catalog", hint="check the user's role: it decides what is listed"
            )
        message = f"there is no object store in region {chosen}" if chosen else "several regions have an object store"
        raise PublishError(f"{message}: there are {listed}", hint="set region_name in clouds.yaml, or OS_REGION_NAME")
    return Account(tuple(endpoints), chosen, answer.headers.get("X-Subject-Token", ""), session)


def _identity(auth: dict[str, str]) -> dict[str, Any]:
    """Return the body of a request for a token.

    Source: docs.openstack.org/api-ref/identity/v3, "Authentication and token management".
    """
    if "application_credential_secret" in auth:
        credential = {"id": auth["application_credential_id"], "secret": auth["application_credential_secret"]}
        return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": credential}}}

    def domain(owner: str) -> dict[str, str]:
        if auth.get(f"{owner}_domain_name") or auth.get("domain_name"):
            return {"name": auth.get(f"{owner}_domain_name") or auth["domain_name"]}
        return {"id": auth.get(f"{owner}_domain_id") or auth.get("domain_id") or "default"}

    user = {"name": auth["username"], "domain": domain("user"), "password": auth["password"]}
    identity = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if auth.get("project_id"):
        return {"auth": {**identity, "scope": {"project": {"id": auth["project_id"]}}}}
    if auth.get("project_name"):
        return {"auth": {**identity, "scope": {"project": {"name": auth["project_name"], "domain": domain("project")}}}}
    return {"auth": identity}


def call(
    session: requests.Session,
    method: str,
    url: str,
    headers: dict[str, str],
    data: bytes | Path | None = None,
    **more: Any,
) -> requests.Response:
    """Send one request, again if need be. data: a Path is streamed; more: as requests takes it.

    Raises PublishError when there is no answer.
    """
    for pause_s in (*PAUSES_S, None):
        try:
            # A file is opened anew for each attempt, which has to send it from its beginning.
            with ExitStack() as stack:
                body = stack.enter_context(opened(data)) if isinstance(data, Path) else data
                # Redirects are not followed: they could send the token to another machine. The authorities are named,
                # since those of REQUESTS_CA_BUNDLE would take the place of the session's.
                answer = session.request(
                    method, url, headers=headers, data=body, timeout=TIMEOUT_S, allow_redirects=False,
                    verify=session.verify, **more,
                )  # fmt: skip
            if answer.status_code not in LATER or pause_s is None:
                return answer
        # A file of CA certificates that is missing is an OSError and nothing more.
        except OSError as error:
            # A TempURL's query is a secret, and so is left out; the text of the error would repeat it.
            if pause_s is None:
                raise PublishError(
                    f"{url.split('?')[0]} does not answer: {type(error).__name__}",
                    hint="check its name, the route, the proxy and the CA",
                ) from error
        time.sleep(pause_s)
    raise AssertionError("the last attempt returns or raises")


def good(answer: requests.Response, failure: str) -> requests.Response:
    """Return an answer of success. Raises PublishError for every other. failure: the beginning of its message."""
    if answer.status_code < 300:
        return answer
    hints = {
        401: "check user, key and project", 403: "check the user's role",
        413: "check the quota, and the size: Swift's own limit of an object is 5 GiB",
        422: "it has changed meanwhile, or was damaged on its way: publish again",
    }  # fmt: skip
    message = f"{failure}: the service answers {answer.status_code} {answer.reason}"
    raise PublishError(message, hint=hints.get(answer.status_code))
