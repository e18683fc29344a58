"""What no single key can tell: names that clash, things that do not go together, and what will hurt later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bootstrap.errors import Problem, Where
from bootstrap.spec import folded, placed
from bootstrap.spec.paths import Taken, clashes
from bootstrap.spec.types import is_template
from bootstrap.spec.values import BUILT_IN, WORDS

if TYPE_CHECKING:
    from bootstrap.spec.load import Spec



def judge(spec: Spec) -> Iterator[Problem]:
    """Every problem and warning of a spec whose keys are right."""
    yield from _names(spec)
    yield from _paths(spec)
    yield from _values(spec)
    yield from placed.judge(spec)
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
    seen: dict[str, str] = {}
    for kind, scripts in (("stages", spec.model.stages), ("every_boot", spec.model.every_boot)):
        for number, script in enumerate(scripts):
            place = f"{kind}[{number}]"
            if script.name in seen:
                hint = "each has its own log: choose another name"
                message = f"{place}.name: {script.name} is the name of {seen[script.name]} already"
                yield error("spec.duplicate-name", message, spec.where(kind, number, "name"), hint)
            if script.name == "health" or script.name.endswith(".undo"):
                message = f"{place}.name: {script.name} is a name of the runner's own"
                yield error("spec.reserved", message, spec.where(kind, number, "name"), "choose another")
            seen.setdefault(script.name, place)


def _paths(spec: Spec) -> Iterator[Problem]:
    # As they are written: those of templates are judged again as they are rendered.
    entries = (("files", [f.path for f in spec.model.files]), ("wait_for", [w.path for w in spec.model.wait_for]))
    taken = [
        Taken(f"{kind}[{number}]", path, spec.where(kind, number, "path"))
        for kind, paths in entries
        for number, path in enumerate(paths)
    ]
    own = "every_boot, which is rendered as rc.local," if spec.model.every_boot else None
    yield from clashes(taken, own or ("templates.rc.local" if spec.model.templates.rc_local else None))


def _values(spec: Spec) -> Iterator[Problem]:
    for kind, names in (("values", spec.model.values), ("secrets", spec.model.secrets)):
        for name in names:
            if name in BUILT_IN:
                message = f"{kind}.{name}: {name} is built in"
                yield error("spec.reserved", message, spec.where(kind, name), "choose another name")
            elif not name.isidentifier() or name in WORDS:
                message = f"{kind}.{name}: no template could say {name!r}"
                word = re.sub(r"\W", "_", name)
                hint = f"write {word}" if word.isidentifier() and word not in WORDS else "choose another name"
                yield error("spec.name", message, spec.where(kind, name), hint)
            elif kind == "secrets" and name in spec.model.values:
                message = f"secrets.{name}: {name} is a value already"
                yield error("spec.duplicate-name", message, spec.where("secrets", name), "choose another name")
    for name, source in spec.model.secrets.items():
        kind, colon, rest = source.partition(":")
        if kind not in ("env", "file") or not colon or not rest or "\0" in rest:
            message = f"secrets.{name}: {source!r} is no source of a secret"
            yield error("spec.secret", message, spec.where("secrets", name), "write env:NAME or file:PATH")


def _stages(spec: Spec) -> Iterator[Problem]:
    for number, stage in enumerate(spec.model.stages):
        here = f"stages[{number}]"
        if stage.retry.attempts > 1 and stage.on_interrupt == "retry" and stage.verify is None:
            message = f"{here}: {stage.name} is retried, and nothing tells whether a cut-short attempt had finished"
            yield warning("spec.verify", message, spec.where("stages", number, "retry"), "add verify:")
        if stage.undo is not None and not spec.model.rollback:
            message = f"{here}.undo: nothing is undone without rollback"
            yield warning("spec.rollback", message, spec.where("stages", number, "undo"), "add rollback: true")
        if stage.timeout > spec.model.deadline:
            message = f"{here}.timeout: longer than the deadline of the whole"
            yield warning("spec.deadline", message, spec.where("stages", number, "timeout"), "raise deadline:")
        if stage.retry.delay > stage.retry.max_delay:
            message = f"{here}.retry.delay: longer than max_delay"
            yield error("spec.range", message, spec.where("stages", number, "retry", "delay"), "raise max_delay:")
        for index, need in enumerate(stage.needs):
            if need.server and not spec.model.report:
                message = f"{here}.needs[{index}]: the health of {need.server} is asked of the collector"
                yield error("spec.needs", message, spec.where("stages", number, "needs", index), "add report:")


def _health(spec: Spec) -> Iterator[Problem]:
    health = spec.model.health
    if health is None or not health.checks:
        message = "nothing says when the server is healthy: it is when its stages have ended"
        where = next(iter(spec.root.items.values()))[0] if health is None else spec.where("health")
        yield warning("spec.health", message, where, "add health:" if health is None else "add checks:")
        return
    for number, check in enumerate(health.checks):
        given = check.model_fields_set - {"http"}
        if check.http is None and given & {"status", "contains"}:
            key = sorted(given & {"status", "contains"})[0]
            message = f"health.checks[{number}].{key}: goes with http only"
            yield error("spec.choice", message, spec.where("health", "checks", number, key), "take it out")


def _report(spec: Spec) -> Iterator[Problem]:
    report = spec.model.report
    ca = spec.sources.get("report.ca")
    if ca and b"-----BEGIN CERTIFICATE-----" not in ca.data:
        message = f"report.ca: {ca.name} holds no certificate"
        yield error("spec.ca", message, ca.where, "PEM is wanted: lines that begin with -----BEGIN CERTIFICATE-----")
    if report is not None and not is_template(report.url):
        yield from in_the_clear(report.url, spec.where("report", "url"))


def in_the_clear(url: str, where: Where) -> Iterator[Problem]:
    """A warning of reports that go over plain http to another host."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in placed.LOOPBACK:
        message = f"report.url: reports go to {parts.hostname} in the clear: signed, but for all to read"
        yield warning("spec.url", message, where, "use https, with ca: for your own")


def _proxy(spec: Spec) -> Iterator[Problem]:
    proxy = spec.model.proxy
    for key in ("http", "https"):
        url = getattr(proxy, key, None)
        if url and "@" in url and ":" in url.partition("://")[2].rpartition("@")[0]:
            message = f"proxy.{key}: every stage has the password in its environment, where what it starts can read it"
            hint = "use a proxy that knows its hosts by their addresses, if others run programs on the host"
            yield warning("spec.proxy", message, spec.where("proxy", key), hint)
