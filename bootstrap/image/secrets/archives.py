"""Private keys and tokens inside archives: tar, plain or packed, and zip. Nothing is unpacked to disk.

Bounded in bytes read, bytes unpacked and members, so that an archive made to be endless costs a second at most.
"""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from bootstrap.image.secrets.pattern import Secret
from bootstrap.image.secrets.places import is_sample, is_settings
from bootstrap.image.secrets.texts import in_text

_ENDINGS = (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".zip", ".tar.gz", ".tar.bz2", ".tar.xz")
MOST_UNPACKED = 32 << 20
_MOST_MEMBERS, _MOST_MEMBER = 2000, 1 << 20


def is_archive(path: str) -> bool:
    """Whether a file is an archive that people make, by its name; programs' own (.jar, .whl) are none."""
    return path[-8:].lower().endswith(_ENDINGS)


def in_archive(path: str, content: bytes) -> list[Secret]:
    """The kinds of secret in the members of an archive. content: the first bytes of it, as many as are searched."""
    kinds: dict[str, Secret] = {}
    try:
        for name, text in _members(content):
            inner = f"{path}/{name}"
            if b"\0" not in text[:4096] and not is_sample(inner):
                kinds |= {secret.code: secret for secret in in_text(text, settings=is_settings(inner))}
    # A damaged or a cut archive: what was read of it until then counts.
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, tarfile.TarError,
            zipfile.BadZipFile, zlib.error, lzma.LZMAError):  # fmt: skip
        pass
    return list(kinds.values())


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    if content[:4] == b"PK\x03\x04":
        yield from _zipped(content)
        return
    with tarfile.open(fileobj=io.BytesIO(_unpacked(content)), mode="r:") as archive:
        for number, member in enumerate(archive):
            if number >= _MOST_MEMBERS:
                return
            file = archive.extractfile(member) if member.isreg() and 0 < member.size <= _MOST_MEMBER else None
            if file is not None:
                yield member.name, file.read()


def _zipped(content: bytes) -> Iterator[tuple[str, bytes]]:
    unpacked = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist()[:_MOST_MEMBERS]:
            if member.is_dir() or member.flag_bits & 1 or not member.file_size <= _MOST_MEMBER:
                continue
            with archive.open(member) as file:
                text = file.read(_MOST_MEMBER)
            unpacked += len(text)
            yield member.filename, text
            if unpacked > MOST_UNPACKED:
                return


def _unpacked(content: bytes) -> bytes:
    """The first bytes of what a packed tar holds."""
    if content[:2] == b"\x1f\x8b":
        return zlib.decompressobj(wbits=31).decompress(content, MOST_UNPACKED)
    if content[:3] == b"BZh":
        return bz2.BZ2Decompressor().decompress(content, MOST_UNPACKED)
    if content[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMADecompressor(memlimit=128 << 20).decompress(content, MOST_UNPACKED)
    return content
