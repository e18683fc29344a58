"""The kinds of values a spec holds, each read from the text as it was written.

Each text key either is a template or is not. The value of a template is judged in the spec if it contains no marks of
a template, and otherwise once it is rendered (`rendered`), by the same rule. A key that is no template refuses marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from bootstrap import durations
from bootstrap.runner.contract import NAME_PATTERN
from bootstrap.spec.tree import Scalar

MARKS = ("{{", "{%", "{#")
YEAR_S = 365 * 86400.0
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def wrong(code: str, message: str, hint: str = "", rendered_hint: str | None = None) -> PydanticCustomError:
    """An error that carries its code and hint through pydantic. rendered_hint: for a value out of a template."""
    # pydantic hands the context through unchanged, and its own message is not shown.
    context = {"code": code, "message": message, "hint": hint}
    context["rendered_hint"] = hint if rendered_hint is None else rendered_hint
    return PydanticCustomError("spec", "{message}", context)


class Misfit(ValueError):
    """A value that its key does not allow."""

    def __init__(self, code: str, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def rendered(rule: str, word: str) -> str:
    """The output of a template, judged by the rule of its key, which is one of RULES. Raises Misfit."""
    try:
        return RULES[rule](word)
    except PydanticCustomError as error:
        context = error.context or {}
        # The same fault has another code once a template has made it, since the spec itself is right.
        code = str(context["code"]).replace("spec.", "render.")
        raise Misfit(code, str(context["message"]), context["rendered_hint"] or None) from error


def unmarked(word: str) -> None:
    """Raise Misfit if a text that no model reads contains the marks of a template."""
    try:
        literal(word)
    except PydanticCustomError as error:
        context = error.context or {}
        raise Misfit(str(context["code"]), str(context["message"]), str(context["hint"])) from error


def is_template(word: str) -> bool:
    """Whether the value of a template has to be rendered before it can be judged."""
    return "{{" in word or "{%" in word


def literal(value: Any) -> str:
    """The text of a key that is no template. Marks of one are refused, since they would reach the host as they are."""
    word = text(value)
    mark = next((mark for mark in MARKS if mark in word), None)
    if mark is not None:
        raise wrong(
            "spec.template", f"{str(word)!r} contains {mark}, and this key is not a template", "write the value itself"
        )
    return word


def text(value: Any) -> str:
    """Any scalar as it is written."""
    # An empty plain scalar is null in YAML: somebody wrote a key and forgot its value.
    if isinstance(value, str):
        if isinstance(value, Scalar) and not value.quoted and value in ("", "~", "null"):
            raise wrong("spec.type", "has no value", "give one, or take the key out")
        return value
    kind = "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else f"{value!r}"
    raise wrong("spec.type", f"must be text, not {kind}")


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = text(value)
    if word not in ("true", "false"):
        raise wrong("spec.type", f"{word!r} is neither true nor false", "write true or false")
    return word == "true"


def integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    word = text(value)
    if not re.fullmatch(r"0|[1-9][0-9]{0,8}", word):
        raise wrong("spec.type", f"{word!r} is not a whole number", "write digits, such as 3")
    return int(word)


def positive(value: Any) -> int:
    number = integer(value)
    if number < 1:
        raise wrong("spec.range", f"{number} is too small", "1 is the least")
    return number


def duration(value: Any) -> float:
    """Seconds of `90s`, `15m`, `1h`, `500ms`."""
    # A default of the model is a number already.
    if isinstance(value, float | int):
        return float(value)
    word = text(value)
    seconds = durations.seconds(word)
    if seconds is not None:
        # A longer time is a slip of the unit, such as h for m, and some calls on a host would overflow.
        if seconds > YEAR_S:
            raise wrong("spec.range", f"{word!r} is too long", "a year, 365d, is the most")
        return seconds
    # A missing unit is the usual mistake, so it gets a hint with the number in it.
    if re.fullmatch(r"[0-9.]+", word):
        raise wrong("spec.unit", f"{word!r} has no unit", f"write {word}s, {word}m or {word}h")
    raise wrong("spec.unit", f"{word!r} is not a duration", "write a number and ms, s, m, h or d: 90s")


def some_time(value: Any) -> float:
    """Seconds, more than none, of a limit or a pause that would be useless at 0s."""
    seconds = duration(value)
    if seconds <= 0:
        raise wrong("spec.range", f"{str(value)!r} is too short", "write more than nothing, such as 1s")
    return seconds


def size(value: Any) -> int:
    """Bytes of `64KiB`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    word = text(value)
    match = re.fullmatch(r"([0-9]{1,15})(B|KiB|MiB|GiB)", word)
    if match:
        return int(match[1]) * _SIZES[match[2]]
    if word == "0":
        return 0
    if re.fullmatch(r"[0-9]+", word):
        # Everybody writes `min_size: 1` for "not empty", and only a byte can be meant by it.
        return int(word) if word == "1" else _no_unit(word)
    raise wrong("spec.unit", f"{word!r} is not a size", "write a number and B, KiB, MiB or GiB: 64KiB")


