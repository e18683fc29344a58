"""The provider table: every number has a unit and a source, and counts as the provider counts."""

from __future__ import annotations

import base64

import pytest

from bootstrap.errors import UsageError
from bootstrap.targets.providers import BASE64, BYTES, CHARACTERS, FILES, PROVIDERS, Limit, Provider, provider

BY_NAME = {one.name: one for one in PROVIDERS}


def limits(profile: Provider) -> list[Limit]:
    return [limit for limit in (profile.user_data, profile.files, profile.content, profile.path) if limit is not None]


def test_the_table_has_every_provider_once() -> None:
    assert [profile.name for profile in PROVIDERS] == [
        "nova", "rackspace", "rackspace-v1", "ec2", "gce", "azure", "digitalocean", "hetzner", "linode", "oci",
        "scaleway", "exoscale", "libvirt", "proxmox",
    ]  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_every_number_has_a_unit_and_a_source(name: str) -> None:
    profile = BY_NAME[name]

    assert all(limit.source and limit.unit in {BYTES, BASE64, CHARACTERS, FILES} for limit in limits(profile))
    assert all(limit.note for limit in limits(profile) if limit.most is None), "an unknown number says why"
    assert profile.call and profile.takes in {"text", "base64"} and profile.gzip in {"bytes", "base64", "no"}


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("nova", 49_149),
        ("ec2", 16_384),
        ("gce", 262_144),
        ("azure", 65_535),
        ("digitalocean", 65_536),
        ("hetzner", 32_768),
        ("linode", 12_288),
        ("oci", 24_000),
        ("scaleway", 127_998),
        ("exoscale", 24_573),
        ("libvirt", None),
    ],
)
def test_the_most_raw_bytes_of_user_data(name: str, raw: int | None) -> None:
    limit = BY_NAME[name].user_data

    assert limit is not None
    assert limit.raw_bytes == raw
    if raw is not None and limit.most is not None:
        assert limit.used(b"x" * raw) <= limit.most < limit.used(b"x" * (raw + 1))


def test_nova_counts_the_base64_text_of_an_injected_file() -> None:
    limit = provider("nova").content

    assert limit is not None
    assert (limit.raw_bytes, limit.used(b"x" * 7680), limit.used(b"x" * 7681)) == (7680, 10_240, 10_244)
    assert limit.used(b"abcd") == len(base64.b64encode(b"abcd"))


def test_characters_are_not_bytes() -> None:
    assert Limit(255, CHARACTERS, "x").used("é".encode() * 200) == 200
    assert Limit(255, BYTES, "x").used("é".encode() * 200) == 400


def test_an_unknown_provider_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UsageError) as refused:
        provider("nova2")

    assert refused.value.message == "there is no provider 'nova2'"
    assert refused.value.hint == f"one of: {', '.join(BY_NAME)}"
