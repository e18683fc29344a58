"""Renders a plan: every template a text, every text judged, all problems at once."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bootstrap import resources
from bootstrap.errors import Problem, RenderError, UsageError
from bootstrap.plan.model import Plan, PlannedFile, PlannedScript, PlannedWait, Text
from bootstrap.render import habits, jinja, later, names, secret_values, shape, users
from bootstrap.render.model import Published, Rendered, RenderedFile
from bootstrap.runner.contract import PLAN_VERSION, server_key
from bootstrap.runner.defaults import CHECK, HEALTH, PLAN, STAGE, filled
from bootstrap.spec.check_kinds import CHECK_KINDS
from bootstrap.spec.load import in_order
from bootstrap.spec.paths import Taken, clashes
from bootstrap.spec.rules import in_the_clear
from bootstrap.spec.types import Misfit, rendered

RC_LOCAL, CRON = "templates/rc.local.j2", "cron/initialrunner.j2"
# Where a secret goes that stands in a text that all may read: by the text's key.
_WHERE_TO = {
    r"files\[\d+\]": "add secret: true",
    r"stages\[\d+\](\.(skip_if|verify|undo))?": "give it to the stage by environment:",
    r"every_boot\[\d+\]": "read it from a file with secret: true",
}


@dataclass(frozen=True)
class EveryBoot:
    """What rc.local's template sees of one entry.

    interpreter: words that run the text; text ends in a newline; end: the line after it, which is none of its own.
    """

    name: str
    end: str
    text: str
    user: str
    interpreter: tuple[str, ...]
    environment: dict[str, str]

    @property
    def by_id(self) -> bool:
        """Whether `user` is a number, which runuser does not take."""
        return self.user.isdecimal() and self.user != "0"


@dataclass
class _Renderer:
    """One rendering at work: its context, and what is wrong so far."""

    plan: Plan
    secrets: dict[str, str]
    problems: list[Problem] = field(default_factory=list)
    published: Published = field(default_factory=Published)
    stand_in: bool = False
    derived: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        plan = self.plan
        built_in = {"server": plan.server, "deploy_id": plan.deploy_id, "revision": plan.revision, "name": plan.name}
        self.open_context = {**built_in, **plan.values}
        self.full_context = {**self.open_context, **self.secrets}

    def text(
        self,
        text: Text,
        what: str,
        *,
        secret: bool = False,
        any_bytes: bool = False,
        context: Mapping[str, Any] | None = None,
    ) -> str:
        """A rendered text, "" when it cannot be; secret: it may hold secrets; any_bytes: it need not be UTF-8."""
        context = context or self.full_context
        try:
            found = jinja.render(text, context, what)
        except jinja.Failed as failure:
            self.problems.append(failure.problem)
            return ""
        if not (any_bytes or found.isascii()) and any("\ud800" <= c <= "\udfff" for c in found):
            # The plan is JSON: it could not carry them.
            self.problems += shape.not_utf8(what, text.where, text.file)
            return ""
        before = len(self.problems)
        if not secret:
            self.refuse_secrets(found, what, text, context)
        # What is no template was judged where it is written.
        if text.rule is None or len(self.problems) > before or not jinja.has_marks(text):
            return found
        try:
            return rendered(text.rule, found)
        except Misfit as misfit:
            message = f"{what}: {misfit.message}; the template is {text.value!r}"
            self.problems.append(Problem(misfit.code, message, text.where, misfit.hint))
            return ""

    def refuse_secrets(self, found: str, what: str, text: Text, context: Mapping[str, Any]) -> None:
        """What ends up in a process list, a log or a world-readable file must hold no secret."""
        for name in secret_values.held(found, text, what, context, self.secrets):
            hint = next((hint for place, hint in _WHERE_TO.items() if re.fullmatch(place, what)), "take it out")
            self.problems.append(Problem("render.secret", f"{what}: holds the secret {name}", text.where, hint))

    def script(self, text: Text, what: str) -> str:
        """The text of something that runs, with LF and a final newline."""
        before = len(self.problems)
        rendered = self.text(text, what)
        raw = rendered.encode("utf-8", "surrogateescape")
        if len(self.problems) == before:
            self.problems += shape.script(raw, what, text.where, name=text.file, must_exec=False)
        return rendered if rendered.endswith("\n") else rendered + "\n"

    def owner(self, text: Text, what: str) -> tuple[str, str]:
        """(user, group)."""
        user, _, group = self.text(text, f"{what}.owner").partition(":")
        return user, group

    def file(self, number: int, file: PlannedFile) -> RenderedFile:
        what = f"files[{number}]"
        path, owner = self.text(file.path, f"{what}.path"), self.owner(file.owner, what)
        placed = RenderedFile(path, b"", file.mode, owner, file.secret, file.keep, file.deliver, after=file.after)
        if file.fetch_url is not None:
            url = self.text(file.fetch_url, f"{what}.fetch.url")
            url = self.published.urls.get(url, url)
            if not (self.stand_in and url.startswith("swift://")):
                self.problems += shape.fetch_url(url, f"{what}.fetch.url", file.fetch_url.where)
            return _fetched(placed, url, str(file.fetch_sha256), file.fetch_max_size)
        if file.publish and file.data is not None and self.published:
            digest = hashlib.sha256(file.data).hexdigest()
            if digest in self.published.urls:
                return _fetched(placed, self.published.urls[digest], digest, len(file.data))
            message = f"{what}: {file.source_name} was not published, or has changed since"
            self.problems.append(Problem("render.published", message, file.where, "bootstrap publish it again"))
        content, before = file.data, len(self.problems)
        if content is None and file.text is not None:
            text = self.text(file.text, what, secret=file.secret, any_bytes=True)
            try:
                content = text.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                # Half a character that stands for no byte of a file: a template can spell it, as '\ud800'.
                self.problems += shape.not_utf8(what, file.text.where, file.text.file)
        elif content is not None and not file.secret:
            text = content.decode("utf-8", "surrogateescape")
            self.refuse_secrets(text, what, Text(text, file.where, is_template=False), {})
        content = content or b""
        if file.mode & 0o111 and len(self.problems) == before:
            name = file.source_name or (file.text.file if file.text else None)
            self.problems += shape.script(content, what, file.where, name=name, must_exec=True)
        elif file.deliver == "inject" and not content:
            message = f"{what}: {path} is empty, and could not be told from one that has not arrived"
            self.problems.append(Problem("render.empty", message, file.where, "take deliver: inject out"))
        return replace(placed, content=content)

    def wait_for(self, number: int, wait: PlannedWait) -> dict[str, Any]:
        """A file that another hand brings, as the host plan lists it."""
        what = f"wait_for[{number}]"
        found = {"path": self.text(wait.path, f"{what}.path")}
        if wait.owner is not None:
            found["user"], found["group"] = self.owner(wait.owner, what)
        return found | dict(wait.fields)

    def refuse_clashes(self, files: tuple[RenderedFile, ...], wait_for: list[dict[str, Any]]) -> None:
        """Paths out of templates may meet each other, and the runner's own."""
        plan = self.plan
        given = [file.path for file in plan.files] + [wait.path for wait in plan.wait_for]
        if not any(map(jinja.has_marks, given)):
            return
        paths = [(f"files[{n}]", file.path, plan.files[n].path.where) for n, file in enumerate(files)]
        paths += [(f"wait_for[{n}]", wait["path"], plan.wait_for[n].path.where) for n, wait in enumerate(wait_for)]
        rc_local = "every_boot, which is rendered as rc.local," if plan.every_boot else None
        rc_local = rc_local or ("templates.rc.local" if plan.rc_local else None)
        self.problems += clashes([Taken(*one) for one in paths if one[1]], rc_local)

    def refuse_open_secrets(self, files: tuple[RenderedFile, ...]) -> None:
        """A group out of a template may be root, which is not one that anybody named to read a secret file."""
        for number, (file, planned) in enumerate(zip(files, self.plan.files, strict=True)):
            if file.secret and file.mode & 0o077 and file.owner[1] in ("root", "0") and jinja.has_marks(planned.owner):
                message = f"files[{number}].mode: a secret file is open to others; owner is {':'.join(file.owner)}"
                hint = "let owner name the group that reads it"
                self.problems.append(Problem("render.secret", message, planned.owner.where, hint))

    def entry(self, kind: str, number: int, script: PlannedScript, files: str) -> dict[str, Any]:
        """One stage as the host plan lists it."""
        what = f"{kind}[{number}]"
        values = {n: self.text(t, f"{what}.environment.{n}", secret=True) for n, t in script.environment}
        for name, value in values.items():
            if "\0" in value:
                where = dict(script.environment)[name].where
                self.problems.append(Problem("render.nul", f"{what}.environment.{name}: holds a NUL byte", where))
        hidden = []
        for name, text in script.environment:
            if any(secret_values.held(values[name], text, what, self.full_context, self.secrets)):
                hidden.append(name)
                # Made of a secret, such as base64 of it, and as secret: to be redacted as well.
                is_told = any(value in values[name] for value in self.secrets.values())
                if not is_told and len(values[name]) >= secret_values.SHORTEST:
                    self.derived.add(values[name])
        if hidden and kind == "every_boot":
            message = f"{what}.environment.{hidden[0]}: rc.local is readable by all, and would hold the secret"
            place = dict(script.environment)[hidden[0]].where
            self.problems.append(Problem("render.secret", message, place, "read it from a file with secret: true"))
        found: dict[str, Any] = {"name": script.name, "text": self.script(script.text, what)}
        user = self.text(script.user, f"{what}.user")
        decided = {key: user if key == "user" else getattr(script, key) for key in STAGE}
        found |= _unlike(STAGE, decided)
        if script.needs:
            found["needs"] = [
                {k: self.text(v, f"{what}.needs[{n}].{k}") if isinstance(v, Text) else v for k, v in need.items()}
                for n, need in enumerate(script.needs)
            ]
        for key in ("skip_if", "verify", "undo"):
            text = getattr(script, key)
            if text is not None:
                found[key] = self.script(text, f"{what}.{key}")
        if values:
            found["environment"] = values
        if hidden:
            found["secrets"] = hidden
        # What a later deploy compares: the same text, run the same way, on the same files, need not run again. Secret
        # values are left out, since a digest of a short one would give it away.
        shown = {n: None if n in hidden else value for n, value in values.items()}
        told = json.dumps([found["text"], user, shown, files], sort_keys=True)
        found["digest"] = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return found

    def health(self) -> dict[str, Any] | None:
        health = self.plan.health
        if health is None:
            return None
        checks = []
        for number, check in enumerate(health.checks):
            what = f"health.checks[{number}]"
            before = len(self.problems)
            rendered_check = {"kind": check.kind}
            values = dict(check.fields)
            for row in CHECK_KINDS[check.kind]:
                value = values.get(row.key)
                path = ".".join((what, *row.place))
                if isinstance(value, Text):
                    # A value of the check itself goes by the name of the check; one of a map within it, by its path.
                    value = self.text(value, path if len(row.place) > 1 else what)
                if row.is_script and len(self.problems) == before:
                    raw = str(value).encode("utf-8", "surrogateescape")
                    self.problems += shape.script(raw, path, check.where, name=None, must_exec=False)
                if value not in (None, CHECK.get(row.key)):
                    rendered_check[row.key] = value
            checks.append(rendered_check)
        found: dict[str, Any] = {"checks": checks}
        return found | _unlike(HEALTH, {key: getattr(health, key) for key in HEALTH})


