"""One rule for values from outside: --set, --values, a fleet's file and the Python API refuse the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstrap import api
from bootstrap.errors import BootstrapError, Problem
from bootstrap.plan.resolve import resolve
from bootstrap.spec.load import load

SPEC = """\
version: 1
name: web
values: {port: 8080, users: [ann], sites: {a: 1, b: [x]}, any: ''}
files: [{path: /etc/a, content: '{{ port }} {{ region }}'}]
health: {checks: [{file: /etc/a}]}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.yaml").write_text(SPEC)
    return tmp_path


def by_set(name: str, value: str) -> Any:
    return api.load("web.yaml", overrides=["region=eu", f"{name}={value}"]).plan("s-1").render().rendered


def by_values_file(name: str, value: str) -> Any:
    Path("more.yaml").write_text(f"region: eu\n{name}: {value}\n")
    return api.load("web.yaml", values_files=["more.yaml"]).plan("s-1").render().rendered


def by_servers_file(name: str, value: str) -> Any:
    Path("servers.yaml").write_text(f"s-1: {{region: eu, {name}: {value}}}\n")
    return next(iter(api.load("web.yaml").fleet("servers.yaml"))).render().rendered


def by_table(name: str, value: str) -> Any:
    Path("servers.csv").write_text(f'name,region,{name}\ns-1,eu,"{value}"\n')
    return next(iter(api.load("web.yaml").fleet("servers.csv"))).render().rendered


def by_plan(name: str, value: Any) -> Any:
    return api.load("web.yaml").plan("s-1", {"region": "eu", name: value}).render().rendered


def by_fleet(name: str, value: Any) -> Any:
    return next(iter(api.load("web.yaml").fleet({"s-1": {"region": "eu", name: value}}))).render().rendered


WAYS = [by_set, by_values_file, by_servers_file, by_table, by_plan, by_fleet]


def problem(way: Callable[[str, Any], Any], name: str, value: Any) -> Problem:
    with pytest.raises(BootstrapError) as caught:
        way(name, value)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.fault(134)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_misspelt_value_is_refused_with_the_one_that_was_meant(way: Callable[[str, Any], Any]) -> None:
    told = problem(way, "prot", "9090")
    assert told.message.removeprefix("s-1: ") == "no template uses prot, and the spec has no such value"
    assert told.hint == "did you mean port?"


@pytest.mark.fault(134)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(
    ("name", "value", "message", "hint"),
    [
        ("users", "bob", "the value users is text or a number, and in the spec it is a list", "write [a, b]"),
        ("sites", "7", "the value sites is text or a number, and in the spec it is a map", "write {key: value}"),
    ],
)
def test_a_text_over_a_list_or_a_map_is_refused(
    way: Callable[[str, Any], Any], name: str, value: str, message: str, hint: str
) -> None:
    told = problem(way, name, value)
    assert told.message.removeprefix("s-1: ") == message
    assert told.hint is not None and told.hint.startswith(hint)


@pytest.mark.fault(134)
@pytest.mark.parametrize("way", [by_values_file, by_servers_file, by_plan, by_fleet], ids=lambda way: way.__name__)
def test_a_list_over_a_text_and_a_text_deep_in_a_map_are_refused(way: Callable[[str, Any], Any]) -> None:
    is_text = way in (by_values_file, by_servers_file)
    told = problem(way, "port", "[1]" if is_text else [1])
    assert told.message.removeprefix("s-1: ") == "the value port is a list, and in the spec it is text or a number"
    told = problem(way, "sites", "{b: x}" if is_text else {"b": "x"})
    assert told.message.removeprefix("s-1: ") == "the value sites.b is text or a number, and in the spec it is a list"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_is_declared_or_said_by_a_template_is_taken(way: Callable[[str, Any], Any]) -> None:
    assert way("port", "9090").files[0].content == b"9090 eu"
    assert way("any", "x").files[0].content == b"8080 eu"


