"""Splits a shell text into simple commands, well enough to see which mounts, users and reboots it makes.

It serves warnings, so it stays silent if it is not sure: it does not follow variables, loops or other languages.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Sequence

_SHELLS = re.compile(r"#! ?(/\S*/env (-S )?)?\S*\b(sh|dash|bash|ksh|busybox sh)\b")
# These words may stand before a command without being one.
_BEFORE = {"if", "then", "else", "elif", "do", "while", "until", "!", "time", "exec", "nohup", "command", "{", "sudo"}
_HERE = re.compile(r"<<-?\s*(['\"]?)(\w+)\1([^\n]*)\n.*?^\s*\2\s*$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"(?:(?<=\s)|^)#[^\n]*", re.MULTILINE)


def is_shell(text: str) -> bool:
    """Whether a text that runs is one for a shell that shellcheck knows."""
    return not text.startswith("#!") or _SHELLS.match(text) is not None


@functools.lru_cache(maxsize=512)
def commands(text: str) -> tuple[tuple[str, ...], ...]:
    """The simple commands of a shell text, each as its words; of another language none.

    Comments and here-documents are left out, and so are words that lead to a command (`if`, `sudo`, `A=1`).
    """
    if not is_shell(text):
        return ()
    # A here-document is input of a command, although its lines may look like commands.
    text = _HERE.sub(r"\3", text.replace("\\\n", " "))
    text = _COMMENT.sub("", text)
    simple_commands = []
    for words in _simple(text):
        # `sudo A=1 mount /x` is a mount, too.
        while words and (words[0] in _BEFORE or re.match(r"\w+=", words[0])):
            words = words[1:]
        if words:
            simple_commands.append((words[0].rsplit("/", 1)[-1], *words[1:]))
    return tuple(simple_commands)


def _simple(text: str) -> list[list[str]]:
    """The words of each command. A text whose quotes do not match is read line by line."""
    try:
        return _split(text)
    except ValueError:
        lists = []
        for line in text.split("\n"):
            try:
                lists += _split(line)
            except ValueError:
                continue
        return lists


def _split(text: str) -> list[list[str]]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    lists: list[list[str]] = [[]]
    for word in lexer:
        if word and all(character in ";&|()\n" for character in word):
            lists.append([])
        else:
            lists[-1].append(word)
    return [words for words in lists if words]


def options(
    words: Sequence[str], with_value: str, long_with_value: tuple[str, ...] = ()
) -> tuple[list[str], dict[str, str]]:
    """(the words that are not options, {option: its value}) of a command's arguments.

    with_value: letters of options that take a value; long_with_value: those with two dashes.
    """
    plain: list[str] = []
    values: dict[str, str] = {}
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            values[name] = value if equals else remaining.pop(0) if name in long_with_value and remaining else ""
        elif word.startswith("-") and len(word) > 1:
            for at, letter in enumerate(word[1:], 2):
                if letter in with_value:
                    values["-" + letter] = word[at:] or (remaining.pop(0) if remaining else "")
                    break
                values["-" + letter] = ""
        else:
            plain.append(word)
    return plain, values