def _no_unit(word: str) -> int:
    raise wrong("spec.unit", f"{word!r} has no unit", f"write {word}B, {word}KiB or {word}MiB")


def mode(value: Any) -> int:
    """Permission bits of "0644"."""
    if isinstance(value, int):
        return value
    word = text(value)
    if isinstance(value, Scalar) and not value.quoted:
        # YAML 1.1 reads 0644 as 420, YAML 1.2 as 644; neither is what anybody means.
        digits = word if re.fullmatch(r"0?[0-7]{3,4}", word) else "0644"
        raise wrong("spec.mode", f"{word} must be quoted: YAML reads it as another number", f'write "{digits}"')
    if not re.fullmatch(r"0[0-7]{3,4}|[0-7]{3}", word):
        raise wrong("spec.mode", f"{word!r} is not an octal mode", 'write four octal digits in quotes: "0644"')
    return int(word, 8)


def path(value: Any) -> str:
    """An absolute path that every channel can carry. The rules come from Nova and its agents."""
    word = text(value)
    quoted = repr(word)
    if not word.startswith("/"):
        hint = f"write /{word}" if word else "write a path from / on"
        raise wrong("spec.path", f"{quoted} is not absolute", hint, "let it begin with /")
    for character, called in (("\0", "a NUL"), ("\n", "a newline"), (",", "a comma"), ("\r", "a carriage return")):
        if character in word:
            reason = "; an injection agent cuts the path there" if character == "," else ""
            raise wrong("spec.path", f"{quoted} contains {called}{reason}", "choose another name")
    if any(part in ("..", ".") for part in word.split("/")) or "//" in word:
        raise wrong("spec.path", f"{quoted} contains `.`, `..` or a double slash", "write the path without them")
    if word.endswith("/"):
        hint = "name a file; for a folder of files, leave the last slash out"
        raise wrong("spec.path", f"{quoted} is a folder", hint)
    # Nova's limit for the path of an injected file.
    if len(word.encode()) > 255:
        raise wrong("spec.path", f"the path has {len(word.encode())} bytes, and the limit is 255", "shorten it")
    return word


def folder(value: Any) -> str:
    """An absolute path that may be a folder, such as `/` and `/srv/`."""
    word = text(value)
    return word if word == "/" else path(word.removesuffix("/"))


def file_name(value: Any) -> str:
    """The name of a file on this machine, relative to the spec."""
    word = text(value)
    if "\0" in word or not word:
        raise wrong("spec.path", f"{str(word)!r} is not the name of a file")
    return word


def url(value: Any) -> str:
    """The URL of an HTTP server, without a name or a password."""
    # Nothing would send them, and a report would show them.
    word = proxy_url(value)
    if has_credentials(word):
        raise wrong("spec.url", CREDENTIALS, CREDENTIALS_HINT)
    return word


