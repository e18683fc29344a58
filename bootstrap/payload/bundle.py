"""The bundle: one ASCII file that is a POSIX sh script, proves itself whole, and carries runner, plan and files.

A signed bundle has a fourth packed part, its signature, which signs the bundle without it (runner/baked/signed.py).
Its text is fixed glue around three quoted strings, so that the running Python, which is handed only the strings,
can rebuild the very text, check it against the digest on its last line, and write it to disk again.
"""

from __future__ import annotations

import base64
import bz2
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

SEPARATOR = "\n-\n"
PARTS = ("code", "plan", "files", "signature")


@dataclass(frozen=True)
class Unpacked:
    """What is inside a bundle. sizes: bytes of text each part takes. signature: base64 of an SSHSIG, not verified."""

    plan: dict[str, Any]
    files: dict[str, bytes] = field(repr=False)
    hot: str = field(repr=False)
    cold: str = field(repr=False)
    digest: str
    sizes: dict[str, int]
    signature: str | None = None


def compose(parts: list[str], tell: str = "") -> bytes:
    """The bundle around its packed parts: code, plan, files, and its signature if there is one.

    tell: sh text for a host that has no Python. Raises PayloadError for a byte it must not hold.
    """
    stub, head = resources.text("files/bundle/stub.py").strip(), resources.text("files/bundle/head.sh").strip()
    if tell:
        head, last = head.rsplit("\n", 1)
        head = f"{head}\n{tell}\n{last}"
    data = SEPARATOR.join(parts)
    body = "\n".join(
        [
            "#!/bin/sh",
            "# initialrunner: sets this server up once. What is inside: sh THIS_FILE source",
            "_bundle() {",
            f"P='{stub}'",
            f"H='{head}'",
            f"D='{data}'",
            'eval "$H"',
            "}",
            "",
        ]
    )
    digest = hashlib.sha256(body.encode()).hexdigest()
    bundle = f'{body}_bundle {digest} "$@"\n'
    # dash's echo, which the trigger hashes through, would rewrite a backslash; agents decode UTF-8.
    if "\\" in bundle or not bundle.isascii() or "'" in stub + head + data:
        raise PayloadError("the bundle would hold a backslash, a quote or a byte outside ASCII")
    return bundle.encode("ascii")


def unpack(bundle: bytes) -> Unpacked:
    """Look into a bundle (also gzipped or as base64). Raises PayloadError unless it proves itself whole."""
    text = _plain(bundle)
    match = re.fullmatch(r"(.*\n)_bundle ([0-9a-f]{64}) \"\$@\"\n", text, re.DOTALL)
    if not match or not text.startswith("#!/bin/sh\n# initialrunner"):
        raise PayloadError(
            "not a whole bundle: its last line is missing", hint="render it again, or copy it again whole"
        )
    body, digest = match.groups()
    if hashlib.sha256(body.encode()).hexdigest() != digest:
        raise PayloadError("the bundle is damaged: it differs from the digest on its last line")
    try:
        data = body.split("\nD='", 1)[1].split("'\n", 1)[0].split(SEPARATOR)
        hot, cold = bz2.BZ2Decompressor().decompress(decode(data[0])).split(pack.PARTING.encode())
        plan, files = (zlib.decompressobj(zdict=hot).decompress(decode(part)) for part in data[1:3])
        decided = json.loads(plan)
        contents, source = _contents(decided["files"], files), (hot.decode(), cold.decode())
    except (ValueError, OverflowError, OSError, EOFError, zlib.error) as error:
        raise PayloadError(f"the bundle cannot be unpacked: {error}") from error
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        # Whole, with a right digest, and none of ours.
        raise PayloadError("the bundle cannot be unpacked: its plan is not one of this program's") from error
    if len(data) > len(PARTS):
        raise PayloadError("the bundle cannot be unpacked: it has more parts than this program knows")
    sizes = dict(zip(PARTS, map(len, data), strict=False))
    sizes["head"] = len(text) - sum(sizes.values())
    return Unpacked(decided, contents, *source, hashlib.sha256(text.encode()).hexdigest(), sizes, *data[3:])


def _contents(entries: list[dict[str, Any]], files: bytes) -> dict[str, bytes]:
    """Path -> content of the files that ride in the bundle, which are one piece of bytes there."""
    contents, start = {}, 0
    for entry in entries:
        if entry.get("deliver", "bundle") == "bundle":
            contents[entry["path"]] = files[start : start + entry["size"]]
            start += entry["size"]
    return contents


def decode(text: str) -> bytes:
    """The bytes behind one packed section, with up to twelve zeros more: what the head of a bundle does on the host."""
    from bootstrap.runner.baked.planned import unpacked_text

    return bytes(unpacked_text(text.encode("ascii")))


def _plain(bundle: bytes) -> str:
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
