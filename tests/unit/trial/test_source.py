"""The way by which a clone gets its payload, chosen from what the image's disk says."""

from __future__ import annotations

import json

import pytest

from bootstrap.errors import UsageError
from bootstrap.runner.baked.program import IMAGE, SIGNERS, TAKEN
from bootstrap.trial.source import CLOUD_INIT, Source, Traits, choose, look


def baked(*sources: str) -> bytes:
    return json.dumps({"version": 1, "sources": sources}).encode()


@pytest.mark.parametrize(
    ("files", "traits"),
    [
        pytest.param({}, Traits(), id="nothing"),
        pytest.param({IMAGE: baked("nocloud", "files")}, Traits(("nocloud", "files")), id="baked"),
        pytest.param({CLOUD_INIT: b"#!"}, Traits(has_cloud_init=True), id="cloud-init"),
        pytest.param({IMAGE: baked("files"), SIGNERS: b"k"}, Traits(("files",), is_signed_only=True), id="signed only"),
        pytest.param({TAKEN: b"{}"}, Traits(lived=TAKEN), id="not sealed"),
    ],
)
def test_the_disk_says_how_an_image_takes_a_payload(files: dict[str, bytes], traits: Traits) -> None:
    assert look(files.get) == traits


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 1}', b'{"sources": 3}'])
def test_settings_of_a_bake_that_cannot_be_read_are_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match=f"{IMAGE} of the image cannot be read"):
        look({IMAGE: content}.get)


@pytest.mark.parametrize(
    ("wanted", "traits", "source"),
    [
        pytest.param(None, Traits(("nocloud", "files")), Source("nocloud", True), id="the first one"),
        pytest.param("files", Traits(("nocloud", "files")), Source("files", True), id="another one of its own"),
        pytest.param(None, Traits(), Source("files", False), id="nothing there: injected with a trigger"),
        pytest.param(None, Traits(has_cloud_init=True), Source("cloud-init", False), id="cloud-init alone"),
        pytest.param("files", Traits(has_cloud_init=True), Source("files", False), id="asked for, not baked"),
        pytest.param(None, Traits(("ec2=http://169.254.169.254/",)), Source("ec2", True), id="the usual URL"),
    ],
)
def test_a_source_is_chosen(wanted: str | None, traits: Traits, source: Source) -> None:
    assert choose(wanted, traits, signed=False) == source


@pytest.mark.parametrize(
    ("wanted", "traits", "message", "hint"),
    [
        pytest.param(
            "flopy", Traits(), "'flopy' is no source",
            "the sources are: files, config-drive, nocloud, cloud-init, openstack, ec2", id="no source",
        ),
        pytest.param(
            "ec2", Traits(("files", "nocloud")), "--source ec2: the runner of this image does not look there",
            "it looks at: files, nocloud", id="where the runner does not look",
        ),
        pytest.param(
            None, Traits(("files",), is_signed_only=True), f"the image takes only signed payloads: it has {SIGNERS}",
            "sign the trial's with --sign KEY", id="signed only",
        ),
        pytest.param(
            None, Traits(("openstack=http://10.0.0.1", "files")),
            "the image asks http://10.0.0.1, and a trial answers at http://169.254.169.254 alone",
            "try another of its sources: --source files", id="another address",
        ),
        pytest.param(
            None, Traits(()), f"{IMAGE} of the image names no source", "bake it again: bootstrap bake ROOT --source S",
            id="no source at all",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_refused(wanted: str | None, traits: Traits, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as refusal:
        choose(wanted, traits, signed=False)
    assert (refusal.value.message, refusal.value.hint) == (message, hint)


def test_an_image_that_takes_signed_payloads_is_tried_with_a_signed_one() -> None:
    assert choose(None, Traits(("files",), is_signed_only=True), signed=True) == Source("files", True)
