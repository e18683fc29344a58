"""The one table of keys: type, default and help of each. The JSON Schema and the reference page are made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from bootstrap.runner.defaults import FILE, HEALTH, PLAN, SECRET_MODE, STAGE
from bootstrap.spec import types as t
from bootstrap.spec.check_kinds import Check
from bootstrap.spec.strict import Strict, one_of
from bootstrap.spec.tree import Scalar

Values = dict[str, Any]


def _seconds(table: Mapping[str, Any], key: str) -> float:
    # A spec's durations are floats. With an int here, a default and the same time written out would give two revisions.
    return float(table[key])


def choice(*words: str) -> Any:
    """A scalar that is one of these words."""

    def check(value: Any) -> str:
        import difflib

        word = t.literal(value)
        if word not in words:
            # One near word is the better hint: a list of all words is longer to read.
            near = difflib.get_close_matches(word, words, 1)
            hint = f"did you mean {near[0]}?" if near else f"write {', '.join(words[:-1])} or {words[-1]}"
            raise t.wrong("spec.choice", f"{word!r} is not one of {', '.join(words)}", hint)
        return word

    return Annotated[str, BeforeValidator(check), WithJsonSchema({"enum": list(words), "$comment": t.NO_TEMPLATE})]


def known_version(subject: str) -> Callable[[Any], str]:
    """A validator of `version`. There is one version of each format so far. subject: the kind of file."""

    def check(value: Any) -> str:
        if t.literal(value) != "1":
            message = f"{subject} has version {str(value)!r}, which this program cannot read"
            raise t.wrong("spec.version", message, "write 1")
        return "1"

    return check


def present(value: Any) -> bool:
    """A validator of needs such as `network: true`, which only `true` makes sense of."""
    if not t.boolean(t.literal(value) if isinstance(value, str) else value):
        raise t.wrong("spec.choice", "a need cannot be negated", "write true, or remove the need")
    return True


class Fetch(Strict):
    """A file that the host fetches itself."""

    url: t.Text = Field(description="https://, or swift://CONTAINER/OBJECT, which `bootstrap publish` makes a TempURL")
    sha256: t.Sha256 = Field(description="digest that the bytes must have")
    max_size: t.Size | None = Field(
        None, description="more bytes than this are refused at once; unless given, what the disk can spare"
    )


class File(Strict):
    """A file that must exist on the server."""

    path: t.AbsolutePath = Field(description="where it goes")
    template: t.FileName | None = Field(None, description="a Jinja2 template, relative to this spec")
    source: t.FileName | None = Field(
        None,
        description="a file taken as it is, relative to this spec; or a folder, whose files are placed below `path`",
    )
    content: t.Text | None = Field(None, description="the text itself")
    fetch: Fetch | None = Field(None, description="fetched by the host, pinned by digest")
    owner: t.Owner = Field(f"{FILE['user']}:{FILE['group']}", description="user:group; a stage may make the user")
    mode: t.Mode | None = Field(
        None,
        description=f"quoted octal; {FILE['mode']:04o}, or {SECRET_MODE:04o} for a secret, which may be 0640 for the "
        "group in owner; in a folder, a file that is executable stays so for whoever may read it",
    )
    secret: t.Bool = Field(FILE["secret"], description="never shown, logged or reported; scrubbed when done")
    keep: t.Bool = Field(FILE["keep"], description="false: a secret file is removed after success")
    deliver: choice("bundle", "inject") = Field("bundle", description="inside the bundle, or a file of its own")  # type: ignore[valid-type]
    publish: t.Bool = Field(
        False, description="true: `bootstrap publish` uploads it, or each file of a folder, and makes it a fetch"
    )
    after: t.Name | None = Field(
        None, description="placed once this stage has ended well, such as below a mount point or a home that it makes"
    )

    _exactly_one = one_of("template", "source", "content", "fetch")


class WaitFor(Strict):
    """A file that another hand brings, perhaps late."""

    path: t.AbsolutePath = Field(description="the file")
    sha256: t.Sha256 | None = Field(None, description="it is whole when it has this digest")
    min_size: t.Size | None = Field(None, description="it is whole when it has at least this size")
    settle: t.Duration | None = Field(None, description="and has not changed for this long")
    mode: t.Mode | None = Field(None, description="given to it once it is whole")
    owner: t.Owner | None = Field(None, description="given to it once it is whole")
    deadline: t.Duration | None = Field(
        None, description="past it the run has failed; the overall deadline unless given"
    )


Present = Annotated[bool, BeforeValidator(present), WithJsonSchema({"const": True, "$comment": t.NO_TEMPLATE})]


class Need(Strict):
    """A condition that must hold before a stage starts."""

    network: Present | None = Field(None, description="a default route")
    dns: Present | None = Field(None, description="names resolve")
    cloud_init: Present | None = Field(None, alias="cloud-init", description="cloud-init has ended")
    tcp: t.Address | None = Field(None, description="HOST:PORT accepts a connection")
    file: t.AbsolutePath | None = Field(None, description="a path exists")
    server: t.Server | None = Field(None, description="another server of this roll-out is healthy")

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        if isinstance(value, str):
            if t.literal(value) not in ("network", "dns", "cloud-init"):
                raise t.wrong(
                    "spec.choice",
                    f"{str(value)!r} is not something that a stage can need",
                    "write network, dns, cloud-init, {tcp: HOST:PORT}, {file: PATH} or {server: NAME}",
                )
            return {str(value): True}
        return value

    _exactly_one = one_of("network", "dns", "cloud-init", "tcp", "file", "server")


class Retry(Strict):
    """The attempts that follow a failed one."""

    attempts: t.Positive = Field(STAGE["attempts"], description="in all")
    delay: t.Duration = Field(_seconds(STAGE, "delay_s"), description="before the second; doubles each time")
    max_delay: t.Duration = Field(_seconds(STAGE, "max_delay_s"), description="the longest pause")


class Script(Strict):
    """A text that the host runs: a stage, or what runs at every boot."""

    name: t.Name = Field(description="unique; names the log")
    run: t.Text | None = Field(None, description="runs under sh -eu unless it has a #! line")
    script: t.FileName | None = Field(None, description="a file taken as it is, relative to this spec")
    template: t.FileName | None = Field(None, description="a Jinja2 template file, relative to this spec")
    timeout: t.SomeTime = Field(_seconds(STAGE, "timeout_s"), description="then TERM, and KILL, to all it started")
    user: t.User = Field(STAGE["user"], description="runs as: a name, or a number in quotes")
    environment: dict[t.EnvironmentName, t.Text] = Field(default_factory=dict, description="secrets come here")

    _exactly_one = one_of("run", "script", "template")


class Stage(Script):
    """An ordered piece of set-up, run once per instance."""

    needs: list[Need] = Field(default_factory=list, description="waited for before it starts")
    retry: Retry = Field(default_factory=lambda: Retry(), description="when a failed attempt is made again")
    on_interrupt: choice("retry", "fail") = Field(  # type: ignore[valid-type]
        STAGE["on_interrupt"], description="what a cut-short attempt means"
    )
    skip_if: t.Text | None = Field(None, description="exit 0 before the first attempt: skipped")
    verify: t.Text | None = Field(None, description="asked after exit 0; decides a cut-short attempt")
    undo: t.Text | None = Field(None, description="with rollback: run in reverse order on final failure")
    reboot: choice("never", "after", "if-required") = Field(  # type: ignore[valid-type]
        STAGE["reboot"], description="at most 3 a run"
    )
    rerun: choice("changed", "deploy") = Field(  # type: ignore[valid-type]
        STAGE["rerun"], description="deploy: run again in every roll-out"
    )


class Health(Strict):
    """When the server counts as healthy."""

    deadline: t.SomeTime = Field(_seconds(HEALTH, "deadline_s"), description="until then")
    stable: t.Positive = Field(HEALTH["stable"], description="passes in a row")
    interval: t.SomeTime = Field(_seconds(HEALTH, "interval_s"), description="between passes")
    checks: list[Check] = Field(default_factory=list, description="all of them")


class Report(Strict):
    """The collector to which the host reports."""

    url: t.Url = Field(description="the collector's URL")
    ca: t.FileName | None = Field(None, description="file with the CA to trust, relative to this spec")


class Proxy(Strict):
    """For stages, fetch and reports; never for metadata."""

    http: t.ProxyUrl | None = Field(None, description="URL")
    https: t.ProxyUrl | None = Field(None, description="URL")
    no_proxy: t.Text | None = Field(None, description="names, with commas")


class Templates(Strict):
    """The spec's own rc.local or cron entry, instead of the shipped ones."""

    rc_local: t.FileName | None = Field(None, alias="rc.local", description="a Jinja2 template")
    cron: t.FileName | None = Field(None, description="a Jinja2 template")


