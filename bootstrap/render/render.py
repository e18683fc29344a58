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
from bootstrap.render import early_files, habits, jinja, secret_values, shape, template_names, users
from bootstrap.render.model import Published, Rendered, RenderedFile
from bootstrap.runner.contract import PLAN_VERSION, server_key
from bootstrap.runner.defaults import CHECK, HEALTH, PLAN, STAGE, filled
from bootstrap.spec.check_kinds import CHECK_KINDS
from bootstrap.spec.load import in_order
from bootstrap.spec.paths import Claim, clashes
from bootstrap.spec.rules import in_the_clear
from bootstrap.spec.types import Misfit, rendered

RC_LOCAL, CRON = "templates/rc.local.j2", "cron/initialrunner.j2"
# Hints for a secret in a text that everybody may read: a pattern of the text's key, and the right way for the secret.
_WAYS_FOR_SECRETS = {
    r"files\[\d+\]": "add secret: true",
    r"stages\[\d+\](\.(skip_if|verify|undo))?": "give it to the stage by environment:",
    r"every_boot\[\d+\]": "read it from a file with secret: true",
}


@dataclass(frozen=True)
class EveryBoot:
    """An entry of `every_boot` as the template of rc.local sees it.

    interpreter: words that run the text; text ends in a newline; end: a line that the text does not contain, for the
    end of a here-document.
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
    """The rendering of one plan: its values, and the problems that it has found so far."""

    plan: Plan
    secrets: dict[str, str]
    problems: list[Problem] = field(default_factory=list)
    published: Published = field(default_factory=Published)
    stand_in: bool = False
    derived: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        plan = self.plan
        # Values come last, so a spec could replace a built-in one; its rules refuse that.
        built_in = {"server": plan.server, "deploy_id": plan.deploy_id, "revision": plan.revision, "name": plan.name}
        self.open_context = {**built_in, **plan.values}
        self.full_context = {**self.open_context, **self.secrets}

    def text(
        self,
        text: Text,
        key: str,
        *,
        secret: bool = False,
        any_bytes: bool = False,
        context: Mapping[str, Any] | None = None,
    ) -> str:
        """A rendered text, "" when it cannot be; secret: it may hold secrets; any_bytes: it need not be UTF-8."""
        # rc.local and the cron entry are readable by all, so their callers give a context without secrets.
        context = context or self.full_context
        try:
            output = jinja.render(text, context, key)
        except jinja.Failed as failure:
            self.problems.append(failure.problem)
            return ""
        if not (any_bytes or output.isascii()) and any("\ud800" <= c <= "\udfff" for c in output):
            # The plan is JSON in UTF-8, which cannot carry bytes of another encoding.
            self.problems += shape.not_utf8(key, text.where, text.file)
            return ""
        # A text that holds a secret gets no second problem by its rule, whose message would quote the secret.
        before = len(self.problems)
        if not secret:
            self.refuse_secrets(output, key, text, context)
        # A text that is not a template was judged when the spec was loaded.
        if text.rule is None or len(self.problems) > before or not jinja.has_marks(text):
            return output
        try:
            return rendered(text.rule, output)
        except Misfit as misfit:
            message = f"{key}: {misfit.message}; the template is {text.value!r}"
            self.problems.append(Problem(misfit.code, message, text.where, misfit.hint))
            return ""

    def refuse_secrets(self, output: str, key: str, text: Text, context: Mapping[str, Any]) -> None:
        """Report the secrets in a text that may end up in a process list, a log or a world-readable file."""
        for name in secret_values.held(output, text, key, context, self.secrets):
            hint = next((hint for place, hint in _WAYS_FOR_SECRETS.items() if re.fullmatch(place, key)), "take it out")
            self.problems.append(Problem("render.secret", f"{key}: contains the secret {name}", text.where, hint))

    def script(self, text: Text, key: str) -> str:
        """The text of something that runs, with LF and a final newline."""
        before = len(self.problems)
        rendered = self.text(text, key)
        raw = rendered.encode("utf-8", "surrogateescape")
        if len(self.problems) == before:
            self.problems += shape.script(raw, key, text.where, name=text.file, must_exec=False)
        return rendered if rendered.endswith("\n") else rendered + "\n"

    def owner(self, text: Text, key: str) -> tuple[str, str]:
        """(user, group)."""
        user, _, group = self.text(text, f"{key}.owner").partition(":")
        return user, group

    def file(self, file: PlannedFile) -> RenderedFile:
        key = file.key
        path, owner = self.text(file.path, f"{key}.path"), self.owner(file.owner, key)
        placed = RenderedFile(
            path, b"", file.mode, owner, file.secret, file.keep, file.deliver, after=file.after, key=key
        )
        if file.fetch_url is not None:
            url = self.text(file.fetch_url, f"{key}.fetch.url")
            # Only a swift:// URL is in the table. An https:// URL goes to the host as it is.
            url = self.published.urls.get(url, url)
            if not (self.stand_in and url.startswith("swift://")):
                self.problems += shape.fetch_url(url, f"{key}.fetch.url", file.fetch_url.where)
            return _fetched(placed, url, str(file.fetch_sha256), file.fetch_max_size)
        if file.publish and file.data is not None and self.published:
            # Published files are found by digest: a file that has changed since is not the one that was published.
            digest = hashlib.sha256(file.data).hexdigest()
            if digest in self.published.urls:
                return _fetched(placed, self.published.urls[digest], digest, len(file.data))
            message = f"{key}: {file.source_name} was not published, or has changed since"
            self.problems.append(Problem("render.published", message, file.where, "run bootstrap publish again"))
        content, before = file.data, len(self.problems)
        if content is None and file.text is not None:
            text = self.text(file.text, key, secret=file.secret, any_bytes=True)
            try:
                content = text.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                # A template can spell half of a surrogate pair, such as '\ud800', which stands for no byte of a file.
                self.problems += shape.not_utf8(key, file.text.where, file.text.file)
        elif content is not None and not file.secret:
            text = content.decode("utf-8", "surrogateescape")
            self.refuse_secrets(text, key, Text(text, file.where, is_template=False), {})
        # After a problem the text is empty, and judging that would report a second problem for one mistake.
        content = content or b""
        if file.mode & 0o111 and len(self.problems) == before:
            name = file.source_name or (file.text.file if file.text else None)
            self.problems += shape.script(content, key, file.where, name=name, must_exec=True)
        elif file.deliver == "inject" and not content:
            message = f"{key}: {path} is empty: the host could not tell it from a file that has not arrived"
            self.problems.append(Problem("render.empty", message, file.where, "remove deliver: inject"))
        return replace(placed, content=content)

    def wait_for(self, number: int, wait: PlannedWait) -> dict[str, Any]:
        """An entry of `wait_for` as the host plan has it."""
        key = f"wait_for[{number}]"
        entry = {"path": self.text(wait.path, f"{key}.path")}
        if wait.owner is not None:
            entry["user"], entry["group"] = self.owner(wait.owner, key)
        return entry | dict(wait.fields)

    def refuse_clashes(self, files: tuple[RenderedFile, ...], wait_for: list[dict[str, Any]]) -> None:
        """Report rendered paths that clash with each other or with the runner's own."""
        plan = self.plan
        written = [file.path for file in plan.files] + [wait.path for wait in plan.wait_for]
        # Without templates the spec's own rules have compared these paths already.
        if not any(map(jinja.has_marks, written)):
            return
        paths = [(file.key, file.path, plan.files[n].path.where) for n, file in enumerate(files)]
        paths += [(f"wait_for[{n}]", wait["path"], plan.wait_for[n].path.where) for n, wait in enumerate(wait_for)]
        rc_local = "every_boot, which is rendered as rc.local," if plan.every_boot else None
        rc_local = rc_local or ("templates.rc.local" if plan.rc_local else None)
        self.problems += clashes([Claim(*claim) for claim in paths if claim[1]], rc_local)

    def refuse_open_secrets(self, files: tuple[RenderedFile, ...]) -> None:
        """Report secret files that a group may read and whose rendered group is root: nobody chose that group."""
        for file, planned in zip(files, self.plan.files, strict=True):
            if file.secret and file.mode & 0o077 and file.owner[1] in ("root", "0") and jinja.has_marks(planned.owner):
                owner = ":".join(file.owner)
                message = f"{file.key}.mode: other users could read this secret file; owner is {owner}"
                hint = "let owner name the group that reads it"
                self.problems.append(Problem("render.secret", message, planned.owner.where, hint))

    def entry(self, kind: str, number: int, script: PlannedScript, files: str) -> dict[str, Any]:
        """A stage, or an entry of `every_boot`, as the host plan has it. files: digest of the files that are there."""
        root = f"{kind}[{number}]"
        values = {n: self.text(t, f"{root}.environment.{n}", secret=True) for n, t in script.environment}
        for name, value in values.items():
            if "\0" in value:
                where = dict(script.environment)[name].where
                self.problems.append(Problem("render.nul", f"{root}.environment.{name}: contains a NUL byte", where))
        # The names of these variables go to the host, so that `run` by hand can ask for values that were scrubbed.
        hidden = []
        for name, text in script.environment:
            if any(secret_values.held(values[name], text, root, self.full_context, self.secrets)):
                hidden.append(name)
                # A value made of a secret, such as its base64, is as secret, and logs must not show it either.
                is_told = any(value in values[name] for value in self.secrets.values())
                if not is_told and len(values[name]) >= secret_values.SHORTEST:
                    self.derived.add(values[name])
        if hidden and kind == "every_boot":
            message = f"{root}.environment.{hidden[0]}: everybody can read rc.local, and it would contain the secret"
            where = dict(script.environment)[hidden[0]].where
            self.problems.append(Problem("render.secret", message, where, "read it from a file with secret: true"))
        stage: dict[str, Any] = {"name": script.name, "text": self.script(script.text, root)}
        user = self.text(script.user, f"{root}.user")
        # Templates may give the user, and nothing else of what has a default.
        decided = {key: user if key == "user" else getattr(script, key) for key in STAGE}
        stage |= _unlike(STAGE, decided)
        if script.needs:
            stage["needs"] = [
                {k: self.text(v, f"{root}.needs[{n}].{k}") if isinstance(v, Text) else v for k, v in need.items()}
                for n, need in enumerate(script.needs)
            ]
        for key in ("skip_if", "verify", "undo"):
            text = getattr(script, key)
            if text is not None:
                stage[key] = self.script(text, f"{root}.{key}")
        if values:
            stage["environment"] = values
        if hidden:
            stage["secrets"] = hidden
        # A later deploy compares this digest: a stage with the same text, run the same way on the same files, need not
        # run again. Secret values are left out, since the digest of a short one could be guessed.
        open_values = {n: None if n in hidden else value for n, value in values.items()}
        identity = json.dumps([stage["text"], user, open_values, files], sort_keys=True)
        stage["digest"] = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return stage

    def health(self) -> dict[str, Any] | None:
        health = self.plan.health
        if health is None:
            return None
        checks = []
        for number, check in enumerate(health.checks):
            root = f"health.checks[{number}]"
            before = len(self.problems)
            rendered_check = {"kind": check.kind}
            values = dict(check.fields)
            for row in CHECK_KINDS[check.kind]:
                value = values.get(row.key)
                path = ".".join((root, *row.place))
                if isinstance(value, Text):
                    # A value of the check itself goes by the name of the check; one of a map within it, by its path.
                    value = self.text(value, path if len(row.place) > 1 else root)
                if row.is_script and len(self.problems) == before:
                    raw = str(value).encode("utf-8", "surrogateescape")
                    self.problems += shape.script(raw, path, check.where, name=None, must_exec=False)
                if value not in (None, CHECK.get(row.key)):
                    rendered_check[row.key] = value
            checks.append(rendered_check)
        health_plan: dict[str, Any] = {"checks": checks}
        return health_plan | _unlike(HEALTH, {key: getattr(health, key) for key in HEALTH})


