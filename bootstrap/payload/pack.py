"""Packs the runner's modules as two flat texts: names kept, comments and docstrings left out.

One namespace serves all modules, so that their imports of each other are left out. Of two equal top-level names the
second would replace the first without a message, hence the check.
"""

from __future__ import annotations

import ast
import bz2
import functools
import io
import re
import tokenize
from pathlib import Path

from bootstrap.errors import PayloadError
from bootstrap.payload import shake
from bootstrap.runner import form, later, tick

# `loader` stands in for bundle.py, whose other names the head of a bundle brings.
_GROUND = ("contract", "defaults", "disk", "processes", "console", "host", "jsontext", "loader")
HOT = (*_GROUND, *(f"tick/{name}" for name in tick.MODULES))
COLD = ("terminal", "form", *(f"later/{name}" for name in later.MODULES))
LEAN_COLDS = [("terminal", "form", *(f"later/{name}" for name in modules)) for modules in later.LEAN_MODULES]
# The form with the fewest verbs.
LEANEST = len(LEAN_COLDS)
_SEAM = form.SEAM.decode()
# Two letters at a time take half the steps.
_PAIRS = [first + second for first in form.LETTERS for second in form.LETTERS]
# One block of bzip2 takes so many bytes for sure at level 1. A host needs 400 KiB more to unpack each further level.
_BLOCK = 99_000
# The words that begin a statement with a block.
_BLOCK_WORD = re.compile(r"(?:if|elif|else|for|while|try|except|finally|with|def|class)\b|@")
_RUNNER = Path(__file__).resolve().parent.parent / "runner"


@functools.cache
def sources(lean: int = 0, absent: frozenset[str] = frozenset()) -> tuple[str, str]:
    """Return (hot, cold), the two sections of the code, as they run on hosts.

    lean: 0 with all verbs, 1 without those that look back, 2 (LEANEST) without `doctor` too; absent: features that the
    plan lacks (see payload.gates), whose code is left out. Raises PayloadError when two modules use one top-level name.
    """
    if lean:
        # The full form's verbs count as users, so that the code of a tick does not depend on the room for verbs.
        hot = sources(0, absent)[0]
        return hot, _beside(hot, shake.shake(shake.without(_joined(LEAN_COLDS[lean - 1], {}), absent), hot))
    hot, cold = shake.shaken(*(shake.without(part, absent) for part in marked()))
    return hot, _beside(hot, cold)


def _beside(hot: str, cold: str) -> str:
    """Return the cold section without the imports that the hot one has: one namespace serves both."""
    imports = {line for line in hot.split("\n") if line.startswith("import ")}
    return "\n".join(line for line in cold.split("\n") if line not in imports)


@functools.cache
def marked() -> tuple[str, str]:
    """Return hot and cold with all of their code, and with the marks of features."""
    origins: dict[str, str] = {}
    return _joined(HOT, origins), _joined(COLD, origins)


def _joined(names: tuple[str, ...], origins: dict[str, str]) -> str:
    """Return modules as one text. origins: the module that has defined a name."""
    imports: dict[str, None] = {}
    bodies = []
    for name in names:
        module_imports, body = flatten(source(name, origins))
        imports.update(dict.fromkeys(module_imports))
        bodies.append(f"{_SEAM}#{name}.py\n{body}")
    return "#imports\n" + "".join(f"{line}\n" for line in sorted(imports)) + "\n".join(bodies)


def source(name: str, origins: dict[str, str]) -> str:
    """Return a module's text. origins: the module of each name so far. Raises PayloadError for one of two modules."""
    text = (_RUNNER / f"{name}.py").read_text(encoding="utf-8")
    for defined in top_level_names(text):
        if origins.setdefault(defined, name) != name:
            raise PayloadError(f"runner/{name}.py and runner/{origins[defined]}.py both define {defined}")
    return text


def top_level_names(text: str) -> list[str]:
    """Return the names that a module defines at its top level, imports left out."""
    names: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    return names


