"""Judges the bytes that reach a host: a text that the kernel or a shell would refuse there is refused here."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.errors import Problem, Where
from bootstrap.render import firstline
from bootstrap.spec.types import CREDENTIALS, has_credentials, is_url

BOM = b"\xef\xbb\xbf"
ELF = b"\x7fELF"


def script(data: bytes, key: str, where: Where, *, name: str | None, must_exec: bool) -> Iterator[Problem]:
    """Problems of a text that will be run. must_exec: by the kernel, so that it needs a `#!` line."""
    subject = f"{key}: {name}" if name else key
    # A compiled program is no text, and none of the rules below is about it.
    if data.startswith(ELF):
        return
    if data.startswith(BOM):
        yield Problem("render.bom", f"{subject} begins with a byte order mark", where, "save it as UTF-8 without BOM")
        # The text after the mark is judged as well, so that one run shows all problems.
        data = data[len(BOM) :]
    if b"\r\n" in data:
        line = data[: data.index(b"\r\n")].count(b"\n") + 1
        reason = "the kernel would look for an interpreter whose name ends in a carriage return"
        message = f"{subject} has CRLF line ends, first on line {line}: {reason}"
        yield Problem("render.crlf", message, where, "save it with LF: dos2unix")
    if b"\0" in data:
        yield Problem("render.nul", f"{subject} contains a NUL byte", where, "a script is text")
    begins = list(firstline.judge(data.decode("utf-8", "replace"), subject, where, must_exec=must_exec))
    yield from begins
    # If the first line has a problem already, this one would only say it again.
    if must_exec and data.strip() and not data.startswith(b"#!") and not begins:
        message = f"{subject} is executable and has no #! line: the kernel would refuse it (Exec format error)"
        yield Problem("render.shebang", message, where, "begin it with #!/bin/sh, or remove the execute bits")
    if not data.strip():
        message = f"{subject} is empty: an empty script succeeds without doing anything"
        yield Problem("render.empty", message, where, "write a command, or remove the text")


def not_utf8(key: str, where: Where, name: str | None) -> Iterator[Problem]:
    """The problem of a text that is not UTF-8 where only that can travel."""
    subject = f"{key}: {name}" if name else key
    hint = "save it as UTF-8, or bring it as one of files: with source:"
    yield Problem("render.utf8", f"{subject} is not UTF-8 text", where, hint)


def fetch_url(rendered: str, key: str, where: Where) -> Iterator[Problem]:
    """Problems of a URL that hosts fetch from: https, or plain http from the very host."""
    from urllib.parse import urlsplit

    if rendered.startswith("swift://"):
        hint = "bootstrap publish makes a TempURL of it; render with --published FILE"
        yield Problem("render.published", f"{key}: {rendered!r} is not published", where, hint)
    elif rendered:
        if is_url(rendered) and has_credentials(rendered):
            hint = "publish the file, or let a stage get it"
            yield Problem("render.url", f"{key}: {CREDENTIALS}", where, hint)
            return
        loopback = is_url(rendered) and urlsplit(rendered).hostname in ("localhost", "127.0.0.1", "::1")
        if not is_url(rendered) or not (rendered.startswith("https://") or loopback):
            yield Problem("render.url", f"{key}: {rendered!r} is not https://", where, "fetch over https")
