"""Packs the runner's modules as two flat texts: names kept, comments and docstrings left out.

One namespace serves all modules, so their imports of each other go away; two top-level names that are the same
would silently replace one another, hence the check.
"""

from __future__ import annotations

import ast
import bz2
import functools
import io
import tokenize
from pathlib import Path

from bootstrap.errors import PayloadError
from bootstrap.runner import form, later, tick

# `loader` stands in for bundle.py, whose other names the head of a bundle brings.
_GROUND = ("contract", "defaults", "disk", "processes", "console", "host", "loader")
HOT = (*_GROUND, *(f"tick/{name}" for name in tick.MODULES))
COLD = ("terminal", "form", *(f"later/{name}" for name in later.MODULES))
LEAN_COLD = ("terminal", "form", *(f"later/{name}" for name in later.LEAN_MODULES))
FETCHES = "later/fetch"
# What is called by a name that is put together: by the head, and by check_fault for the kind of a check.
BY_NAME = ("main", "look_")
# Of the names that form.py defines, the head of a bundle brings this one.
BY_HEAD = ("SEAM",)
_SEAM = form.SEAM.decode()
# Two letters at a time take half the steps.
_PAIRS = [first + second for first in form.LETTERS for second in form.LETTERS]
# Bytes that one block of bzip2 takes for sure at level 1; a host needs 400 KiB more to unpack each further level.
_BLOCK = 99_000
_RUNNER = Path(__file__).resolve().parent.parent / "runner"


@functools.cache
def sources(lean: bool = False, fetches: bool = True, unreached: frozenset[str] = frozenset()) -> tuple[str, str]:
    """(hot, cold) as they run on hosts.

    lean: without the verbs that no tick needs; fetches: with what fetches files, which few plans need and all would pay
    for; unreached: names that the plan never calls (see payload.gates). Raises PayloadError when two modules use one
    top-level name.
    """
    if unreached:
        hot, cold = (without(part, unreached) for part in sources(lean, fetches))
        # By the verbs of the full form: what a tick runs does not depend on whether there is room for them.
        return shake(hot, without(sources(False, fetches)[1], unreached)), cold
    if lean or not fetches:
        # Not `sources(False, True)`: that and nothing are two keys of a cache.
        names = LEAN_COLD if lean else COLD
        hot = sources()[0]
        return hot, shake(_joined(tuple(name for name in names if fetches or name != FETCHES), {}), hot)
    seen: dict[str, str] = {}
    hot, cold = _joined(HOT, seen), _joined(COLD, seen)
    return shake(hot, cold), shake(cold, hot)


def _joined(names: tuple[str, ...], seen: dict[str, str]) -> str:
    """Modules as one text. seen: which module has defined a name."""
    imports: dict[str, None] = {}
    bodies = []
    for name in names:
        found, body = flatten(source(name, seen))
        imports.update(dict.fromkeys(found))
        bodies.append(f"{_SEAM}#{name}.py\n{body}")
    return "#imports\n" + "\n".join(sorted(imports)) + "\n" + "\n".join(bodies)


def source(name: str, seen: dict[str, str]) -> str:
    """A module's text. seen: which module has defined a name. Raises PayloadError when another one has."""
    text = (_RUNNER / f"{name}.py").read_text(encoding="utf-8")
    for defined in top_level_names(text):
        if seen.setdefault(defined, name) != name:
            raise PayloadError(f"runner/{name}.py and runner/{seen[defined]}.py both define {defined}")
    return text


def shake(text: str, others: str) -> str:
    """Return the text without the top-level names and imports that neither it nor `others` uses.

    Such names are for the generator, for the tests or for a plan of another kind. A name counts as used where it stands
    as a string, too: `later("NAME")` calls it so.
    """
    kept, elsewhere = ast.parse(text).body, _words(ast.parse(others))
    every = list(kept)
    while True:
        # A name may be used by nothing but a name that has just gone.
        used = elsewhere.union(*map(_words, kept))
        smaller = [node for node in kept if _is_used(node, used)]
        if len(smaller) == len(kept):
            return _dropped(text, [node for node in every if node not in kept])
        kept = smaller


