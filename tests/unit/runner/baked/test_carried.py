"""The bundle of a carrier is put together from the image's text, or that of a URL, with right digests or not at all."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from certificates import self_signed
from checkout import MakeMachine
from handmade import payload, stage
from scripted_site import Site

from bootstrap.payload.split import FOLDER, runner_text
from bootstrap.runner.baked.carried import put_together, text_from, text_on_disk
from bootstrap.runner.baked.unwrapping import Carried, Nothing, whole

PAYLOAD = payload([stage("one", "echo ran >>/srv/oracle")], sources=[])
TEXT = runner_text()


def test_the_text_of_the_image_counts_only_with_the_right_digest(machine: MakeMachine) -> None:
    box = machine(PAYLOAD)
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
    pem, key = self_signed(tmp_path)
    authority = pem.read_text()
    pem.write_text(authority + key.read_text())
    with Site(pem=pem) as site:
        url = site.put("/right", TEXT.content)
        assert text_from(url, TEXT.sha256, authority) == TEXT.content
        with pytest.raises(ssl.SSLError):
            text_from(url, TEXT.sha256, "")


def test_parts_that_do_not_belong_together_make_nothing() -> None:
    with pytest.raises(Carried) as caught:
        whole(PAYLOAD.script)
    carrier = caught.value
    assert put_together(TEXT.content, carrier.rest, carrier.bundle) == PAYLOAD.bundle
    with pytest.raises(Nothing, match="makes another bundle than it names"):
        put_together(TEXT.content, carrier.rest[:-1], carrier.bundle)
