"""User-data of several parts: ours beside the user's own cloud-config, script or whatever else cloud-init understands.

Our part is a boothook, which cloud-init runs at every boot: unlike a script, it is not marked as done before it begins.
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

# How a part begins, and what cloud-init takes it for. Source: its user-data formats; of two that fit, the longer.
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
# What a line of a message may hold, its end left out. Source: RFC 5322.
_LONGEST_LINE = 998


@dataclass(frozen=True)
class Part:
    """One of the user's own parts. name: how to call it in messages."""

    name: str
    data: bytes = field(repr=False)


def read(beside: Sequence[str | bytes | Path]) -> tuple[Part, ...]:
    """The parts: a Path is a file, a text or bytes the content itself. Raises UsageError for what cannot be read."""
    parts = []
    for number, one in enumerate(beside, 1):
        if isinstance(one, Path):
            try:
                parts.append(Part(str(one), one.read_bytes()))
            except OSError as error:
                raise UsageError(f"{one} cannot be read: {error.strerror}") from error
        else:
            parts.append(Part(f"part {number}", one.encode() if isinstance(one, str) else one))
    return tuple(parts)


def compose(ours: bytes, beside: Sequence[Part]) -> bytes:
    """One MIME message, the same bytes for the same parts. ours: a script or a boothook, ASCII, LF.

    Raises Refused with every part that cloud-init would not understand, which it skips in silence.
    """
    problems = [problem for part in beside for problem in _judge(part)]
    if problems:
        raise Refused(problems)
    headers = 'Content-Type: text/cloud-boothook; charset="us-ascii"\nContent-Transfer-Encoding: 7bit\n'
    bodies = [f'{headers}Content-Disposition: attachment; filename="initialrunner"\n\n'.encode() + ours]
    bodies += [_part(part.data) for part in beside]
    boundary = "==" + hashlib.sha256(b"\0".join(bodies)).hexdigest()[:32] + "=="
    top = f'Content-Type: multipart/mixed; boundary="{boundary}"\nMIME-Version: 1.0\n\n'.encode()
    line = f"--{boundary}".encode()
    return top + b"".join(b"%s\n%s\n" % (line, body) for body in bodies) + line + b"--\n"


def _part(data: bytes) -> bytes:
    if data[:13].lower().startswith(_MESSAGE):
        return data
    text = data.replace(b"\r\n", b"\n")
    kind = _type(text.decode())
    plain = text.isascii() and all(len(line) <= _LONGEST_LINE for line in text.split(b"\n")) and b"\r" not in text
    if plain:
        return f'Content-Type: {kind}; charset="us-ascii"\nContent-Transfer-Encoding: 7bit\n\n'.encode() + text
    return (
        f'Content-Type: {kind}; charset="utf-8"\nContent-Transfer-Encoding: base64\n\n'.encode()
        + base64.encodebytes(text).rstrip(b"\n")
    )


def _type(text: str) -> str | None:
    """As cloud-init judges: by the beginning, blanks and case apart."""
    beginning = text.lstrip().lower()
    return next((kind for start, kind in TYPES.items() if beginning.startswith(start)), None)


def _judge(part: Part) -> list[Problem]:
    """What cloud-init would skip, misread or choke on."""

    def problem(message: str, hint: str) -> list[Problem]:
        return [Problem("payload.user-data", f"{part.name}: {message}", hint=hint)]

    data = part.data
    if data.startswith(b"\x1f\x8b"):
        return problem("is compressed", "give it uncompressed: the whole is compressed where a provider needs it")
    if data.startswith(codecs.BOM_UTF8):
        return problem("begins with a byte order mark, which hides its first line", "save it as UTF-8 without BOM")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return problem("is not UTF-8", "cloud-init reads text; give binary files to write_files in base64")
    if "\0" in text:
        return problem("holds a NUL byte", "cloud-init reads text; give binary files to write_files in base64")
    if not text.strip():
        return problem("is empty", "leave it out")
    if data[:13].lower().startswith(_MESSAGE):
        return _judge_message(part)
    kind = _type(text)
    first = text.lstrip().split("\n", 1)[0].strip()
    if kind is None:
        return problem(f"cloud-init does not know what {first[:40]!r} begins, and would skip it", _KNOWN)
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
        found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{part.name}:{mark.line + 1}" if mark else part.name
        why = getattr(error, "problem", None) or str(error)
        return [Problem("payload.user-data", f"{where}: is not YAML: {why}", hint="cloud-init would skip it")]
    if found is not None and not isinstance(found, dict):
        return [Problem("payload.user-data", f"{part.name}: a cloud-config is a map", hint="cloud-init would skip it")]
    return []
