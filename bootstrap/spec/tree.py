"""A YAML file as a tree that keeps where everything stands.

Scalars stay text until the type of the key reads them, so that YAML's own guesses (`no` is false, `1:30` is 90, `0644`
is 420) never happen. A duplicate key, of which a YAML loader silently keeps the last, is a problem here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import Problem, SpecError, UsageError, Where
from bootstrap.spec.storage import DISK, Storage

# Both limits stop a small file from taking all memory: by nesting, which recurses, or by aliases of aliases.
DEEPEST = 40
MOST_NODES = 200_000
# libyaml's loader is much faster than the one in Python; not every build of PyYAML has it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Scalar(str):
    """The text of a scalar as it was written.

    quoted: it stands in quotes or a block, so that nobody means a number by it. indent: of a `|` block, the columns
    that were taken away from each of its lines; None otherwise. folded: the lines of the file that YAML joined.
    """

    # The class is a str, so that pydantic and Jinja take it as one; these travel along with the text.
    quoted: bool
    indent: int | None
    folded: tuple[str, ...]

    def __new__(
        cls, text: str, quoted: bool = True, indent: int | None = None, folded: tuple[str, ...] = ()
    ) -> Scalar:
        scalar = super().__new__(cls, text)
        scalar.quoted, scalar.indent, scalar.folded = quoted, indent, folded
        return scalar


@dataclass
class Leaf:
    """A scalar and its place."""

    value: Scalar
    where: Where


@dataclass
class Map:
    """A mapping: key -> (place of the key, node), in the order of the file."""

    items: dict[str, tuple[Where, Node]]
    where: Where


@dataclass
class Sequence:
    """A list."""

    items: list[Node]
    where: Where


Node = Leaf | Map | Sequence
Path_ = tuple[str | int, ...]


@dataclass
class Reader:
    """Reads files and gathers what is wrong with them. start: how a file is begun, a hint for one that is empty."""

    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0
    storage: Storage = DISK
    start: str = "start with: bootstrap new DIR"

    def read(self, path: Path, label: str) -> Map | None:
        """The tree of one file; None, and a problem, if it is not a YAML map. Raises UsageError if it is unreadable.

        label: the name of the file in messages.
        """
        try:
            text = self.storage.read(path).decode("utf-8")
        except OSError as error:
            raise UsageError(f"cannot read {label}: {error.strerror}", hint="name an existing file") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"cannot read {label}: byte {error.start} is not UTF-8") from error
        return self.parse(text, label)

    def parse(self, text: str, label: str) -> Map | None:
        """The tree of a text that must be a YAML map, as `read` gives it."""
        before = len(self.problems)
        node = self.parse_any(text, label)
        if node is not None and not isinstance(node, Map):
            self.add("spec.type", "the file must be a map of keys", node.where, "write `version: 1`, `name: ...`")
            return None
        # A text that is not YAML has its problem already.
        if node is None and len(self.problems) == before:
            self.add("spec.type", "the file is empty", Where(label, 1, 1), self.start)
        return node

    def parse_any(self, text: str, label: str) -> Node | None:
        """The tree of a text; None if it is empty, or if it is not YAML, which is a problem."""
        lines = text.splitlines()
        if text.startswith("\ufeff"):
            where = Where(label, 1, 1, lines[0].lstrip("\ufeff") if lines else "")
            self.add("spec.bom", "the file begins with a byte order mark", where, "save it as UTF-8 without BOM")
            # The rest is read all the same, so that its problems are reported together with the mark.
            text = text[1:]
            lines = text.splitlines()
        try:
            too_deep = _too_deep(text)
            if too_deep is not None:
                where = Where(label, too_deep.line + 1, too_deep.column + 1, lines[too_deep.line])
                self.add("spec.type", f"the file is nested more than {DEEPEST} levels deep", where, "remove levels")
                return None
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            self._syntax(error, label, text, lines)
            return None
        return None if root is None else self._node(root, label, lines, 0)

    def add(self, code: str, message: str, where: Where | None, hint: str | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(code, message, where, hint))

    def _syntax(self, error: yaml.YAMLError, label: str, text: str, lines: list[str]) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        fault = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        where = Where(label, 1, 1)
        if isinstance(error, yaml.reader.ReaderError):
            # The error has no mark here, and its position counts bytes or characters, depending on the loader. So
            # the place is searched for in the text.
            character = chr(error.character) if isinstance(error.character, int) else "\0"
            fault = f"{fault}: {character!r}"
            above = (text[: max(0, text.find(character))] + "^").splitlines()
            where = Where(label, len(above), len(above[-1]), lines[len(above) - 1])
        elif mark is not None:
            line, column = _in_text(mark, lines)
            where = Where(label, line + 1, column + 1, lines[line] if lines else "")
        # libyaml does not say that a tab is the cause, and an editor may not show it.
        is_tab = where.source[where.column - 1 : where.column] == "\t"
        hint = "tabs cannot indent YAML; use spaces" if is_tab else "check the quotes, the colons and the indentation"
        self.add("spec.yaml", f"not YAML: {fault}", where, hint)

    def _node(self, node: yaml.Node, label: str, lines: list[str], depth: int) -> Node:
        where = place(node, label, lines)
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            # Only aliases get here: one that contains itself, or some that contain each other many times over.
            message = "this alias contains itself or expands too far"
            raise SpecError([Problem("spec.type", message, where, "write the value instead of the alias")])
        if isinstance(node, yaml.ScalarNode):
            indent = _indent(node.value, lines[where.line :]) if node.style == "|" else None
            return Leaf(Scalar(node.value, bool(node.style), indent, _folded(node, lines)), where)
        if isinstance(node, yaml.SequenceNode):
            return Sequence([self._node(n, label, lines, depth + 1) for n in node.value], where)
        items: dict[str, tuple[Where, Node]] = {}
        for key_node, value_node in node.value:
            key_where = place(key_node, label, lines)
            # YAML allows lists and maps as keys, but no key of a spec is one.
            if not isinstance(key_node, yaml.ScalarNode):
                self.add("spec.type", "a key must be a plain word", key_where)
                continue
            key = key_node.value
            if key in items:
                first = items[key][0]
                self.add("spec.duplicate-key", f"{key} is given twice", key_where, f"the first is on line {first.line}")
                continue
            items[key] = key_where, self._node(value_node, label, lines, depth + 1)
        return Map(items, where)


def _too_deep(text: str) -> Any:
    """The mark at which the nesting goes too deep, or None. Raises YAMLError."""
    # Events are read without recursion. Building the tree recurses, in C as well, where a deep file would crash Python.
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return event.start_mark
    return None


def _indent(text: str, below: list[str]) -> int:
    """The columns taken away from a block's lines. below: the file from the line after its `|` on."""
    # An empty line of a block may have no indentation, so the first line with text decides.
    first = next((number for number, line in enumerate(text.split("\n")) if line), 0)
    return len(below[first]) - len(text.split("\n")[first]) if first < len(below) else 0


