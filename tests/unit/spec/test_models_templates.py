"""Every text key of a spec is a template or refuses the marks of one: each key of the models is tried both ways."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import Problem, SpecError
from bootstrap.payload.bundle import unpack
from bootstrap.plan.resolve import resolve
from bootstrap.render.model import Rendered
from bootstrap.render.render import render
from bootstrap.spec.load import load
from bootstrap.spec.schema import schema
from bootstrap.spec.tree import Reader, where_of
from bootstrap.spec.types import NO_TEMPLATE, TEMPLATE
from bootstrap.targets import layout, providers

pytestmark = pytest.mark.fault(129)

HEAD = {"version": "1", "name": "web", "report": {"url": "https://deploy.internal"}}
MARKED = ("{{ value }}", "{% if value %}x{% endif %}", "a{#b")
# Values of all kinds, most of them wrong for most keys.
VALUES = (
    "/srv/a", "/srv/a/", "/", "srv/a", "/srv/../a", "/srv//a", "/srv/a,b", "/srv/a\nb", "/" + "a" * 255,
    "/etc/initialrunner/x", "root", "root:root", "a:b:c", "www-data", "a b", "-x", "1000", "x" * 70, "db:5432", "db:0",
    "[::1]:80", "http://127.0.0.1:80/a", "https://deploy.internal:8443", "http://", "ftp://x/y", "network", "true",
    "10m", "é",
)  # fmt: skip
ANOTHER = {
    "File": ({"template", "source", "content", "fetch"}, {"content": "x"}),
    "Script": ({"run", "script", "template"}, {"run": "true"}),
    "Stage": ({"run", "script", "template"}, {"run": "true"}),
    "Check": ({"http", "tcp", "unit", "process", "command", "file", "disk", "memory"}, {"http": "http://127.0.0.1/"}),
}
DIGEST = "a" * 64
# A spec around one map of each model, and where that map stands in it.
AROUND: dict[str, tuple[dict[str, Any], tuple[str | int, ...]]] = {
    "": ({}, ()),
    "File": ({"path": "/srv/f"}, ("files", 0)),
    "Fetch": ({"url": "https://x/y", "sha256": DIGEST}, ("files", 0, "fetch")),
    "WaitFor": ({"path": "/srv/w", "min_size": "1"}, ("wait_for", 0)),
    "Stage": ({"name": "one"}, ("stages", 0)),
    "Script": ({"name": "boot"}, ("every_boot", 0)),
    "Need": ({}, ("stages", 0, "needs", 0)),
    "Retry": ({}, ("stages", 0, "retry")),
    "Health": ({}, ("health",)),
    "Check": ({}, ("health", "checks", 0)),
    "Disk": ({"path": "/srv", "free": "1MiB"}, ("health", "checks", 0, "disk")),
    "Memory": ({"free": "1MiB"}, ("health", "checks", 0, "memory")),
    "Report": ({"url": "https://deploy.internal"}, ("report",)),
    "Proxy": ({}, ("proxy",)),
    "Templates": ({}, ("templates",)),
}
PARENTS: dict[tuple[str | int, ...], dict[str, Any]] = {
    ("files", 0): {"path": "/srv/f"},
    ("stages", 0): {"name": "one", "run": "true"},
    ("health", "checks", 0): {},
}


@dataclass(frozen=True)
class Key:
    """One key of one model. under: the name in a map with any names, such as those of `environment`; "" otherwise."""

    model: str
    name: str
    node: dict[str, Any]
    under: str = ""

    @property
    def place(self) -> tuple[str | int, ...]:
        """Its place in the spec that `spec` gives."""
        place = (*AROUND[self.model][1], self.name)
        return (*place, self.under) if self.under else place

    def spec(self, text: str, **values: str) -> dict[str, Any]:
        """A spec in which only the value of this key can be wrong."""
        around, place = AROUND[self.model]
        keys, instead = ANOTHER.get(self.model, (set(), {}))
        body = around | ({} if self.name in keys else instead) | {self.name: {self.under: text} if self.under else text}
        found: Any = body
        for depth in range(len(place) - 1, -1, -1):
            step, above = place[depth], PARENTS.get(place[:depth], {})
            found = [found] if isinstance(step, int) else above | {step: found}
        spec = HEAD | found if place else HEAD | body
        return spec | {"values": {**spec.get("values", {}), **values}} if values else spec


def keys() -> Iterator[Key]:
    """Every key that takes a text, from the schema, which is made from the models."""
    whole = schema()
    for model, node in [("", whole), *whole["$defs"].items()]:
        for name, inner in node.get("properties", {}).items():
            if "$ref" in inner or "$ref" in inner.get("items", {}) or "$ref" in json.dumps(inner):
                continue
            for below in (inner.get("additionalProperties"), *inner.get("patternProperties", {}).values()):
                if isinstance(below, dict):
                    yield Key(model, name, below, "A")
                    break
            else:
                yield Key(model, name, inner)


KEYS = list(keys())
PLAIN = [key for key in KEYS if key.node.get("$comment") == NO_TEMPLATE and key.name != "values"]
TEMPLATES = [key for key in KEYS if key.node.get("$comment") == TEMPLATE]


def named(key: Key) -> str:
    return ".".join(filter(None, (key.model, key.name, key.under)))


def outcome(folder: Path, spec: dict[str, Any]) -> Rendered | list[Problem]:
    """What a spec renders to, or everything that is wrong with it; JSON is YAML."""
    (folder / "web.yaml").write_text(json.dumps(spec), encoding="utf-8")
    try:
        return render(resolve(load(folder / "web.yaml"), server="web-1", deploy_id="d1"), stand_in=True)
    except SpecError as error:
        return [problem for problem in error.problems if problem.severity == "error"]


def problems(folder: Path, spec: dict[str, Any]) -> list[Problem]:
    found = outcome(folder, spec)
    return [] if isinstance(found, Rendered) else found


def test_every_key_of_the_models_says_what_it_is() -> None:
    assert {key.model for key in KEYS} == AROUND.keys()
    assert [named(key) for key in KEYS if key.node.get("$comment") not in (TEMPLATE, NO_TEMPLATE)] == []
    assert len(TEMPLATES) >= 30 and len(PLAIN) >= 40


@pytest.mark.parametrize("key", PLAIN, ids=named)
@pytest.mark.parametrize("value", MARKED)
def test_a_key_that_is_no_template_refuses_the_marks_by_name(tmp_path: Path, key: Key, value: str) -> None:
    found = [p for p in problems(tmp_path, key.spec(value)) if "this key is not a template" in p.message]

    (problem,) = found
    mark = next(mark for mark in ("{{", "{%", "{#") if mark in value)
    assert problem.code == "spec.template"
    assert problem.message.endswith(f": {value!r} contains {mark}, and this key is not a template")
    root = Reader().read(tmp_path / "web.yaml", str(tmp_path / "web.yaml"))
    assert root is not None and problem.where == where_of(root, key.place)


@pytest.mark.parametrize("key", TEMPLATES, ids=named)
def test_a_template_is_rendered_and_then_judged_by_the_rule_of_its_key(tmp_path: Path, key: Key) -> None:
    """What is right where it is written is right out of a template, and the same; what is wrong is wrong out of one."""
    right = 0
    for value, template in zip(VALUES, cycle(("{{ value }}", "{% if value %}{{ value }}{% endif %}")), strict=False):
        written = outcome(tmp_path, key.spec(value))
        rendered = outcome(tmp_path, key.spec(template, value=value))
        if isinstance(written, Rendered):
            assert isinstance(rendered, Rendered), (value, rendered)
            apart = {"host_plan": {}, "warnings": ()}  # warnings quote the line as it is written
            assert replace(rendered, revision=written.revision, **apart) == replace(written, **apart)
            assert [w.message for w in rendered.warnings] == [w.message for w in written.warnings]
            assert rendered.host_plan | {"revision": written.revision} == written.host_plan
            right += 1
        else:
            assert not isinstance(rendered, Rendered), value
            places = [(p.where.file, p.where.column > 1) for p in rendered if p.where]
            assert places == [(str(tmp_path / "web.yaml"), True)] * len(rendered)
    assert right, "no value here is right for this key"


@pytest.mark.parametrize("key", KEYS, ids=named)
def test_an_editor_refuses_no_value_that_check_takes(tmp_path: Path, key: Key) -> None:
    for value in (*VALUES, *MARKED):
        if key.name != "values" and not problems(tmp_path, key.spec(value, value=value)):
            assert takes(key.node, value), value


def takes(node: dict[str, Any], value: str) -> bool:
    """Whether a JSON Schema of one text takes it: those words of the language that ours uses."""
    kinds = node.get("type", "string")
    return (
        ("string" in kinds or ("boolean" in kinds and value == "true") or ("integer" in kinds and value.isdigit()))
        and ("pattern" not in node or re.search(node["pattern"], value) is not None)
        and ("not" not in node or not takes(node["not"], value))
        and ("enum" not in node or value in [str(word) for word in node["enum"]])
        and ("const" not in node or value == str(node["const"]).lower())
        and ("anyOf" not in node or any(takes(one, value) for one in node["anyOf"]))
    )


VALUE = 'values: {mountpoint: data, disk: /dev/disk/by-id/virtio-data, who: nobody, own: "/etc/initialrunner"}\n'


@pytest.mark.parametrize(
    ("body", "line", "column", "message", "hint"),
    [
        ('health: {checks: [{disk: {path: "{{ mountpoint }}", free: 1MiB}}]}', 4, 33,
         "health.checks[0].disk.path: 'data' is not absolute; the template is '{{ mountpoint }}'",
         "let it begin with /"),
        ('stages: [{name: a, run: "true", needs: [{file: "/{{ disk }}"}]}]', 4, 48,
         "stages[0].needs[0].file: '//dev/disk/by-id/virtio-data' contains `.`, `..` or a double slash; "
         "the template is '/{{ disk }}'",
         "write the path without them"),
        ('stages: [{name: a, run: "true", user: "{{ who }} x"}]', 4, 39,
         "stages[0].user: 'nobody x' is not the name of a user; the template is '{{ who }} x'",
         "write a user's name, such as www-data"),
        ('files: [{path: /srv/a, content: x, owner: "{{ who }}"}]', 4, 43,
         "files[0].owner: 'nobody' is not user:group; the template is '{{ who }}'", "write nobody:nobody"),
        ('files: [{path: "/srv/{{ server }}", content: x}, {path: /srv/web-1, content: y}]', 4, 57,
         "files[1].path: files[0] already writes /srv/web-1", "remove one of them"),
        ('files: [{path: "/srv/{{ server }}", content: x}]\nwait_for: [{path: /srv/web-1, min_size: 1}]', 5, 19,
         "wait_for[0].path: files[0] already writes /srv/web-1", "remove one of them"),
        ('files: [{path: "{{ own }}/x", content: x}]', 4, 16,
         "files[0].path: /etc/initialrunner/x belongs to the runner", "choose another path"),
        ('files: [{path: "/srv/{{ server }}", content: x}, {path: /srv/web-1/y, content: y}]', 4, 57,
         "files[1].path: /srv/web-1/y is below /srv/web-1, which files[0] makes a file", "choose another path"),
        ('files: [{path: "/etc/{{ \'rc.local\' }}", content: x}]\nevery_boot: [{name: a, run: "true"}]', 4, 16,
         "files[0].path: every_boot, which is rendered as rc.local, already writes /etc/rc.local",
         "remove one of them"),
        ('proxy: {https: "{{ who }}"}', 4, 16,
         "proxy.https: 'nobody' is not a URL; the template is '{{ who }}'", "write https://HOST:PORT/PATH"),
    ],
)  # fmt: skip
def test_what_a_template_renders_to_is_judged_at_its_place(
    tmp_path: Path, body: str, line: int, column: int, message: str, hint: str
) -> None:
    (tmp_path / "web.yaml").write_text("version: 1\nname: web\n" + VALUE + body + "\n")
    with pytest.raises(SpecError) as refused:
        render(resolve(load(tmp_path / "web.yaml"), server="web-1", deploy_id="d1"), stand_in=True)

    (problem,) = refused.value.problems
    assert (problem.message, problem.hint) == (message, hint)
    assert problem.where is not None and (problem.where.line, problem.where.column) == (line, column)


def test_a_fleets_servers_each_have_their_own_paths_and_users(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(
        "version: 1\nname: web\nvalues: {data: /srv/data, who: www}\n"
        'files: [{path: "{{ data }}/{{ server }}.conf", content: x, owner: "{{ who }}:{{ who }}"}]\n'
        'wait_for: [{path: "{{ data }}/key", min_size: 1, owner: "{{ who }}:root"}]\n'
        'stages: [{name: a, run: id, user: "{{ who }}", needs: [{file: "{{ data }}"}, {server: "{{ name }}-0"}]}]\n'
        'every_boot: [{name: b, run: id, user: "{{ who }}"}]\n'
        'health: {checks: [{disk: {path: "{{ data }}/", free: 1MiB}}]}\n'
        'proxy: {http: "http://{{ who }}:3128", no_proxy: "{{ server }}"}\n'
        "report: {url: https://deploy.internal}\n"
    )
    spec = load(tmp_path / "web.yaml")
    plan = resolve(spec, server="web-2", deploy_id="d1", server_values={"data": "/mnt", "who": "caddy"})
    done = render(plan, secret=bytes(32))

    (file,) = done.files
    assert (file.path, file.owner) == ("/mnt/web-2.conf", ("caddy", "caddy"))
    assert done.host_plan["wait_for"] == [{"path": "/mnt/key", "user": "caddy", "group": "root", "min_size": 1}]
    stage = done.host_plan["stages"][0]
    assert (stage["user"], stage["needs"]) == ("caddy", [{"file": "/mnt"}, {"server": "web-0"}])
    assert done.rc_local is not None and "runuser -u caddy" in done.rc_local
    assert done.host_plan["health"]["checks"] == [{"kind": "disk", "path": "/mnt", "free": 1 << 20}]
    assert done.host_plan["proxy"] == {"http": "http://caddy:3128", "no_proxy": "web-2"}


def test_every_target_has_the_rendered_path(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(
        "version: 1\nname: web\nfiles: [{path: '/srv/{{ server }}', content: x, deliver: inject}]\n"
    )
    done = render(resolve(load(tmp_path / "web.yaml"), server="web-1", deploy_id="d1"))
    for target in ("tree", "personality"):
        payload = layout.pack(done, target, providers.provider("nova") if target == "personality" else None).payload
        # Nova takes five files: there it rides in the bundle.
        assert target != "tree" or "/srv/web-1" in [file.path for file in payload.files]
        assert unpack(payload.bundle).plan["files"][0]["path"] == "/srv/web-1"


def test_a_secret_in_a_path_or_a_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2hunter2")
    (tmp_path / "web.yaml").write_text(
        "version: 1\nname: web\nsecrets: {token: 'file:token'}\n"
        'files: [{path: "/srv/{{ token }}", content: x}]\nstages: [{name: a, run: id, user: "{{ token }}"}]\n'
    )
    with pytest.raises(SpecError) as refused:
        render(resolve(load(tmp_path / "web.yaml"), server="web-1", deploy_id="d1"))

    assert [(problem.message, problem.hint) for problem in refused.value.problems] == [
        ("files[0].path: contains the secret token", "take it out"),
        ("stages[0].user: contains the secret token", "take it out"),
    ]


def test_a_secret_file_is_not_opened_by_a_group_out_of_a_template(tmp_path: Path) -> None:
    file = {"path": "/srv/a", "content": "x", "secret": "true", "mode": "0640", "owner": "root:{{ who }}"}
    (problem,) = problems(tmp_path, HEAD | {"values": {"who": "root"}, "files": [file]})
    assert problem.message.startswith("files[0].mode: other users could read this secret file")


def test_reports_in_the_clear_are_warned_of_where_the_url_is_a_template(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(
        "version: 1\nname: web\nvalues: {collector: deploy.internal}\nreport: {url: 'http://{{ collector }}:8080'}\n"
    )
    done = render(resolve(load(tmp_path / "web.yaml"), server="web-1", deploy_id="d1"), secret=bytes(32))
    (warning,) = done.warnings
    assert warning.message == (
        "report.url: reports go to deploy.internal unencrypted: they are signed, but others can read them"
    )


def test_an_include_cannot_be_a_template(tmp_path: Path) -> None:
    for include in ("{{ zone }}.yaml", ["{{ zone }}.yaml"]):
        (problem,) = problems(tmp_path, HEAD | {"include": include})
        assert problem.message == "include: '{{ zone }}.yaml' contains {{, and this key is not a template"


def test_a_need_by_its_word_cannot_be_a_template(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, HEAD | {"stages": [{"name": "a", "run": "true", "needs": ["{{ what }}"]}]})
    assert problem.message == "stages[0].needs[0]: '{{ what }}' contains {{, and this key is not a template"


def test_values_are_data_and_their_braces_are_text(tmp_path: Path) -> None:
    stage = {"name": "a", "run": "docker ps --format {{ shape | sh }}"}
    spec = HEAD | {"values": {"shape": "{{.Names}}"}, "stages": [stage]}
    assert problems(tmp_path, spec) == []
    done = render(resolve(load(tmp_path / "web.yaml"), server="web-1", deploy_id="d1"), stand_in=True)
    assert done.host_plan["stages"][0]["text"] == "docker ps --format '{{.Names}}'\n"
