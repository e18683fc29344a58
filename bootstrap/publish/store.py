"""Talks to one Swift account: logging in (Keystone v3 or auth v1), uploads that are checked, keys, TempURLs.

No secret is put into a URL, a message or a log, except for the TempURLs that are its result.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from bootstrap.errors import BootstrapError, ExitCode
from bootstrap.publish.clouds import Cloud

if TYPE_CHECKING:
    import requests

# To connect, and for each read: a store may take a minute to confirm a large object.
TIMEOUT_S = (10, 120)
# An object's note of its SHA-256 is ours; the key of a container is where Swift's tempurl middleware reads it.
SHA256_META, KEY_META = "X-Object-Meta-Sha256", "X-Container-Meta-Temp-Url-Key"


class PublishError(BootstrapError):
    """The object store refuses, does not answer, or could not be reached by the hosts."""

    exit_code = ExitCode.REFUSED
    code = "publish"


@dataclass(frozen=True)
class Endpoint:
    """The URL of an account. interface: public or internal; region: None when it is not known."""

    url: str
    interface: str
    region: str | None


@dataclass
class Account:
    """A logged-in account with all its endpoints. token: the right to change it."""

    endpoints: tuple[Endpoint, ...]
    region: str | None
    token: str = field(repr=False)
    session: requests.Session = field(repr=False)

    @property
    def reachable(self) -> Endpoint:
        """The public endpoint of the store's region. This machine uses it, since it is seldom inside of the region."""
        return next(e for e in self.endpoints if e.interface == "public" and e.region == self.region)

    def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, data: Any = None
    ) -> requests.Response:
        """Send one request about the account. Raises PublishError when there is no answer."""
        all_headers = {"X-Auth-Token": self.token, **(headers or {})}
        return _call(self.session, method, self.reachable.url + quote(path), all_headers, data)

    def container(self, name: str) -> str:
        """Make the container if it is missing. Return the key that signs its TempURLs, drawn if it has none."""
        answer = self.call("HEAD", f"/{name}")
        if answer.status_code == 404:
            _good(self.call("PUT", f"/{name}"), f"container {name} cannot be made")
            answer = self.call("HEAD", f"/{name}")
        _good(answer, f"container {name} cannot be read")
        key = answer.headers.get(KEY_META)
        if not key:
            # An existing key is never replaced: that would end every URL that was made with it.
            key = secrets.token_hex(32)
            _good(self.call("POST", f"/{name}", {KEY_META: key}), f"container {name} takes no key for TempURLs")
        return key

    def upload(self, container: str, name: str, data: bytes) -> bool:
        """Upload an object, unless it is there with the same content, and check it. Return whether it was sent."""
        # Swift compares the MD5, which guards against a broken transfer; the SHA-256 identifies the content.
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        sha256 = hashlib.sha256(data).hexdigest()
        answer = self.call("HEAD", f"/{container}/{name}")
        digests = answer.headers.get("etag", "").strip('"'), answer.headers.get(SHA256_META)
        if answer.status_code == 200 and digests == (md5, sha256):
            return False
        headers = {"ETag": md5, SHA256_META: sha256, "Content-Type": "application/octet-stream"}
        put = _good(self.call("PUT", f"/{container}/{name}", headers, data), f"{container}/{name} cannot be uploaded")
        if put.headers.get("etag", "").strip('"') != md5:
            message = f"{container}/{name}: the service has stored other bytes than were sent"
            raise PublishError(message, hint="publish again")
        return True

    def has(self, container: str, name: str) -> str | None:
        """Return the SHA-256 that an object was published with, "" if it has no note of it, None if it is missing."""
        answer = self.call("HEAD", f"/{container}/{name}")
        if answer.status_code == 404:
            return None
        return _good(answer, f"{container}/{name} cannot be read").headers.get(SHA256_META, "")

    def try_url(self, url: str) -> None:
        """Ask for an object by its TempURL, without its body, to see that a host can fetch it. Raises PublishError."""
        path, query = urlsplit(url).path, urlsplit(url).query
        base = urlsplit(self.reachable.url)
        # No token is sent, since a host has none either.
        answer = _call(self.session, "HEAD", f"{base.scheme}://{base.netloc}{path}?{query}", {}, None)
        if answer.status_code == 401:
            raise PublishError(
                "the service refuses the TempURL that was just made",
                hint="its tempurl middleware is off or refuses sha256 signatures: see https://SERVICE/info",
            )
        _good(answer, "the TempURL that was just made does not lead to the object")


def log_in(cloud: Cloud, region: str | None = None) -> Account:
    """Log in and return the account. region: the region to take if the cloud names none.

    Raises PublishError, which names what was refused, or the regions to choose from.
    """
    import requests

    session = requests.Session()
    session.verify = cloud.verify
    return _version_1(cloud, session) if cloud.version == 1 else _version_3(cloud, session, region)


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
    answer = _good(_call(session, "GET", cloud.auth["auth"], headers, None), "auth v1")
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
    answer = _good(_call(session, "POST", f"{url}/auth/tokens", {}, None, json=_identity(auth)), "Keystone")
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


def _call(
    session: requests.Session, method: str, url: str, headers: dict[str, str], data: Any, json: Any = None
) -> requests.Response:
    """Send one request. Raises PublishError when there is no answer."""
    import requests

    try:
        # Redirects are not followed: they could send the token to another machine.
        return session.request(
            method, url, headers=headers, data=data, json=json, timeout=TIMEOUT_S, allow_redirects=False
        )
    except requests.RequestException as error:
        # A TempURL's query is a secret, and so is left out; the text of the error would repeat it.
        address = url.split("?")[0]
        raise PublishError(
            f"{address} does not answer: {type(error).__name__}", hint="check its name, the route, the proxy and the CA"
        ) from error


def _good(answer: requests.Response, failure: str) -> requests.Response:
    """Return an answer of success. Raises PublishError for every other. failure: the beginning of its message."""
    if answer.status_code < 300:
        return answer
    hints = {401: "check user, key and project", 403: "check the user's role", 413: "check the quota"}
    message = f"{failure}: the service answers {answer.status_code} {answer.reason}"
    raise PublishError(message, hint=hints.get(answer.status_code))
