"""User-data of several parts: ours beside the user's own cloud-config, script or whatever else cloud-init understands.

Our part is a boothook, which cloud-init runs at every boot. A script would be marked as done before it begins, so that
a power cut in its first second would lose it.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.errors import Problem, UsageError
from bootstrap.payload.refused import Refused

# The beginning of a part, and the type that cloud-init gives it. The longer ones come first, since some begin alike.
# Source: the user-data formats in cloud-init's documentation.
TYPES = {
    "#cloud-config-archive": "text/cloud-config-archive",
    "#cloud-config-jsonp": "text/cloud-config-jsonp",
    "## template: jinja": "text/jinja2",
    "#cloud-boothook": "text/cloud-boothook",
    "#cloud-config": "text/cloud-config",
    "#include-once": "text/x-include-once-url",
    "#part-handler": "text/part-handler",
    "#include": "text/x-include-url",
    "#!": "text/x-shellscript",
}
_KNOWN = "a part begins with one of: " + ", ".join(sorted(TYPES))
# A header of a message that is itself of several parts.
_MESSAGE = (b"content-type:", b"mime-version:")
# Characters of a line of a message, its end left out. Source: RFC 5322.
_LONGEST_LINE = 998


@dataclass(frozen=True)
class Part:
    """One of the user's own parts. name: its file, or its number, for messages."""

    name: str
    data: bytes = field(repr=False)


def read(beside: Sequence[str | bytes | Path]) -> tuple[Part, ...]:
    """Return the parts: a Path is a file, text or bytes are the content. Raises UsageError for an unreadable file."""
    parts = []
    for number, source in enumerate(beside, 1):
        if isinstance(source, Path):
            try:
                parts.append(Part(str(source), source.read_bytes()))
            except OSError as error:
                raise UsageError(f"{source} cannot be read: {error.strerror}") from error
        else:
            parts.append(Part(f"part {number}", source.encode() if isinstance(source, str) else source))
    return tuple(parts)


def compose(boothook: bytes, beside: Sequence[Part]) -> bytes:
    """Return one MIME message, the same bytes for the same parts. boothook: our part, a script too; ASCII, LF.

    Raises Refused with every part that cloud-init would not understand, since it skips those in silence.
    """
    problems = [problem for part in beside for problem in _judge(part)]
    if problems:
        raise Refused(problems)
    headers = 'Content-Type: text/cloud-boothook; charset="us-ascii"\nContent-Transfer-Encoding: 7bit\n'
    bodies = [f'{headers}Content-Disposition: attachment; filename="initialrunner"\n\n'.encode() + boothook]
    bodies += [_part(part.data) for part in beside]
    # A boundary from the content is the same each time, and no part can hold it.
    boundary = "==" + hashlib.sha256(b"\0".join(bodies)).hexdigest()[:32] + "=="
    top = f'Content-Type: multipart/mixed; boundary="{boundary}"\nMIME-Version: 1.0\n\n'.encode()
    line = f"--{boundary}".encode()
    return top + b"".join(b"%s\n%s\n" % (line, body) for body in bodies) + line + b"--\n"


def _part(data: bytes) -> bytes:
    if data[:13].lower().startswith(_MESSAGE):
        # A part that is a message already has headers of its own.
        return data
    # A Windows editor's line ends would become a part of the interpreter's name in a #! line.
    text = data.replace(b"\r\n", b"\n")
    kind = _type(text.decode())
    # Encoded parts cannot be read in the message, so only a text that mail might change is encoded.
    plain = text.isascii() and all(len(line) <= _LONGEST_LINE for line in text.split(b"\n")) and b"\r" not in text
    if plain:
        return f'Content-Type: {kind}; charset="us-ascii"\nContent-Transfer-Encoding: 7bit\n\n'.encode() + text
    return (
        f'Content-Type: {kind}; charset="utf-8"\nContent-Transfer-Encoding: base64\n\n'.encode()
        + base64.encodebytes(text).rstrip(b"\n")
    )


def _type(text: str) -> str | None:
    """Return the type that cloud-init gives a text: it goes by the beginning, without blanks and case."""
    beginning = text.lstrip().lower()
    return next((kind for start, kind in TYPES.items() if beginning.startswith(start)), None)


def _judge(part: Part) -> list[Problem]:
    """Return the problem of a part that cloud-init would skip, misread or fail on."""

    def problem(message: str, hint: str) -> list[Problem]:
        return [Problem("payload.user-data", f"{part.name}: {message}", hint=hint)]

    data = part.data
    if data.startswith(b"\x1f\x8b"):
        return problem("is compressed", "give it uncompressed: the whole message is compressed where needed")
    if data.startswith(codecs.BOM_UTF8):
        return problem("begins with a byte order mark, which hides its first line", "save it as UTF-8 without BOM")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return problem("is not UTF-8", "cloud-init reads text; give binary files to write_files in base64")
    if "\0" in text:
        return problem("holds a NUL byte", "cloud-init reads text; give binary files to write_files in base64")
    if not text.strip():
        return problem("is empty", "leave this part out")
    if data[:13].lower().startswith(_MESSAGE):
        return _judge_message(part)
    kind = _type(text)
    first = text.lstrip().split("\n", 1)[0].strip()
    if kind is None:
        return problem(f"cloud-init does not know what {first[:40]!r} begins, and would skip it", _KNOWN)
    # cloud-init strips blanks to find the type, the kernel does not.
    if kind == "text/x-shellscript" and text[0] != "#":
        return problem("has blanks before #!, so that the kernel would not run it", "begin with #!")
    if kind == "text/cloud-config":
        return _judge_cloud_config(part, text, first)
    return []


def _judge_message(part: Part) -> list[Problem]:
    from email import message_from_bytes

    message = message_from_bytes(part.data)
    if message.is_multipart() and not message.defects:
        return []
    return [Problem("payload.user-data", f"{part.name}: is not a whole MIME message of several parts", hint=_KNOWN)]


def _judge_cloud_config(part: Part, text: str, first: str) -> list[Problem]:
    """cloud-init skips a cloud-config that is no map; older ones say nothing."""
    import yaml

    if first.lower() != "#cloud-config" and not first.lower().startswith("#cloud-config "):
        return [Problem("payload.user-data", f"{part.name}: {first[:40]!r} is not #cloud-config", hint=_KNOWN)]
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{part.name}:{mark.line + 1}" if mark else part.name
        cause = getattr(error, "problem", None) or str(error)
        return [Problem("payload.user-data", f"{place}: is not YAML: {cause}", hint="cloud-init would skip it")]
    # A document without any key is None, which cloud-init takes.
    if document is not None and not isinstance(document, dict):
        return [Problem("payload.user-data", f"{part.name}: a cloud-config is a map", hint="cloud-init would skip it")]
    return []
