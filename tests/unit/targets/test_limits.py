"""Limits, exact at the byte, and refusals that name every number and a mend that works."""

from __future__ import annotations

import random

import pytest

from bootstrap.errors import ExitCode
from bootstrap.payload.model import InjectedFile
from bootstrap.payload.refused import Refused
from bootstrap.targets import limits, user_data
from bootstrap.targets.providers import PROVIDERS, Provider, provider

NOVA = provider("nova")
TRIGGER = InjectedFile("/etc/cron.d/initialrunner", b"x\n")
WITH_USER_DATA = [one for one in PROVIDERS if one.user_data and one.user_data.most]


def noise(length: int, seed: int = 1) -> bytes:
    """Bytes that no compression makes smaller."""
    return random.Random(seed).randbytes(length)


def refusals(error: Refused) -> list[tuple[str, str | None]]:
    return [(problem.message, problem.hint) for problem in error.problems]


@pytest.mark.fault(17)
def test_a_file_of_7680_bytes_fits_nova_and_one_byte_more_does_not() -> None:
    full, over = InjectedFile("/a", noise(7680)), InjectedFile("/a", noise(7681))

    measures = limits.personality([full, TRIGGER], NOVA)
    with pytest.raises(Refused) as refused:
        limits.personality([over, TRIGGER], NOVA, movable=["/a"])

    assert [(m.what, m.used, m.limit, m.left) for m in measures] == [
        ("files", 2, 5, 3),
        ("/a", 10_240, 10_240, 0),
        ("/etc/cron.d/initialrunner", 4, 10_240, 10_236),
    ]
    assert refused.value.exit_code == ExitCode.REFUSED
    assert refusals(refused.value) == [
        (
            "/a: 10,244 base64 characters (7,681 bytes), and nova takes 10,240",
            "take `deliver: inject` away: in the bundle it is packed and cut into pieces",
        )
    ]


def test_the_sixth_file_is_refused_with_the_files_that_can_ride_in_the_bundle() -> None:
    files = [InjectedFile(f"/{n}", b"x") for n in range(3)]
    bundle = InjectedFile("/etc/initialrunner/bundle", noise(7000))

    assert limits.personality([*files, bundle, TRIGGER], NOVA)[0].left == 0
    with pytest.raises(Refused) as refused:
        limits.personality([*files, InjectedFile("/3", b"x"), bundle, TRIGGER], NOVA, movable=["/0", "/3"])

    assert refusals(refused.value) == [
        (
            "6 files to inject, and nova takes 5",
            "let /0 and /3 ride in the bundle: take `deliver: inject` away",
        )
    ]


def test_a_bundle_of_too_many_pieces_names_the_file_to_fetch() -> None:
    pieces = [InjectedFile(f"/etc/initialrunner/bundle.{n}", noise(7680)) for n in range(1, 6)]

    with pytest.raises(Refused) as refused:
        limits.personality(
            [*pieces, TRIGGER], NOVA, contents={"/small": noise(900), "/mid": noise(9000), "/big": noise(20000)}
        )

    assert refusals(refused.value) == [
        (
            "6 files to inject (5 of them pieces of the bundle), and nova takes 5",
            "take 7,680 bytes out: move /mid, 9,000 bytes, to `fetch:`",
        )
    ]


def test_a_bundle_that_could_not_be_cut_is_counted_in_pieces() -> None:
    with pytest.raises(Refused) as refused:
        limits.personality([InjectedFile("/etc/initialrunner/bundle", b"x" * 76_801), TRIGGER], NOVA)

    assert refusals(refused.value) == [
        (
            "12 files to inject (11 of them pieces of the bundle), and nova takes 5",
            "use --target stub, or choose a provider with more room; removing files cannot save 46,081 bytes",
        )
    ]


def test_all_refusals_come_at_once() -> None:
    path = "/" + "é" * 255
    files = [InjectedFile(path, b""), InjectedFile("/b", noise(8000)), *[InjectedFile(f"/{n}", b"") for n in range(4)]]

    with pytest.raises(Refused) as refused:
        limits.personality(files, NOVA)

    assert [problem.code for problem in refused.value.problems] == ["payload.files", "payload.path", "payload.size"]
    assert refused.value.problems[1].message == f"{path}: a path of 256 characters, and nova takes 255"


def test_a_path_of_255_characters_fits_nova_and_of_255_bytes_rackspace() -> None:
    path = "/" + "é" * 127

    assert limits.personality([InjectedFile("/" + "é" * 254, b"")], NOVA)
    assert limits.personality([InjectedFile(path, b"")], provider("rackspace"))
    with pytest.raises(Refused, match="a path of 256 bytes, and rackspace takes 255"):
        limits.personality([InjectedFile(path + "x", b"")], provider("rackspace"))


@pytest.mark.fault(17)
@pytest.mark.parametrize("taker", WITH_USER_DATA, ids=lambda taker: taker.name)
def test_user_data_fits_to_the_last_byte(taker: Provider) -> None:
    limit = taker.user_data
    assert limit is not None and limit.most is not None and limit.raw_bytes is not None
    full = b"#" * limit.raw_bytes

    (measure,) = limits.user_data(full, taker)
    with pytest.raises(Refused) as refused:
        limits.user_data(full + b"#", taker)

    assert (measure.used, measure.limit) == (limit.used(full), limit.most)
    message = refused.value.problems[0].message
    assert f"{limit.used(full + b'#'):,} {limit.unit}" in message
    assert f"and {taker.name} takes {limit.most:,}" in message


@pytest.mark.fault(17)
@pytest.mark.parametrize("name", ["ec2", "hetzner", "digitalocean", "nova"])
def test_the_mend_is_enough(name: str) -> None:
    taker = provider(name)
    contents = {f"/{n}": noise(n, n) for n in (1_000, 5_000, 12_000, 30_000, 70_000)}

    def text_without(moved: list[str]) -> bytes:
        import base64

        remaining = b"".join(content for path, content in contents.items() if path not in moved)
        return b"#!/bin/sh\n" + base64.b85encode(remaining)

    with pytest.raises(Refused) as refused:
        limits.user_data(user_data.content(text_without([]), taker), taker, contents=contents)
    hint = refused.value.problems[0].hint or ""
    moved = [path for path in contents if f"{path}, " in hint]

    assert moved
    assert limits.user_data(user_data.content(text_without(moved), taker), taker)


def test_channels_that_do_not_exist_point_at_the_other_one() -> None:
    with pytest.raises(Refused) as no_files:
        limits.personality([TRIGGER], provider("ec2"))
    with pytest.raises(Refused) as no_user_data:
        limits.user_data(b"x", provider("rackspace-v1"))

    assert refusals(no_files.value) == [("AWS EC2 has no injected files", "--target user-data --provider ec2")]
    assert refusals(no_user_data.value) == [
        ("Rackspace Cloud Servers v1.0 has no user-data", "--target personality --provider rackspace-v1")
    ]


def test_an_unknown_limit_refuses_nothing_and_says_nothing_is_left() -> None:
    (measure,) = limits.user_data(b"x" * 1_000_000, provider("proxmox"))

    assert (measure.used, measure.limit, measure.left) == (1_000_000, None, None)