def _unlike(defaults: Mapping[str, Any], decided: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not at their default. Bytes matter, so the host plan leaves the others out."""
    return {key: value for key, value in decided.items() if value != defaults[key]}


def _fetched(file: RenderedFile, url: str, sha256: str, max_size: int | None) -> RenderedFile:
    """The file as one that the host fetches."""
    fetch = {"url": url, "sha256": sha256} | ({"max_size": max_size} if max_size is not None else {})
    return replace(file, deliver="fetch", fetch=fetch)


def render(
    plan: Plan, *, secret: bytes | None = None, stand_in: bool = False, published: Published | None = None
) -> Rendered:
    """Render everything of a plan.

    published: where `bootstrap publish` has put files; without it a file with `publish: true` rides in the bundle.
    secret: the deployer's 32 bytes, needed when the plan reports. stand_in: for `check`, which needs neither that
    nor the secrets of the spec. Raises RenderError with every problem, UsageError when `secret` is missing.
    """
    if plan.report_url is not None and secret is None and not stand_in:
        raise UsageError(
            "the spec reports, and no secret to sign reports is given",
            hint="--secret-file FILE or BOOTSTRAP_SECRET; make one with: bootstrap secret FILE",
        )
    secrets, problems = secret_values.read(plan, stand_in=stand_in)
    at_work = _Renderer(plan, secrets, problems, published=published or Published(), stand_in=stand_in)
    files = tuple(at_work.file(number, file) for number, file in enumerate(plan.files))
    every_boot = [at_work.entry("every_boot", n, script, "") for n, script in enumerate(plan.every_boot)]
    host_plan = _host_plan(at_work, files, every_boot, secret or (b"\0" * 32 if stand_in else None))
    cron = _shipped(at_work, plan.cron, CRON, {"files": "@FILES@", "sha256": "@SHA256@", "mark": "@MARK@"})
    rc_local = None
    if every_boot or plan.rc_local is not None:
        entries = [_for_rc_local(entry) for entry in filled(host_plan)["every_boot"]]
        rc_local = _shipped(at_work, plan.rc_local, RC_LOCAL, {"every_boot": entries})
    if rc_local is not None and plan.rc_local is not None:
        raw, name = rc_local.encode("utf-8", "surrogateescape"), plan.rc_local.file
        at_work.problems += shape.script(raw, "templates.rc.local", plan.rc_local.where, name=name, must_exec=True)
    at_work.problems += names.unasked_values(plan)
    if plan.server.endswith("*"):
        at_work.problems += names.of_a_group(plan)
    as_run = filled(host_plan)
    at_work.problems += later.judge(files, as_run["stages"], plan.places)
    at_work.problems += users.judge(as_run, files, plan.places)
    at_work.problems += habits.judge(as_run, plan.places)
    errors = [p for p in at_work.problems if p.severity == "error"]
    if errors:
        raise RenderError(in_order(errors))
    return Rendered(
        plan.server,
        plan.deploy_id,
        plan.revision,
        host_plan,
        files,
        cron,
        rc_local,
        (*secrets.values(), *sorted(at_work.derived)),
        tuple(p for p in at_work.problems if p.severity != "error"),
    )


def _host_plan(
    at_work: _Renderer, files: tuple[RenderedFile, ...], every_boot: list[dict[str, Any]], secret: bytes | None
) -> dict[str, Any]:
    plan = at_work.plan
    found: dict[str, Any] = {
        "version": PLAN_VERSION,
        "name": plan.name,
        "server": plan.server,
        "deploy_id": plan.deploy_id,
        "revision": plan.revision,
        "stages": [at_work.entry("stages", n, stage, _seen(plan, files, n)) for n, stage in enumerate(plan.stages)],
    }
    health = at_work.health()
    wait_for = [at_work.wait_for(n, wait) for n, wait in enumerate(plan.wait_for)]
    at_work.refuse_clashes(files, wait_for)
    proxy = {key: at_work.text(text, f"proxy.{key}") for key, text in plan.proxy.items()}
    at_work.refuse_open_secrets(files)
    optional: dict[str, Any] = {
        "wait_for": wait_for,
        "every_boot": every_boot,
        "health": health,
        "proxy": proxy,
        "secrets": sorted({*at_work.secrets.values(), *at_work.derived, *secret_values.of_proxies(proxy)}),
    }
    found |= _unlike(PLAN, {key: getattr(plan, key) for key in PLAN})
    found |= {key: value for key, value in optional.items() if value}
    if plan.report_url is not None and secret is not None:
        key = base64.b64encode(server_key(secret, plan.server, plan.deploy_id)).decode()
        url = at_work.text(plan.report_url, "report.url")
        if jinja.has_marks(plan.report_url):
            at_work.problems += in_the_clear(url, plan.report_url.where)
        found["report"] = {"url": url.rstrip("/"), "key": key}
        if plan.report_ca is not None:
            found["report"]["ca"] = plan.report_ca
    return found


def _seen(plan: Plan, files: tuple[RenderedFile, ...], number: int) -> str:
    """The digest of the files that are there when a stage begins. number: the stage's.

    Secret files are left out, since a digest of a short one would give it away.
    """
    there = {None, *(stage.name for stage in plan.stages[:number])}
    digests = (hashlib.sha256(file.content).digest() for file in files if not file.secret and file.after in there)
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _shipped(at_work: _Renderer, own: Text | None, name: str, more: dict[str, Any]) -> str:
    """The spec's own template, or the one of this package, rendered."""
    from bootstrap.errors import Where

    text = own or Text(resources.text(name), Where(name, 1, 1), file=name)
    return at_work.text(text, name.split("/")[-1], context={**at_work.open_context, **more})


def _for_rc_local(entry: dict[str, Any]) -> EveryBoot:
    text = entry["text"]
    words = text[2:].split("\n")[0].split(None, 1) if text.startswith("#!") else ["/bin/sh", "-eu"]
    hidden = entry.get("secrets", ())
    shown = {name: value for name, value in entry.get("environment", {}).items() if name not in hidden}
    end = f"END_{entry['name']}"
    while end in text.split("\n"):
        end += "_"
    return EveryBoot(entry["name"], end, text, entry["user"], tuple(w.strip() for w in words), shown)
