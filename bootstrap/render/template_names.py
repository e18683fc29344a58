"""Finds the values that the templates of a plan use, so that a value that none of them uses can be reported."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

from jinja2 import TemplateSyntaxError, meta

from bootstrap.errors import Problem
from bootstrap.plan.model import Plan, Text
from bootstrap.render import jinja
from bootstrap.spec.values import AllowedValues, undeclared_problems


def names_read(plan: Plan) -> frozenset[str]:
    """The names that the templates of the plan use. One that cannot be parsed has none: rendering reports it."""
    return frozenset(name for text in templates(plan) for name in names_in(text))


def undeclared_values(plan: Plan) -> list[Problem]:
    """A problem for each value from outside that neither the spec nor a template uses. Mostly it is misspelt."""
    if not plan.undeclared:
        return []
    # The plan's values include those from outside, which are the ones to be judged.
    declared = plan.values.keys() - {value.name for value in plan.undeclared}
    allowed = AllowedValues(names_read(plan) | declared, {secret.name for secret in plan.secrets})
    return undeclared_problems(plan.undeclared, allowed)


def of_a_group(plan: Plan) -> Iterator[Problem]:
    """Warnings for templates that use `server` while many hosts share one text: each host would read the star."""
    for text in templates(plan):
        if "server" in names_in(text):
            message = f"a template uses server, which is {plan.server} on every member of the group"
            hint = "on the host a stage has its member's name in $INITIALRUNNER_SERVER"
            yield Problem("render.group", message, text.where, hint, "warning")


def names_in(text: Text) -> frozenset[str]:
    """The names that one text reads."""
    if not jinja.has_marks(text):
        return frozenset()
    return _names_of(text.value, text.file is not None)


@functools.lru_cache(maxsize=512)
def _names_of(source: str, is_file: bool) -> frozenset[str]:
    # This is cached since a fleet's servers share their templates, and each server may bring values of its own.
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
        for part in thing:
            yield from templates(part)
    elif isinstance(thing, dict):
        # The needs of a stage, the proxy.
        for part in thing.values():
            yield from templates(part)