@functools.cache
def flatten(text: str) -> tuple[list[str], str]:
    """Return (top-level stdlib imports, the rest) of one module: no docstrings, no comments, one space a level.

    The marks of features stay, for shake.without().
    """
    tree = ast.parse(text)
    drop: set[int] = set()
    bare: set[int] = set()  # where a docstring was the whole body
    imports: list[str] = []
    # Whole lines are dropped, since an import or a docstring never shares its line with another statement here.
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            is_ours = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bootstrap.runner")
            # Imports within a function stay there, unless they are of our own modules: what is rare is imported late.
            if is_ours or node in tree.body:
                drop.update(shake.lines_of(node))
            if node in tree.body and not is_ours:
                imports.append(ast.unparse(node))
        elif isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
            first = node.body[0]
            # A function needs a body, so that a docstring which is the whole of it becomes `pass`.
            if _is_docstring(first):
                drop.update(shake.lines_of(first))
                if len(node.body) == 1:
                    bare.add(first.lineno)
            if isinstance(node, ast.FunctionDef) and len(node.body) > 1 and _is_return_none(node.body[-1]):
                # Python does so by itself at the end of a function.
                drop.update(shake.lines_of(node.body[-1]))
    return imports, _strip(text, drop, bare)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_return_none(node: ast.stmt) -> bool:
    return isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and node.value.value is None


def _strip(text: str, drop: set[int], bare: set[int]) -> str:
    """Return the lines not in `drop`, each statement on one line, with no space that Python can do without.

    bare: the lines of `drop` in whose place a body needs a statement.
    """
    statements: list[tuple[int, str, str]] = []
    line, mark, depth, before, commas = "", "", 0, "", [0]
    # Tokens, not lines: a string that holds a # or a line break must stay as it is.
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            depth += 1 if token.type == tokenize.INDENT else -1
        elif token.start[0] in bare and token.type == tokenize.STRING:
            statements.append((depth, "pass", ""))
        elif token.type == tokenize.COMMENT and line and shake.COMMENT.match(token.string):
            mark = shake.COMMENT.sub(shake.MARK + r"\1", token.string)
        elif token.start[0] in drop or token.type in (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER):
            continue
        elif token.type == tokenize.NEWLINE:
            statements.append((depth, line, mark))
            line, mark, before = "", "", ""
        else:
            if token.string in ("(", "[", "{"):
                commas.append(0)
            elif token.string == ",":
                commas[-1] += 1
            # A last comma means something only in a tuple of one.
            elif token.string in (")", "]", "}") and commas.pop() > 1 and before == ",":
                line = line[:-1]
            line += (" " if _glued(before, token.string) else "") + token.string
            before = token.string
    return "\n".join(" " * depth + line + mark for depth, line, mark in _folded(statements)) + "\n"


def _folded(statements: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """Put a block of one simple statement on the line of its header, which saves the line's end and its spaces."""
    folded: list[tuple[int, str, str]] = []
    for (depth, line, mark), (next_depth, _, _) in zip(statements, [*statements[1:], (0, "", "")], strict=True):
        is_first = bool(folded) and folded[-1][0] < depth and folded[-1][1].endswith(":")
        # A statement that has a block of its own cannot stand there, nor can the first of several.
        if is_first and next_depth < depth and not mark and not _BLOCK_WORD.match(line):
            header_depth, header, header_mark = folded.pop()
            folded.append((header_depth, header + line, header_mark))
        else:
            folded.append((depth, line, mark))
    return folded


def _glued(before: str, after: str) -> bool:
    """Whether two tokens would become one without a space between them (`b"x"` and `1or` included)."""
    # Two operators never need a space, nor does a word beside one.
    word = before[-1:].isalnum() or before[-1:] == "_"
    return word and (after[0].isalnum() or after[0] in "_\"'")


def encode(data: bytes) -> str:
    """Write what form.encode() writes, several times as fast: a fleet is packed a server at a time."""
    # Thirteen bytes are two numbers of eight letters, each of four pairs: divisions of small numbers are fast.
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
    """Return the text packed by bzip2 in one block: of two blocks, neither could refer to the words of the other."""
    data = text.encode()
    return bz2.compress(data, 1 + len(data) // _BLOCK)


@functools.cache
def packed(lean: int = 0, absent: frozenset[str] = frozenset()) -> str:
    """Return both sections as text, ready for a bundle. lean and absent: as for sources().

    They are one stream, since the cold section uses the hot one's words. bzip2, which the Python of every distribution
    reads, takes a tenth less than deflate.
    """
    return encode(squeezed(form.PARTING.decode().join(sources(lean, absent))))


def hot_bytes(absent: frozenset[str] = frozenset()) -> int:
    """Return the bytes of text that the hot section would take alone, for the budget. absent: as for sources()."""
    return len(encode(squeezed(sources(absent=absent)[0])))
