"""The command lines and environments of services, as systemd.service(5) and systemd.exec(5) have them. Pure but for
reading environment files."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.rehearse.standin.unitfiles import Unit

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ESCAPES = {"n": "\n", "t": "\t", "s": " ", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_WORD_ITEM = re.compile(r"""\\x([0-9a-fA-F]{2})|\\(.)|(['"])|(\s+)|(.)""", re.DOTALL)
_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60,
            "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400,
            "days": 86400, "w": 604800}  # fmt: skip


class BadUnit(Exception):
    """A unit that cannot be run as it stands; the one argument is a sentence."""


@dataclass(frozen=True)
class Command:
    """One Exec line. may_fail: it has a `-`; as_root: a `+`; given_name: argv[0] where an `@` gives another."""

    words: tuple[str, ...]
    may_fail: bool = False
    as_root: bool = False
    is_literal: bool = False
    given_name: bool = False

    def argv(self, environment: Mapping[str, str]) -> tuple[str, list[str]]:
        """(program, argv) with variables filled in: `$NAME` as words of their own, `${NAME}` inside one."""
        # The program itself is never replaced by a variable.
        words = list(self.words[:1])
        for word in self.words[1:]:
            alone = re.fullmatch(r"\$([A-Za-z_]\w*)", word)
            if self.is_literal:
                words.append(word)
            elif alone:
                words += split(environment.get(alone[1], ""))
            else:
                words.append(_filled(word, environment))
        return (words[0], words[1:]) if self.given_name else (words[0], words)


def _filled(word: str, environment: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else environment.get(match[1], "")

    return re.sub(r"\$\$|\$\{([A-Za-z_]\w*)\}", value, word)


def split(text: str) -> list[str]:
    """Words as systemd splits them: quotes of both kinds, and escapes as in C."""
    words: list[str] = []
    word, quote, is_open = "", "", False
    for number, escaped, mark, space, plain in _WORD_ITEM.findall(text):
        if mark and (not quote or mark == quote) and (quote or not is_open or word == ""):
            quote, is_open = ("" if quote else mark), True
        elif space and not quote:
            words += [word] if is_open else []
            word, is_open = "", False
        else:
            is_open = True
            word += chr(int(number, 16)) if number else _ESCAPES.get(escaped, escaped) or mark or space or plain
    return words + ([word] if is_open else [])


def commands(unit: Unit, key: str) -> list[Command]:
    """The commands of ExecStart= and its like. Raises BadUnit for one without an absolute path."""
    parsed = []
    # A lone semicolon separates commands; `\;` is an argument.
    for line in unit.all("Service", key):
        for text in re.split(r"\s;\s", line):
            parsed.append(_command(unit, key, text))
    return parsed


def _command(unit: Unit, key: str, text: str) -> Command:
    words = split(text)
    prefix = re.match(r"[-@:+!|]*", words[0] if words else "")
    marks = prefix[0] if prefix else ""
    program = words[0][len(marks) :] if words else ""
    if not program:
        raise BadUnit(f"{unit.name}: {key}= has no program")
    arguments = [";" if word == "\\;" else word for word in words[1:]]
    return Command((program, *arguments), "-" in marks, "+" in marks, ":" in marks, "@" in marks)


def environment(unit: Unit, account: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service's programs. account: USER, HOME and their like.

    Raises BadUnit for an EnvironmentFile= that is missing and has no `-`.
    """
    variables = {"PATH": PATH, "LANG": "C.UTF-8", **account}
    for line in unit.all("Service", "Environment"):
        variables.update(word.split("=", 1) for word in split(line) if "=" in word)  # type: ignore[misc]
    for line in unit.all("Service", "EnvironmentFile"):
        pattern = line.lstrip("-")
        paths = sorted(glob.glob(pattern))
        if not paths and not line.startswith("-"):
            raise BadUnit(f"{unit.name}: Failed to load environment files: there is no {pattern}")
        for path in paths:
            variables.update(assignments(path))
    for name in unit.words("Service", "UnsetEnvironment"):
        variables.pop(name, None)
    return variables


def assignments(path: str) -> dict[str, str]:
    """The NAME=VALUE lines of an environment file; quotes around a value go."""
    variables = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        text = re.sub(r"\\\n", "", file.read())
    for line in text.split("\n"):
        name, equals, value = line.strip().partition("=")
        if not equals or name[:1] in "#;":
            continue
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        variables[name.strip()] = value[1:-1] if quoted else value
    return variables


def seconds(text: str, default: float) -> float:
    """The seconds of a time span: `90`, `1min 30s`, `500ms`. `infinity` and 0 mean no limit."""
    if not text:
        return default
    if text in ("infinity", "0"):
        return float("inf")
    parts = re.findall(r"([\d.]+)\s*([a-z]*)", text)
    return sum(float(number) * _UNITS_S.get(unit or "s", 1) for number, unit in parts) if parts else default
