"""Leaves out of the runner's text what a plan never reaches: marked statements first, then the names that nothing uses.

A statement whose line ends with `# for: FEATURE` does nothing where a plan lacks that feature (payload.gates says which
do), so that it may go; of several features, one is enough to keep it. What only such statements used is then used by
nothing, and goes too. Thus no call is left to a function that was left out.
"""

from __future__ import annotations

import ast
import functools
import re
import symtable

# Behind a statement in the source, and in its packed line while it is still to be decided.
COMMENT = re.compile(r"# for: ([a-z -]+)$")
MARK = "#for:"
_MARKED = re.compile(f"{MARK}([a-z -]+)$", re.MULTILINE)
# These names are put together when they are called: by the head, and by check_fault for the kind of a check.
BY_NAME = ("main", "look_")
# The head of a bundle brings this name of form.py, so that no part has to hold it.
BY_HEAD = ("SEAM",)
_KINDS = ast.FunctionDef | ast.ClassDef
_BLOCKS = ast.FunctionDef | ast.ClassDef | ast.If | ast.For | ast.While | ast.With | ast.Try


def without(text: str, absent: frozenset[str]) -> str:
    """Return the text without the statements of these features, and without any mark."""
    gone = [node for features, node in marked(text) if features <= absent]
    lines = text.split("\n")
    for body in _bodies(text):
        # No marked statement stands on the line of its header, which is thus the line before.
        if all(node in gone for node in body):
            lines[body[0].lineno - 2] += "pass"
    return _MARKED.sub("", _dropped("\n".join(lines), gone))


@functools.cache
def _tree(text: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(text)))


# The marked texts are two, and the sets of features are many.
@functools.cache
def marked(text: str) -> list[tuple[frozenset[str], ast.stmt]]:
    """Return (features, statement) for each marked statement of a text with marks."""
    features = {n: frozenset(m[1].split()) for n, line in enumerate(text.split("\n"), 1) if (m := _MARKED.search(line))}
    # Breadth first: the header of a block comes before a statement that stands on the same line.
    statements = [node for node in _tree(text) if isinstance(node, ast.stmt)]
    return [(features.pop(node.lineno), node) for node in statements if node.lineno in features]


@functools.cache
def _bodies(text: str) -> list[list[ast.stmt]]:
    """Return the blocks that hold nothing but marked statements."""
    nodes = {node for _, node in marked(text)}
    bodies = [node.body for node in _tree(text) if isinstance(node, _BLOCKS)]
    return [body for body in bodies if nodes.issuperset(body)]


def shaken(hot: str, cold: str) -> tuple[str, str]:
    """Return two texts that use each other, without the names that neither uses."""
    first, second = _definitions(hot), _definitions(cold)
    used = _used([*first, *second], set())
    return _dropped(hot, _unused(first, used)), _dropped(cold, _unused(second, used))


def shake(text: str, others: str) -> str:
    """Return the text without the top-level names and imports that neither it nor `others` uses.

    Such names are for the generator, for the tests or for a plan of another kind. A name counts as used where `later`
    is asked for it, too.
    """
    definitions = _definitions(text)
    used = _used(definitions, set().union(*(names for _, names in _definitions(others))))
    return _dropped(text, _unused(definitions, used))


# A top-level statement, and the names of others that it uses.
_Definition = tuple[ast.stmt, frozenset[str]]


def _definitions(text: str) -> list[_Definition]:
    return [(node, names_in(piece)) for node, piece in pieces(text)]


def pieces(text: str) -> list[tuple[ast.stmt, str]]:
    """Return each top-level statement, and its text."""
    lines = text.split("\n")
    nodes = ast.parse(text).body
    return [(node, "\n".join(lines[number - 1] for number in lines_of(node))) for node in nodes]


# The same few hundred statements come again for each set of features.
@functools.cache
def names_in(text: str) -> frozenset[str]:
    """Return the global names that a statement uses, its own left out, and those that it asks `later` for."""
    node = ast.parse(text).body[0]
    names: set[str] = set()
    tables = [symtable.symtable(text, "", "exec")]
    while tables:
        table = tables.pop()
        is_top = table.get_type() == "module"
        names |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (is_top or s.is_global())}
        tables += table.get_children()
    if "later" in names:
        calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "later"]
        names |= {str(arg.value) for call in calls for arg in call.args if isinstance(arg, ast.Constant)}
    # A function that calls itself is no user of itself.
    return frozenset(names - {getattr(node, "name", "")})


def _used(definitions: list[_Definition], others: set[str]) -> set[str]:
    """Return the names that something uses which is itself in use, or that is among `others`."""
    while True:
        used = others.union(*(names for _, names in definitions))
        remaining = [definition for definition in definitions if _is_used(definition[0], used)]
        # A name may have been used by nothing but one that was dropped just now, so this goes on until nothing changes.
        if len(remaining) == len(definitions):
            return used
        definitions = remaining


def _unused(definitions: list[_Definition], used: set[str]) -> list[ast.stmt]:
    return [node for node, _ in definitions if not _is_used(node, used)]


def _is_used(node: ast.stmt, used: set[str]) -> bool:
    if isinstance(node, _KINDS):
        return node.name in used or node.name.startswith(BY_NAME)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id in used and node.targets[0].id not in BY_HEAD
    if isinstance(node, ast.Import):
        return any((alias.asname or alias.name).split(".")[0] in used for alias in node.names)
    return True


def _dropped(text: str, nodes: list[ast.stmt]) -> str:
    drop = {line for node in nodes for line in lines_of(node)}
    return "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in drop)


def lines_of(node: ast.stmt) -> range:
    """Return the numbers of a statement's lines, from 1."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)
