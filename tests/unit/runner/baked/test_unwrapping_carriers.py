"""A carrier is found in every form in which a bundle is, as far as it is whole."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from handed_over import forms, indented, wrapped
from handmade import payload, stage

from bootstrap.payload.split import runner_text
from bootstrap.runner.baked.carried import put_together
from bootstrap.runner.baked.unwrapping import Carried, Nothing, Torn, whole
from bootstrap.targets import mime, starter

URLS = ["https://a.example/runner?X-Sig=a", "http://127.0.0.1:8/b"]
PAYLOAD = payload([stage("one", "echo ran >>/srv/oracle")], sources=URLS)
OFFLINE = payload([stage("one", "echo ran >>/srv/oracle")], sources=[])
CARRIER = PAYLOAD.script
TEXT = runner_text()
FORMS = forms(PAYLOAD)


def carried_by(data: bytes) -> Carried:
    with pytest.raises(Carried) as caught:
        whole(data)
    return caught.value


@pytest.mark.parametrize("form", [*FORMS, "a boothook in a message"])
def test_a_carrier_comes_out_of(form: str) -> None:
    hook = mime.compose(starter.in_background(CARRIER, "d1"), mime.read(["#cloud-config\n{}\n"]))
    carrier = carried_by({**FORMS, "a boothook in a message": hook}[form])
    assert (carrier.runner, carrier.bundle, carrier.urls) == (TEXT.sha256, PAYLOAD.digest, URLS)
    assert carrier.names[0] == hashlib.sha256(CARRIER).hexdigest()
    assert put_together(TEXT.content, carrier.rest, carrier.bundle) == PAYLOAD.bundle


def test_a_carrier_for_the_disk_alone_names_no_url() -> None:
    carrier = carried_by(OFFLINE.script)
    assert (carrier.urls, carrier.authority, carrier.bundle) == ([], "", OFFLINE.digest)


def test_a_carrier_names_the_authority_of_its_collector() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nQUJD\nREVG\n-----END CERTIFICATE-----\n"
    report = ("https://c.example", b"secret")
    with_authority = payload([stage("one", "true")], report=report, ca=pem * 2, sources=URLS)
    assert carried_by(with_authority.script).authority == pem * 2


def test_of_a_carrier_and_a_bundle_either_is_taken_whole() -> None:
    other = payload([stage("two", "true")], server="box-2")
    assert whole(CARRIER[:-400] + b"\n" + other.bundle) == other.bundle
    assert carried_by(other.bundle[:-40] + b"\n" + CARRIER).bundle == PAYLOAD.digest


CUTS = range(90, len(CARRIER), 97)


@pytest.mark.parametrize("form", ["plain", "base64 in lines", "a block of two", "our MIME message", "gzip"])
def test_the_beginning_of_a_carrier_is_torn_and_counts_its_bytes(form: str) -> None:
    def torn(cut: int) -> str:
        data = {
            "plain": CARRIER[:cut],
            "base64 in lines": wrapped(CARRIER)[: cut * 4 // 3],
            "a block of two": indented(CARRIER, 2)[: 45 + cut],
            "our MIME message": FORMS[form][: FORMS["our MIME message"].index(b"#!/bin/sh") + cut],
            "gzip": gzip.compress(CARRIER)[: cut * 2 // 5],
        }[form]
        with pytest.raises(Torn) as caught:
            whole(data)
        return str(caught.value)

    messages = [torn(cut) for cut in CUTS]
    assert all(message.endswith("bytes so far") for message in messages), messages
    if form == "plain":
        assert messages == [f"a torn carrier: {cut} bytes so far" for cut in CUTS]


@pytest.mark.parametrize("at", CUTS)
def test_a_carrier_with_a_changed_byte_is_never_put_together(at: int) -> None:
    altered = CARRIER[:at] + (b"a" if CARRIER[at : at + 1] != b"a" else b"b") + CARRIER[at + 1 :]
    # Outside of its program there are only a comment and the lines that start it.
    if CARRIER.index(b"_carrier()") <= at <= CARRIER.rindex(b"\n[ "):
        with pytest.raises(Torn, match="carrier"):
            whole(altered)
        return
    with pytest.raises((Nothing, Carried)) as caught:
        whole(altered)
    assert getattr(caught.value, "bundle", PAYLOAD.digest) == PAYLOAD.digest


def test_a_changed_digest_of_the_runner_is_called_damage_and_not_another_version() -> None:
    altered = CARRIER.replace(TEXT.sha256.encode(), b"0" * 64)
    with pytest.raises(Torn, match=r"^a carrier of \d+ bytes that differs from the digest on its last lines$"):
        whole(altered)


def test_a_carrier_of_an_unknown_form_says_so() -> None:
    program = CARRIER.split(b'cat <<"__"\n')[1].split(b"\n__\n")[0]
    newer = program.replace(b"r=", b"runner=", 1)
    altered = CARRIER.replace(program, newer).replace(
        hashlib.sha256(program + b"\n").hexdigest().encode(), hashlib.sha256(newer + b"\n").hexdigest().encode()
    )
    with pytest.raises(Nothing, match="in a form that this image's runner does not know"):
        whole(altered)
