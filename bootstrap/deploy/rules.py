"""Judges a deploy file as a whole, beside its specs: names that clash, numbers and keys that contradict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bootstrap.deploy import gate_rules
from bootstrap.deploy.drivers import table
from bootstrap.deploy.paths import path_at
from bootstrap.errors import Problem, Where
from bootstrap.spec import tree
from bootstrap.spec.deploy_models import DeployModel
from bootstrap.spec.file_rules import LOOPBACK
from bootstrap.spec.load import Spec
from bootstrap.spec.storage import Storage
from bootstrap.spec.types import is_label

LONGEST_NAME = 63
# A server's name ends in the random digits of the deploy id and, from the second attempt on, its number.
TAIL = "-abcdef-99"


@dataclass(frozen=True)
class Judged:
    """A deploy file whose keys are right, on its way through the rules. specs: None for one that is wrong itself."""

    model: DeployModel
    root: tree.Map
    specs: Sequence[Spec | None]
    storage: Storage

    def where(self, *path: str | int) -> Where:
        """The place of the value at a path, or of the nearest thing above it."""
        return tree.where_of(self.root, path)

    def error(self, code: str, path: tree.Path_, message: str, hint: str) -> Problem:
        """A problem of the value at a path, which begins its message."""
        return Problem(code, f"{tree.dotted(path)}: {message}", self.where(*path), hint)

    def warning(self, code: str, path: tree.Path_, message: str, hint: str) -> Problem:
        """A problem that stops nothing."""
        return Problem(code, f"{tree.dotted(path)}: {message}", self.where(*path), hint, "warning")


def judge(model: DeployModel, root: tree.Map, specs: Sequence[Spec | None], storage: Storage) -> Iterator[Problem]:
    """Every problem and warning of a deploy file whose keys are right."""
    judged = Judged(model, root, specs, storage)
    yield from _names(judged)
    yield from _numbers(judged)
    yield from _pools(judged)
    yield from _cloud(judged)
    yield from _collector(judged)
    for number, tier in enumerate(model.tiers):
        yield from gate_rules.judge(judged, number, tier)


def _names(judged: Judged) -> Iterator[Problem]:
    model = judged.model
    if not model.tiers:
        yield judged.error("deploy.tiers", ("tiers",), "the deploy file has no tiers", "write tiers: [{spec: FILE}]")
    owners: dict[str, int] = {}
    for number, (tier, spec) in enumerate(zip(model.tiers, judged.specs, strict=True)):
        name = tier.name or (spec.name if spec else None)
        if name is None:
            continue
        path = ("tiers", number, "name" if tier.name else "spec")
        if not is_label(name):
            message = f"the spec's name {name} cannot be a part of the names of servers"
            hint = "give the tier a name of letters, digits and dashes: name: NAME"
            yield judged.error("spec.name", path, message, hint)
            continue
        if name in owners:
            message = f"tiers[{owners[name]}] already has the name {name}"
            yield judged.error("spec.duplicate-name", path, message, "give the tier a name of its own: name: NAME")
        owners.setdefault(name, number)
        longest = f"{model.name}-{name}-{tier.count}{TAIL}"
        if len(longest) > LONGEST_NAME:
            message = f"a server's name would have {len(longest)} characters, such as {longest}"
            hint = f"{LONGEST_NAME} is the most: shorten the name of the tier or of the file"
            yield judged.error("deploy.name", path, message, hint)


def _numbers(judged: Judged) -> Iterator[Problem]:
    for number, tier in enumerate(judged.model.tiers):
        at: tree.Path_ = ("tiers", number)
        if tier.floor is not None and tier.floor > tier.count:
            message = f"a floor of {tier.floor} cannot be held with a count of {tier.count}"
            yield judged.error("deploy.floor", (*at, "floor"), message, f"write {tier.count} or less, or raise count:")
        if tier.floor and not tier.pools:
            message = "a floor counts members of pools, and this tier has none"
            yield judged.error("deploy.floor", (*at, "floor"), message, "remove it, or add pools:")
        if tier.batch is not None and tier.batch > tier.count:
            message = f"a batch of {tier.batch} is more than the count of {tier.count}, so all are replaced at once"
            yield judged.warning("deploy.batch", (*at, "batch"), message, "write all, or a smaller number")


def _pools(judged: Judged) -> Iterator[Problem]:
    names: dict[str, str] = {}
    ports: dict[int, str] = {}
    for number, tier in enumerate(judged.model.tiers):
        for index, pool in enumerate(tier.pools):
            place = f"tiers[{number}].pools[{index}]"
            path: tree.Path_ = ("tiers", number, "pools", index)
            # All pools belong to one balancer, so that the names and ports of all tiers count together.
            if pool.name in names:
                message = f"{names[pool.name]} already has the name {pool.name}"
                yield judged.error("spec.duplicate-name", (*path, "name"), message, "choose another name")
            names.setdefault(pool.name, place)
            if pool.listen is None:
                continue
            if pool.listen in ports:
                message = f"{ports[pool.listen]} already listens on port {pool.listen}"
                yield judged.error("deploy.listen", (*path, "listen"), message, "choose another port")
            ports.setdefault(pool.listen, place)
        if tier.pools and judged.model.cloud.pool is None:
            message = "no driver is named that has pools"
            yield judged.error("deploy.cloud", ("tiers", number, "pools"), message, "write cloud: {pool: DRIVER}")


def _cloud(judged: Judged) -> Iterator[Problem]:
    cloud = judged.model.cloud
    for kind in (table.SERVERS, table.POOL):
        name = getattr(cloud, kind)
        if name is None:
            continue
        driver = table.find(name, kind)
        if driver.must_have_settings and getattr(cloud, name) is None:
            message = f"the driver {name} has no settings"
            yield judged.error("deploy.cloud", ("cloud", kind), message, f"write cloud: {{{name}: {{...}}}}")
    # Servers of the simulation have addresses that no real balancer reaches, and the reverse.
    if cloud.pool is not None and (cloud.servers == "sim") != (cloud.pool == "sim"):
        message = f"{cloud.pool} cannot balance the servers of {cloud.servers}"
        hint = "write sim for both" if "sim" in (cloud.servers, cloud.pool) else ""
        yield judged.error("deploy.cloud", ("cloud", "pool"), message, hint)


def _collector(judged: Judged) -> Iterator[Problem]:
    collector = judged.model.collector
    if collector is None:
        for number, spec in enumerate(judged.specs):
            if spec is not None and spec.model.report is not None:
                message = f"the servers of {spec.name} report, and the deploy file names no collector to ask"
                hint = f"write collector: {{url: {spec.model.report.url}}}"
                yield judged.error("deploy.collector", ("tiers", number, "spec"), message, hint)
        return
    parts = urlsplit(collector.url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        message = f"the token goes to {parts.hostname} unencrypted, and others can read it"
        yield judged.warning("spec.url", ("collector", "url"), message, "use https; ca: names a CA of your own")
    if collector.token is not None:
        kind, _, location = collector.token.partition(":")
        if kind not in ("env", "file") or not location or "\0" in location:
            # The value may be the token itself, so the message does not quote it.
            message = "this is not a source of a secret"
            yield judged.error("spec.secret", ("collector", "token"), message, "write env:NAME or file:PATH")
    if collector.ca is not None:
        yield from _ca(judged)


def _ca(judged: Judged) -> Iterator[Problem]:
    path: tree.Path_ = ("collector", "ca")
    name = path_at(judged.root, *path)
    try:
        text = judged.storage.read(Path(name))
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "unreadable").lower()
        hint = "the path is relative to the folder of the deploy file"
        yield judged.error("spec.source", path, f"{reason}: {name}", hint)
        return
    if b"-----BEGIN CERTIFICATE-----" not in text:
        hint = "write it as PEM, with a line -----BEGIN CERTIFICATE-----"
        yield judged.error("spec.ca", path, f"{name} contains no certificate", hint)