def names(value: Any) -> list[str]:
    """A validator of `include`: one name of a file, or several."""
    # The reader of the files has reported names that are not text, and names with marks of a template.
    return [str(item) for item in (value if isinstance(value, list) else [value])]


def free(value: Any) -> Values:
    """A validator of a map of values, whose keys the file decides."""
    if not isinstance(value, dict):
        raise t.wrong("spec.type", "must be a map of names to values")
    return {str(key): guess(item) for key, item in value.items()}


def guess(value: Any) -> Any:
    """A value for templates: numbers, true, false and null where they are written plainly, else text."""
    if isinstance(value, dict):
        return {str(key): guess(item) for key, item in value.items()}
    if isinstance(value, list):
        return [guess(item) for item in value]
    if not isinstance(value, Scalar) or value.quoted:
        return str(value)
    word = str(value)
    # These are the only words that are not text: `yes` and `on` are words for people.
    named = {"true": True, "false": False, "null": None, "~": None, "": None}
    if word in named:
        return named[word]
    # A number stays text if it would not print as it is written: 0644, 1e3, and the version 3.10, which is not 3.1.
    if word.isdigit() and word.isascii() and len(word) < 19 and str(int(word)) == word:
        return int(word)
    whole, dot, fraction = word.partition(".")
    is_decimal = dot and whole.isdigit() and fraction.isdigit() and word.isascii()
    return float(word) if is_decimal and str(float(word)) == word else word


