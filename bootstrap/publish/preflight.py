"""By which way hosts shall come, judged before anything is sent: the interface, the region, and that it is private."""

from __future__ import annotations

from urllib.parse import urlsplit

from bootstrap.publish.store import Account, Endpoint, PublishError

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def choose(account: Account, interface: str, region: str | None) -> tuple[Endpoint, str]:
    """(the endpoint for hosts, a remark on why). interface: auto, public or internal; region: that of the servers.

    An internal endpoint works only inside its region: across, every call answers 404, and nothing says why. `auto`
    takes the internal one where the regions are known to be the same. Raises PublishError.
    """
    here = [e for e in account.endpoints if e.region == account.region]
    found = {e.interface: e for e in here}
    same = region is not None and account.region is not None and region.lower() == account.region.lower()
    known = region is not None and account.region is not None
    if interface == "internal":
        if "internal" not in found:
            raise PublishError("this object store names no internal endpoint", hint="--endpoint public")
        if known and not same:
            raise PublishError(
                f"other region: the internal endpoint is in {account.region}, the servers are in {region}; "
                "there every call would answer 404",
                hint=f"--endpoint public, or an object store in {region}: region_name, OS_REGION_NAME",
            )
        chosen, why = found["internal"], "as asked" if same else "as asked; nobody said in which region the servers are"
    elif interface == "auto" and same and _private(found.get("internal")):
        chosen, why = found["internal"], f"internal, since store and servers are in {account.region}"
    elif interface == "auto" and known and not same:
        chosen = account.ours
        why = f"public, since the store is in {account.region} and the servers are in {region}"
    else:
        chosen, why = account.ours, "public"
    if not _private(chosen):
        host = urlsplit(chosen.url).netloc
        raise PublishError(
            f"the {chosen.interface} endpoint http://{host} is in the clear: hosts fetch by https only",
            hint="--endpoint public" if chosen.interface == "internal" else "ask whoever runs it for TLS",
        )
    return chosen, why


def _private(endpoint: Endpoint | None) -> bool:
    """Whether what goes over it can be read by nobody else; this very machine counts, for trying things out."""
    parts = urlsplit(endpoint.url) if endpoint else None
    return parts is not None and (parts.scheme == "https" or parts.hostname in LOOPBACK)
