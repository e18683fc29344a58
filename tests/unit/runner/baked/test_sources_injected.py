"""Of injected files, what their trigger names is taken: a bundle, a carrier or a stub."""

from __future__ import annotations

import hashlib

import pytest
from handmade import payload, stage

from bootstrap.runner.baked import sources
from bootstrap.runner.baked.unwrapping import Carried, Elsewhere, Nothing, Torn
from bootstrap.runner.host import BUNDLE, STUB
from bootstrap.targets import stub

URLS = ["https://a.example/runner?X-Sig=a", "http://127.0.0.1:8/b"]
PAYLOAD = payload([stage("one", "echo ran >>/srv/oracle")], sources=URLS)
OFFLINE = payload([stage("one", "echo ran >>/srv/oracle")], sources=[])
CARRIER = PAYLOAD.script


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


def test_a_carrier_that_waits_is_known_by_its_program() -> None:
    """It leaves that alone at the place of injected stubs, with a trigger that names it."""
    program = CARRIER.split(b'cat <<"__"\n')[1].split(b"\n__\n")[0] + b"\n"
    digest = hashlib.sha256(program).hexdigest()
    with pytest.raises(Carried) as caught:
        injected({STUB: program}, f"sha256sum {digest}".encode())
    assert (caught.value.bundle, caught.value.urls) == (PAYLOAD.digest, URLS)
    with pytest.raises(Nothing, match="names a different bundle"):
        injected({STUB: program.replace(b"a.example", b"b.example")}, f"sha256sum {digest}".encode())


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
