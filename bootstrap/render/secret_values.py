"""Reads the secrets that a spec names, from the environment or from files, at render time and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bootstrap.errors import Problem
from bootstrap.plan.model import Plan, SecretRef, Text
from bootstrap.render import jinja

# A shorter value cannot be told from ordinary text: redacting it would blot out half the log.
SHORTEST = 4


def read(plan: Plan, *, stand_in: bool = False) -> tuple[dict[str, str], list[Problem]]:
    """({name: value}, problems). stand_in: for `check`, which must not need them: a dummy, and a warning."""
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for ref in plan.secrets:
        value, fault, hint = _value_of(ref)
        # A secret that is wrong gets a value, too. Otherwise each use of it would be one more problem for one mistake.
        values[ref.name] = f"STAND-IN-FOR-{ref.name}"
        if value is None and stand_in:
            problems.append(Problem("render.secret", f"secrets.{ref.name}: {fault}", ref.where, hint, "warning"))
        elif value is None:
            problems.append(Problem("render.secret", f"secrets.{ref.name}: {fault}", ref.where, hint))
        elif len(value) < SHORTEST:
            fault = f"the value is shorter than {SHORTEST} characters, and could not be redacted"
            problems.append(Problem("render.secret", f"secrets.{ref.name}: {fault}", ref.where, "use a longer one"))
        else:
            values[ref.name] = value
    return values, problems


def held(output: str, text: Text, key: str, context: Mapping[str, Any], secrets: Mapping[str, str]) -> Iterator[str]:
    """Names of the secrets that a rendered text holds, as they are or made into something, such as base64.

    output: the rendered text. A text is made of a secret if another value of the secret changes it. A template that
    only asks for a secret, as in `{% if token %}`, does not change.
    """
    for name, value in secrets.items():
        if value in output:
            yield name
        elif text.is_template and name in text.value and context.get(name) == value:
            # Each character becomes a letter, so that the other value has the same length and differs everywhere.
            other = "".join(chr(ord("a") + (ord(c) + 1) % 26) for c in value)
            try:
                changed = jinja.render(text, {**context, name: other}, key)
            except jinja.Failed:
                changed = ""
            if changed != output:
                yield name


def of_proxies(proxy: Mapping[str, str]) -> set[str]:
    """The passwords in the URLs of proxies, percent-encoded and decoded, since stages may print either."""
    passwords = set()
    # A password in a URL is no secret of the spec, and still must not be in a log.
    for scheme in ("http", "https"):
        try:
            password = urlsplit(proxy.get(scheme, "")).password or ""
        except ValueError:
            continue  # another rule reports a text that is no URL
        passwords |= {password, unquote(password)}
    return {password for password in passwords if len(password) >= SHORTEST}


def _value_of(ref: SecretRef) -> tuple[str | None, str, str | None]:
    if ref.kind == "env":
        value = os.environ.get(ref.source)
        if value is not None and any("\ud800" <= c <= "\udfff" for c in value):
            return None, f"{ref.source} in the environment is not UTF-8 text", "give it as base64"
        return value, f"{ref.source} is not in the environment", f"export {ref.source}=..."
    path = Path(ref.where.file).parent / ref.source
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n"), "", None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        return None, f"cannot read {path}: {reason.lower()}", "the path is relative to the folder of the spec"
