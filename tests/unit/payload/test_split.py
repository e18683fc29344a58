"""A bundle in two parts: what a carrier holds, and that both parts make the ordinary bundle to the byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import three_sites

import bootstrap
from bootstrap.errors import PayloadError
from bootstrap.payload import split
from bootstrap.payload.bundle import unpack
from bootstrap.payload.model import Payload
from bootstrap.payload.words import words
from bootstrap.runner.host import STUB, TRIGGER

EXAMPLES = Path(__file__).parents[3] / "examples"
SECRET = bytes(range(32))
COLLECTOR = "https://deploy.internal:8443"


def payload(example: str = "hello", *sources: str, target: str = "user-data", **plan: str) -> Payload:
    """Return a payload that is split."""
    rendering = bootstrap.load(EXAMPLES / example).plan(f"{example}-1", deploy_id="d1", **plan).render(SECRET)
    return rendering.pack(target, runner_from=sources or ["disk"]).payload


def carrier(packed: Payload) -> bytes:
    assert packed.carrier is not None
    return packed.carrier


def test_both_parts_together_are_the_bundle() -> None:
    packed = payload()
    text = split.runner_text()
    assert text.sha256 == hashlib.sha256(text.content).hexdigest()
    assert packed.bundle.startswith(text.content)
    assert split.assemble(carrier(packed), text.content) == packed.bundle
    assert unpack(packed.bundle).digest == packed.digest


def test_the_text_is_the_same_for_every_server_and_spec() -> None:
    bundles = [payload("hello").bundle, payload("web").bundle, payload("hello", report_url=COLLECTOR).bundle]
    assert all(bundle.startswith(split.runner_text().content) for bundle in bundles)


def test_nothing_of_this_server_is_in_the_text_that_all_share() -> None:
    packed = payload("hello", "collector", report_url=COLLECTOR)
    plan = unpack(packed.bundle).plan
    for own in (plan["server"], plan["deploy_id"] + '"', plan["report"]["key"], COLLECTOR):
        assert own.encode() not in split.runner_text().content


@pytest.mark.parametrize("name", ["hello", "web", "real"])
def test_a_usual_carrier_takes_at_most_4_500_bytes(name: str) -> None:
    """Gzipped, with reports over https and the report of a host without Python."""
    packed = three_sites.rendering(name, COLLECTOR).split("collector")
    assert len(packed.user_data_bytes("ec2")) <= 4_500


def test_a_carrier_that_signs_with_a_role_takes_two_kilobytes_more() -> None:
    packed = three_sites.rendering("real", COLLECTOR).split("s3://acme-boot/runner/")
    assert len(packed.user_data_bytes("ec2")) <= 6_500


def test_its_parts_can_be_read_back() -> None:
    packed = payload("hello", "https://a.example/x", "https://b.example/runner/")
    runner, bundle, sources, rest = split.parts(carrier(packed))
    assert (runner, bundle) == (split.runner_text().sha256, packed.digest)
    assert sources == ("https://a.example/x", f"https://b.example/runner/{runner}")
    assert packed.bundle.endswith(rest.encode())


def test_the_disk_alone_names_no_source_and_nothing_that_fetches() -> None:
    text = carrier(payload())
    assert split.parts(text)[2] == ()
    assert b"curl" not in text and b"wget" not in text


def test_a_carrier_in_a_boothook_is_found_again() -> None:
    from bootstrap.targets import starter

    text = carrier(payload())
    assert split.find(starter.in_background(text, "d1")) == text
    assert split.find(b"#!/bin/sh\necho\n") is None


def test_a_carrier_that_is_cut_off_or_altered_is_refused() -> None:
    text, runner = carrier(payload()), split.runner_text().content
    for cut in range(0, len(text) - 1, 97):
        with pytest.raises(PayloadError, match="not a whole carrier"):
            split.parts(text[:cut])
    place = text.index(b"\n-\n") + 10
    altered = text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]
    with pytest.raises(PayloadError, match="the carrier is damaged"):
        split.assemble(altered, runner)
    with pytest.raises(PayloadError, match="which this text is not"):
        split.assemble(text, runner[:-1] + b"~")


def test_a_whole_bundle_of_another_code_cannot_be_carried() -> None:
    whole = bootstrap.load(EXAMPLES / "hello").plan("hello-1").render().pack("user-data").payload
    with pytest.raises(PayloadError, match="begins with the runner's text"):
        split.carrier(whole.bundle, unpack(whole.bundle).plan, ())


@pytest.mark.parametrize("trigger", ["auto", "cron", "systemd", "both"])
def test_systemd_starts_it_where_the_spec_or_the_host_wants_that(tmp_path: Path, trigger: str) -> None:
    spec = tmp_path / "x.yaml"
    spec.write_text(f"version: 1\nname: x\ntrigger: {trigger}\n")
    packed = bootstrap.load(spec).plan("x-1").render().pack("tree", runner_from=["disk"]).payload
    text, entry = carrier(packed).decode(), packed.files[-1]
    assert ("initialrunner.timer" in text) == (trigger != "cron")
    # With `auto` a host that has cron gets no units.
    assert ("[ ! -e /usr/sbin/cron ]" in text) == (trigger == "auto")
    assert entry.path == TRIGGER and hashlib.sha256(carrier(packed)).hexdigest().encode() in entry.content
    lines = [line for line in entry.content.decode().splitlines() if "@reboot" in line]
    assert [line.startswith("#") for line in lines] == [trigger == "systemd"]


def test_files_come_before_the_entry_that_starts_the_carrier() -> None:
    paths = [file.path for file in payload(target="tree").files]
    assert paths[-1] == TRIGGER and STUB in paths and "/etc/initialrunner/bundle" not in paths


def test_a_collectors_own_authority_goes_along(tmp_path: Path) -> None:
    authority = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    (tmp_path / "ca.pem").write_text(authority)
    spec = tmp_path / "x.yaml"
    spec.write_text("version: 1\nname: x\nreport: {url: https://deploy.internal, ca: ca.pem}\n")
    rendering = bootstrap.load(spec).plan("x-1").render(SECRET)
    assert authority in (rendering.pack("user-data", runner_from=["collector"]).payload.carrier or b"").decode()
    # Without anything to fetch there is nobody to trust.
    assert b"CERTIFICATE" not in (rendering.pack("user-data", runner_from=["disk"]).payload.carrier or b"")


def test_the_shared_words_are_comments_which_no_line_of_a_bundle_can_end() -> None:
    lines = words().split("\n")
    assert all(line.startswith("#") for line in lines)
    assert "\f" not in words() and "\v" not in words() and words().isascii()
    assert json.dumps("Description=What initialrunner runs at every boot")[1:-1] in words()
