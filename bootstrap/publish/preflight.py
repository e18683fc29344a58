"""The endpoint that hosts will fetch from, judged before anything is sent: its interface, its region, its privacy."""

from __future__ import annotations

from urllib.parse import urlsplit

from bootstrap.publish.objects import PublishError
from bootstrap.publish.store import Account, Endpoint

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def choose(account: Account, interface: str, region: str | None) -> tuple[Endpoint, str]:
    """Return (the endpoint for hosts, a remark on the choice). Raises PublishError.

    interface: one of INTERFACES; `auto` takes the internal endpoint if both regions are known to be the same. region:
    the servers' region, None when it is not known.
    """
    endpoints = {e.interface: e for e in account.endpoints if e.region == account.region}
    both_known = region is not None and account.region is not None
    same = both_known and str(region).lower() == str(account.region).lower()
    if interface == "internal":
        if "internal" not in endpoints:
            raise PublishError("this object store names no internal endpoint", hint="--endpoint public")
        # An internal endpoint works only inside its region. From another one every request is answered by 404, without
        # a word about the reason, and the servers would wait for their files until the deadline.
        if both_known and not same:
            raise PublishError(
                f"other region: the internal endpoint is in {account.region}, the servers are in {region}; "
                "every request from there would be answered by 404",
                hint=f"--endpoint public, or an object store in {region}: region_name, OS_REGION_NAME",
            )
        endpoint = endpoints["internal"]
        remark = "as asked" if same else "as asked; the servers' region is not known: --region checks it"
    elif interface == "auto" and same and "internal" in endpoints and is_private(endpoints["internal"].url):
        # Inside its region the internal network is nearer, and its traffic is usually free of charge.
        endpoint, remark = endpoints["internal"], f"internal, since store and servers are in {account.region}"
    elif interface == "auto" and both_known and not same:
        endpoint = account.reachable
        remark = f"public, since the store is in {account.region} and the servers are in {region}"
    else:
        endpoint, remark = account.reachable, "public"
    if not is_private(endpoint.url):
        host = urlsplit(endpoint.url).netloc
        raise PublishError(
            f"the {endpoint.interface} endpoint http://{host} is not encrypted: hosts fetch by https only",
            hint="--endpoint public" if endpoint.interface == "internal" else "ask its operator for TLS",
        )
    return endpoint, remark


def is_private(url: str) -> bool:
    """Whether nobody else can read the traffic. This machine itself counts as private, for trials."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in LOOPBACK
