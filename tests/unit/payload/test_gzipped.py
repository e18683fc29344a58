"""What is compressed here is undone by every gunzip, and is never larger than what gzip itself makes of it."""

from __future__ import annotations

import base64
import gzip
import io
import random
import subprocess

import pytest
from handmade import payload, stage

from bootstrap.payload.gzipped import gzipped
from bootstrap.payload.pack import encode
from bootstrap.targets import mime

BUNDLE = payload([stage("one", "echo one")]).bundle
NOISE = random.Random(1).randbytes(30_000)
CLOUD_CONFIG = b"#cloud-config\nruncmd: [echo one]\n"
TEXTS = {
    "empty": b"",
    "a short text": b"one\n",
    "a text without packed parts": b"the same words again and again\n" * 999,
    "a bundle": BUNDLE,
    "a bundle, indented": b"a:\n" + b"".join(b"    " + line + b"\n" for line in BUNDLE.splitlines()),
    "a message of several parts": mime.compose(BUNDLE, mime.read([CLOUD_CONFIG, b"#!/bin/sh\n" + b": again\n" * 99])),
    "a packed part alone": encode(NOISE).encode(),
    "packed parts farther apart than deflate looks back": b" ".join([encode(NOISE).encode()] * 3),
    "one long line": b"x: " + base64.b64encode(NOISE) + b"\n",
    "bytes": NOISE,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_gunzip_undoes_it(text: bytes) -> None:
    packed = gzipped(text)
    assert gzip.decompress(packed) == text
    # As cloud-init does, and the shell's tools, which check sum and length.
    assert gzip.GzipFile(None, "rb", 1, io.BytesIO(packed)).read() == text
    for argv in (["gunzip", "-c"], ["zcat"], ["gzip", "-t"]):
        done = subprocess.run(argv, input=packed, capture_output=True, check=True)
        assert done.stdout == (b"" if "-t" in argv else text) and done.stderr == b""


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_is_never_larger_than_gzip_makes_it(text: bytes) -> None:
    assert len(gzipped(text)) <= len(gzip.compress(text, 9, mtime=0))


@pytest.mark.parametrize("name", ["a bundle", "a bundle, indented", "a message of several parts"])
def test_what_holds_a_bundle_is_smaller(name: str) -> None:
    assert len(gzip.compress(TEXTS[name], 9, mtime=0)) - len(gzipped(TEXTS[name])) > 100


def test_equal_texts_give_equal_bytes_without_a_time() -> None:
    assert gzipped(BUNDLE) == gzipped(bytes(bytearray(BUNDLE)))
    assert gzipped(BUNDLE)[:8] == b"\x1f\x8b\x08\0\0\0\0\0"
