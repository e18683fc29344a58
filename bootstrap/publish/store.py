"""Talks to one Swift account: logging in (Keystone v3 or auth v1), uploads that are checked, keys, TempURLs.

Nothing secret is put into a URL, a message or a log, but for the TempURLs that are its result.
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

TIMEOUT_S = (10, 120)
SHA256_META, KEY_META = "X-Object-Meta-Sha256", "X-Container-Meta-Temp-Url-Key"


class PublishError(BootstrapError):
    """The object store refuses, is not reached, or is one that the hosts could not reach."""

    exit_code = ExitCode.REFUSED
    code = "publish"


@dataclass(frozen=True)
class Endpoint:
    """One way to an account. interface: public or internal; region: None where nobody says."""

    url: str
    interface: str
    region: str | None


@dataclass
class Account:
    """A logged-in account: all its endpoints, and the one of them that we talk to ourselves."""

    endpoints: tuple[Endpoint, ...]
    region: str | None
    token: str = field(repr=False)
    session: requests.Session = field(repr=False)

    @property
    def ours(self) -> Endpoint:
        """The public endpoint of the store's region: the deployer is seldom inside of it."""
        return next(e for e in self.endpoints if e.interface == "public" and e.region == self.region)

    def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, data: Any = None
    ) -> requests.Response:
        """One request below the account. Raises PublishError when nobody answers."""
        sent = {"X-Auth-Token": self.token, **(headers or {})}
        return _call(self.session, method, self.ours.url + quote(path), sent, data)

    def container(self, name: str) -> str:
        """Make the container unless it is there; the key that signs its TempURLs, drawn when it has none."""
        there = self.call("HEAD", f"/{name}")
        if there.status_code == 404:
            _good(self.call("PUT", f"/{name}"), f"container {name} cannot be made")
            there = self.call("HEAD", f"/{name}")
        _good(there, f"container {name} cannot be read")
        key = there.headers.get(KEY_META)
        if not key:
            key = secrets.token_hex(32)
            _good(self.call("POST", f"/{name}", {KEY_META: key}), f"container {name} takes no key for TempURLs")
        return key

    def upload(self, container: str, name: str, data: bytes) -> bool:
        """Put an object there, unless it is there with this very content; whether it was sent. Both ends check it."""
        # MD5 is what Swift compares; it guards against a broken transfer, and SHA-256 says which content it is.
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        sha256 = hashlib.sha256(data).hexdigest()
        there = self.call("HEAD", f"/{container}/{name}")
        known = there.headers.get("etag", "").strip('"'), there.headers.get(SHA256_META)
        if there.status_code == 200 and known == (md5, sha256):
            return False
        headers = {"ETag": md5, SHA256_META: sha256, "Content-Type": "application/octet-stream"}
        put = _good(self.call("PUT", f"/{container}/{name}", headers, data), f"{container}/{name} cannot be uploaded")
        if put.headers.get("etag", "").strip('"') != md5:
            raise PublishError(f"{container}/{name}: the service has other bytes than were sent", hint="publish again")
        return True

    def has(self, container: str, name: str) -> str | None:
        """The SHA-256 that an object was published with, "" when nobody noted it; None when there is no such object."""
        there = self.call("HEAD", f"/{container}/{name}")
        if there.status_code == 404:
            return None
        return _good(there, f"{container}/{name} cannot be read").headers.get(SHA256_META, "")

    def try_url(self, url: str) -> None:
        """Ask for an object by its TempURL as a host would, but for its body, by the endpoint that we can reach."""
        path, query = urlsplit(url).path, urlsplit(url).query
        base = urlsplit(self.ours.url)
        answer = _call(self.session, "HEAD", f"{base.scheme}://{base.netloc}{path}?{query}", {}, None)
        if answer.status_code == 401:
            raise PublishError(
                "the service refuses the TempURL that was just made",
                hint="its tempurl is off, or takes no sha256 signatures: see SERVICE/info",
            )
        _good(answer, "the TempURL that was just made leads nowhere")


def log_in(cloud: Cloud, region: str | None = None) -> Account:
    """A token and the endpoints of the object store. region: where the servers are, if the cloud does not say.

    Raises PublishError with what was refused, or with the regions there are.
    """
    import requests

    session = requests.Session()
    session.verify = cloud.verify
    return _version_1(cloud, session) if cloud.version == 1 else _version_3(cloud, session, region)


