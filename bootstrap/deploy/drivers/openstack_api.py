"""One connection to one region of one OpenStack cloud, and its requests: one attempt each.

openstacksdk logs in, finds the services in the catalog and renews an expired token, once. Its own retries are off,
since the core alone decides about them. Its classes for servers and members are not used: what decides here is what
stands in the body of an answer, read as it came.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bootstrap.deploy.drivers.openstack_answers import Answer, fault
from bootstrap.deploy.drivers.openstack_settings import Where
from bootstrap.deploy.faults import Broken, Denied, Fault, Unknown
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from openstack.connection import Connection

# Nova answers a create call when the server is written down, not when it is built: a longer silence is a lost answer.
TIMEOUT_S = 60.0
# The length of a page, None: as the service likes, which Nova takes as 1000.
PAGE: int | None = None
# The length below which a page is the last one unless it says otherwise.
SHORT = 50


def connection(settings: Where) -> Connection:
    """The connection to a cloud and region, the same one for servers and pools.

    Raises UsageError when openstacksdk is missing, or has no such cloud.
    """
    return _connection(settings.cloud, settings.region)


@functools.lru_cache(maxsize=8)
def _connection(cloud: str | None, region: str | None) -> Connection:
    try:
        import openstack
        from keystoneauth1.exceptions import ClientException
        from openstack.exceptions import SDKException
    except ImportError as error:
        raise UsageError(
            f"deploying to OpenStack: {error.name} is not installed", hint="pip install 'initialrunner[openstack]'"
        ) from error
    try:
        with warnings.catch_warnings():
            # It warns of a use of InfluxDB that nobody makes.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            return openstack.connect(cloud=cloud, region_name=region)
    except (SDKException, ClientException) as error:
        where = f"the OpenStack cloud {cloud!r}" if cloud else "the OpenStack cloud of the OS_* variables"
        hint = "`cloud` of the deploy file names an entry of clouds.yaml, and `region` a region of it"
        raise UsageError(f"{where} cannot be used: {error}", hint=hint) from error


class Api:
    """One service. service: as openstacksdk names it; microversion: of each request, None: none is asked for."""

    def __init__(self, settings: Where, service: str, microversion: str | None = None) -> None:
        self._settings, self._service, self._microversion = settings, service, microversion

    def call(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        """One request; the JSON of its answer. Raises the fault that its answer, or its silence, stands for."""
        return self.good(method, path, body).body

    def good(self, method: str, path: str, body: Any = None) -> Answer:
        """Likewise, and the whole answer."""
        answer = self.answer(method, path, body)
        if answer.status >= 400:
            raise fault(answer, f"{method} {path}")
        return answer

    def with_microversion(self, wanted: str) -> Api:
        """The same service with another microversion, if it has that; else this one. Raises the fault of a login."""
        try:
            ends = getattr(connection(self._settings), self._service).get_endpoint_data()
        except Exception as error:
            raise _fault_of(error, f"the versions of {self._service}") from error
        newest = tuple(ends.max_microversion or ()) if ends else ()
        is_known = newest >= tuple(int(number) for number in wanted.split("."))
        return Api(self._settings, self._service, wanted) if is_known else self

    def answer(self, method: str, path: str, body: Any = None) -> Answer:
        """One request, and its answer whatever that is. Raises the fault of a login or a connection."""
        joined = connection(self._settings)
        from keystoneauth1.adapter import Adapter

        extra = {} if body is None else {"json": body}
        try:
            # openstacksdk's own `request` has a cache, and warns of its own code.
            response = Adapter.request(
                getattr(joined, self._service), path, method, raise_exc=False, connect_retries=0,
                status_code_retries=0, microversion=self._microversion, timeout=TIMEOUT_S, **extra,
            )  # fmt: skip
        except Exception as error:
            raise _fault_of(error, f"{method} {path}") from error
        return _answer(response)

    def items(self, path: str, key: str, **query: str) -> Iterator[Mapping[str, Any]]:
        """Every entry of a list, over all its pages."""
        return (entry for page in self.pages(path, key, **query) for entry in page.body.get(key, ()))

    def pages(self, path: str, key: str, **query: str) -> Iterator[Answer]:
        """Every page of a list, until nothing follows.

        A page without a link to the next need not be the last: Nova leaves the link out when a server of the page has
        gone meanwhile. So what follows the last entry is asked for, except after a page that is short anyway.
        """
        asked = {**query, **({"limit": str(PAGE)} if PAGE else {})}
        while True:
            try:
                page = self.good("GET", f"{path}?{urlencode(asked)}" if asked else path)
            except Broken as error:
                if "marker" not in asked:
                    raise
                # The entry after which the page was to begin has gone, so the list has to be read anew.
                raise Unknown(error.message) from error
            yield page
            entries = page.body.get(key, ())
            if not entries or (len(entries) < SHORT and not page.body.get(f"{key}_links")):
                return
            asked["marker"] = str(entries[-1]["id"])


def compute_regions(settings: Where) -> dict[str, str]:
    """The regions in which the catalog has a compute service, with its address. Raises the fault of a login."""
    joined = connection(settings)
    try:
        login: Any = joined.session.auth
        catalog = login.get_access(joined.session).service_catalog
        interface = joined.config.get_interface("compute") or "public"
        endpoints = catalog.get_endpoints(service_type="compute", interface=interface)
    except Exception as error:
        raise _fault_of(error, "the catalog") from error
    return {end["region"]: end["url"] for ends in endpoints.values() for end in ends}


def ask_elsewhere(settings: Where, url: str) -> Mapping[str, Any]:
    """GET an address of another region, with the same login; an empty answer for everything but success."""
    try:
        response = connection(settings).session.get(url, raise_exc=False, connect_retries=0, timeout=TIMEOUT_S)
    except Exception:
        return {}
    answer = _answer(response)
    return answer.body if answer.status < 400 else {}


def _answer(response: Any) -> Answer:
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = {}
    headers = response.headers
    return Answer(
        response.status_code, body if isinstance(body, dict) else {}, response.text, headers.get("Retry-After"),
        headers.get("Date"),
    )  # fmt: skip


def _fault_of(error: Exception, call: str) -> Fault:
    """The fault that an exception of openstacksdk or its login stands for; the exception itself where it is neither."""
    from keystoneauth1 import exceptions as login
    from openstack import exceptions as sdk

    words = " ".join(str(error).split())
    message = f"{call}: {words}"
    if isinstance(error, login.EndpointNotFound):
        return Broken(f"{message}: the region or the service is not in the cloud's catalog")
    if isinstance(error, login.Unauthorized | login.MissingRequiredOptions | login.NoMatchingPlugin):
        return Denied(message)
    if isinstance(error, login.HttpError):
        response = error.response
        after = response.headers.get("Retry-After") if response is not None else None
        return fault(Answer(error.http_status, {}, words, after), f"{call}: the login")
    if isinstance(error, login.SSLError):
        return Broken(message)
    if isinstance(error, login.ClientException | sdk.SDKException | OSError):
        return Unknown(message)
    raise error
