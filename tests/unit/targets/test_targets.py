"""The text that each target writes, from a payload made by hand."""

from __future__ import annotations

import base64
import gzip
import json
import random
from pathlib import Path

import pytest
import yaml

from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.targets import cloud_config, personality, starter, tree, user_data
from bootstrap.targets.providers import PROVIDERS, Provider, provider

BUNDLE = b"#!/bin/sh\n# text\n_bundle() {\n}\n_bundle 00\n"
PAYLOAD = Payload(
    "web-1",
    "20261120T120000-ab12cd",
    "0123456789ab",
    BUNDLE,
    "00",
    (
        InjectedFile("/etc/rc.local", b"#!/bin/sh\nexit 0\n", 0o755),
        InjectedFile("/srv/secret", b"\x00\xff", 0o600),
        InjectedFile("/etc/initialrunner/bundle", BUNDLE, 0o600),
        InjectedFile("/etc/cron.d/initialrunner", b"@reboot root sh\n", 0o644),
    ),
    {},
)


def test_tree_lays_files_out_with_the_modes_they_need(tmp_path: Path) -> None:
    paths = tree.write(PAYLOAD, tmp_path / "tree")

    assert paths[-1] == "/etc/cron.d/initialrunner"
    facts = {
        "/" + str(path.relative_to(tmp_path / "tree")): (path.stat().st_mode & 0o7777, path.read_bytes())
        for path in (tmp_path / "tree").rglob("*")
        if path.is_file()
    }
    assert facts == {file.path: (file.mode, file.content) for file in PAYLOAD.files}
    folders = [path for path in (tmp_path / "tree").rglob("*") if path.is_dir()] + [tmp_path / "tree"]
    assert {path.stat().st_mode & 0o7777 for path in folders} == {0o755}


def test_tree_can_be_written_twice(tmp_path: Path) -> None:
    tree.write(PAYLOAD, tmp_path)
    (tmp_path / "etc/rc.local").write_text("older and longer than what comes now")

    tree.write(PAYLOAD, tmp_path)

    assert (tmp_path / "etc/rc.local").read_bytes() == b"#!/bin/sh\nexit 0\n"


def test_personality_is_what_nova_takes_with_the_trigger_last() -> None:
    items = personality.items(PAYLOAD)

    assert [sorted(item) for item in items] == [["contents", "path"]] * 4
    assert [item["path"] for item in items] == [file.path for file in PAYLOAD.files]
    assert [base64.b64decode(item["contents"], validate=True) for item in items] == [f.content for f in PAYLOAD.files]
    assert json.loads(personality.text(PAYLOAD)) == items


def test_a_starter_names_the_bundle_in_its_pieces_and_its_digest() -> None:
    pieces = tuple(InjectedFile(f"/etc/initialrunner/bundle.{n}", b"x") for n in (1, 2))
    payload = Payload("w", "d", "r", b"xx", "ab" * 32, (*pieces, PAYLOAD.files[-1]), {})

    text = starter.text(payload)

    # cloud-init runs a boothook at every boot.
    assert text.startswith("#cloud-boothook\n#!/bin/sh\n")
    assert 'f="/etc/initialrunner/bundle.1 /etc/initialrunner/bundle.2"\n' in text
    assert f'= "{"ab" * 32}  -" ]' in text
    assert "@" not in text.replace('"$@"', "")


def test_cloud_config_carries_every_byte_with_quoted_modes_and_the_trigger_last() -> None:
    document = yaml.safe_load(cloud_config.text(PAYLOAD))

    files = document["write_files"]
    contents = [
        base64.b64decode(f["content"]) if f.get("encoding") == "b64" else f["content"].encode("ascii") for f in files
    ]
    assert cloud_config.text(PAYLOAD).startswith("#cloud-config\n")
    assert [(f["path"], f["permissions"], f["owner"]) for f in files] == [
        ("/etc/rc.local", "0755", "root:root"),
        ("/srv/secret", "0600", "root:root"),
        ("/etc/initialrunner/bundle", "0600", "root:root"),
        ("/etc/cron.d/initialrunner", "0644", "root:root"),
    ]
    assert contents == [file.content for file in PAYLOAD.files]
    assert document["runcmd"] == [["sh", "/etc/initialrunner/bundle"]]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n", b"a", b"a\n", b"a\n\n", b"\na\n", b" a\n", b"a \n", b"a\r\n", b"a\tb\n", b"a\n\n  b\n"),
        *(b"# a: [\n", b"- a\n%b\n", b"---\n...\n", "é\n".encode()),
    ],
)
def test_cloud_config_keeps_awkward_content(content: bytes) -> None:
    payload = Payload("w", "d", "r", b"", "", (InjectedFile("/a: b", content),), {})

    (entry,) = yaml.safe_load(cloud_config.text(payload))["write_files"]

    read = base64.b64decode(entry["content"]) if "encoding" in entry else entry["content"].encode()
    assert (entry["path"], read) == ("/a: b", content)


def packed_text(length: int) -> bytes:
    """Text as a bundle is: it shrinks under gzip, but only because it is text."""
    return b"#!/bin/sh\n" + base64.b85encode(random.Random(1).randbytes(length * 4 // 5))


def test_user_data_is_plain_text_as_long_as_it_fits() -> None:
    assert all(user_data.content(BUNDLE, profile) == BUNDLE for profile in PROVIDERS)
    assert user_data.content(BUNDLE, None) == BUNDLE


def test_user_data_is_gzipped_only_where_that_makes_it_fit_and_always_alike() -> None:
    text = packed_text(18_000)

    blob = user_data.content(text, provider("ec2"))

    assert len(text) > 16_384 >= len(blob)
    assert gzip.decompress(blob) == text
    assert blob == user_data.content(text, provider("ec2"))
    assert user_data.content(text, provider("nova")) == text


def test_user_data_as_base64_of_gzip_where_only_text_is_taken() -> None:
    text = b"#!/bin/sh\n" + b"compressible " * 4000

    blob = user_data.content(text, provider("hetzner"))

    assert gzip.decompress(base64.b64decode(blob, validate=True)) == text
    assert user_data.content(text * 2, provider("digitalocean")) == text * 2


@pytest.mark.parametrize("profile", PROVIDERS, ids=lambda profile: profile.name)
def test_the_argument_is_what_the_call_takes(profile: Provider) -> None:
    expected = base64.b64encode(BUNDLE).decode() if profile.takes == "base64" else BUNDLE.decode()

    assert user_data.argument(BUNDLE, profile) == expected


def test_a_call_that_encodes_by_itself_gets_the_other_form() -> None:
    small = gzip.compress(BUNDLE, mtime=0)

    assert user_data.argument(BUNDLE, provider("nova"), encoded=False) == BUNDLE.decode()
    assert user_data.argument(BUNDLE, provider("ec2"), encoded=True) == base64.b64encode(BUNDLE).decode()
    assert user_data.argument(small, provider("ec2")) == small
