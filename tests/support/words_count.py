"""Counts how the code reads: locals with empty names, docstrings and comments without a subject, comment density.

As a script it lists each place: `python tests/support/words_count.py bootstrap/spec`.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# A local is named after what it holds; these names hold anything.
EMPTY_NAMES = {
    "asked", "begun", "found", "given", "gone", "got", "had", "here", "how", "it", "kept", "known", "left", "lies",
    "looked", "made", "mine", "one", "ours", "own", "rest", "said", "saw", "seen", "shown", "so", "taken", "there",
    "told", "wanted", "way", "what", "why",
}  # fmt: skip
# A sentence that opens with one of these has no subject yet, and its reader has to wait for it.
OPENERS = {"By", "How", "Nor", "Of", "So", "That", "What", "Where", "Which", "Who", "Whom", "Whose", "Why"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Words:
    """Counts over some files. Each list holds `path:line: what stands there`."""

    lines: int = 0
    comment_lines: int = 0
    locals: int = 0
    docstrings: int = 0
    sentences: int = 0  # comments that begin with a capital
    empty_locals: list[str] = field(default_factory=list)
    open_docstrings: list[str] = field(default_factory=list)
    open_comments: list[str] = field(default_factory=list)

    @property
    def empty_share(self) -> float:
        """Local variables and parameters with an empty name, as a share of the local variables."""
        return len(self.empty_locals) / max(self.locals, 1)

    @property
    def open_share(self) -> float:
        """The share of docstrings and whole-sentence comments that open without a subject."""
        return (len(self.open_docstrings) + len(self.open_comments)) / max(self.docstrings + self.sentences, 1)

    @property
    def density(self) -> float:
        """The share of lines that hold a comment."""
        return self.comment_lines / max(self.lines, 1)

    def take(self, path: str, text: str) -> None:
        """Count one file."""
        self.lines += text.count("\n")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function):
                arguments = node.args
                parameters = {a.arg: a.lineno for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
                bound = dict(locals_of(node))
                names = parameters | bound
                self.locals += len(bound)
                self.empty_locals += [f"{path}:{names[name]}: {name}" for name in sorted(names.keys() & EMPTY_NAMES)]
            if isinstance(node, Function | ast.Module | ast.ClassDef):
                docstring = ast.get_docstring(node)
                if docstring:
                    self.docstrings += 1
                    if opens_without_subject(docstring):
                        line = node.body[0].lineno
                        self.open_docstrings.append(f"{path}:{line}: {docstring.splitlines()[0]}")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                self.comment_lines += 1
                comment = token.string.lstrip("#: ")
                if comment[:1].isupper():
                    self.sentences += 1
                    if opens_without_subject(comment):
                        self.open_comments.append(f"{path}:{token.start[0]}: {comment}")


def locals_of(function: Function) -> Iterator[tuple[str, int]]:
    """(name, line) of each variable that a function binds; its parameters and its inner functions are left out."""
    nodes: list[ast.AST] = list(function.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        if isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name, node.lineno
        nodes.extend(ast.iter_child_nodes(node))


def opens_without_subject(sentence: str) -> bool:
    words = sentence.split()
    return bool(words) and words[0].strip(",:;`") in OPENERS


def count(*folders: Path) -> Words:
    """The counts over all Python files in some folders or files."""
    words = Words()
    for folder in folders:
        for source in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            words.take(str(source), source.read_text(encoding="utf-8"))
    return words


if __name__ == "__main__":
    total = count(*map(Path, sys.argv[1:] or ["bootstrap"]))
    print(*total.empty_locals, *total.open_docstrings, *total.open_comments, sep="\n")
    print(
        f"empty locals {len(total.empty_locals)} of {total.locals} ({total.empty_share:.1%}); without a subject: "
        f"docstrings {len(total.open_docstrings)} of {total.docstrings}, comments {len(total.open_comments)} of "
        f"{total.sentences} ({total.open_share:.1%}); comment lines {total.comment_lines} of {total.lines} "
        f"({total.density:.1%})"
    )
