"""Specs for fuzzing: mostly right ones with every key there is, texts of all kinds, and ways to damage either."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = os.environ.get("INITIALRUNNER_FUZZ") == "long"
# Examples run on real files and processes: those that are slow are not so for want of care.
_QUIET = (
    HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture,
)  # fmt: skip
settings.register_profile("ci", deadline=None, database=None, suppress_health_check=_QUIET, derandomize=True)
settings.register_profile("long", deadline=None, database=None, suppress_health_check=_QUIET, print_blob=True)


def effort(examples: int) -> settings:
    """How hard a test looks: these many examples, always the same ones.

    INITIALRUNNER_FUZZ=long: twenty times as many, new ones each time; what fails prints a blob for reproduce_failure.
    """
    # Not by load_profile, which would change the tests of other folders in this process too.
    profile = settings.get_profile("long" if LONG else "ci")
    return settings(profile, max_examples=examples * (20 if LONG else 1))


# --- values -----------------------------------------------------------------------------------------------------------

HOSTILE = [
    "", " ", "'", '"', "\\", "`id`", "$(id)", "${HOME}", "$$", "-n", "-e x", "--help", "%d\\n%s", "a\nb", "\n", "'\n'",
    "EOF", "END_each", "!x", "#", "a\tb", "\x7f", "é", "\u2028", "\u202e", "\x85", "\U0001f680", "~", "null", "*", "&a",
    "'\\''", "a\\", "\\\n", "a\rb", "\x1b[31m", "x" * 5000,
]  # fmt: skip
TEMPLATES = [
    "{{ branch }}", "{{ hostile | sh }}", "{{ hostile | b64 }}", "{{ server }}", "{{ revision }}", "{{ nothing }}",
    "{{ nested.one }}", "{{ nested.two }}", "{{ token }}", "{{ token | b64 }}", "{% if x %}", "{% for a in b %}{{ a }}",
    "{{", "}}", "{#", "{{ 1/0 }}", "{{ branch | nofilter }}", "{{ branch.a.b }}", "{% include 'x' %}", "{{ null }}",
    "{% set a = 1 %}{{ a }}", "{{ [1, 2][7] }}", "{{ branch() }}", "{% extends branch %}", "{{ deploy_id ~ name }}",
    "{{ '\\ud800' }}", "{{ hostile | sh | sh }}", "{% raw %}{{ x }}{% endraw %}",
    "{% macro m() %}x{% endmacro %}{{ m }}",
]  # fmt: skip

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
any_text = st.one_of(st.sampled_from(HOSTILE), st.sampled_from(TEMPLATES), words)
# What a shell can carry: neither NUL nor half a character.
shell_text = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
    st.lists(st.sampled_from(HOSTILE), max_size=6).map("".join),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)

# --- specs that are mostly right --------------------------------------------------------------------------------------


def mostly(right: list[Any], *wrong: Any) -> st.SearchStrategy[Any]:
    """One of the right ones; one of the others once in many times: a spec has dozens of values."""
    return st.integers(0, 60).flatmap(lambda n: st.sampled_from(list(wrong) if n == 60 else right))


one = st.sampled_from
names = mostly(["one", "two", "a.b", "x" * 63], "health", "one.undo", "a b", "é")
paths = mostly(["/etc/a", "/srv/b", "/srv/c/d", "/é"], "/srv/b/c", "/etc/initialrunner/bundle", "relative", "/a,b", "/")
scripts = mostly(["plain.sh"], "binary", "empty", "missing", ".", "", "a\0b", "x" * 300)
files = mostly(["plain.sh", "page.j2", "binary"], "missing", ".", "", "a\0b", "x" * 300)
durations = mostly(["1s", "90s", "15m", "1.5h", "500ms"], "0s", "400d", "90", "soon")
sizes = mostly(["0", "1", "64KiB", "2GiB"], "64", "lots", "9" * 15 + "GiB")
modes = mostly(["0644", "0600", "644", "0400"], "04755", "9999", "rw")
digests = mostly(["ab" * 32, "AB" * 32], "ab")
owners = mostly(["root:root", "www-data:www-data"], "root", ":")
addresses = mostly(["127.0.0.1:80", "[::1]:80"], "db:99999", "db", "{{ branch }}:80")
urls = mostly(["https://h:8443/x", "http://127.0.0.1/"], "ftp://x", "http://[::1", "http://h:port", "https://{{ a }}/")
flags = mostly(["true", "false", True, False], "yes")
counts = mostly(["1", "3", 5], "0", "-1", "٣", "9" * 20)
# Those that need no value which the spec may lack.
right_texts = ["true", "#!/bin/sh\ntrue\n", "echo {{ server | sh }}", "{{ revision }}", "a\nb", "{{ deploy_id | b64 }}"]
texts = st.integers(0, 15).flatmap(lambda n: any_text if n == 15 else st.sampled_from(right_texts))


def of(**keys: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A map with any of these keys; those written with _ at the end are always there."""
    always = {key.rstrip("_").replace("__", "."): value for key, value in keys.items() if key.endswith("_")}
    perhaps = {key.replace("__", "."): value for key, value in keys.items() if not key.endswith("_")}
    return st.fixed_dictionaries(always, optional=perhaps)


