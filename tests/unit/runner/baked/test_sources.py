"""Injected files and user-data in OpenStack's layout: what is read of them, and in which order."""

from __future__ import annotations

import pytest
from handmade import payload, stage, whole_code

from bootstrap.runner.baked import sources
from bootstrap.runner.baked.unwrapping import Nothing

with whole_code():
    PAYLOAD = payload([stage("one", "echo ran >>/srv/oracle")])
BUNDLE = PAYLOAD.bundle


def drive(files: dict[str, bytes]) -> bytes:
    return sources.config_drive(files.get)


META = b'{"files": [{"path": "/etc/initialrunner/bundle", "content_path": "/content/0000"}]}'


def test_a_config_drive_gives_injected_files_before_user_data() -> None:
    other = payload([stage("two", "true")], server="box-2").bundle
    files = {
        "openstack/latest/meta_data.json": META, "openstack/content/0000": BUNDLE, "openstack/latest/user_data": other,
    }  # fmt: skip
    assert drive(files) == BUNDLE
    del files["openstack/content/0000"]
    assert drive(files) == other


def test_a_path_that_leads_out_of_the_drive_is_not_asked_for() -> None:
    asked = []

    def get(path: str) -> bytes | None:
        asked.append(path)
        return META.replace(b"/content/0000", b"/../../../etc/shadow") if path.endswith(".json") else None

    with pytest.raises(Nothing, match="neither user_data nor an injected bundle"):
        sources.config_drive(get)
    assert asked == ["openstack/latest/meta_data.json", "openstack/latest/user_data"]


@pytest.mark.parametrize("meta", [b"[]", b"{", b'{"files": 1}', b'{"files": [{}]}', b"\xff"])
def test_meta_data_that_is_nonsense_says_so(meta: bytes) -> None:
    with pytest.raises(Nothing, match=r"its meta_data\.json cannot be read"):
        drive({"openstack/latest/meta_data.json": meta})


def test_an_injected_trigger_on_the_drive_must_name_its_bundle() -> None:
    meta = META[:-2] + b', {"path": "/etc/cron.d/initialrunner", "content_path": "/content/0001"}]}'
    files = {"openstack/latest/meta_data.json": meta, "openstack/content/0000": BUNDLE}
    assert drive({**files, "openstack/content/0001": PAYLOAD.files[-1].content}) == BUNDLE
    with pytest.raises(Nothing, match="names a different bundle"):
        drive({**files, "openstack/content/0001": b"sha256sum " + b"0" * 64})
