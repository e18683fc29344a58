"""Jinja2 with two filters and errors that know their line, in the template file or in the spec.

A text of the spec has no comments: shell has `${#name}` in it, and whatever followed up to a `#}` would be lost. A file
that is a template has Jinja's own, but none that begins right behind a `$`.
"""

from __future__ import annotations

import base64
import functools
import re
import shlex
from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2 import nodes

from bootstrap.errors import Problem, Where
from bootstrap.plan.model import Text
from bootstrap.render.braces import ways_out, written_for_others

# Half a character: no text of a spec or a file that can be sent to a host holds it.
_NEVER = "\ud800"
_LENGTH = "${#"  # how a shell writes the length of a value
_COMMENT = r"(?<!\$)\{#"
_MARKS = {False: re.compile(r"\{[{%]"), True: re.compile(rf"\{{[{{%]|{_COMMENT}")}
_MARKUP = {
    False: re.compile(r"(\{\{.*?\}\})|\{%.*?%\}", re.DOTALL),
    True: re.compile(rf"(\{{\{{.*?\}}\}})|\{{%.*?%\}}|{_COMMENT}.*?#\}}", re.DOTALL),
}


def shell_quote(value: Any) -> str:
    """`sh`: the value as one word of a POSIX shell, byte for byte."""
    return shlex.quote(str(as_written(value)))


def base64_text(value: Any) -> str:
    """`b64`: base64 of the UTF-8 text, or of bytes, on one line."""
    raw = value if isinstance(value, bytes) else str(as_written(value)).encode("utf-8", "surrogateescape")
    return base64.b64encode(raw).decode()


class NoValue(Exception):
    """A template prints a value that is null."""


def as_written(value: Any) -> Any:
    """What `{{ value }}` prints: true and false as the spec has them, where Python would print True and False.

    Raises NoValue for null: the word None is never what a configuration file wants.
    """
    if value is None:
        raise NoValue("prints a value that is null")
    return str(value).lower() if isinstance(value, bool) else value


@functools.cache
def environment() -> jinja2.Environment:
    """What renders shell, cron and configuration files, hence no HTML escaping."""
    # The runner's texts are no web pages: escaping would corrupt them.
    found = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
        finalize=as_written,
    )
    found.filters["sh"] = shell_quote
    found.filters["b64"] = base64_text
    return found


@functools.cache
def _without_comments() -> jinja2.Environment:
    """The same for texts of the spec."""
    return environment().overlay(comment_start_string=f"{_NEVER}{{#", comment_end_string=f"#}}{_NEVER}")


def has_marks(text: Text) -> bool:
    """Whether Jinja would find something to do in a text."""
    return text.is_template and _MARKS[text.file is not None].search(text.value) is not None


def markup(text: Text) -> re.Pattern[str]:
    """Finds what Jinja replaces in a text; the first group is there for an expression."""
    return _MARKUP[text.file is not None]


def parse(text: Text) -> nodes.Template:
    """The tree of a template. Raises TemplateSyntaxError."""
    return parsed(text.value, text.file is not None)


def parsed(source: str, is_file: bool) -> nodes.Template:
    """The tree of a template file, or of a text of the spec. Raises TemplateSyntaxError."""
    if not is_file:
        return _without_comments().parse(source)
    # Parted before it is read and joined again in the tree, where no comment can begin any more.
    parted = f"{_LENGTH[:-1]}{_NEVER}{_LENGTH[-1]}"
    tree = environment().parse(source.replace(_LENGTH, parted))
    for data in tree.find_all(nodes.TemplateData):
        data.data = data.data.replace(parted, _LENGTH)
    for constant in tree.find_all(nodes.Const):
        if isinstance(constant.value, str):
            constant.value = constant.value.replace(parted, _LENGTH)
    return tree


@functools.lru_cache(maxsize=512)
def compiled(source: str, is_file: bool) -> jinja2.Template:
    """A template, compiled once: a fleet's servers share theirs, and compiling is nine tenths of rendering."""
    return environment().from_string(parsed(source, is_file))


class Failed(Exception):
    """A text that cannot be rendered: its problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def render(text: Text, context: Mapping[str, Any], what: str) -> str:
    """The rendered text. what: the key, for messages (`stages[1].run`). Raises Failed."""
    if not has_marks(text):
        return text.value
    try:
        return compiled(text.value, text.file is not None).render(context)
    except jinja2.TemplateSyntaxError as error:
        message = f"{what}: {_sentence(error.message or 'bad template')}"
        place = _place(text, error.lineno, None)
        hint = "there are those of Jinja2, sh and b64" if "No filter" in message else ways_out(text, what)
        raise Failed(Problem("render.syntax", message, place, hint)) from error
    except jinja2.UndefinedError as error:
        name = _undefined(str(error))
        place = _place(text, _line(error), name)
        is_name = str(error).endswith("is undefined")
        hint = _mend(name, sorted(context), place.source) if is_name else "see what it is given in values:"
        if name is not None and written_for_others(place.source, name):
            hint = ways_out(text, what)
        raise Failed(Problem("render.undefined", f"{what}: {_sentence(str(error))}", place, hint)) from error
    except NoValue as error:
        hint = "give it one, or write what stands for it: {{ name or 'none' }}"
        raise Failed(Problem("render.null", f"{what}: {error}", _place(text, _line(error), None), hint)) from error
    except Exception as error:
        message = f"{what}: {type(error).__name__}: {error}"
        if "no loader" in message:
            message = f"{what}: a template cannot include or extend another"
        raise Failed(Problem("render.error", message, _place(text, _line(error), None))) from error


def _sentence(message: str) -> str:
    return message.rstrip(".")


def _undefined(message: str) -> str | None:
    match = re.match(r"'([^']+)' is undefined", message) or re.search(r"has no attribute '([^']+)'", message)
    return match[1] if match else None


def _mend(name: str | None, known: list[str], line: str) -> str:
    import difflib

    inner = re.search(rf"\b{name}(?:\.|\[['\"])(\w+)", line) if name in ("secrets", "values") else None
    if inner:
        return f"write {{{{ {inner[1]} }}}}: values and secrets go by their own names"
    near = difflib.get_close_matches(name or "", known, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"give it in values:, secrets: or by --set {name or 'NAME'}=..."


def _line(error: BaseException) -> int:
    """The line of the template an error was raised on: Jinja gives it to the frame, not to the error."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _place(text: Text, line: int, name: str | None) -> Where:
    """Where line `line` of a text stands: in its file, or in the spec."""
    lines = text.value.splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    if text.file is not None:
        return _point(text.file, line, source, name, 1)
    if text.indent is None:
        return _point(text.where.file, text.where.line, text.where.source, name, text.where.column, text.where.width)
    # A block begins on the line below its `|`; its indentation was taken away on reading.
    return _point(text.where.file, text.where.line + line, " " * text.indent + source, name, text.indent + 1)


def _point(file: str, line: int, source: str, name: str | None, column: int, width: int = 0) -> Where:
    match = re.search(rf"\b{re.escape(name)}\b", source[column - 1 :]) if name else None
    if match:
        return Where(file, line, column + match.start(), source, len(match[0]))
    return Where(file, line, column, source, width or max(1, len(source.rstrip()) - column + 1))
