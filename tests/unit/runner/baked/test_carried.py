"""A carrier is found in every form, and its bundle is put together from the image's text or not at all."""

from __future__ import annotations

import gzip
import hashlib
import ssl
import subprocess
from pathlib import Path

import pytest
from checkout import MakeMachine
from handed_over import forms, indented, wrapped
from handmade import payload, stage
from scripted_site import Site

from bootstrap.payload.split import FOLDER, runner_text
from bootstrap.runner.baked import sources
from bootstrap.runner.baked.carried import put_together, text_from, text_on_disk
from bootstrap.runner.baked.sources import Carried, Elsewhere, Nothing, Torn, whole
from bootstrap.runner.host import BUNDLE, STUB
from bootstrap.targets import mime, starter, stub

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
    assert carrier.sha256 == hashlib.sha256(CARRIER).hexdigest()
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


# --- injected ---


def injected(files: dict[str, bytes], trigger: bytes) -> bytes | None:
    bundle: bytes | None = sources.injected_by(files.get, trigger.decode)
    return bundle


def test_an_injected_carrier_must_be_the_one_that_its_trigger_names() -> None:
    trigger = PAYLOAD.files[-1].content
    assert PAYLOAD.files[0].path == STUB
    for names in (trigger, b"", f"sha256sum {PAYLOAD.digest}".encode()):
        with pytest.raises(Carried):
            injected({STUB: CARRIER}, names)
    with pytest.raises(Nothing, match="names a different bundle"):
        injected({STUB: OFFLINE.script}, trigger)
    with pytest.raises(Torn, match="a torn carrier"):
        injected({STUB: CARRIER[:900]}, trigger)


def test_an_injected_bundle_comes_before_a_carrier_that_is_still_there() -> None:
    assert injected({BUNDLE: PAYLOAD.bundle, STUB: OFFLINE.script}, b"") == PAYLOAD.bundle
    assert injected({}, b"") is None


def test_an_injected_stub_is_followed_when_its_trigger_names_it() -> None:
    text = stub.text("https://store.example/b", PAYLOAD.digest)
    for names in (hashlib.sha256(text).hexdigest(), PAYLOAD.digest):
        with pytest.raises(Elsewhere):
            injected({STUB: text}, f"sha256sum {names}".encode())
    with pytest.raises(Nothing, match="names a different bundle"):
        injected({STUB: text}, b"sha256sum " + b"0" * 64)


def test_a_config_drive_gives_an_injected_carrier() -> None:
    meta = b'{"files": [{"path": "/etc/initialrunner/stub", "content_path": "/content/0000"}]}'
    files = {"openstack/latest/meta_data.json": meta, "openstack/content/0000": CARRIER}
    with pytest.raises(Carried):
        sources.config_drive(files.get)


# --- the text ---


def test_the_text_of_the_image_counts_only_with_the_right_digest(machine: MakeMachine) -> None:
    box = machine(OFFLINE)
    with pytest.raises(Nothing) as caught:
        text_on_disk(box.host, TEXT.sha256)
    assert str(caught.value) == f"this image has no runner's text, the payload needs {TEXT.sha256[:12]}"
    box.put(f"{FOLDER}/{'0' * 64}", b"of another version")
    box.put(f"{FOLDER}/README", b"")
    with pytest.raises(Nothing) as caught:
        text_on_disk(box.host, TEXT.sha256)
    assert str(caught.value) == f"this image has the runner 000000000000, the payload needs {TEXT.sha256[:12]}"
    place = f"{FOLDER}/{TEXT.sha256}"
    for damaged in (TEXT.content[:-1], TEXT.content + b"\n", b""):
        box.put(place, damaged)
        with pytest.raises(Nothing, match=f"/{TEXT.sha256} is damaged$"):
            text_on_disk(box.host, TEXT.sha256)
    box.path(place).unlink()
    box.path(place).mkdir()
    with pytest.raises(Nothing, match="cannot be read"):
        text_on_disk(box.host, TEXT.sha256)
    box.path(place).rmdir()
    box.put(place, TEXT.content)
    assert text_on_disk(box.host, TEXT.sha256) == TEXT.content


def test_a_text_from_a_url_counts_only_with_the_right_digest() -> None:
    with Site() as site:
        right, wrong = site.put("/right", TEXT.content), site.put("/wrong", TEXT.content[:-1])
        assert text_from(right, TEXT.sha256, "") == TEXT.content
        with pytest.raises(Nothing, match="other bytes than the carrier names: SHA-256 "):
            text_from(wrong, TEXT.sha256, "")
        with pytest.raises(Nothing, match="answer 404"):
            text_from(right + "-not", TEXT.sha256, "")
    with pytest.raises(Nothing, match="no URL of http or https: s3://bucket/key"):
        text_from("s3://bucket/key", TEXT.sha256, "")


def test_the_authority_of_the_carrier_is_trusted_and_no_other(tmp_path: Path) -> None:
    pem, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=web", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", pem],
        check=True, capture_output=True,
    )  # fmt: skip
    authority = pem.read_text()
    pem.write_text(authority + key.read_text())
    with Site(pem=pem) as site:
        url = site.put("/right", TEXT.content)
        assert text_from(url, TEXT.sha256, authority) == TEXT.content
        with pytest.raises(ssl.SSLError):
            text_from(url, TEXT.sha256, "")


def test_parts_that_do_not_belong_together_make_nothing() -> None:
    carrier = carried_by(CARRIER)
    with pytest.raises(Nothing, match="makes another bundle than it names"):
        put_together(TEXT.content, carrier.rest[:-1], carrier.bundle)