def proxy_url(value: Any) -> str:
    """The URL of a proxy, which may contain a name and a password."""
    word = text(value)
    if not is_url(word):
        raise wrong("spec.url", f"{str(word)!r} is not a URL", "write https://HOST:PORT/PATH")
    return word


CREDENTIALS = "the URL contains a name or a password, which would not be sent"
CREDENTIALS_HINT = "remove everything before the @"


def has_credentials(word: str) -> bool:
    """Whether a URL names a user before its host."""
    return "@" in urlsplit(word).netloc


# The runner takes a URL as it stands: its scheme in small letters, its host in ASCII, a path before any query, and no
# part after a #. To urlsplit, HTTPS is https, and line ends are nothing.
_URL = re.compile(r"https?://[^/?#\\\x80-\U0010ffff]+(?<!:)(/[^#\\]*)?")


def is_url(word: str) -> bool:
    """Whether a text is the URL of an HTTP server."""
    try:
        parts = urlsplit(word)
        # urlsplit reads the port only when it is asked for, and raises ValueError then.
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_complete and _URL.fullmatch(word) is not None and " " not in word and word.isprintable()


def name(value: Any) -> str:
    word = text(value)
    # Names become names of logs and parts of URLs and of signed ids, so one narrow alphabet serves all.
    if not re.fullmatch(NAME_PATTERN, word):
        raise wrong(
            "spec.name",
            f"{word!r} is not a name",
            "use letters, digits, dots, dashes and underscores; at most 63 characters, the first a letter or digit",
        )
    return word


def is_label(word: str) -> bool:
    """Whether a name can be a part of names of servers, and so of host names."""
    return re.fullmatch(LABEL_PATTERN, word) is not None


def label(value: Any) -> str:
    word = text(value)
    if not is_label(word):
        hint = "use letters, digits and dashes; at most 40 characters, a letter or digit at both ends"
        raise wrong("spec.name", f"{str(word)!r} cannot be a part of the names of servers", hint)
    return word


def port(value: Any) -> int:
    number = integer(value)
    if not 0 < number < 65536:
        raise wrong("spec.range", f"{number} is not a port", "write a number from 1 to 65535")
    return number


def sha256(value: Any) -> str:
    word = text(value).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", word):
        raise wrong("spec.digest", f"{word!r} is not a SHA-256", "64 hex digits, as sha256sum prints them")
    return word


def owner(value: Any) -> str:
    word = text(value)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*", word):
        raise wrong(
            "spec.owner", f"{word!r} is not user:group", f"write {word}:{word}" if word.isalnum() else "write root:root"
        )
    return word


def user(value: Any) -> str:
    """The name or the number of a user."""
    word = text(value)
    # useradd accepts more than its manual says, so only what would break a command or a table is refused.
    if not re.fullmatch(r"[^-:/,\s\x00-\x1f\x7f][^:/,\s\x00-\x1f\x7f]*", word):
        raise wrong("spec.user", f"{str(word)!r} is not the name of a user", "write a user's name, such as www-data")
    return word


def address(value: Any) -> str:
    word = text(value)
    if not is_address(word):
        raise wrong("spec.address", f"{word!r} is not HOST:PORT", "write 127.0.0.1:8080")
    return word