def _words(tree: ast.AST) -> set[str]:
    """Return the names that some code reads, and its strings."""
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return names | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _is_used(node: ast.stmt, used: set[str]) -> bool:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name in used or node.name.startswith(BY_NAME)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id in used and node.targets[0].id not in BY_HEAD
    if isinstance(node, ast.Import):
        return any((alias.asname or alias.name).split(".")[0] in used for alias in node.names)
    return True


def without(text: str, names: frozenset[str]) -> str:
    """The text without these top-level functions and classes."""
    kinds = ast.FunctionDef | ast.ClassDef
    return _dropped(text, [n for n in ast.parse(text).body if isinstance(n, kinds) and n.name in names])


def _dropped(text: str, nodes: list[ast.stmt]) -> str:
    drop = {line for node in nodes for line in lines_of(node)}
    return "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in drop)


def top_level_names(text: str) -> list[str]:
    """Names that a module defines at its top level, imports left out."""
    names: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    return names


def flatten(text: str) -> tuple[list[str], str]:
    """(top-level stdlib imports, the rest) of one module: no docstrings, no comments, one space a level."""
    tree = ast.parse(text)
    drop: set[int] = set()
    bare: set[int] = set()  # where a docstring was the whole body
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            own = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bootstrap.runner")
            if own or node in tree.body:
                drop.update(lines_of(node))
            if node in tree.body and not own:
                imports.append(ast.unparse(node))
        elif isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
            first = node.body[0]
            if _is_docstring(first):
                drop.update(lines_of(first))
                if len(node.body) == 1:
                    bare.add(first.lineno)
    return imports, _strip(text, drop, bare)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def lines_of(node: ast.stmt) -> range:
    """The numbers of a statement's lines, from 1."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _strip(text: str, drop: set[int], bare: set[int]) -> str:
    """The lines not in `drop`, each statement on one line, with no space that Python can do without.

    bare: lines of `drop` in whose place a body needs a statement.
    """
    out: list[str] = []
    line, depth, before = "", 0, ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            depth += 1 if token.type == tokenize.INDENT else -1
        elif token.start[0] in bare and token.type == tokenize.STRING:
            out.append(" " * depth + "pass")
        elif token.start[0] in drop or token.type in (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER):
            continue
        elif token.type == tokenize.NEWLINE:
            out.append(" " * depth + line)
            line, before = "", ""
        else:
            line += (" " if _glued(before, token.string) else "") + token.string
            before = token.string
    return "\n".join(out) + "\n"


def _glued(before: str, after: str) -> bool:
    """Whether two tokens would become one without a space between them (`b"x"` and `1or` included)."""
    word = before[-1:].isalnum() or before[-1:] == "_"
    return word and (after[0].isalnum() or after[0] in "_\"'")


def encode(data: bytes) -> str:
    """Write what form.encode() writes, several times as fast: a fleet is packed a server at a time."""
    pairs, base, half, text = _PAIRS, len(_PAIRS), len(_PAIRS) ** 4, []
    whole = data + bytes(-len(data) % 13)
    for at in range(0, len(whole), 13):
        for eight in divmod(int.from_bytes(whole[at : at + 13], "big"), half):
            high, low = divmod(eight, base * base)
            text += [pairs[high // base], pairs[high % base], pairs[low // base], pairs[low % base]]
    joined = "".join(text)
    return "\n".join(joined[start : start + form.WIDTH] for start in range(0, len(joined), form.WIDTH))


def deflate(data: bytes, dictionary: bytes) -> str:
    """Write what form.deflate() writes, by the fast encode()."""
    return encode(form.deflated(data, dictionary))


def squeezed(text: str) -> bytes:
    """The text by bzip2, in one block, which is as small as can be: two blocks would not share their words."""
    data = text.encode()
    return bz2.compress(data, 1 + len(data) // _BLOCK)


@functools.cache
def packed(lean: bool = False, fetches: bool = True, unreached: frozenset[str] = frozenset()) -> str:
    """Both parts as text, ready for a bundle; lean, fetches and unreached: as above.

    One stream, since the cold part uses the hot one's words; bzip2, which every distribution's Python reads, takes a
    tenth less than deflate.
    """
    return encode(squeezed(form.PARTING.decode().join(sources(lean, fetches, unreached))))


def hot_bytes(unreached: frozenset[str] = frozenset()) -> int:
    """The text that the hot part would take alone, for the budget. unreached: as above."""
    return len(encode(squeezed(sources(unreached=unreached)[0])))
