"""Compresses a text with packed parts inside as gzip: in those parts no word comes again, so only letters are counted.

Deflate's search for words that come again finds none in a packed part, and yet its few chance finds spoil the code of
the letters. Such a part is therefore coded by Huffman alone, and the text around it as usual, in one stream.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib

from bootstrap.runner import form

# Packed parts and the lines between them, indented perhaps, as a cloud-config does. A shorter run is not worth a piece.
_LINE = b"[" + re.escape(form.LETTERS.encode()) + b"]{128,}"
_PACKED = re.compile(b"(?: *%s\n(?: *%s\n)?)* *%s" % (_LINE, re.escape(form.SEPARATOR.strip().encode()), _LINE))
# Magic, deflate, no flags, no time, best compression, no system: equal text gives equal bytes.
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
# The farthest that deflate may look back.
_WINDOW = 1 << 15


def gzipped(text: bytes) -> bytes:
    """Return the text as gzip, in the smaller of two forms: pieces coded each in its way, or all of it as usual."""
    body, at = b"", 0
    for match in _PACKED.finditer(text):
        body += _piece(text, at, match.start(), zlib.Z_DEFAULT_STRATEGY)
        body += _piece(text, match.start(), match.end(), zlib.Z_HUFFMAN_ONLY)
        at = match.end()
    body += _piece(text, at, len(text), zlib.Z_DEFAULT_STRATEGY, zlib.Z_FINISH)
    pieces = _HEADER + body + struct.pack("<LL", zlib.crc32(text), len(text) & 0xFFFFFFFF)
    return min(gzip.compress(text, 9, mtime=0), pieces, key=len)


def _piece(text: bytes, start: int, end: int, strategy: int, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    """Return a piece of a raw deflate stream. It ends on a whole byte, so that another can follow."""
    # Whoever undoes the stream has what came before it in memory, so that a piece may refer to that.
    before = text[max(0, start - _WINDOW) : start]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy, before)
    return packer.compress(text[start:end]) + packer.flush(flush)