_FILE: dict[str, Any] = {"type": "string", "not": {"pattern": t.HAS_MARKS}}
ONE_OR_MORE: dict[str, Any] = {"anyOf": [_FILE, {"type": "array", "items": _FILE}], "$comment": t.NO_TEMPLATE}
ANY_MAP = WithJsonSchema({"type": "object", "$comment": t.NO_TEMPLATE})
VERSION: dict[str, Any] = {"enum": [1, "1"], "$comment": t.NO_TEMPLATE}


class SpecModel(Strict):
    """The description of a kind of server."""

    version: Annotated[str, BeforeValidator(known_version("the spec")), WithJsonSchema(VERSION)] = Field(
        description="of this format"
    )
    name: t.Name = Field(description="of the kind of server")
    include: Annotated[list[str], BeforeValidator(names), WithJsonSchema(ONE_OR_MORE)] = Field(
        default_factory=list, description="specs merged first"
    )
    values: Annotated[Values, BeforeValidator(free), ANY_MAP] = Field(
        default_factory=dict, description="for templates; taken as they are: braces in them are text"
    )
    secrets: dict[t.Plain, t.Plain] = Field(
        default_factory=dict, description="env:NAME or file:PATH, read at render time"
    )
    files: list[File] = Field(default_factory=list, description="what must exist")
    wait_for: list[WaitFor] = Field(default_factory=list, description="brought by another hand")
    stages: list[Stage] = Field(default_factory=list, description="once per instance, in order")
    every_boot: list[Script] = Field(default_factory=list, description="the body of rc.local")
    health: Health | None = Field(None, description="when the server is healthy")
    report: Report | None = Field(None, description="where to report")
    trigger: choice("auto", "cron", "systemd", "both") = Field(  # type: ignore[valid-type]
        PLAN["trigger"], description="what starts the runner; auto: cron, and systemd where a host has no cron"
    )
    proxy: Proxy | None = Field(None, description="for stages, fetch and reports")
    rollback: t.Bool = Field(
        PLAN["rollback"], description="undo the done stages when one fails for good, or health does"
    )
    deadline: t.SomeTime = Field(
        _seconds(PLAN, "deadline_s"), description="for the whole bootstrap: past it no new stage starts"
    )
    templates: Templates = Field(default_factory=lambda: Templates(), description="own rc.local or cron entry")
