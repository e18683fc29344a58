"""Resolves a spec for one server. Pure: the same spec, names and values give the same plan."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bootstrap.errors import UsageError, Where
from bootstrap.plan.model import (
    Plan,
    PlannedCheck,
    PlannedFile,
    PlannedHealth,
    PlannedScript,
    PlannedWait,
    SecretRef,
    Text,
)
from bootstrap.runner.contract import NAME_PATTERN
from bootstrap.runner.defaults import FILE, SECRET_MODE
from bootstrap.spec.check_kinds import CHECK_KINDS, Check
from bootstrap.spec.load import Spec
from bootstrap.spec.models import File, Need, Script, Stage
from bootstrap.spec.servers import NAME_HINT, name_fault
from bootstrap.spec.types import is_url
from bootstrap.spec.values import AllowedValues, OutsideValue, form_fault, kind_fault, value_fault


def resolve(
    spec: Spec,
    *,
    server: str,
    deploy_id: str,
    server_values: Mapping[str, Any] | None = None,
    report_url: str | None = None,
) -> Plan:
    """Decide everything about `server` in the roll-out `deploy_id`.

    server may end in one star (`web-*`: one payload for many instances). server_values lie over the spec's values;
    report_url replaces the spec's collector. Raises UsageError for a name, a value or a URL that cannot be one.
    """
    # The deploy id becomes part of URLs, of signed ids and of file names on the collector.
    if not re.fullmatch(NAME_PATTERN, deploy_id):
        raise UsageError(f"deploy id {deploy_id!r} is not a name", hint=NAME_HINT)
    model = spec.model
    url = _text(spec, model.report.url, "report", "url", rule="url") if model.report else None
    if report_url is not None:
        if not is_url(report_url):
            raise UsageError(f"report URL {report_url!r} is not a URL", hint="write https://HOST:PORT")
        url = Text(report_url, spec.where("report", "url"), is_template=False)
    # The CA belongs to the collector of the spec. Another collector is trusted by the host's own authorities.
    ca = spec.sources.get("report.ca") if report_url is None else None
    # A fleet resolves the spec once, for no server, and each server's plan differs in name and values alone.
    plan = Plan(
        name=model.name,
        server="",
        deploy_id=deploy_id,
        revision=revision(spec),
        values=model.values,
        secrets=tuple(_secrets(spec)),
        files=tuple(planned for number, file in enumerate(model.files) for planned in _files(spec, number, file)),
        wait_for=tuple(_wait_for(spec)),
        stages=tuple(_stage(spec, number, stage) for number, stage in enumerate(model.stages)),
        every_boot=tuple(_script(spec, "every_boot", n, script) for n, script in enumerate(model.every_boot)),
        health=_health(spec),
        report_url=url,
        report_ca=ca.data.decode("utf-8", "replace") if ca else None,
        proxy=_proxy(spec),
        trigger=model.trigger,
        rollback=model.rollback,
        deadline_s=model.deadline,
        cron=_own_template(spec, "cron"),
        rc_local=_own_template(spec, "rc.local"),
        undeclared=spec.undeclared,
        places=dict(_places(spec)),
    )
    return for_server(plan, server, server_values)


def for_server(plan: Plan, server: str, server_values: Mapping[str, Any] | None = None) -> Plan:
    """The plan of another server of the same roll-out, from the plan of a server that has no values of its own.

    Everything but the name and the values is decided once for a fleet. Raises UsageError as `resolve` does, with all
    faults of the values.
    """
    # The name is judged here and not by the caller, so that no way into the API can skip it.
    fault = name_fault(server)
    if fault:
        raise UsageError(f"server {fault[0]}", hint=fault[1])
    values = dict(server_values or {})
    # A server may have values that the spec does not declare: a template that uses one is found at rendering.
    allowed = AllowedValues({*plan.values, *values}, {secret.name for secret in plan.secrets})
    judged = (
        value_fault(key, allowed) or form_fault(key, value) or kind_fault(key, value, plan.values.get(key))
        for key, value in values.items()
    )
    faults = [fault for fault in judged if fault]
    if faults:
        raise UsageError("; ".join(f"{server}: {message}" for message, _ in faults), hint=faults[0][1])
    undeclared = tuple(OutsideValue(key, server=server) for key in values if key not in plan.values)
    return replace(plan, server=server, values={**plan.values, **values}, undeclared=plan.undeclared + undeclared)


def revision(spec: Spec) -> str:
    """The first 12 hex digits of the digest of the spec, the roll-out's values and the files that the spec names.

    The digest leaves out server, deploy id and a server's own values, so that one roll-out has one revision, which
    templates may contain.
    """
    model = spec.model.model_dump(mode="json", by_alias=True)
    # The files that `include` names are merged in already; the same spec in one file is the same revision.
    model.pop("include")
    for file in model["files"]:
        # `after` is younger than the format. It counts only if it is given, so that older specs keep their revisions.
        if file["after"] is None:
            del file["after"]
    # Sorted keys make the digest independent of the order in which the models define their fields.
    digest = hashlib.sha256(json.dumps(model, sort_keys=True).encode())
    for place, source in sorted(spec.sources.items()):
        # NUL cannot stand in a path, so no two lists of files give the same text.
        # A file of a folder also has its execute bits from the disk.
        kind = "x" if source.executable else ""
        digest.update(f"\0{place}\0{hashlib.sha256(source.data).hexdigest()}{kind}".encode())
    return digest.hexdigest()[:12]


def _text(spec: Spec, value: str, *path: str | int, rule: str | None = None) -> Text:
    return Text(value, spec.where(*path), indent=spec.indent(*path), rule=rule)


def _maybe(spec: Spec, value: str | None, *path: str | int) -> Text | None:
    return None if value is None else _text(spec, value, *path)


def _places(spec: Spec) -> Iterable[tuple[str, Where]]:
    """(key, place) of each value that a warning of the rendered texts may point at. A script counts as its `run`."""
    model = spec.model
    for number in range(len(model.files)):
        yield from ((f"files[{number}].{key}", spec.where("files", number, key)) for key in ("path", "owner"))
    for number in range(len(model.wait_for)):
        yield f"wait_for[{number}].owner", spec.where("wait_for", number, "owner")
    for kind, scripts in (("stages", model.stages), ("every_boot", model.every_boot)):
        for number, script in enumerate(scripts):
            # A model makes sure that a script has exactly one of these keys.
            key = next(key for key in ("run", "script", "template") if getattr(script, key) is not None)
            yield f"{kind}[{number}].run", spec.where(kind, number, key)
            yield f"{kind}[{number}].user", spec.where(kind, number, "user")


def _own_template(spec: Spec, key: str) -> Text | None:
    # A file may hold any bytes. Those that are no UTF-8 pass as surrogates, and rendering refuses them at their place.
    source = spec.sources.get(f"templates.{key}")
    return Text(source.data.decode("utf-8", "surrogateescape"), source.where, file=source.name) if source else None


def _secrets(spec: Spec) -> Iterable[SecretRef]:
    # No value is read here: a plan may be shown, and is made on machines that have no secrets.
    for name, source in spec.model.secrets.items():
        kind, _, location = source.partition(":")
        yield SecretRef(name, kind, location, spec.where("secrets", name))


def _files(spec: Spec, number: int, file: File) -> Iterable[PlannedFile]:
    """The files of one entry: one, or all those of a folder, in the order of their names."""
    planned = _file(spec, number, file)
    # A folder has no entry of its own among the sources, and a file has no others.
    in_folder = spec.folder(number)
    if not in_folder:
        yield planned
    for name, source in sorted(in_folder.items()):
        yield replace(
            planned,
            path=replace(planned.path, value=f"{planned.path.value}/{name}"),
            # Whoever may read an executable file may run it.
            mode=planned.mode | (planned.mode & 0o444) >> 2 if source.executable else planned.mode,
            data=source.data,
            source_name=source.name,
        )


def _file(spec: Spec, number: int, file: File) -> PlannedFile:
    text, data, name = None, None, None
    if file.content is not None:
        text = _text(spec, file.content, "files", number, "content")
    elif file.template is not None:
        source = spec.sources[f"files[{number}].template"]
        # Bytes that are not UTF-8 pass as surrogates, and the host gets them unchanged.
        text = Text(source.data.decode("utf-8", "surrogateescape"), source.where, file=source.name)
    elif f"files[{number}].source" in spec.sources:
        # A `source` is taken as it is: its bytes are final, and no template is looked for in them.
        source = spec.sources[f"files[{number}].source"]
        data, name = source.data, source.name
    fetch = file.fetch
    return PlannedFile(
        key=f"files[{number}]",
        path=_text(spec, file.path, "files", number, "path", rule="path"),
        where=spec.where("files", number, "path"),
        mode=file.mode if file.mode is not None else SECRET_MODE if file.secret else FILE["mode"],
        owner=_text(spec, file.owner, "files", number, "owner", rule="owner"),
        text=text,
        data=data,
        fetch_url=_text(spec, fetch.url, "files", number, "fetch", "url") if fetch else None,
        fetch_sha256=fetch.sha256 if fetch else None,
        fetch_max_size=fetch.max_size if fetch else None,
        source_name=name,
        secret=file.secret,
        keep=file.keep,
        deliver=file.deliver,
        publish=file.publish,
        after=file.after,
    )


def _wait_for(spec: Spec) -> Iterable[PlannedWait]:
    for number, entry in enumerate(spec.model.wait_for):
        fields = {
            "sha256": entry.sha256,
            "min_size": entry.min_size,
            "settle_s": entry.settle,
            "mode": entry.mode,
            "deadline_s": entry.deadline,
        }
        yield PlannedWait(
            _text(spec, entry.path, "wait_for", number, "path", rule="path"),
            _text(spec, entry.owner, "wait_for", number, "owner", rule="owner") if entry.owner else None,
            # The host tells by a missing key that a file has no such condition.
            tuple((key, value) for key, value in fields.items() if value is not None),
        )


def _proxy(spec: Spec) -> dict[str, Text]:
    proxy = spec.model.proxy
    rules = (("http", "url"), ("https", "url"), ("no_proxy", None))
    return {
        key: _text(spec, getattr(proxy, key), "proxy", key, rule=rule)
        for key, rule in rules
        if proxy is not None and getattr(proxy, key) is not None
    }


def _script_text(spec: Spec, kind: str, number: int, script: Script) -> Text:
    if script.run is not None:
        return _text(spec, script.run, kind, number, "run")
    key = "script" if script.script is not None else "template"
    source = spec.sources[f"{kind}[{number}].{key}"]
    text = source.data.decode("utf-8", "surrogateescape")
    return Text(text, source.where, is_template=key == "template", file=source.name)


def _script(spec: Spec, kind: str, number: int, script: Script, **more: Any) -> PlannedScript:
    environment = tuple(
        (name, _text(spec, value, kind, number, "environment", name)) for name, value in script.environment.items()
    )
    return PlannedScript(
        name=script.name,
        where=spec.where(kind, number, "name"),
        text=_script_text(spec, kind, number, script),
        timeout_s=script.timeout,
        user=_text(spec, script.user, kind, number, "user", rule="user"),
        environment=environment,
        **more,
    )


def _stage(spec: Spec, number: int, stage: Stage) -> PlannedScript:
    root = ("stages", number)
    needs = tuple(_need(spec, need, *root, "needs", index) for index, need in enumerate(stage.needs))
    return _script(
        spec,
        "stages",
        number,
        stage,
        needs=needs,
        attempts=stage.retry.attempts,
        delay_s=stage.retry.delay,
        max_delay_s=stage.retry.max_delay,
        on_interrupt=stage.on_interrupt,
        skip_if=_maybe(spec, stage.skip_if, *root, "skip_if"),
        verify=_maybe(spec, stage.verify, *root, "verify"),
        undo=_maybe(spec, stage.undo, *root, "undo"),
        reboot=stage.reboot,
        rerun=stage.rerun,
    )


def _need(spec: Spec, need: Need, *root: str | int) -> dict[str, Any]:
    # The other needs, such as `network: true`, have no text that a template could make.
    rules = {"tcp": "address", "file": "path", "server": "name"}
    values = ((key, value) for key, value in need.model_dump(by_alias=True).items() if value is not None)
    return {key: _text(spec, value, *root, key, rule=rules[key]) if key in rules else value for key, value in values}


def _health(spec: Spec) -> PlannedHealth | None:
    health = spec.model.health
    # Without a check there is nothing to wait for: the server is healthy once its stages have ended.
    if health is None or not health.checks:
        return None
    checks = tuple(_check(spec, number, check) for number, check in enumerate(health.checks))
    return PlannedHealth(checks, health.deadline, health.stable, health.interval)


def _check(spec: Spec, number: int, check: Check) -> PlannedCheck:
    root = ("health", "checks", number)
    kind = next(kind for kind in CHECK_KINDS if getattr(check, kind) is not None)
    fields: list[tuple[str, Any]] = []
    for field in CHECK_KINDS[kind]:
        value: Any = check
        for key in field.place:
            value = getattr(value, key)
        if isinstance(value, str):
            value = _text(spec, value, *root, *field.place, rule=field.rule)
        if value is not None:
            fields.append((field.key, value))
    return PlannedCheck(kind, spec.where(*root), tuple(fields))
