"""A bundle is found and verified in everything that a target writes."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.errors import PayloadError, UsageError
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.targets import layout, mime, output, personality, read_back, starter, table
from bootstrap.targets.model import Packed
from bootstrap.targets.providers import provider

DEPLOY = "20261120T120000-ab12cd"
CRON = "@reboot root sh @FILES@ # @SHA256@ @MARK@\n"


def rendered(deploy_id: str = DEPLOY) -> Rendered:
    plan = {"version": 1, "name": "web", "server": "web-1", "deploy_id": deploy_id, "revision": "0" * 12, "stages": []}
    return Rendered("web-1", deploy_id, "0" * 12, plan, (RenderedFile("/srv/one", b"one\n"),), CRON, None)


def packed(target: str, deploy_id: str = DEPLOY) -> Packed:
    url = "https://deploy.example/bundle" if target == "stub" else None
    return layout.pack(rendered(deploy_id), target, provider("nova") if target == "personality" else None, url=url)


def test_it_is_found_in_a_rendered_folder_once_a_target(tmp_path: Path) -> None:
    targets = [packed(target) for target in table.NAMES]
    folder = output.write(targets, tmp_path)

    bundles = read_back.look(folder)

    assert bundles is not None
    assert [one.unpacked.digest for one in bundles] == [one.payload.digest for one in targets]
    assert [one.unpacked.files["/srv/one"] for one in bundles] == [b"one\n"] * len(table.NAMES)


FORMS: dict[str, Callable[[], bytes]] = {
    "script": lambda: packed("user-data").blob,
    "gzip": lambda: gzip.compress(packed("user-data").blob),
    "base64": lambda: base64.encodebytes(packed("user-data").blob),
    "base64 of gzip": lambda: base64.b64encode(gzip.compress(packed("user-data").blob)),
    "personality": lambda: personality.text(packed("personality").payload).encode(),
    "cloud-config": lambda: packed("cloud-config").blob,
    "gzipped cloud-config": lambda: gzip.compress(packed("cloud-config").blob),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_found_in_a_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(FORMS[form]())

    bundles = read_back.look(path)

    assert bundles is not None
    assert [(one.where, one.unpacked.plan["server"]) for one in bundles] == [(path, "web-1")]


def test_it_is_found_in_a_root_without_a_manifest(tmp_path: Path) -> None:
    from bootstrap.targets import tree

    one = packed("tree")
    tree.write(one.payload, tmp_path)

    bundles = read_back.look(tmp_path)

    assert bundles is not None
    assert bundles[0].unpacked.digest == one.payload.digest


def test_a_stub_beside_parts_is_looked_at_by_its_folder_and_by_itself_says_where_to_look(tmp_path: Path) -> None:
    url = "https://deploy.example/bundle"
    parts = [mime.Part("mine", b"#cloud-config\n{}\n")]
    plain = packed("stub")
    stubs = {"stub.sh": plain, "stub-user-data": layout.pack(rendered(), "stub", url=url, beside=parts)}
    for name, one in stubs.items():
        folder = output.write([one], tmp_path)

        bundles = read_back.look(folder)

        assert bundles is not None and bundles[0].unpacked.digest == plain.payload.digest
        with pytest.raises(PayloadError) as refused:
            read_back.look(folder / name)
        assert refused.value.message == f"{folder / name} is a stub: its bundle lies at its URL"
        (folder / name).write_bytes(one.blob + b"\n")
        with pytest.raises(PayloadError, match=f"{name} differs from the digest in manifest.json"):
            read_back.look(folder)


@pytest.mark.parametrize("text", ["version: 1\nname: web\n", "", "# a comment\nversion: 1\n", "abcd"])
def test_a_spec_is_no_bundle(tmp_path: Path, text: str) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(text)

    assert read_back.look(path) is None


@pytest.mark.parametrize("form", ["script", "gzip", "base64", "personality"])
def test_a_changed_byte_is_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x"
    text = packed("user-data").blob
    at = len(text) // 2
    damaged = text[:at] + (b"A" if text[at : at + 1] != b"A" else b"B") + text[at + 1 :]
    if form == "personality":
        items = [{"path": "/etc/initialrunner/bundle", "contents": base64.b64encode(damaged).decode()}]
        path.write_text(json.dumps(items))
    else:
        path.write_bytes({"script": damaged, "gzip": gzip.compress(damaged), "base64": base64.b64encode(damaged)}[form])

    with pytest.raises(PayloadError) as refused:
        read_back.look(path)

    assert refused.value.message == f"{path}: the bundle is damaged: it differs from the digest on its last line"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.999])
def test_a_cut_off_bundle_is_refused(tmp_path: Path, part: float) -> None:
    path = tmp_path / "x"
    text = packed("user-data").blob
    path.write_bytes(text[: int(len(text) * part)])

    with pytest.raises(PayloadError, match="not a whole bundle: its last line is missing"):
        read_back.look(path)


def test_a_trigger_that_names_another_bundle_is_refused(tmp_path: Path) -> None:
    items = personality.items(packed("personality").payload)
    items[-1] = personality.items(packed("personality", "20261121T120000-ab12cd").payload)[-1]
    path = tmp_path / "personality.json"
    path.write_text(json.dumps(items))

    with pytest.raises(PayloadError) as refused:
        read_back.look(path)

    assert refused.value.message == f"{path}: the trigger names another bundle and would wait for ever"


def test_an_output_swapped_for_another_whole_one_is_refused(tmp_path: Path) -> None:
    folder = output.write([packed("user-data")], tmp_path)
    (folder / "user-data").write_bytes(packed("user-data", "20261121T120000-ab12cd").blob)

    with pytest.raises(PayloadError) as refused:
        read_back.look(folder)

    assert refused.value.message == f"{folder}/user-data: its bundle is not the one that manifest.json names"


def test_a_starter_that_was_changed_is_refused(tmp_path: Path) -> None:
    one = packed("personality")
    folder = output.write([one], tmp_path)
    assert (folder / "starter").read_text() == starter.text(one.payload)
    assert read_back.look(folder)
    (folder / "starter").write_text(starter.text(one.payload) + "reboot\n")

    with pytest.raises(PayloadError) as refused:
        read_back.look(folder)

    assert refused.value.message == f"{folder}/starter differs from the digest in manifest.json"


def test_a_starter_alone_holds_no_bundle_and_says_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "starter"
    path.write_text(starter.text(packed("personality").payload))

    with pytest.raises(PayloadError) as refused:
        read_back.look(path)

    assert refused.value.message == f"{path} only starts a bundle that is injected beside it"


def test_what_is_not_there_or_empty_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as missing:
        read_back.look(tmp_path / "nothing")
    with pytest.raises(UsageError) as empty:
        read_back.look(tmp_path)

    assert missing.value.message == f"{tmp_path}/nothing cannot be read: No such file or directory"
    assert empty.value.message == f"{tmp_path} holds no manifest.json and no bundle"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        "#cloud-config\n" + "[" * 20_000,
        '[{"path": 7, "contents": ""}]',
        "#cloud-config\nwrite_files: [{path: [7], content: x}]\n",
    ],
    ids=["deep-json", "deep-yaml", "a-number-for-a-path", "a-list-for-a-path"],
)
def test_what_only_begins_like_a_carrier_is_refused(tmp_path: Path, text: str) -> None:
    """Found by fuzzing: each was a traceback."""
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(PayloadError):
        read_back.look(path)
