"""Takes a shell text apart into simple commands: enough to see what it mounts, makes or reboots, and no more.

It is for warnings, so it keeps quiet where it cannot tell: what a variable, a loop or another language does is not
looked into.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Sequence

_SHELLS = re.compile(r"#! ?(/\S*/env (-S )?)?\S*\b(sh|dash|bash|ksh|busybox sh)\b")
# What may stand before a command without being one.
_BEFORE = {"if", "then", "else", "elif", "do", "while", "until", "!", "time", "exec", "nohup", "command", "{", "sudo"}
_HERE = re.compile(r"<<-?\s*(['\"]?)(\w+)\1([^\n]*)\n.*?^\s*\2\s*$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"(?:(?<=\s)|^)#[^\n]*", re.MULTILINE)


def is_shell(text: str) -> bool:
    """Whether a text that runs is one for a shell that shellcheck knows."""
    return not text.startswith("#!") or _SHELLS.match(text) is not None


@functools.lru_cache(maxsize=512)
def commands(text: str) -> tuple[tuple[str, ...], ...]:
    """The simple commands of a shell text, each as its words; of another language none.

    Comments and here-documents are left out; what leads to a command (`if`, `sudo`, `A=1`) is taken away from it.
    """
    if not is_shell(text):
        return ()
    text = _HERE.sub(r"\3", text.replace("\\\n", " "))
    text = _COMMENT.sub("", text)
    found = []
    for words in _simple(text):
        while words and (words[0] in _BEFORE or re.match(r"\w+=", words[0])):
            words = words[1:]
        if words:
            found.append((words[0].rsplit("/", 1)[-1], *words[1:]))
    return tuple(found)


def _simple(text: str) -> list[list[str]]:
    """Words between what ends a command. A text with quotes that do not match is read line by line."""
    try:
        return _split(text)
    except ValueError:
        found = []
        for line in text.split("\n"):
            try:
                found += _split(line)
            except ValueError:
                continue
        return found


def _split(text: str) -> list[list[str]]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    found: list[list[str]] = [[]]
    for word in lexer:
        if word and all(character in ";&|()\n" for character in word):
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in found if words]


def options(
    words: Sequence[str], with_value: str, long_with_value: tuple[str, ...] = ()
) -> tuple[list[str], dict[str, str]]:
    """(the words that are no options, {option: its value}) of a command's arguments.

    with_value: letters of options that take a value; long_with_value: those with two dashes.
    """
    plain: list[str] = []
    given: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            given[name] = value if equals else rest.pop(0) if name in long_with_value and rest else ""
        elif word.startswith("-") and len(word) > 1:
            for at, letter in enumerate(word[1:], 2):
                if letter in with_value:
                    given["-" + letter] = word[at:] or (rest.pop(0) if rest else "")
                    break
                given["-" + letter] = ""
        else:
            plain.append(word)
    return plain, given
