"""A default that changes in its table changes everywhere: in the spec, in what people are shown, and on the host."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.cli import show
from bootstrap.payload.build import build
from bootstrap.payload.bundle import unpack
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.runner import defaults
from bootstrap.runner.defaults import CHECK, FILE, HEALTH, PLAN, STAGE, filled
from bootstrap.spec.load import load
from bootstrap.spec.schema import duration, schema

PACKAGE = Path(defaults.__file__).resolve().parents[1]
TABLES = {"PLAN": PLAN, "STAGE": STAGE, "HEALTH": HEALTH, "CHECK": CHECK, "FILE": FILE}
ENTRIES = [(table, key) for table, entries in TABLES.items() for key in entries]
IDS = [f"{table}.{key}" for table, key in ENTRIES]
WORDS = {"root": "daemon", "auto": "cron", "retry": "fail", "never": "after", "changed": "deploy"}

BARE = """\
version: 1
name: web
files:
  - {path: /etc/web/a, content: x}
  - {path: /etc/web/open, content: x, secret: false, keep: true}
stages: [{name: one, run: "true", undo: "true"}]
every_boot: [{name: two, run: "true"}]
health: {checks: [{http: "http://127.0.0.1/"}]}
"""
# The same with every value written out; in the braces are today's defaults.
FULL = """\
version: 1
name: web
deadline: {PLAN[deadline_s]}s
trigger: {PLAN[trigger]}
rollback: {PLAN[rollback]}
files:
  - path: /etc/web/a
    content: x
    mode: "{FILE[mode]:04o}"
    owner: {FILE[user]}:{FILE[group]}
    secret: {FILE[secret]}
    keep: {FILE[keep]}
  - {{path: /etc/web/open, content: x, mode: "{FILE[mode]:04o}", secret: false, keep: true}}
stages:
  - name: one
    run: "true"
    undo: "true"
    timeout: {STAGE[timeout_s]}s
    user: {STAGE[user]}
    retry: {{attempts: {STAGE[attempts]}, delay: {STAGE[delay_s]}s, max_delay: {STAGE[max_delay_s]}s}}
    on_interrupt: {STAGE[on_interrupt]}
    reboot: {STAGE[reboot]}
    rerun: {STAGE[rerun]}
every_boot: [{{name: two, run: "true", timeout: {STAGE[timeout_s]}s, user: {STAGE[user]}}}]
health:
  deadline: {HEALTH[deadline_s]}s
  stable: {HEALTH[stable]}
  interval: {HEALTH[interval_s]}s
  checks: [{{http: "http://127.0.0.1/", status: {CHECK[status]}}}]
"""
# What `bootstrap show` prints of a value; it leaves the others out.
SHOWN = {
    "PLAN.deadline_s": "  deadline  {} s",
    "STAGE.timeout_s": "timeout {} s",
    "STAGE.user": "as {}",
    "STAGE.attempts": "{} attempts",
    "STAGE.reboot": "reboot {}",
    "CHECK.status": "http://127.0.0.1/ {}",
    "FILE.mode": "  {:04o}  ",
    "FILE.user": "  {}:",
    "FILE.group": ":{}  ",
}
# Where the JSON Schema, from which the reference page is made, has a default: (definition, property).
IN_SCHEMA = {
    "PLAN.deadline_s": ("", "deadline"), "PLAN.trigger": ("", "trigger"), "PLAN.rollback": ("", "rollback"),
    "STAGE.timeout_s": ("Stage", "timeout"), "STAGE.user": ("Stage", "user"), "STAGE.attempts": ("Retry", "attempts"),
    "STAGE.delay_s": ("Retry", "delay"), "STAGE.max_delay_s": ("Retry", "max_delay"),
    "STAGE.on_interrupt": ("Stage", "on_interrupt"), "STAGE.reboot": ("Stage", "reboot"),
    "STAGE.rerun": ("Stage", "rerun"), "HEALTH.deadline_s": ("Health", "deadline"),
    "HEALTH.stable": ("Health", "stable"), "HEALTH.interval_s": ("Health", "interval"),
    "CHECK.status": ("Check", "status"), "FILE.secret": ("File", "secret"), "FILE.keep": ("File", "keep"),
}  # fmt: skip


def other(value: Any) -> Any:
    """Another value that the same key can have."""
    return not value if isinstance(value, bool) else value ^ 4 if isinstance(value, int) else WORDS[value]


def entry(plan: dict[str, Any], table: str, key: str) -> dict[str, Any]:
    """The map of a host plan to which a key of a table belongs."""
    # The mode of a secret file is not the default one, and while the tables are changed a file is secret by default.
    path = "/etc/web/open" if key == "mode" else "/etc/web/a"
    maps = {
        "PLAN": plan, "STAGE": plan["stages"][0], "HEALTH": plan["health"], "CHECK": plan["health"]["checks"][0],
        "FILE": next(file for file in plan["files"] if file["path"] == path),
    }  # fmt: skip
    return dict(maps[table])


def seen(folder: Path) -> dict[str, Any]:
    """What a spec without a word of all this, and one that says all of it, come to: bundle, host, people, schema."""
    views: dict[str, Any] = {"schema": schema()}
    for name in ("bare", "full"):
        project = load(folder / f"{name}.yaml")
        inside = unpack(build(render(resolve(project, server="web-1", deploy_id="d")), inject_rc_local=False).bundle)
        views[name] = {
            "packed": inside.plan,
            "host": filled(inside.plan),
            "shown": "\n".join(show.plan_lines(inside.plan)),
            "rc.local": inside.files["/etc/rc.local"].decode(),
        }
    return views


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """`seen` of an interpreter in which each default is another one than here."""
    folder = tmp_path_factory.mktemp("specs")
    (folder / "bare.yaml").write_text(BARE)
    # A YAML of Python's True would be refused.
    (folder / "full.yaml").write_text(FULL.format(**TABLES).replace("True", "true").replace("False", "false"))
    # Before anything else is imported: models and plans take their defaults from the table when they are made.
    changed = {name: {key: other(value) for key, value in table.items()} for name, table in TABLES.items()}
    script = f"""
