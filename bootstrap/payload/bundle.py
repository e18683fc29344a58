"""The bundle: one ASCII file that is a POSIX sh script, proves itself whole, and carries runner, plan and files.

A signed bundle has a fourth packed part, its signature, which signs the bundle without it (runner/baked/signed.py).
Its text is fixed glue around three quoted strings. The running Python is handed only the strings. It puts the same text
together again, checks it against the digest on the last line, and writes it to disk. The form is in runner/form.py, and
docs/reference/bundle.md describes it.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

from bootstrap import resources
from bootstrap.errors import PayloadError
from bootstrap.payload import pack
from bootstrap.runner import form

PARTS = ("code", "plan", "files", "signature")
# All that the digest on the last line covers, whatever it is.
_PROVEN = re.compile(b"(.*\n)" + form.pattern(form.LAST_LINE, "([0-9a-f]{64})"), re.DOTALL)


@dataclass(frozen=True)
class Unpacked:
    """The contents of a bundle. sizes: bytes of text of each part. signature: base64 of an SSHSIG, not verified."""

    plan: dict[str, Any]
    files: dict[str, bytes] = field(repr=False)
    hot: str = field(repr=False)
    cold: str = field(repr=False)
    digest: str
    sizes: dict[str, int]
    signature: str | None = None


@functools.cache
def reader() -> str:
    """The Python text that a bundle carries in the clear: files/bundle/stub.py without comments and spare spaces."""
    imports, body = pack.flatten(resources.text("files/bundle/stub.py"))
    return "\n".join([*imports, body.strip()])


@functools.cache
def head() -> str:
    """The sh text that starts the reader with a Python: files/bundle/head.sh without comments."""
    return without_comments(resources.text("files/bundle/head.sh"))


def without_comments(script: str) -> str:
    """Return a sh text without empty lines and lines that are comments."""
    return "\n".join(line for line in script.split("\n") if line.strip() and not line.lstrip().startswith("#"))


def compose(parts: list[str], no_python_report: str = "") -> bytes:
    """Return the bundle around its packed parts: code, plan, files, and its signature if there is one.

    no_python_report: sh text for a host that has no Python. Raises PayloadError for a byte that a bundle must not hold.
    """
    starter = head()
    if no_python_report:
        # Before the last line, which returns.
        start, last = starter.rsplit("\n", 1)
        starter = f"{start}\n{no_python_report}\n{last}"
    texts = (reader(), starter, form.SEPARATOR.join(parts))
    body = form.GLUE % (form.PURPOSE, *texts)
    bundle = body + form.LAST_LINE % hashlib.sha256(body.encode()).hexdigest()
    # dash's echo, through which the trigger hashes the bundle, would rewrite a backslash; agents decode UTF-8.
    if "\\" in bundle or not bundle.isascii() or "'" in "".join(texts):
        raise PayloadError("the bundle would hold a backslash, a quote or a byte outside ASCII")
    return bundle.encode("ascii")


def unpack(bundle: bytes) -> Unpacked:
    """Look into a bundle (also gzipped or as base64). Raises PayloadError unless it proves itself whole."""
    text = _plain(bundle)
    match = _PROVEN.fullmatch(text.encode())
    if not match or not text.startswith(form.MAGIC):
        raise PayloadError(
            "not a whole bundle: its last line is missing", hint="render it again, or copy it again whole"
        )
    body, digest = match.groups()
    if hashlib.sha256(body).hexdigest() != digest.decode():
        raise PayloadError("the bundle is damaged: it differs from the digest on its last line")
    form_match = form.WHOLE.fullmatch(text.encode())
    if not form_match:
        raise PayloadError("the bundle cannot be unpacked: it has another form than this program knows")
    try:
        data = form_match[2].decode().split(form.SEPARATOR)
        hot, cold = form.unpacked_code(data[0])
        plan, files = (zlib.decompressobj(zdict=hot).decompress(form.decode(part)) for part in data[1:3])
        decided = json.loads(plan)
        contents, source = _contents(decided["files"], files), (hot.decode(), cold.decode())
    except (ValueError, OverflowError, OSError, EOFError, zlib.error) as error:
        raise PayloadError(f"the bundle cannot be unpacked: {error}") from error
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        # The bundle is whole and has the right digest, but another program has made its plan.
        raise PayloadError("the bundle cannot be unpacked: its plan is not one of this program's") from error
    # A part that this program does not know may change what the bundle does, so that it is refused.
    if len(data) > len(PARTS):
        raise PayloadError("the bundle cannot be unpacked: it has more parts than this program knows")
    sizes = dict(zip(PARTS, map(len, data), strict=False))
    sizes["head"] = len(text) - sum(sizes.values())
    return Unpacked(decided, contents, *source, hashlib.sha256(text.encode()).hexdigest(), sizes, *data[3:])


def _contents(entries: list[dict[str, Any]], files: bytes) -> dict[str, bytes]:
    """Return path -> content of the files that ride in the bundle, where they are one piece of bytes."""
    # `size` in the plan is all that divides them, so their order is that of the plan.
    contents, start = {}, 0
    for entry in entries:
        if entry.get("deliver", "bundle") == "bundle":
            contents[entry["path"]] = files[start : start + entry["size"]]
            start += entry["size"]
    return contents


def _plain(bundle: bytes) -> str:
    # Providers and tools wrap user-data: gzip, base64, or both.
    data = bundle
    if not data.startswith(b"#!"):
        try:
            data = data if data.startswith(b"\x1f\x8b") else base64.b64decode(data, validate=False)
            if data.startswith(b"\x1f\x8b"):
                data = gzip.decompress(data)
        except (ValueError, OSError, EOFError, zlib.error):
            data = bundle
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise PayloadError("not a bundle: it holds bytes outside ASCII") from error
