"""The file of a fleet's servers: what it may look like, and every problem of it at its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import SpecError, UsageError
from bootstrap.spec.servers import name_fault, read
from bootstrap.spec.values import AllowedValues

KNOWN = AllowedValues(["port", "greeting", "tags"], ["token"])


def written(folder: Path, text: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.yaml", '- {name: web-2, port: 8080, greeting: "1"}\n- web-10\n- name: web-1\n  tags: [a, 2]\n'),
        ("values.yaml", '- {name: web-2, values: {port: 8080}, greeting: "1"}\n- web-10\n'
                        "- {name: web-1, values: {tags: [a, 2]}}"),
        ("map.yml", 'web-10:\nweb-1: {tags: [a, 2]}\nweb-2: {port: 8080, greeting: "1"}\n'),
        ("any-name", "web-10: ~\nweb-1: {tags: [a, 2]}\nweb-2: {port: 8080, greeting: '1'}\n"),
    ],
)  # fmt: skip
def test_yaml_gives_names_and_values_in_the_order_of_the_names(tmp_path: Path, name: str, text: str) -> None:
    found = {server.name: server.values for server in read(written(tmp_path, text, name), KNOWN)}

    assert list(found.items()) == [
        ("web-1", {"tags": ["a", 2]}),
        ("web-10", {}),
        ("web-2", {"port": 8080, "greeting": "1"}),
    ]


@pytest.mark.parametrize("name", ["servers.csv", "any-name"])
@pytest.mark.parametrize(
    "text",
    [
        'port,name,greeting\n8080,web-2,"a, ""b"""\n\n,web-1,\n',
        '\ufeffport,name,greeting\r\n8080,web-2,"a, ""b"""\r\n\r\n,web-1,\r\n',
        'port, name ,greeting\n 8080 , "web-2" , "a, ""b""" \n,,\n,web-1,',
    ],
    ids=["plain", "of-a-spreadsheet", "with-blanks"],
)
def test_csv_gives_them_too_and_an_empty_cell_gives_nothing(tmp_path: Path, name: str, text: str) -> None:
    found: dict[str, Any] = {server.name: server.values for server in read(written(tmp_path, text, name), KNOWN)}

    assert found == {"web-1": {}, "web-2": {"port": 8080, "greeting": 'a, "b"'}}


def test_a_cell_may_hold_lines_and_the_places_below_it_are_right(tmp_path: Path) -> None:
    text = 'name,greeting\nweb-1,"one\ntwo"\nweb-2,"x\ny",3\n'

    with pytest.raises(SpecError) as caught:
        read(written(tmp_path, text, "s.csv"), KNOWN)

    (problem,) = caught.value.problems
    assert problem.where is not None and problem.message == "the row has 3 cells, and the header has 2"
    assert (problem.where.line, problem.where.column) == (5, 4)


CASES = [
    ("s.yaml", "- web-1\n- web-1\n", [(2, 3, "web-1 appears twice")]),
    ("s.yaml", "web-1: {}\nweb-1: {}\n", [(2, 1, "web-1 is given twice")]),
    ("s.yaml", "- bad name\n- -x\n", [(1, 3, "'bad name' is not a name"), (2, 3, "'-x' is not a name")]),
    ("s.yaml", "- {port: 1}\n- [a]\n", [
        (1, 4, "[0]: is a map without a name instead of a server"),
        (2, 3, "[1]: is a list instead of a server"),
    ]),
    ("s.yaml", "- {name: [a]}\n", [(1, 4, "[0].name: is a list instead of a name")]),
    ("s.yaml", "- {name: a, prot: 1, values: {port: 1}, port: 2}\n", [
        (1, 13, "no template uses prot, and the spec has no such value"), (1, 41, "a: port is given twice"),
    ]),
    ("s.yaml", "web-1: {server: x, token: y, my-port: z}\n", [
        (1, 9, "server is a built-in value"), (1, 20, "the value token is a secret of the spec"),
        (1, 30, "'my-port' cannot be a template variable"),
    ]),
    ("s.yaml", "web-1: 8080\n", [(1, 8, "web-1: is a text instead of values")]),
    ("s.yaml", "web-1\n", [(1, 1, "the file is neither a list nor a map of servers")]),
    ("s.yaml", "", [(1, 1, "the file names no server")]),
    ("s.yaml", "[]", [(1, 1, "the file names no server")]),
    ("s.yaml", "- {a: b\n- c", [(2, 4, "not YAML: did not find expected ',' or '}'")]),
    ("s.csv", "", [(1, 1, "the first line has no column called name")]),
    ("s.csv", "name\n", [(1, 1, "the file names no server")]),
    ("s.csv", "server;port\na;1\n", [(1, 1, "the first line has no column called name")]),
    ("s.csv", "name,port,port\na,1,2\n", [(1, 11, "the column 'port' appears twice")]),
    ("s.csv", "name,prot\na,1\nb,2\nb,3\n,4\n", [
        (1, 6, "no template uses prot, and the spec has no such value"), (4, 1, "b appears twice"),
        (5, 1, "the server has no name"),
    ]),
    (
        "s.csv",
        'name\n"web\n',
        [(2, 1, "this cell begins with a quote, and no quote ends it"), (2, 1, "'\"web' is not a name")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "told"), CASES, ids=range(len(CASES)))
def test_every_problem_is_told_at_its_place(
    tmp_path: Path, name: str, text: str, told: list[tuple[int, int, str]]
) -> None:
    with pytest.raises(SpecError) as caught:
        read(written(tmp_path, text, name), KNOWN)

    found = [(p.where.line, p.where.column, p.message) for p in caught.value.problems if p.where]
    assert found == told
    assert all(problem.where and problem.where.file.endswith(name) for problem in caught.value.problems)


def test_a_mistyped_value_is_told_with_the_one_that_was_meant_and_a_foreign_one_with_a_way_to_keep_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(SpecError) as caught:
        read(written(tmp_path, "a: {prot: 1, flavor: m1}", "s.yaml"), KNOWN)

    assert [problem.hint for problem in caught.value.problems] == [
        "did you mean port?",
        "if another program reads it from this file, declare it: values: {flavor: ''}",
    ]


@pytest.mark.parametrize("content", [b"\xff- web-1\n", None], ids=["not-utf-8", "not-there"])
def test_what_cannot_be_read_is_a_usage_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "s.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot read"):
        read(path, KNOWN)


@pytest.mark.parametrize(
    ("name", "is_right"),
    [
        ("web-1", True), ("web-*", True), ("a" * 63, True), ("a" * 51 + "*", True), ("a" * 64, False),
        # A host puts twelve characters in the star's place, and the collector takes 63.
        ("a" * 52 + "*", False), ("*", False), ("web-**", False), ("w*-1", False), ("", False),
    ],
)  # fmt: skip
def test_a_name_or_a_group_is_told_from_what_is_none(name: str, is_right: bool) -> None:
    assert (name_fault(name) is None) is is_right
