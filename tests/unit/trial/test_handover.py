"""What a machine gets: the payload as each source brings it, read back as the host reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.image.own_paths import PAYLOAD_TRIGGERS
from bootstrap.rendering import Rendering
from bootstrap.runner.baked.sources import NAMES
from bootstrap.runner.host import BUNDLE, TRIGGER
from bootstrap.targets import iso
from bootstrap.trial.handover import BY_METADATA, ON_A_VOLUME, hand_over
from bootstrap.trial.payload import Reports, build, load
from bootstrap.trial.source import Source


@pytest.fixture
def payload(tmp_path: Path) -> Rendering:
    reports = Reports("http://10.0.2.2:1234", "10.0.2.2", bytes(32))
    return build(load(None, (), (), tmp_path), "try-1", "20261120T120000-ab12cd", reports, deadline_s=600)


def test_injected_files_bring_their_trigger_where_the_image_has_no_runner(payload: Rendering) -> None:
    files = hand_over(Source("files", False), payload).files
    assert {BUNDLE, TRIGGER} <= set(files)


def test_injected_files_bring_none_where_the_image_has_a_runner(payload: Rendering) -> None:
    """Else cron would start the payload of an image whose own trigger is off."""
    files = hand_over(Source("files", True), payload).files
    assert BUNDLE in files
    assert not set(files) & set(PAYLOAD_TRIGGERS)


@pytest.mark.parametrize(
    ("source", "label", "path"),
    [
        ("nocloud", "cidata", "user-data"),
        ("cloud-init", "cidata", "user-data"),
        ("config-drive", "config-2", "openstack/latest/meta_data.json"),
    ],
)
def test_a_volume_has_the_label_and_the_files_of_its_source(
    payload: Rendering, source: str, label: str, path: str
) -> None:
    volume_label, files = iso.read(hand_over(Source(source, True), payload).volume)
    assert volume_label == label
    assert path in files


def test_a_metadata_service_has_openstacks_files(payload: Rendering) -> None:
    metadata = hand_over(Source("openstack", True), payload).metadata
    facts = json.loads(metadata["openstack/latest/meta_data.json"])
    assert facts["name"] == "try-1"
    assert all(f"openstack{file['content_path']}" in metadata for file in facts["files"])
    assert BUNDLE in {file["path"] for file in facts["files"]}


def test_a_metadata_service_has_ec2s_files(payload: Rendering) -> None:
    metadata = hand_over(Source("ec2", True), payload).metadata
    assert metadata["latest/user-data"] == payload.user_data_bytes()
    assert metadata["latest/meta-data/instance-id"].startswith(b"i-")


@pytest.mark.parametrize("name", NAMES)
def test_each_source_brings_one_kind_of_thing(payload: Rendering, name: str) -> None:
    gift = hand_over(Source(name, True), payload)
    assert (bool(gift.volume), bool(gift.metadata)) == (name in ON_A_VOLUME, name in BY_METADATA)
    assert bool(gift.files) == (name not in (*ON_A_VOLUME, *BY_METADATA))


def test_no_payload_is_in_the_text_of_the_object(payload: Rendering) -> None:
    assert "version" not in repr(hand_over(Source("files", False), payload))
