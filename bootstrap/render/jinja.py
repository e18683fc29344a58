"""Jinja2 with two filters and errors that know their line, in the template file or in the spec.

A text of the spec has no comments: in shell `${#name}` is the length of a value, and a comment would swallow what
follows, up to a `#}`. A file that is a template has Jinja's comments, but none that begins right after a `$`.
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

# Half of a surrogate pair. It stands for nothing in UTF-8, so no text of a spec or a file can contain it.
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
    """Raised when a template prints a value that is null."""


def as_written(value: Any) -> Any:
    """The form in which `{{ value }}` prints a value.

    Booleans are printed as the spec has them, where Python would print True and False. Raises NoValue for null: no
    configuration file wants the word None.
    """
    if value is None:
        raise NoValue("prints a value that is null")
    return str(value).lower() if isinstance(value, bool) else value


@functools.cache
def environment() -> jinja2.Environment:
    """The Jinja environment for template files."""
    # The output is shell, cron and configuration, not HTML: escaping would corrupt it.
    jinja = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
        finalize=as_written,
    )
    jinja.filters["sh"] = shell_quote
    jinja.filters["b64"] = base64_text
    return jinja


@functools.cache
def _without_comments() -> jinja2.Environment:
    """The Jinja environment for texts of the spec, which have no comments."""
    return environment().overlay(comment_start_string=f"{_NEVER}{{#", comment_end_string=f"#}}{_NEVER}")


def has_marks(text: Text) -> bool:
    """Whether Jinja would find something to do in a text."""
    return text.is_template and _MARKS[text.file is not None].search(text.value) is not None


def markup(text: Text) -> re.Pattern[str]:
    """The pattern of the markup that Jinja replaces in a text. Its first group matches only for an expression."""
    return _MARKUP[text.file is not None]


def parse(text: Text) -> nodes.Template:
    """The tree of a template. Raises TemplateSyntaxError."""
    return parsed(text.value, text.file is not None)


def parsed(source: str, is_file: bool) -> nodes.Template:
    """The tree of a template file, or of a text of the spec. Raises TemplateSyntaxError."""
    if not is_file:
        return _without_comments().parse(source)
    # Jinja has no option that spares `${#`. So it is split with a character that occurs nowhere else before parsing,
    # and joined again in the tree, where no comment can begin any more.
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
    """A compiled template. It is cached: compiling is nine tenths of rendering, and a fleet shares its templates."""
    return environment().from_string(parsed(source, is_file))


class Failed(Exception):
    """Raised for a text that cannot be rendered, with its problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def render(text: Text, context: Mapping[str, Any], key: str) -> str:
    """The rendered text. key: its place in the spec, for messages (`stages[1].run`). Raises Failed."""
    # Most texts have no markup, and Jinja would cost each of them a compilation.
    if not has_marks(text):
        return text.value
    try:
        return compiled(text.value, text.file is not None).render(context)
    except jinja2.TemplateSyntaxError as error:
        message = f"{key}: {_sentence(error.message or 'bad template')}"
        place = _place(text, error.lineno, None)
        hint = "the filters are those of Jinja2, sh and b64" if "No filter" in message else ways_out(text, key)
        raise Failed(Problem("render.syntax", message, place, hint)) from error
    except jinja2.UndefinedError as error:
        name = _undefined(str(error))
        place = _place(text, _line(error), name)
        is_name = str(error).endswith("is undefined")
        hint = _hint(name, sorted(context), place.source) if is_name else "see its value in values:"
        if name is not None and written_for_others(place.source, name):
            hint = ways_out(text, key)
        raise Failed(Problem("render.undefined", f"{key}: {_sentence(str(error))}", place, hint)) from error
    except NoValue as error:
        hint = "give it a value, or write a fallback: {{ name or 'none' }}"
        raise Failed(Problem("render.null", f"{key}: {error}", _place(text, _line(error), None), hint)) from error
    # A template can raise anything: a filter, a method of a value, a division by zero.
    except Exception as error:
        message = f"{key}: {type(error).__name__}: {error}"
        # A host gets one text, so there is no folder from which a template could include another.
        if "no loader" in message:
            message = f"{key}: a template cannot include or extend another"
        raise Failed(Problem("render.error", message, _place(text, _line(error), None))) from error


def _sentence(message: str) -> str:
    return message.rstrip(".")


def _undefined(message: str) -> str | None:
    match = re.match(r"'([^']+)' is undefined", message) or re.search(r"has no attribute '([^']+)'", message)
    return match[1] if match else None


def _hint(name: str | None, names: list[str], line: str) -> str:
    import difflib

    # People know the words `secrets.token` and `values.port` from other tools.
    inner = re.search(rf"\b{name}(?:\.|\[['\"])(\w+)", line) if name in ("secrets", "values") else None
    if inner:
        return f"write {{{{ {inner[1]} }}}}: a template uses values and secrets by their own names"
    near = difflib.get_close_matches(name or "", names, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"declare it in values: or secrets:, or pass --set {name or 'NAME'}=..."


def _line(error: BaseException) -> int:
    """The line of the template on which an error was raised. Jinja gives it to the stack frame, not to the error."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _place(text: Text, line: int, name: str | None) -> Where:
    """The place of a line of a text, in its file or in the spec. name: the word to point at."""
    lines = text.value.splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    if text.file is not None:
        return _point(text.file, line, source, name, 1)
    if text.indent is None:
        return _point(text.where.file, text.where.line, text.where.source, name, text.where.column, text.where.width)
    # The text of a block begins on the line below its `|`, and its indentation was removed when it was read.
    return _point(text.where.file, text.where.line + line, " " * text.indent + source, name, text.indent + 1)


def _point(file: str, line: int, source: str, name: str | None, column: int, width: int = 0) -> Where:
    match = re.search(rf"\b{re.escape(name)}\b", source[column - 1 :]) if name else None
    if match:
        return Where(file, line, column + match.start(), source, len(match[0]))
    return Where(file, line, column, source, width or max(1, len(source.rstrip()) - column + 1))
