"""Judges how a text begins: first lines that start another program than is meant, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.errors import Problem, Where

# Formats that cloud-init, or the agent of a Windows image, knows by their first line; to a shell each is a comment or
# nonsense. Source: cloud-init's user-data formats.
_FOREIGN = re.compile(
    r"#cloud-(config|boothook)\b|## template: *jinja|#include(-once)?\s*$|#include(-once)? +https?:|#part-handler\b"
    r"|content-type: *multipart/|mime-version:|<powershell>|<script>|#ps1(_\w+)?\s*$|rem cmd\b",
    re.IGNORECASE,
)
_SHELLS = ("sh", "bash", "dash", "ksh", "mksh", "zsh", "ash")
_ONE_ARGUMENT = re.compile(rf"(?:{'|'.join(_SHELLS)}|python[0-9.]*)$")
# With this option env splits its argument into words, which the kernel hands over as one.
_SPLIT = re.compile(r"(-[a-zA-Z]*S|--split-string\b)\s*=?\s*\S")


def judge(text: str, subject: str, where: Where, *, must_exec: bool) -> Iterator[Problem]:
    """Problems of the first line. must_exec: the kernel runs it; otherwise a text without `#!` runs under sh -eu."""
    first = text.lstrip().split("\n", 1)[0].rstrip()
    if _FOREIGN.match(first):
        message = f"{subject} begins with {first[:40]!r}: that is for cloud-init, not a script"
        hint = "pass it beside the payload: bootstrap render ... --user-data FILE"
        yield Problem("render.cloud-init", message, where, hint)
        return
    begins = list(_begins(text, first, subject, where, must_exec))
    yield from begins
    if not must_exec and not begins:
        yield from _empty(text, subject, where)


def _begins(text: str, first: str, subject: str, where: Where, must_exec: bool) -> Iterator[Problem]:
    """The problem of a `#!` that is late, or that starts nothing."""
    late = _late(text)
    if late == 1:
        consequence = "so that the kernel would not run it" if must_exec else "so that it would run under sh -eu"
        hint = "begin with #!; in a template {%- ... -%} takes the blanks beside it away"
        yield Problem("render.shebang", f"{subject} has blanks before #!, {consequence}", where, hint)
    elif late:
        message = f"{subject} has its #! on line {late}, where it is a comment"
        yield Problem("render.shebang", message, where, "make it the first line")
    elif text.startswith("#!") and not re.match(r"#! ?/\S", text):
        message = f"{subject}: {first!r} does not name an interpreter by its full path"
        yield Problem("render.shebang", message, where, "write #!/bin/sh")
    elif text.startswith("#!"):
        yield from _interpreter(first, subject, where)


def _late(text: str) -> int:
    """The line of a `#!` that only comments or blanks stand before; 1 for blanks before it; 0 where it is right."""
    if text.startswith("#!"):
        return 0
    if text.lstrip().startswith("#!"):
        return 1
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"#! ?/\S", line):
            return number
        if line.strip() and not line.startswith("#"):
            break
    return 0


def _interpreter(first: str, subject: str, where: Where) -> Iterator[Problem]:
    """Problems of a `#!` line. The kernel hands all that follows the interpreter over as one argument."""
    # Linux gives everything after the interpreter as one argument, blanks included.
    program, _, arguments = first[2:].strip().partition(" ")
    arguments, name = arguments.strip(), program.rsplit("/", 1)[-1]
    words = arguments.split()
    if name == "env" and not _SPLIT.match(arguments):
        if not words:
            yield Problem("render.shebang", f"{subject}: {first!r} names no program", where, "write #!/bin/sh")
        elif len(words) > 1 or arguments.startswith("-") or "=" in arguments:
            message = f"{subject}: {first!r} would look for a program called {arguments!r}"
            # The hint proposes the program itself, which needs no env.
            runs = [word for word in words if not word.startswith("-") and "=" not in word]
            direct = "#!/bin/" + " ".join(words[words.index(runs[0]) :]) if runs else "#!/bin/sh"
            hint = f"write {direct}, or #!{program} -S {arguments}"
            yield Problem("render.shebang", message, where, hint)
    elif len(words) > 1 and _ONE_ARGUMENT.match(name):
        message = f"{subject}: {first!r} would give {name} the one option {arguments!r}"
        hint = "write the options together, as in -eu" if name in _SHELLS else "give it one option"
        hint += ", or set them below: set -eu" if name in _SHELLS else ""
        yield Problem("render.shebang", message, where, hint)


def _empty(text: str, subject: str, where: Where) -> Iterator[Problem]:
    """The problem of a text that does nothing: a `#!` line alone, or comments alone where a shell reads them."""
    first, _, body = text.partition("\n")
    name = first[2:].split()[0].rsplit("/", 1)[-1] if first[2:].split() else ""
    is_shell = not text.startswith("#!") or name in _SHELLS or any(word in _SHELLS for word in first.split())
    lines = (body if text.startswith("#!") else text).split("\n")
    # shape.script reports an empty text.
    if not text.strip():
        return
    if text.startswith("#!") and not body.strip():
        message = f"{subject} is only a #! line: it would succeed without doing anything"
    elif is_shell and all(not line.strip() or line.lstrip().startswith("#") for line in lines):
        message = f"{subject} is only comments: it would succeed without doing anything"
    else:
        return
    yield Problem("render.empty", message, where, "write a command, or remove the text")