@pytest.mark.fault(134)
@pytest.mark.parametrize(
    ("given", "users"),
    [
        ("users=[x, y]", ["x", "y"]),
        ("users=[1, '2', no]", [1, "2", "no"]),
        ("users=", None),
        ("sites={a: 2, c: 3}", ["ann"]),
        ("sites.b=[y]", ["ann"]),
        ("any=[x, y]", ["ann"]),
    ],
)
def test_set_reads_a_list_as_yaml_where_the_spec_has_one(given: str, users: Any) -> None:
    values = resolve(load("web.yaml", overrides=[given]), server="s-1", deploy_id="d1").values
    assert values["users"] == users
    if given.startswith("sites={"):
        assert values["sites"] == {"a": 2, "b": ["x"], "c": 3}
    if given.startswith("sites.b"):
        assert values["sites"] == {"a": 1, "b": ["y"]}
    if given.startswith("any"):
        # The spec's own is no list: what looks like one stays the text that it was.
        assert values["any"] == "[x, y]"


def test_a_table_reads_a_list_as_set_does() -> None:
    Path("servers.csv").write_text('name,region,users\ns-1,eu,"[x, y]"\n')
    plan = next(iter(api.load("web.yaml").fleet("servers.csv"))).plan
    assert plan.values["users"] == ["x", "y"]


@pytest.mark.parametrize(
    ("overrides", "column", "message", "hint"),
    [
        (["users=[x"], 1, "the value users is text or a number, and in the spec it is a list",
         "write [a, b], as in --set users='[a, b]'"),
        (["sites.b=x"], 1, "the value sites.b is text or a number, and in the spec it is a list",
         "write [a, b], as in --set sites.b='[a, b]'"),
        (["port.x=1"], 1, "the value port is a map, and in the spec it is text or a number",
         "write one value, as in --set port=VALUE"),
        (["prot=9090"], 1, "no template uses prot, and the spec has no such value", "did you mean port?"),
        (["flavor=m1"], 1, "no template uses flavor, and the spec has no such value",
         "declare it: values: {flavor: ''}"),
    ],
)  # fmt: skip
def test_what_set_gives_is_underlined_on_the_command_line(
    overrides: list[str], column: int, message: str, hint: str
) -> None:
    with pytest.raises(BootstrapError) as caught:
        api.load("web.yaml", overrides=["region=eu", *overrides]).plan("s-1").render()
    (told,) = caught.value.problems
    assert (told.message, told.hint) == (message, hint)
    assert told.where is not None
    assert (told.where.file, told.where.column, told.where.source) == ("--set", column, overrides[0])


def test_a_misspelt_key_of_a_map_is_warned_of_since_a_template_may_go_through_the_map(here: Path) -> None:
    (here / "web.yaml").write_text(SPEC.replace("sites: {a: 1,", "sites: {alpha: 1,"))
    (warning,) = load("web.yaml", overrides=["sites.alhpa=2"]).warnings
    assert (warning.message, warning.hint) == ("the value sites of the spec has no key alhpa", "did you mean alpha?")


@pytest.mark.fault(134)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "s-1: the value port is of the type object, which no template can print"),
        (Path("/srv"), "s-1: the value port is of the type PosixPath, which no template can print"),
        ({1: 2}, "s-1: the value port has the key 1, which is not text"),
        ([{"x"}], "s-1: the value port[0] is of the type set, which no template can print"),
    ],
    ids=["object", "path", "key", "deep"],
)
@pytest.mark.parametrize("way", [by_plan, by_fleet], ids=lambda way: way.__name__)
def test_an_object_that_no_template_can_print_is_refused(
    way: Callable[[str, Any], Any], value: Any, message: str
) -> None:
    assert problem(way, "port", value).message == message


def test_everything_that_is_wrong_with_the_values_comes_at_once() -> None:
    with pytest.raises(BootstrapError) as caught:
        api.load("web.yaml").plan("s-1", {"server": "x", "users": "y", "port": object()})
    assert str(caught.value) == (
        "s-1: server is a built-in value; "
        "s-1: the value users is text or a number, and in the spec it is a list; "
        "s-1: the value port is of the type object, which no template can print"
    )