def temp_url(endpoint: Endpoint, container: str, name: str, key: str, expires: int) -> str:
    """A URL that gives the right to read one object until `expires` (seconds since 1970), signed with SHA-256."""
    base = urlsplit(endpoint.url)
    path = f"{base.path}/{container}/{name}"
    signature = hmac.new(key.encode(), f"GET\n{expires}\n{path}".encode(), "sha256").hexdigest()
    return f"{base.scheme}://{base.netloc}{quote(path)}?temp_url_sig={signature}&temp_url_expires={expires}"


def _version_1(cloud: Cloud, session: requests.Session) -> Account:
    headers = {"X-Auth-User": cloud.auth["user"], "X-Auth-Key": cloud.auth["key"]}
    answer = _good(_call(session, "GET", cloud.auth["auth"], headers, None), "auth v1")
    found = endpoints_1(answer.headers.get("X-Storage-Url", ""), cloud.region)
    return Account(found, found[0].region, answer.headers.get("X-Auth-Token", ""), session)


def endpoints_1(url: str, region: str | None) -> tuple[Endpoint, ...]:
    """The endpoints of an account of which auth v1 names one. Rackspace Cloud Files tells more by its host names.

    There ServiceNet is the same name with the prefix snet-, and storage101.ord1 is in the region ORD.
    """
    base = url.rstrip("/")
    host = urlsplit(base).hostname or ""
    if not host.endswith(".clouddrive.com"):
        return (Endpoint(base, "public", region),)
    here = host.split(".")[1].rstrip("0123456789").upper()
    public = base.replace("//snet-", "//", 1)
    return Endpoint(public, "public", here), Endpoint(public.replace("//", "//snet-", 1), "internal", here)


def _version_3(cloud: Cloud, session: requests.Session, region: str | None) -> Account:
    auth = cloud.auth
    url = auth["auth_url"].rstrip("/")
    url = url if url.endswith("/v3") else f"{url}/v3"
    answer = _good(_call(session, "POST", f"{url}/auth/tokens", {}, None, json=_identity(auth)), "Keystone")
    try:
        services = [s for s in answer.json()["token"].get("catalog", []) if s["type"] == "object-store"]
        found = [
            Endpoint(e["url"].rstrip("/"), e["interface"], e.get("region_id") or e.get("region"))
            for service in services
            for e in service["endpoints"]
            if e["interface"] in ("public", "internal")
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise PublishError(f"Keystone's answer is not one: {error}") from error
    regions = sorted({e.region or "" for e in found if e.interface == "public"})
    chosen = cloud.region or (regions[0] if len(regions) == 1 else region)
    if chosen not in regions:
        listed = ", ".join(regions)
        if not regions:
            raise PublishError("this cloud has no object store in its catalog", hint="is the role of the user enough?")
        said = f"there is no object store in region {chosen}" if chosen else "several regions have an object store"
        raise PublishError(f"{said}: there are {listed}", hint="set region_name in clouds.yaml, or OS_REGION_NAME")
    return Account(tuple(found), chosen, answer.headers.get("X-Subject-Token", ""), session)


def _identity(auth: dict[str, str]) -> dict[str, Any]:
    if "application_credential_secret" in auth:
        credential = {"id": auth["application_credential_id"], "secret": auth["application_credential_secret"]}
        return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": credential}}}

    def domain(of: str) -> dict[str, str]:
        if auth.get(f"{of}_domain_name") or auth.get("domain_name"):
            return {"name": auth.get(f"{of}_domain_name") or auth["domain_name"]}
        return {"id": auth.get(f"{of}_domain_id") or auth.get("domain_id") or "default"}

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
    import requests

    try:
        return session.request(
            method, url, headers=headers, data=data, json=json, timeout=TIMEOUT_S, allow_redirects=False
        )
    except requests.RequestException as error:
        said = f"{url.split('?')[0]} does not answer: {type(error).__name__}"
        raise PublishError(said, hint="see to name, route, proxy and CA") from error


def _good(answer: requests.Response, what: str) -> requests.Response:
    if answer.status_code < 300:
        return answer
    hint = {401: "see to user, key and project", 403: "see to the user's role", 413: "see to the quota"}
    said = f"{what}: the service answers {answer.status_code} {answer.reason}"
    raise PublishError(said, hint=hint.get(answer.status_code))