def _unlike(defaults: Mapping[str, Any], decided: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not at their default. Bytes matter, so the host plan leaves the others out."""
    return {key: value for key, value in decided.items() if value != defaults[key]}


def _fetched(file: RenderedFile, url: str, sha256: str, max_size: int | None) -> RenderedFile:
    """The same file, to be fetched by the host."""
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
            "the spec reports to a collector, and no secret to sign the reports is given",
            hint="--secret-file FILE or BOOTSTRAP_SECRET; make one with: bootstrap secret FILE",
        )
    # Everything is rendered even after a problem, so that all problems of a plan are reported at once.
    secrets, problems = secret_values.read(plan, stand_in=stand_in)
    renderer = _Renderer(plan, secrets, problems, published=published or Published(), stand_in=stand_in)
    files = tuple(map(renderer.file, plan.files))
    every_boot = [renderer.entry("every_boot", n, script, "") for n, script in enumerate(plan.every_boot)]
    host_plan = _host_plan(renderer, files, every_boot, secret or (b"\0" * 32 if stand_in else None))
    cron = _shipped(renderer, plan.cron, CRON, {"files": "@FILES@", "sha256": "@SHA256@", "mark": "@MARK@"})
    rc_local = None
    if every_boot or plan.rc_local is not None:
        entries = [_for_rc_local(entry) for entry in filled(host_plan)["every_boot"]]
        rc_local = _shipped(renderer, plan.rc_local, RC_LOCAL, {"every_boot": entries})
    if rc_local is not None and plan.rc_local is not None:
        raw, name = rc_local.encode("utf-8", "surrogateescape"), plan.rc_local.file
        renderer.problems += shape.script(raw, "templates.rc.local", plan.rc_local.where, name=name, must_exec=True)
    renderer.problems += template_names.undeclared_values(plan)
    if plan.server.endswith("*"):
        renderer.problems += template_names.of_a_group(plan)
    # These judge what the host will do, so they need the values that the plan leaves out.
    as_run = filled(host_plan)
    renderer.problems += early_files.judge(files, as_run["stages"], plan.places)
    renderer.problems += users.judge(as_run, files, plan.places)
    renderer.problems += habits.judge(as_run, plan.places)
    errors = [p for p in renderer.problems if p.severity == "error"]
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
        (*secrets.values(), *sorted(renderer.derived)),
        tuple(p for p in renderer.problems if p.severity != "error"),
    )


def _host_plan(
    renderer: _Renderer, files: tuple[RenderedFile, ...], every_boot: list[dict[str, Any]], secret: bytes | None
) -> dict[str, Any]:
    plan = renderer.plan
    host_plan: dict[str, Any] = {
        "version": PLAN_VERSION,
        "name": plan.name,
        "server": plan.server,
        "deploy_id": plan.deploy_id,
        "revision": plan.revision,
        "stages": [renderer.entry("stages", n, stage, _seen(plan, files, n)) for n, stage in enumerate(plan.stages)],
    }
    health = renderer.health()
    wait_for = [renderer.wait_for(n, wait) for n, wait in enumerate(plan.wait_for)]
    renderer.refuse_clashes(files, wait_for)
    proxy = {key: renderer.text(text, f"proxy.{key}") for key, text in plan.proxy.items()}
    renderer.refuse_open_secrets(files)
    optional: dict[str, Any] = {
        "wait_for": wait_for,
        "every_boot": every_boot,
        "health": health,
        "proxy": proxy,
        "secrets": sorted({*renderer.secrets.values(), *renderer.derived, *secret_values.of_proxies(proxy)}),
    }
    host_plan |= _unlike(PLAN, {key: getattr(plan, key) for key in PLAN})
    host_plan |= {key: value for key, value in optional.items() if value}
    if plan.report_url is not None and secret is not None:
        # The key of one server is derived, so that no server's user-data can speak for another.
        key = base64.b64encode(server_key(secret, plan.server, plan.deploy_id)).decode()
        url = renderer.text(plan.report_url, "report.url")
        if jinja.has_marks(plan.report_url):
            renderer.problems += in_the_clear(url, plan.report_url.where)
        host_plan["report"] = {"url": url.rstrip("/"), "key": key}
        if plan.report_ca is not None:
            host_plan["report"]["ca"] = plan.report_ca
    return host_plan


def _seen(plan: Plan, files: tuple[RenderedFile, ...], number: int) -> str:
    """The digest of the files that are in place when a stage begins. number: of the stage.

    Secret files are left out, since the digest of a short one could be guessed.
    """
    stages_before = {None, *(stage.name for stage in plan.stages[:number])}
    placed = (file for file in files if not file.secret and file.after in stages_before)
    # The host fetches what is pinned, so the same file gives the same digest whichever way it comes.
    digests = (
        bytes.fromhex(file.fetch["sha256"]) if file.fetch else hashlib.sha256(file.content).digest() for file in placed
    )
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _shipped(renderer: _Renderer, own_template: Text | None, name: str, more: dict[str, Any]) -> str:
    """The spec's own template, or the one of this package, rendered."""
    from bootstrap.errors import Where

    text = own_template or Text(resources.text(name), Where(name, 1, 1), file=name)
    return renderer.text(text, name.split("/")[-1], context={**renderer.open_context, **more})


def _for_rc_local(entry: dict[str, Any]) -> EveryBoot:
    text = entry["text"]
    words = text[2:].split("\n")[0].split(None, 1) if text.startswith("#!") else ["/bin/sh", "-eu"]
    hidden = entry.get("secrets", ())
    open_values = {name: value for name, value in entry.get("environment", {}).items() if name not in hidden}
    # A line of the text that equals the end mark would cut the here-document of rc.local off.
    end = f"END_{entry['name']}"
    while end in text.split("\n"):
        end += "_"
    return EveryBoot(entry["name"], end, text, entry["user"], tuple(w.strip() for w in words), open_values)
