"""Finds a whole bundle, a stub or a carrier in the bytes that a source gives, whatever form they have there.

All of this runs in a child that is killed when its time is up, and takes bytes that anybody may have written.
"""

import binascii
import json
import re
import zlib
from hashlib import sha256

from bootstrap.runner.form import (
    CARRIER,
    CARRIER_END,
    CARRIER_FRAME,
    CARRIER_MAGIC,
    CARRIER_PROGRAM,
    LAST_LINE,
    MAGIC,
    pattern,
)

MOST = 16 << 20  # bytes of what a source gives, and of what is in it once it is unpacked
# The first lines of a bundle, indented as a cloud-config has them, and its last line; some clouds rewrite line ends.
SHEBANG, COMMENT = CARRIER_MAGIC.encode().split(b"\n")
BEGINS = re.compile(
    rb"^([ \t]*)" + rb"\r?\n\1(?!%s)".join(map(re.escape, MAGIC.encode().split(b"\n"))) % re.escape(COMMENT), re.M
)
# A carrier beside the user's own parts of a message stands in a boothook, where it lacks its first line.
CARRIER_BEGINS = re.compile(rb"^([ \t]*)" + re.escape(COMMENT), re.M)
ENDS = re.compile(pattern(LAST_LINE.rstrip(), "([0-9a-f]{64})") + rb"\r?")
# A line of base64 that long is in no cloud-config that people write by hand.
ENCODED = re.compile(rb"[A-Za-z0-9+/]{60,}(?:\s*[A-Za-z0-9+/]+)*={0,2}")
QUOTED = re.compile(re.escape(json.dumps(MAGIC)[:-1]).encode() + rb'(?:[^"\\]|\\.)*"')
STUB_URL, STUB_SHA256 = re.compile(r"^\s*u='([^']+)'\r?$", re.M), re.compile(r'echo "([0-9a-f]{64})  \$f"')
CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n")


class Nothing(Exception):
    """There is no whole bundle: one line that says what there is instead. torn: the beginning of one is there."""

    torn = False


class Torn(Nothing):
    torn = True


class Elsewhere(Exception):
    """A stub. url, sha256: of the bundle that it would fetch."""

    def __init__(self, url, sha256):
        Exception.__init__(self, url, sha256)
        self.url, self.sha256 = url, sha256


class Carried(Exception):
    """A carrier, which is a bundle without the runner's text, the part that all servers share.

    runner, bundle: the SHA-256 of that text, and of the whole bundle; urls: of the text; rest: the bytes of the bundle
    behind it; authority: certificates for the URLs, in PEM; names: every SHA-256 by which its trigger may name it: that
    of the carrier, of its program, which it leaves on the disk while it waits, and of its bundle.
    """

    def __init__(self, text, program):
        Exception.__init__(self, "a carrier of %d bytes" % len(text))
        match = CARRIER.fullmatch(text.decode("latin-1"))
        if not match:
            raise Nothing("a carrier of %d bytes in a form that this image's runner does not know" % len(text))
        self.runner, self.bundle, urls, rest = match.groups()
        self.urls, self.rest = (urls or "").split(), rest.encode("latin-1")
        self.authority = "".join(CERTIFICATE.findall(text.decode("latin-1")))
        self.names = sha256(text).hexdigest(), program, self.bundle


def whole(data):
    """The bundle in the bytes that a source gave.

    It may be plain, compressed, base64, a part of a message or inside a cloud-config. Raises Nothing, Torn; Elsewhere
    for a stub, Carried for a carrier.
    """
    best = None
    if len(data) > MOST:
        raise Nothing("more than %d bytes" % MOST)
    for text in texts_in(data, 4):
        url = STUB_URL.search(text.decode("latin-1")) if b"initialrunner fetches its bundle" in text else None
        if url:
            pinned = STUB_SHA256.search(text.decode("latin-1"))
            if pinned:
                raise Elsewhere(url.group(1), pinned.group(1))
            best = best or Torn("a stub that is cut off: %d bytes so far" % len(data))
        for start in BEGINS.finditer(text):
            try:
                return cut(text, start)
            except Torn as torn:
                best = torn
        for start in CARRIER_BEGINS.finditer(text):
            try:
                raise carrier(text, start)
            except Torn as torn:
                best = torn
    raise best or Nothing("%d bytes, but no bundle in them" % len(data) if data else "is empty")