import json, pathlib, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from bootstrap.runner import defaults
for name, entries in json.loads({json.dumps(changed)!r}).items():
    getattr(defaults, name).update(entries)
import test_defaults
print(json.dumps(test_defaults.seen(pathlib.Path({str(folder)!r}))))
"""
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(("table", "key"), ENTRIES, ids=IDS)
def test_a_changed_default_is_what_the_host_does(views: dict[str, Any], table: str, key: str) -> None:
    assert key not in entry(views["bare"]["packed"], table, key)
    assert entry(views["bare"]["host"], table, key)[key] == other(TABLES[table][key])


@pytest.mark.parametrize(("table", "key"), ENTRIES, ids=IDS)
def test_a_value_that_the_spec_says_counts_for_the_host_whatever_the_default(
    views: dict[str, Any], table: str, key: str
) -> None:
    assert entry(views["full"]["host"], table, key)[key] == TABLES[table][key]


@pytest.mark.parametrize("name", SHOWN)
def test_a_changed_default_is_shown(views: dict[str, Any], name: str) -> None:
    table, key = name.split(".")
    assert SHOWN[name].format(other(TABLES[table][key])) in views["bare"]["shown"] + "\n"


@pytest.mark.parametrize("name", IN_SCHEMA)
def test_a_changed_default_is_in_the_schema_and_so_in_the_reference(views: dict[str, Any], name: str) -> None:
    table, key = name.split(".")
    value = other(TABLES[table][key])
    definition, property_name = IN_SCHEMA[name]
    model = views["schema"]["$defs"][definition] if definition else views["schema"]
    expected = duration(value) if key.endswith("_s") else value
    assert model["properties"][property_name]["default"] == expected


def test_every_boot_has_the_defaults_of_a_stage(views: dict[str, Any]) -> None:
    (entry_at_boot,) = views["bare"]["host"]["every_boot"]
    assert entry_at_boot["timeout_s"] == other(STAGE["timeout_s"])
    assert f"runuser -u {other(STAGE['user'])} " in views["bare"]["rc.local"]
    assert "runuser" not in views["full"]["rc.local"]


def test_a_plan_that_is_filled_stays_as_it_is() -> None:
    plan = {"stages": [{"name": "one", "timeout_s": 5}], "health": {"checks": []}}
    assert filled(filled(plan)) == filled(plan)
    assert plan == {"stages": [{"name": "one", "timeout_s": 5}], "health": {"checks": []}}
    assert filled(plan)["stages"][0]["timeout_s"] == 5


def test_the_page_about_the_plan_has_the_same_defaults() -> None:
    text = (PACKAGE.parent / "docs/reference/plan.md").read_text(encoding="utf-8")
    for table, title in ((FILE, "A file"), (STAGE, "A stage")):
        section = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
        rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
        written = {}
        for names, values in rows:
            keys = re.findall(r"`(\w+)`", names)
            defaults_of_row = values.strip().replace("`", "").split(", ") * len(keys)
            written.update(zip(keys, defaults_of_row, strict=False))
        as_text = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in table.items()}
        if "mode" in table:
            as_text["mode"] = f"{table['mode']} ({table['mode']:04o})"
        assert {key: written.get(key) for key in table} == as_text
    for key, value in HEALTH.items():
        assert re.search(rf"`{key}` \({value}\b", text)
    assert f"`status` ({CHECK['status']})" in text


# `.get(KEY, VALUE)` that is no second default.
ALLOWED = {
    ("user", "root"),  # a check runs as root, and a file of another hand stays root's, unless something else is named
    ("group", "root"),
    ("keep", True),  # of files, and of those of `wait_for`, which have no such key and stay
    ("deadline_s", 1e9),  # a file of `wait_for` without a deadline has none
    ("group", ""),  # the name of a group of servers
    ("trigger", ""),  # of an image, for which `bake` always writes one
    ("status", ""),  # of a server in an answer of Nova, which has nothing to do with a check's
}


def fallbacks() -> Iterator[tuple[str, str, Any]]:
    """(place, key, value) of each `.get(key, value)` in the package whose key is one of the tables'."""
    keys = {key for _, key in ENTRIES} | set(defaults.BAKED)
    for source in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                constants = [word.value for word in node.args if isinstance(word, ast.Constant)]
                if len(constants) == 2 and constants[0] in keys:
                    yield f"{source.relative_to(PACKAGE)}:{node.lineno}", str(constants[0]), constants[1]


def test_no_code_has_a_default_of_its_own() -> None:
    assert [place for place, key, value in fallbacks() if (key, value) not in ALLOWED] == []
