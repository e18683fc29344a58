"""Renders the texts of a deploy file with its values, before the models read them: a number may be a template too."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bootstrap.deploy import placeholders
from bootstrap.errors import Problem, Where
from bootstrap.plan.model import Text
from bootstrap.render import jinja
from bootstrap.render.template_names import names_in
from bootstrap.spec import tree
from bootstrap.spec.models import guess
from bootstrap.spec.values import AllowedValues, OutsideValue, undeclared_problems, value_fault

# `include` was read already, and `values` are what the others are rendered with.
PLAIN = ("include", "values")


@dataclass
class _Renderer:
    """The rendering of one file: its values, the names that its texts use, and the problems so far.

    failed: the places of texts that could not be rendered.
    """

    values: Mapping[str, Any]
    names: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    failed: list[Where] = field(default_factory=list)

    def node(self, node: tree.Node, path: tree.Path_) -> tree.Node:
        """The same node with each text rendered, all at their places."""
        if isinstance(node, tree.Map):
            items = {key: (where, self.node(below, (*path, key))) for key, (where, below) in node.items.items()}
            return tree.Map(items, node.where)
        if isinstance(node, tree.Sequence):
            return tree.Sequence([self.node(n, (*path, number)) for number, n in enumerate(node.items)], node.where)
        text = Text(node.value, node.where, indent=node.value.indent)
        if not jinja.has_marks(text):
            return node
        self.names |= names_in(text)
        try:
            output = jinja.render(text, self.values, tree.dotted(path))
        except jinja.Failed as failure:
            self.problems.append(_mended(failure.problem))
            self.failed.append(node.where)
            return node
        return tree.Leaf(tree.Scalar(output, node.value.quoted), node.where)


def render(root: tree.Map, undeclared: Collection[OutsideValue]) -> tuple[tree.Map, list[Problem], list[Where]]:
    """(the tree with its texts rendered, problems, places of the texts that could not be rendered).

    undeclared: values of --set that the file does not declare.
    """
    node = tree.find(root, ("values",))
    values = guess(tree.plain(node)) if isinstance(node, tree.Map) else {}
    renderer = _Renderer(values)
    items = {
        key: (where, below if key in PLAIN else renderer.node(below, (key,)))
        for key, (where, below) in root.items.items()
    }
    # A value of --set that is nowhere used is misspelt, and would else change nothing in silence.
    declared = values.keys() - {value.name for value in undeclared}
    allowed = AllowedValues(renderer.names | declared, subject="deploy file")
    renderer.problems += undeclared_problems(undeclared, allowed)
    if isinstance(node, tree.Map):
        renderer.problems += _names(node, declared)
    return tree.Map(items, root.where), renderer.problems, renderer.failed


def _names(values: tree.Map, declared: Collection[str]) -> list[Problem]:
    """A problem for each declared value whose name no template can use."""
    faults = ((key, where, value_fault(key, AllowedValues({key}))) for key, (where, _) in values.items.items())
    return [
        Problem("spec.name", f"values.{key}: {fault[0]}", where, fault[1])
        for key, where, fault in faults
        if fault and key in declared
    ]


def _mended(problem: Problem) -> Problem:
    """The problem with a hint that is right in a deploy file, which has no secrets, and whose probes have one brace."""
    match = re.search(r"'(\w+)' is undefined", problem.message)
    if match and match[1] in placeholders.NAMES:
        hint = f"write {{{match[1]}}}, with one brace: it differs from server to server, and only a probe takes it"
        return replace(problem, hint=hint)
    return replace(problem, hint=problem.hint.replace("values: or secrets:", "values:") if problem.hint else None)
