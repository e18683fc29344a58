"""A whole bundle is found in every form in which a target, a cloud or a person hands it over, and nothing else is."""

from __future__ import annotations

import gzip
import hashlib

import presigned
import pytest
from handed_over import forms, indented, wrapped
from handmade import payload, stage, whole_code

from bootstrap.runner.baked import unwrapping
from bootstrap.runner.baked.unwrapping import Elsewhere, Nothing, Torn, whole
from bootstrap.runner.host import BUNDLE as PLACE
from bootstrap.targets import mime, starter, stub

with whole_code():
    PAYLOAD = payload([stage("one", "echo ran >>/srv/oracle")])
BUNDLE = PAYLOAD.bundle
FORMS = forms(PAYLOAD)
MIME = FORMS["our MIME message"]


@pytest.mark.parametrize("form", FORMS)
def test_the_bundle_comes_out_of(form: str) -> None:
    assert whole(FORMS[form]) == BUNDLE


def test_of_two_bundles_the_first_that_is_whole_is_taken() -> None:
    other = payload([stage("two", "true")], server="box-2").bundle
    assert whole(BUNDLE[:-40] + b"\n" + other) == other
    assert whole(other + BUNDLE) == other


@pytest.mark.parametrize("cut", [80, 500, len(BUNDLE) // 2, len(BUNDLE) - 90, len(BUNDLE) - 2])
@pytest.mark.parametrize("form", ["plain", "base64 in lines", "a block of two", "our MIME message", "gzip"])
def test_the_beginning_of_a_bundle_is_torn(form: str, cut: int) -> None:
    data = {
        "plain": BUNDLE[:cut],
        "base64 in lines": wrapped(BUNDLE)[: cut * 4 // 3],
        "a block of two": indented(BUNDLE, 2)[: 45 + cut],
        "our MIME message": MIME[: MIME.index(b"#!/bin/sh") + cut],
        "gzip": gzip.compress(BUNDLE)[: cut * 2 // 3],
    }[form]
    with pytest.raises(Torn, match=r"so far|differs|damaged"):
        whole(data)


def test_a_changed_byte_is_found() -> None:
    place = BUNDLE.index(b"D='") + 200
    with pytest.raises(Torn, match="differs from the digest on its last line"):
        whole(BUNDLE[:place] + (b"a" if BUNDLE[place : place + 1] != b"a" else b"b") + BUNDLE[place + 1 :])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"#cloud-config\npackages: [curl]\n", "31 bytes, but no bundle in them"),
        (b"#!/bin/sh\necho hello\n", "21 bytes, but no bundle in them"),
        (bytes(range(256)), "256 bytes, but no bundle in them"),
        (b"\x1f\x8b\x08not gzip at all", "compressed but damaged: 18 bytes"),
        (starter.text(PAYLOAD).encode(), f"{len(starter.text(PAYLOAD))} bytes, but no bundle in them"),
        (gzip.compress(bytes(unwrapping.MOST + 1)), "more than 16777216 bytes when unpacked"),
        (bytes(unwrapping.MOST + 1), "more than 16777216 bytes"),
    ],
    ids=["empty", "cloud-config", "script", "bytes", "broken gzip", "starter", "bomb", "large"],
)
def test_what_holds_no_bundle_says_so(data: bytes, said: str) -> None:
    with pytest.raises(Nothing) as caught:
        whole(data)
    assert str(caught.value) == said


@pytest.mark.parametrize("form", ["plain", "gzip", "message", "boothook", "boothook in a message, compressed"])
def test_a_stub_names_what_it_would_fetch(form: str) -> None:
    text = stub.text(presigned.url(), PAYLOAD.digest)
    hook = starter.in_background(text, "d1")
    beside = mime.read(["#cloud-config\n{}\n"])
    data = {
        "plain": text, "gzip": gzip.compress(text), "message": mime.compose(text, []), "boothook": hook,
        "boothook in a message, compressed": gzip.compress(mime.compose(hook, beside)),
    }[form]  # fmt: skip
    with pytest.raises(Elsewhere) as caught:
        whole(data)
    assert caught.value.args == (presigned.url(), PAYLOAD.digest)


def test_a_stub_without_its_digest_is_torn() -> None:
    text = stub.text("https://store.example/b", PAYLOAD.digest)
    with pytest.raises(Torn, match="a stub that is cut off"):
        whole(text[:150])


def test_a_digest_in_a_foreign_script_is_no_bundle() -> None:
    body = b"#!/bin/sh\necho harm\n"
    with pytest.raises(Nothing, match="no bundle in them"):
        whole(body + b'_bundle %s "$@"\n' % hashlib.sha256(body).hexdigest().encode())


def test_a_bundle_in_pieces_is_joined_in_their_order() -> None:
    pieces = [BUNDLE[at : at + 9000] for at in range(0, len(BUNDLE), 9000)]
    paths = {f"{PLACE}.{number}": piece for number, piece in enumerate(pieces, 1)}
    assert unwrapping.joined(paths.get, PLACE) == BUNDLE
    del paths[f"{PLACE}.{len(pieces)}"]
    with pytest.raises(Torn, match=f"so far, in {len(pieces) - 1} pieces"):
        unwrapping.joined(paths.get, PLACE)
