"""Reads the servers of a fleet, and the values of each, from a YAML or a CSV file: every problem of it at once.

web-1: {port: 8080}        - web-1                       name,port
web-2:                     - {name: web-2, port: 8081}   web-1,8080
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import SpecError, UsageError, Where
from bootstrap.runner.contract import NAME_PATTERN
from bootstrap.spec import tree
from bootstrap.spec.load import in_order
from bootstrap.spec.models import guess
from bootstrap.spec.values import AllowedValues, Fault, kind_fault, read_text, value_fault

MOST_MEMBER = 12  # characters that take the star's place on a host
NAME_HINT = "use letters, digits, dots, dashes and underscores; at most 63 characters, the first a letter or digit"
_CELL = re.compile(r'[ \t]*"((?:[^"]|"")*)"[ \t]*(,|\n|\Z)|([^,\n]*)(,|\n|\Z)')


@dataclass(frozen=True)
class Server:
    """One server of the file: its name and its own values. where: of the name."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    where: Where | None = None


# (name, its place, values) of a server as it is read; a value is (place of its key, key, value).
_Row = tuple[str, Where, list[tuple[Where, str, Any]]]


def read(path: str | Path, allowed: AllowedValues) -> tuple[Server, ...]:
    """The servers of a file, sorted by name. `-` is stdin.

    A file named .csv is CSV. A file with another suffix than .csv, .yaml and .yml is CSV if its first line has a column
    called name. Values are read as `--set` reads them: 8080 is a number, and in YAML quotes make it text.
    Raises SpecError with every problem, and UsageError if the file cannot be read.
    """
    label = "stdin" if str(path) == "-" else str(path)
    text = _text(path, label)
    reader = tree.Reader()
    rows = list(_csv(reader, text, label, allowed) if _is_csv(label, text) else _yaml(reader, text, label))
    _judge(reader, rows, allowed)
    if not rows and not reader.problems:
        reader.add("servers.empty", "the file names no server", Where(label, 1, 1), "write one name a line")
    if reader.problems:
        raise SpecError(in_order(reader.problems))
    servers = [Server(name, {key: value for _, key, value in values}, where) for name, where, values in rows]
    return tuple(sorted(servers, key=lambda server: server.name))


def name_fault(name: str) -> tuple[str, str] | None:
    """(fault, hint) of the name of a server or of a group (`web-*`); None if it is a good name."""
    if name.endswith("*"):
        if re.fullmatch(NAME_PATTERN, name[:-1]) and len(name) - 1 + MOST_MEMBER <= 63:
            return None
        hint = f"a name and one star at its end, at most {64 - MOST_MEMBER} characters: a host's own id takes its place"
        return f"{name!r} is not the name of a group", hint
    return None if re.fullmatch(NAME_PATTERN, name) else (f"{name!r} is not a name", NAME_HINT)