def _folded(node: yaml.ScalarNode, lines: list[str]) -> tuple[str, ...]:
    """The lines of a scalar that is no `|` block, where it has several."""
    first, last = node.start_mark, node.end_mark
    if node.style == "|" or first.line == last.line:
        return ()
    # The mark of a block is on the line of its `>`, and that of another scalar on its first line of text.
    if node.style == ">":
        return tuple(lines[first.line + 1 : last.line])
    return (lines[first.line][first.column :], *lines[first.line + 1 : last.line], lines[last.line][: last.column])


def place(node: yaml.Node, label: str, lines: list[str]) -> Where:
    """The place of a YAML node, with its line and the width to underline."""
    (line, column), end = _in_text(node.start_mark, lines), node.end_mark
    source = lines[line] if lines else ""
    # A value of several lines is underlined up to the end of its first line.
    width = end.column - column if end.line == line else len(source.rstrip()) - column
    return Where(label, line + 1, column + 1, source, max(1, width))


def _in_text(mark: Any, lines: list[str]) -> tuple[int, int]:
    """Line and column of a mark, from 0."""
    # If a text ends too early, the mark is on the line after the last.
    if mark.line < len(lines):
        return mark.line, mark.column
    return max(0, len(lines) - 1), len(lines[-1]) if lines else 0


def plain(node: Node) -> Any:
    """The tree as dicts, lists and Scalars."""
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, Sequence):
        return [plain(n) for n in node.items]
    return {key: plain(n) for key, (_, n) in node.items.items()}


def find(root: Node, path: Path_) -> Node | None:
    """The node at a path such as ("stages", 2, "timeout")."""
    node: Node | None = root
    for step in path:
        if isinstance(node, Map) and step in node.items:
            node = node.items[str(step)][1]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def where_of(root: Node, path: Path_) -> Where:
    """The place of the value at a path, or of the nearest thing above it that is there."""
    while True:
        node = find(root, path)
        if node is not None:
            return node.where
        # A default has no place of its own, so that of the map counts in which it could stand.
        path = path[:-1]


def dotted(path: Path_) -> str:
    """`stages[2].timeout`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


# Lists whose entries an including file may change one by one, and the key that names an entry.
NAMED = {"files": "path", "wait_for": "path", "stages": "name", "every_boot": "name"}
# An entry has one key of each of these sets: a key in the upper file replaces whichever the lower file has.
INSTEAD = (frozenset(("run", "script", "template")), frozenset(("template", "source", "content", "fetch")))


def merge(under: Map, over: Map, named: Mapping[str, str] = NAMED) -> Map:
    """`over` laid on `under`: maps merge, lists of named things merge by name, anything else is replaced."""
    # The order of the lower file stays, so that a base file decides the order of the stages.
    items = dict(under.items)
    for key, (where, node) in over.items.items():
        below = items[key][1] if key in items else None
        if isinstance(node, Map) and isinstance(below, Map):
            node = merge(below, node, named)
        elif key in named and isinstance(node, Sequence) and isinstance(below, Sequence):
            node = _merge_named(below, node, key, named)
        items[key] = where, node
    return Map(items, over.where)


def _merge_named(under: Sequence, over: Sequence, of: str, named: Mapping[str, str]) -> Sequence:
    items, key = list(under.items), named[of]
    names = {_name(node, key): number for number, node in enumerate(items) if _name(node, key)}
    for node in over.items:
        # Each name is merged once. A name that `over` gives twice stays there twice, so that it is reported.
        number = names.pop(_name(node, key), None)
        below = items[number] if number is not None else None
        if number is None:
            items.append(node)
        elif isinstance(below, Map) and isinstance(node, Map):
            items[number] = merge(_without(below, node), node, named)
    return Sequence(items, over.where)


def _without(below: Map, over: Map) -> Map:
    """`below` without the keys that `over` replaces by another of their set, such as `run` by `script`."""
    replaced = {key for keys in INSTEAD if keys & over.items.keys() for key in keys - over.items.keys()}
    return Map({key: item for key, item in below.items.items() if key not in replaced}, below.where)


def _name(node: Node, key: str) -> str | None:
    if isinstance(node, Map) and key in node.items:
        leaf = node.items[key][1]
        return str(leaf.value) if isinstance(leaf, Leaf) else None
    return None
