"""Judges a spec as a whole: names that clash, keys that do not go together, and habits that cause trouble later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bootstrap.errors import Problem, Where
from bootstrap.spec import file_rules, folded
from bootstrap.spec.paths import Claim, clashes
from bootstrap.spec.types import is_template
from bootstrap.spec.values import BUILT_IN, WORDS

if TYPE_CHECKING:
    from bootstrap.spec.load import Spec


def judge(spec: Spec) -> Iterator[Problem]:
    """Every problem and warning of a spec whose keys are right."""
    yield from _names(spec)
    yield from _paths(spec)
    yield from _values(spec)
    yield from file_rules.judge(spec)
    yield from _stages(spec)
    yield from _health(spec)
    yield from _report(spec)
    yield from _proxy(spec)
    yield from folded.judge(spec)


def error(code: str, message: str, where: Where, hint: str | None = None) -> Problem:
    return Problem(code, message, where, hint)


def warning(code: str, message: str, where: Where, hint: str | None = None) -> Problem:
    return Problem(code, message, where, hint, "warning")


def _names(spec: Spec) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for kind, scripts in (("stages", spec.model.stages), ("every_boot", spec.model.every_boot)):
        for number, script in enumerate(scripts):
            place = f"{kind}[{number}]"
            if script.name in owners:
                hint = "each one has a log of its own name: choose another name"
                message = f"{place}.name: {owners[script.name]} already has the name {script.name}"
                yield error("spec.duplicate-name", message, spec.where(kind, number, "name"), hint)
            # These names belong to the logs of checks and of undo texts.
            if script.name == "health" or script.name.endswith(".undo"):
                message = f"{place}.name: {script.name} is a name that the runner uses itself"
                yield error("spec.reserved", message, spec.where(kind, number, "name"), "choose another name")
            owners.setdefault(script.name, place)


def _paths(spec: Spec) -> Iterator[Problem]:
    # These are the paths as the spec has them. A path that is a template is judged again once it is rendered.
    files = [
        (f"files[{number}]", path, spec.where("files", number, "path"))
        for number, file in enumerate(spec.model.files)
        for path in ([f"{file.path}/{name}" for name in spec.folder(number)] or [file.path])
    ]
    waits = [(f"wait_for[{n}]", w.path, spec.where("wait_for", n, "path")) for n, w in enumerate(spec.model.wait_for)]
    claims = [Claim(*entry) for entry in files + waits]
    rc_local = "every_boot, which is rendered as rc.local," if spec.model.every_boot else None
    yield from clashes(claims, rc_local or ("templates.rc.local" if spec.model.templates.rc_local else None))


def _values(spec: Spec) -> Iterator[Problem]:
    for kind, names in (("values", spec.model.values), ("secrets", spec.model.secrets)):
        for name in names:
            if name in BUILT_IN:
                message = f"{kind}.{name}: {name} is a built-in value"
                yield error("spec.reserved", message, spec.where(kind, name), "choose another name")
            elif not name.isidentifier() or name in WORDS:
                message = f"{kind}.{name}: {name!r} cannot be a template variable"
                word = re.sub(r"\W", "_", name)
                hint = f"write {word}" if word.isidentifier() and word not in WORDS else "choose another name"
                yield error("spec.name", message, spec.where(kind, name), hint)
            elif kind == "secrets" and name in spec.model.values:
                message = f"secrets.{name}: a value already has the name {name}"
                yield error("spec.duplicate-name", message, spec.where("secrets", name), "choose another name")
    # A secret that is written into the spec itself would be in its repository.
    for name, source in spec.model.secrets.items():
        kind, colon, location = source.partition(":")
        if kind not in ("env", "file") or not colon or not location or "\0" in location:
            message = f"secrets.{name}: {source!r} is not a source of a secret"
            yield error("spec.secret", message, spec.where("secrets", name), "write env:NAME or file:PATH")


def _stages(spec: Spec) -> Iterator[Problem]:
    for number, stage in enumerate(spec.model.stages):
        key = f"stages[{number}]"
        if stage.retry.attempts > 1 and stage.on_interrupt == "retry" and stage.verify is None:
            message = f"{key}: {stage.name} is retried, and no verify: tells whether a cut-short attempt had finished"
            yield warning("spec.verify", message, spec.where("stages", number, "retry"), "add verify:")
        if stage.undo is not None and not spec.model.rollback:
            message = f"{key}.undo: an undo runs only with rollback"
            yield warning("spec.rollback", message, spec.where("stages", number, "undo"), "add rollback: true")
        # The deadline stops no running stage, so such a stage may end long after the run has failed.
        if stage.timeout > spec.model.deadline:
            message = f"{key}.timeout: the timeout is longer than the deadline of the whole run"
            yield warning("spec.deadline", message, spec.where("stages", number, "timeout"), "raise deadline:")
        if stage.retry.delay > stage.retry.max_delay:
            message = f"{key}.retry.delay: the delay is longer than max_delay"
            yield error("spec.range", message, spec.where("stages", number, "retry", "delay"), "raise max_delay:")
        for index, need in enumerate(stage.needs):
            if need.server and not spec.model.report:
                message = f"{key}.needs[{index}]: only a collector knows the health of {need.server}"
                yield error("spec.needs", message, spec.where("stages", number, "needs", index), "add report:")


def _health(spec: Spec) -> Iterator[Problem]:
    health = spec.model.health
    if health is None or not health.checks:
        message = "the spec has no health checks: the server counts as healthy once its stages have ended"
        # A missing key is shown at the first key of the spec, since it has no place.
        where = next(iter(spec.root.items.values()))[0] if health is None else spec.where("health")
        yield warning("spec.health", message, where, "add health:" if health is None else "add checks:")
        return
    for number, check in enumerate(health.checks):
        extra_keys = check.model_fields_set - {"http"}
        if check.http is None and extra_keys & {"status", "contains"}:
            key = sorted(extra_keys & {"status", "contains"})[0]
            message = f"health.checks[{number}].{key}: only an http check has this key"
            yield error("spec.choice", message, spec.where("health", "checks", number, key), "remove it")


def _report(spec: Spec) -> Iterator[Problem]:
    report = spec.model.report
    ca = spec.sources.get("report.ca")
    # Without a CA that it can read, the host could not send a single report, and nobody would know why.
    if ca and b"-----BEGIN CERTIFICATE-----" not in ca.data:
        message = f"report.ca: {ca.name} contains no certificate"
        yield error("spec.ca", message, ca.where, "write it as PEM, with a line -----BEGIN CERTIFICATE-----")
    if report is not None and not is_template(report.url):
        yield from in_the_clear(report.url, spec.where("report", "url"))


def in_the_clear(url: str, where: Where) -> Iterator[Problem]:
    """A warning for reports that go over plain http to another host."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in file_rules.LOOPBACK:
        message = f"report.url: reports go to {parts.hostname} unencrypted: they are signed, but others can read them"
        yield warning("spec.url", message, where, "use https; ca: names a CA of your own")


def _proxy(spec: Spec) -> Iterator[Problem]:
    proxy = spec.model.proxy
    for key in ("http", "https"):
        url = getattr(proxy, key, None)
        if url and "@" in url and ":" in url.partition("://")[2].rpartition("@")[0]:
            message = f"proxy.{key}: every program that a stage starts can read the password in its environment"
            hint = "if other people run programs on the host, use a proxy that allows hosts by their addresses"
            yield warning("spec.proxy", message, spec.where("proxy", key), hint)