def some(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """A short list."""
    return st.lists(inner, max_size=3)


environments = st.dictionaries(mostly(["A", "B_1", "PATH"], "1A", "é"), texts, max_size=3)
what_runs = st.one_of(of(run_=texts), of(run_=texts), of(script_=scripts), of(template_=scripts))


def both(first: st.SearchStrategy[Any], second: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One map of two."""
    return st.tuples(first, second).map(lambda pair: {**pair[0], **pair[1]})


script = both(
    of(name_=names, timeout=durations, user=mostly(["root", "nobody"], "a b"), environment=environments), what_runs
)
need = st.one_of(
    mostly(["network", "dns", "cloud-init"], "luck"),
    of(tcp_=addresses),
    of(file_=paths),
    of(server_=names),
    of(dns_=flags),
)
stage = both(
    script,
    of(
        needs=some(need), retry=of(attempts=counts, delay=durations), on_interrupt=one(["retry", "fail"]),
        skip_if=texts, verify=texts, undo=texts, reboot=mostly(["never", "after", "if-required"], "always"),
        rerun=one(["changed", "deploy"]),
    ),
)  # fmt: skip
content = st.one_of(
    of(content_=texts), of(template_=files), of(source_=files), of(fetch_=of(url_=urls, sha256_=digests))
)
file = both(
    of(path_=paths, owner=owners, mode=modes, secret=flags, deliver=one(["bundle", "inject"])),
    content,
)
check = st.one_of(
    of(http_=urls, status=counts, contains=texts), of(tcp_=addresses), of(unit_=texts), of(process_=texts),
    of(command_=texts), of(file_=paths), of(disk_=of(path_=paths, free_=sizes)), of(memory_=of(free_=sizes)),
)  # fmt: skip
specs = of(
    version_=st.just(1),
    name_=one(["web", "a.b", "x" * 63]),
    include=mostly(["base.yaml", ["base.yaml", "base.yaml"]], "web.yaml", "missing", ["."], {}),
    values=of(branch_=words, hostile_=any_text, nested=of(one=scalars), a=values, x=values),
    secrets=of(token=mostly(["env:FUZZ_TOKEN", "file:plain.sh"], "file:binary", "env:", "what")),
    files=some(file),
    wait_for=some(
        of(path_=paths, min_size_=sizes, sha256=digests, settle=durations, mode=modes, owner=owners, deadline=durations)
    ),
    stages=some(stage),
    every_boot=some(script),
    health=of(deadline=durations, stable=counts, interval=durations, checks=some(check)),
    report=of(url_=urls, ca=mostly(["ca.pem"], "binary", "missing")),
    trigger=mostly(["auto", "cron", "systemd", "both"], "none"),
    proxy=of(http=urls, https=urls, no_proxy=texts),
    rollback=flags,
    deadline=durations,
    templates=of(rc__local=scripts, cron=mostly(["cron.j2"], "binary", "empty", "missing")),
)

# --- damage -----------------------------------------------------------------------------------------------------------

TOKENS = [
    "&a ", "*a", "!!python/name:os.system ", "? ", "|\n", ">-\n", "---\n", "...\n", "%YAML 9.9\n", "\t", "[", "{", "]",
    "}", ": ", "- ", "#", "<<: *a\n", "'", '"', "\ufeff", "\x85", "\u2028", "\x00", "\x0c", "\r", "\ud7ff", "!<", "\\",
    "@", "\x1c", ",", "\n", "\\ud800",
]  # fmt: skip


@st.composite
def damaged(draw: Callable[[Any], Any], tree: Any) -> Any:
    """A tree in which one place holds something else."""
    if isinstance(tree, dict) and tree and draw(st.integers(0, 3)):
        key = draw(one(list(tree)))
        what = draw(st.integers(0, 6))
        rest = {k: v for k, v in tree.items() if k != key}
        if what == 0:
            return rest
        if what == 1:
            return {**rest, draw(words | one([key[:-1], key + "s", "[key]", "literal['x']"])): tree[key]}
        return {**tree, key: draw(damaged(tree[key]))}
    if isinstance(tree, list) and tree and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(tree) - 1))
        if draw(st.booleans()):
            return [*tree[: at + 1], *tree[at:]]
        return [*tree[:at], draw(damaged(tree[at])), *tree[at + 1 :]]
    return draw(values)


@st.composite
def cut_up(draw: Callable[[Any], Any], text: str) -> str:
    """A text with a few places cut, doubled, or with something in them."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        to = draw(st.integers(at, min(len(text), at + 40)))
        with_ = draw(one([*TOKENS, "", text[at:to] * 2]) | words)
        text = text[:at] + with_ + text[to:]
    return text


def as_json(tree: Any) -> str:
    """JSON is YAML, and quotes every text."""
    return json.dumps(tree, ensure_ascii=False, indent=1)


@st.composite
def as_yaml(draw: Callable[[Any], Any], tree: Any) -> str:
    """The tree in one of YAML's ways to write it."""
    style = draw(one(["json", None, None, '"', "|", ">", "'"]))
    if style == "json":
        return as_json(tree)
    flow = draw(one([True, False, None]))
    return yaml.safe_dump(tree, allow_unicode=True, default_style=style, default_flow_style=flow, sort_keys=False)


@st.composite
def near_specs(draw: Callable[[Any], Any]) -> str:
    """The text of a spec: right, or wrong in a few places."""
    tree = draw(specs)
    for _ in range(draw(st.integers(0, 2))):
        tree = draw(damaged(tree))
    text = draw(as_yaml(tree))
    return draw(cut_up(text)) if draw(st.integers(0, 2)) == 0 else text
