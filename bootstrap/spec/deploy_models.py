"""The one table of keys of a deploy file. Its texts are rendered before these models read them, so any may be one.

The JSON Schema and the reference page are made from it, as those of a spec are from `models`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from bootstrap.spec import types as t
from bootstrap.spec.deploy_drivers import (
    POOLS,
    SERVERS,
    HaproxySettings,
    LocalSettings,
    OctaviaSettings,
    OpenstackSettings,
    SimSettings,
)
from bootstrap.spec.models import ANY_MAP, ONE_OR_MORE, VERSION, Values, choice, free, known_version, names
from bootstrap.spec.strict import Strict

MOST_SERVERS = 1000


def _count(value: Any) -> int:
    """A number of servers. Beyond the limit it is a slip of the finger, which would be expensive."""
    number = t.positive(t.literal(value) if isinstance(value, str) else value)
    if number > MOST_SERVERS:
        raise t.wrong("spec.range", f"{number} is too large", f"{MOST_SERVERS} is the most")
    return number


def _batch(value: Any) -> int | None:
    """The slots of a batch; None for all."""
    if isinstance(value, str) and t.literal(value) == "all":
        return None
    word = t.text(value)
    if not word.isdecimal():
        raise t.wrong("spec.choice", f"{str(word)!r} is neither all nor a number", "write all, or a number such as 1")
    return t.positive(value)


def _texts(value: Any) -> list[str]:
    """One text, or a list of them."""
    texts = [t.literal(text) for text in (value if isinstance(value, list) else [value])]
    if "" in texts:
        raise t.wrong("spec.choice", "contains an empty text, which every answer contains", "write what it contains")
    return texts


def _status(value: Any) -> int:
    number = t.integer(t.literal(value) if isinstance(value, str) else value)
    if not 100 <= number <= 599:
        raise t.wrong("spec.range", f"{number} is not a status of HTTP", "write 200")
    return number


_TEXT: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
Count = Annotated[
    int, BeforeValidator(_count), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_SERVERS})
]
Batch = Annotated[
    int | None,
    BeforeValidator(_batch),
    WithJsonSchema({"anyOf": [{"const": "all"}, {"type": "integer", "minimum": 1}]}),
]
Texts = Annotated[list[str], BeforeValidator(_texts), WithJsonSchema(_TEXTS)]
Status = Annotated[int, BeforeValidator(_status), WithJsonSchema({"type": "integer", "minimum": 100, "maximum": 599})]
FreeMap = Annotated[Values, BeforeValidator(free), ANY_MAP]
ServerDriver = choice(*SERVERS)
PoolDriver = choice(*POOLS)


class Cloud(Strict):
    """The drivers, one for servers and one for pools, and the settings of each."""

    servers: ServerDriver = Field(description="the driver that makes servers")  # type: ignore[valid-type]
    pool: PoolDriver | None = Field(  # type: ignore[valid-type]
        None, description="the driver of the balancer; needed where a tier has pools"
    )
    openstack: OpenstackSettings | None = Field(None, description="settings of this driver")
    octavia: OctaviaSettings | None = Field(None, description="settings of this driver")
    local: LocalSettings | None = Field(None, description="settings of this driver")
    haproxy: HaproxySettings | None = Field(None, description="settings of this driver")
    sim: SimSettings | None = Field(None, description="settings of this driver")


class Collector(Strict):
    """The collector that the deployer asks. The servers report to the one of their spec, by its name there."""

    url: t.PlainUrl = Field(description="the collector's URL")
    token: t.Plain | None = Field(
        None, description="env:NAME or file:PATH; unless given, BOOTSTRAP_TOKEN_FILE or BOOTSTRAP_TOKEN"
    )
    ca: t.FileName | None = Field(None, description="file with the CA to trust, relative to the deploy file")


class Pool(Strict):
    """A pool of the balancer, which all servers of the tier join."""

    name: t.Name = Field(description="of the pool; it is made if absent")
    port: t.Port = Field(description="on which the servers answer")
    listen: t.Port | None = Field(None, description="to which clients connect; unless given, no listener is made")


class Gate(Strict):
    """The proof that a new server has to give before an old one leaves.

    The probe and its texts take {address}, {port}, {server}, {revision} and {deploy_id}. {port}: of the first pool.
    """

    probe: t.Plain | None = Field(None, description="a URL that the deployer asks; needed where the tier has pools")
    status: Status = Field(200, description="that the probe has to answer")
    contains: Texts = Field(default_factory=list, description="one text or several that the answer has to contain")
    stable: t.Duration = Field(30.0, description="the probe has to pass for this long")
    deadline: t.SomeTime = Field(900.0, description="past it the roll-out is taken back")
    before_swap: t.Plain | None = Field(
        None, description="a command, run by sh in the folder of the deploy file; a path in it is relative to that"
    )


class Tier(Strict):
    """Servers of one kind. A tier begins when all tiers before it are healthy, and its spec sees them as `tiers`."""

    name: t.Label | None = Field(None, description="unique; that of the spec unless given")
    spec: t.FileName = Field(description="a spec or its folder, relative to the deploy file")
    count: Count = Field(1, description="servers in the end")
    floor: t.Int | None = Field(
        None, description="members up in each pool, never fewer; `count` unless given. Before the first deploy it is 0"
    )
    server: FreeMap = Field(default_factory=dict, description="for the driver: image, flavor, network, and the like")
    pools: list[Pool] = Field(default_factory=list, description="of the balancer, which the servers join")
    gate: Gate = Field(default_factory=lambda: Gate(), description="what a new server has to show")
    batch: Batch = Field(None, description="all at once, or as many at a time", json_schema_extra={"default": "all"})
    drain: t.Duration = Field(60.0, description="the time in which an old server may end its sessions")
    keep_old: t.Duration = Field(600.0, description="old servers are kept for so long, to go back to them")
    replace_errors: t.Int = Field(3, description="servers that fail to build are replaced so many times")
    values: FreeMap = Field(default_factory=dict, description="lie over those of the spec, and are in its revision")


class DeployModel(Strict):
    """The servers of one roll-out, and the order in which they replace the old ones."""

    version: Annotated[str, BeforeValidator(known_version("the deploy file")), WithJsonSchema(VERSION)] = Field(
        description="of this format"
    )
    name: t.Label = Field(description="begins the names of all servers; what has another name is left alone")
    include: Annotated[list[str], BeforeValidator(names), WithJsonSchema(ONE_OR_MORE)] = Field(
        default_factory=list, description="deploy files merged first; tiers and pools merge by name"
    )
    values: FreeMap = Field(default_factory=dict, description="for templates in this file; --set overrides them")
    cloud: Cloud = Field(description="the drivers")
    collector: Collector | None = Field(None, description="needed where a spec reports")
    tiers: list[Tier] = Field(description="in their order")


# Lists whose entries an including file may change one by one, and the key that names an entry.
NAMED = {"tiers": "name", "pools": "name"}