def cut(text, start):
    """The bundle that begins there. Raises Torn."""
    lines = []
    for line in lines_at(text, start):
        lines.append(line)
        end = ENDS.match(line)
        if end and end.end() == len(line):
            body = b"\n".join(lines[:-1]) + b"\n"
            if sha256(body).hexdigest() != end.group(1).decode():
                raise Torn("a bundle of %d bytes that differs from the digest on its last line" % len(body))
            return body + line + b"\n"
    raise Torn("a torn bundle: %d bytes so far" % (len(text) - start.start()))


def carrier(text, start):
    """The carrier that begins there, as Carried. Raises Torn, Nothing."""
    lines = [SHEBANG]
    for line in lines_at(text, start):
        lines.append(line)
        # Its program has lines of all kinds, so it ends only where the two lines are that start the program.
        whole = b"\n".join(lines) + b"\n" if line == CARRIER_END.encode() else b""
        program = CARRIER_PROGRAM.match(whole.decode("latin-1"))
        if program:
            if sha256(program.group(1).encode("latin-1") + b"\n").hexdigest() != program.group(2):
                raise Torn("a carrier of %d bytes that differs from the digest on its last lines" % len(whole))
            return Carried(whole, program.group(2))
    raise Torn("a torn carrier: %d bytes so far" % (len(SHEBANG) + 1 + len(text) - start.start()))


def lines_at(text, start):
    """The lines from there up to one with less indentation; indentation and carriage returns are taken off."""
    depth = start.group(1)
    for line in text[start.start() :].split(b"\n"):
        if line.strip() and not line.startswith(depth):
            return
        yield line[len(depth) :].rstrip(b"\r")


def texts_in(data, depth):
    """The texts that bytes may stand for, the bytes themselves first. depth: how often one may be within another."""
    data = unzipped(data)
    yield data
    if not depth:
        return
    if re.match(rb"(?i)(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?content-type:\s*multipart/", data):
        from email import message_from_bytes

        for part in message_from_bytes(data).walk():
            inner = None if part.is_multipart() else part.get_payload(decode=True)
            if inner:
                for text in texts_in(inner, depth - 1):
                    yield text
        return
    for run in QUOTED.finditer(data):
        try:
            yield json.loads(run.group().decode("latin-1")).encode("latin-1")
        except ValueError:
            pass
    for run in ENCODED.finditer(data):
        letters = b"".join(run.group().split())
        # Another word may follow, and the end may be missing: decode as many whole groups of four as there are.
        inner = binascii.a2b_base64(letters[: len(letters) // 4 * 4])
        # A line of a bundle may consist of such letters by chance: only a known beginning is worth a look.
        if inner[:2] in (b"#!", b"\x1f\x8b") or inner[:12].lower() in (b"content-type", b"mime-version"):
            for text in texts_in(inner, depth - 1):
                yield text


def unzipped(data):
    """The bytes without gzip around them, as far as they go: the end may not have come yet. Raises Nothing."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    work = zlib.decompressobj(31)
    try:
        text = work.decompress(data, MOST)
    except zlib.error:
        raise Torn("compressed but damaged: %d bytes" % len(data))
    if work.unconsumed_tail:
        raise Nothing("more than %d bytes when unpacked" % MOST)
    if not work.eof and not BEGINS.match(text):
        raise Torn("compressed but cut off: %d bytes so far" % len(data))
    return text


def joined(read, paths):
    """The bundle in the file `paths`, or in its pieces, the files with .1 to .9 behind that name. None: not there.

    read: returns the bytes of a path, None when there is no such file.
    """
    single = read(paths)
    if single is not None:
        return whole(single)
    pieces = []
    for number in range(1, 10):
        piece = read("%s.%d" % (paths, number))
        if piece is None:
            break
        pieces.append(piece)
    if not pieces:
        return None
    try:
        return whole(b"".join(pieces))
    except Torn as torn:
        raise Torn("%s, in %d pieces" % (torn, len(pieces)))


def framed(data):
    """The carrier whose program is at STUB, where it lies while the carrier waits; other data as it is."""
    if not re.match(b"r=[0-9a-f]{64} b=[0-9a-f]{64}\n", data):
        return data
    return (CARRIER_FRAME % (data.decode("latin-1"), sha256(data).hexdigest())).encode("latin-1")