def is_address(word: str) -> bool:
    """Whether a text is HOST:PORT."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\s]+):([0-9]{1,5})", word)
    return match is not None and 0 < int(match[2]) < 65536


def environment_name(value: Any) -> str:
    word = text(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word):
        hint = "use letters, digits and underscores, no digit first"
        raise wrong("spec.name", f"{word!r} is not the name of a variable", hint)
    return word


# The names of a deploy and of a tier are joined in names of servers, whose length another rule judges.
LABEL_PATTERN = "[A-Za-z0-9]([A-Za-z0-9-]{0,38}[A-Za-z0-9])?"

# The rules by which the output of a template is judged. A text of the plan has the name of its rule.
RULES: dict[str, Callable[[Any], str]] = {
    "path": path,
    "folder": folder,
    "owner": owner,
    "user": user,
    "url": url,
    "address": address,
    "name": name,
}
# Comments in the JSON Schema, from which the reference page knows whether a key is a template.
TEMPLATE, NO_TEMPLATE = "a template", "no template"
HAS_MARKS = r"\{[{%#]"


def _template(rule: Callable[[Any], str], pattern: str | None = None, **schema: Any) -> Any:
    """The annotations of a key that is a template: one for the check, one for the JSON Schema."""

    def check(value: Any) -> str:
        word = text(value)
        return word if is_template(word) else rule(word)

    # An editor cannot render, so it must accept any text with a mark of a template in it.
    schema = {"type": "string", **({"pattern": rf"{pattern}|\{{[{{%]"} if pattern else {}), **schema}
    return BeforeValidator(check), WithJsonSchema({**schema, "$comment": TEMPLATE})


def _literal(rule: Callable[[Any], Any], pattern: str | None = None, **schema: Any) -> Any:
    """The annotations of a key that is not a template."""
    schema = {"type": "string", **({"pattern": pattern} if pattern else {}), **schema}
    return BeforeValidator(_unmarked(rule)), WithJsonSchema({**schema, "$comment": NO_TEMPLATE})


def _unmarked(rule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The rule, for a text without the marks of a template."""
    return lambda value: rule(literal(value) if isinstance(value, str) else value)


_ANY: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_NO_MARKS: dict[str, Any] = {"not": {"pattern": HAS_MARKS}}
_SIZE: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": r"^[0-9]+(B|KiB|MiB|GiB)$"}, {"enum": [0, 1]}],
    "examples": ["64KiB"],
    "$comment": NO_TEMPLATE,
}
_TIME = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"

Text = Annotated[str, *_template(text, **_ANY)]
Plain = Annotated[str, *_literal(text, **_ANY, **_NO_MARKS)]
Bool = Annotated[bool, *_literal(boolean, type="boolean")]
Int = Annotated[int, *_literal(integer, type="integer", minimum=0)]
Positive = Annotated[int, *_literal(positive, type="integer", minimum=1)]
Duration = Annotated[float, *_literal(duration, _TIME, examples=["90s", "15m", "1h"])]
SomeTime = Annotated[float, *_literal(some_time, _TIME, examples=["90s", "15m", "1h"])]
Size = Annotated[int, BeforeValidator(_unmarked(size)), WithJsonSchema(_SIZE)]
Mode = Annotated[int, *_literal(mode, r"^0?[0-7]{3,4}$", examples=["0644"])]
AbsolutePath = Annotated[str, *_template(path, r"^/[^,\n]*[^/,\n]$")]
Folder = Annotated[str, *_template(folder, r"^/[^,\n]*$")]
FileName = Annotated[str, *_literal(file_name, **_NO_MARKS)]
Url = Annotated[str, *_template(url, examples=["https://deploy.internal:8443"])]
ProxyUrl = Annotated[str, *_template(proxy_url, examples=["http://proxy.internal:3128"])]
PlainUrl = Annotated[str, *_literal(url, examples=["https://deploy.internal:8443"])]
Name = Annotated[str, *_literal(name, f"^{NAME_PATTERN}$")]
Label = Annotated[str, *_literal(label, f"^{LABEL_PATTERN}$")]
Port = Annotated[int, *_literal(port, type="integer", minimum=1, maximum=65535)]
Server = Annotated[str, *_template(name, f"^{NAME_PATTERN}$")]
Sha256 = Annotated[str, *_literal(sha256, "^[0-9a-fA-F]{64}$")]
Owner = Annotated[str, *_template(owner, "^[^:]+:[^:]+$", examples=["root:root"])]
User = Annotated[str, *_template(user, **_ANY)]
Address = Annotated[str, *_template(address, "^.+:[0-9]+$", examples=["127.0.0.1:8080"])]
EnvironmentName = Annotated[str, *_literal(environment_name, "^[A-Za-z_][A-Za-z0-9_]*$")]
