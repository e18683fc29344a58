"""Which values the templates of a plan speak of, so that a value that nobody asked for can be told."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

from jinja2 import TemplateSyntaxError, meta

from bootstrap.errors import Problem
from bootstrap.plan.model import Plan, Text
from bootstrap.render import jinja
from bootstrap.spec.values import Known, unasked


def spoken(plan: Plan) -> frozenset[str]:
    """The names that any template of the plan reads. One that cannot be parsed names none: rendering tells of it."""
    return frozenset(name for text in templates(plan) for name in names_in(text))


def unasked_values(plan: Plan) -> list[Problem]:
    """A problem for each value from outside that neither the spec nor a template names: a misspelt one, mostly."""
    if not plan.given:
        return []
    declared = plan.values.keys() - {one.name for one in plan.given}
    return unasked(plan.given, Known(spoken(plan) | declared, {secret.name for secret in plan.secrets}))


def of_a_group(plan: Plan) -> Iterator[Problem]:
    """Warnings of the templates that say `server` where many hosts share one text: each would read the star."""
    for text in templates(plan):
        if "server" in names_in(text):
            message = f"a template says server, which is {plan.server} on every member of the group"
            hint = "on the host a stage has its member's name in $INITIALRUNNER_SERVER"
            yield Problem("render.group", message, text.where, hint, "warning")


def names_in(text: Text) -> frozenset[str]:
    """The names that one text reads."""
    if not jinja.has_marks(text):
        return frozenset()
    return _names_of(text.value, text.file is not None)


@functools.lru_cache(maxsize=512)
def _names_of(source: str, is_file: bool) -> frozenset[str]:
    # A fleet's servers share their templates, and each server may bring values of its own.
    try:
        return frozenset(meta.find_undeclared_variables(jinja.parsed(source, is_file)))
    except TemplateSyntaxError:
        return frozenset()


def templates(thing: Any) -> Iterator[Text]:
    """Every text of a plan, however deep."""
    if isinstance(thing, Text):
        yield thing
    elif dataclasses.is_dataclass(thing):
        for field in dataclasses.fields(thing):
            yield from templates(getattr(thing, field.name))
    elif isinstance(thing, tuple):
        for one in thing:
            yield from templates(one)
    elif isinstance(thing, dict):
        # The needs of a stage, the proxy.
        for one in thing.values():
            yield from templates(one)