def _text(path: str | Path, label: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if label == "stdin" else Path(path).read_bytes()
        # Spreadsheets begin a CSV file with a byte order mark and end its lines with CR LF.
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(f"cannot read {label}: {error.strerror}", hint="name an existing file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {label}: byte {error.start} is not UTF-8") from error


def _is_csv(label: str, text: str) -> bool:
    suffix = Path(label).suffix.lower()
    if suffix in (".csv", ".yaml", ".yml"):
        return suffix == ".csv"
    # A pipe has no suffix, so the first line decides.
    first = next((line for line in text.splitlines() if line.strip()), "")
    return "name" in [cell.strip().strip('"') for cell in first.split(",")]


def _yaml(reader: tree.Reader, text: str, label: str) -> Iterator[_Row]:
    """Read a list of names and maps, or a map from name to values."""
    root = reader.parse_any(text, label)
    if isinstance(root, tree.Map):
        for name, (where, node) in root.items.items():
            yield name, where, list(_values(reader, node, f"{name}: "))
    elif isinstance(root, tree.Sequence):
        for number, node in enumerate(root.items):
            if isinstance(node, tree.Leaf):
                yield str(node.value), node.where, []
            elif isinstance(node, tree.Map) and "name" in node.items:
                yield from _entry(reader, node, number)
            else:
                message = f"[{number}]: is a {_kind(node)} instead of a server"
                reader.add("servers.name", message, _first(node), "write a name, or {name: web-1, port: 8080}")
    elif root is not None:
        reader.add("servers.type", "the file is neither a list nor a map of servers", root.where, "write - web-1")


def _entry(reader: tree.Reader, node: tree.Map, number: int) -> Iterator[_Row]:
    """Read `{name: web-1, port: 8080}`, whose values are beside the name or below `values:`."""
    items = dict(node.items)
    where, name = items.pop("name")
    if not isinstance(name, tree.Leaf):
        reader.add("servers.name", f"[{number}].name: is a {_kind(name)} instead of a name", where)
        return
    # `values:` is the key of a map of values, unless it is a value itself.
    below = items.get("values", (where, None))[1]
    values: list[tuple[Where, str, Any]] = []
    if isinstance(below, tree.Map):
        del items["values"]
        values = list(_values(reader, below, ""))
    given_below = {key for _, key, _ in values}
    for place, key, value in _values(reader, tree.Map(items, node.where), ""):
        if key in given_below:
            reader.add("servers.value", f"{name.value}: {key} is given twice", place, "remove one of them")
        values.append((place, key, value))
    yield str(name.value), name.where, values


def _values(reader: tree.Reader, node: tree.Node, lead: str) -> Iterator[tuple[Where, str, Any]]:
    if isinstance(node, tree.Map):
        for key, (where, value) in node.items.items():
            yield where, key, guess(tree.plain(value))
    elif not (isinstance(node, tree.Leaf) and not node.value.quoted and node.value in ("", "~", "null")):
        reader.add(
            "servers.type", f"{lead}is a {_kind(node)} instead of values", node.where, "write {port: 8080}"
        )


def _kind(node: tree.Node) -> str:
    kinds = {tree.Map: "map without a name", tree.Sequence: "list", tree.Leaf: "text"}
    return kinds[type(node)]


def _first(node: tree.Node) -> Where:
    return next(iter(node.items.values()))[0] if isinstance(node, tree.Map) and node.items else node.where


def _csv(reader: tree.Reader, text: str, label: str, allowed: AllowedValues) -> Iterator[_Row]:
    """Read the rows below a header. An empty cell gives no value, so that the spec's own value counts."""
    rows = _cells(reader, text, label)
    header = next(rows, [])
    names = [cell.strip() for cell, _ in header]
    if "name" not in names:
        where = header[0][1] if header else Where(label, 1, 1)
        hint = "separate columns with commas" if ";" in where.source or "\t" in where.source else "name,port"
        reader.add("servers.header", "the first line has no column called name", where, hint)
        return
    for number, (cell, where) in enumerate(header):
        if names.index(cell.strip()) != number:
            reader.add("servers.header", f"the column {cell.strip()!r} appears twice", where, "remove one of them")
    at = names.index("name")
    for row in rows:
        if len(row) != len(names):
            # A row that is too short or too long gives each later value to a wrong column.
            hint = 'an empty cell keeps its comma, and a comma inside a value wants quotes: "a, b"'
            message = f"the row has {len(row)} cells, and the header has {len(names)}"
            reader.add("servers.cells", message, row[min(len(row) - 1, len(names))][1], hint)
            continue
        cells = [
            (place, key, read_text(cell.strip(), allowed.defaults.get(key)))
            for number, ((_, place), key, (cell, _)) in enumerate(zip(header, names, row, strict=True))
            if number != at and cell.strip()
        ]
        yield row[at][0].strip(), row[at][1], cells


def _cells(reader: tree.Reader, text: str, label: str) -> Iterator[list[tuple[str, Where]]]:
    """Read rows of cells with their places, as RFC 4180 defines them. Empty lines are skipped."""
    lines, line, start, at = text.split("\n"), 1, 0, 0
    row: list[tuple[str, Where]] = []
    while at < len(text) or row:
        match = _CELL.match(text, at)
        assert match is not None  # its second half matches an empty cell, too
        quoted, end, plain, plain_end = match.groups()
        cell = quoted.replace('""', '"') if quoted is not None else plain
        where = Where(label, line, at - start + 1, lines[line - 1], max(1, len(cell.split("\n")[0])))
        if quoted is None and cell.lstrip().startswith('"'):
            hint = 'write a quote inside a cell twice: ""'
            reader.add("servers.quote", "this cell begins with a quote, and no quote ends it", where, hint)
        row.append((cell, where))
        at = match.end()
        line += match[0].count("\n")
        if "\n" in match[0]:
            start = text.rfind("\n", 0, at) + 1
        if (end if quoted is not None else plain_end) != ",":
            if any(cell for cell, _ in row):
                yield row
            row = []


def _judge(reader: tree.Reader, rows: list[_Row], allowed: AllowedValues) -> None:
    """Report bad names, names that appear twice, and values that neither the spec nor a template uses."""
    places: dict[str, Where] = {}
    judged: dict[str, Fault | None] = {}
    for name, where, values in rows:
        fault = name_fault(name) if name else ("the server has no name", "write its name")
        if fault:
            reader.add("servers.name", fault[0], where, fault[1])
        elif name in places:
            first = places[name].line
            reader.add("servers.duplicate", f"{name} appears twice", where, f"the first is on line {first}")
        places.setdefault(name, where)
        for place, key, value in values:
            # A fleet of thousands has the same keys in every row.
            if key not in judged:
                judged[key] = value_fault(key, allowed)
            fault = judged[key] or kind_fault(key, value, allowed.defaults.get(key))
            if fault:
                reader.add("servers.value", fault[0], place, fault[1])
