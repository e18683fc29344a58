"""What a real Nova takes and refuses, and that we refuse at the very same numbers before it is asked."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from nova import Nova

from bootstrap.errors import PayloadError
from bootstrap.payload.model import InjectedFile
from bootstrap.targets import limits
from bootstrap.targets.providers import provider

pytestmark = pytest.mark.integration
NOVA = provider("nova")


def files(*given: tuple[str, int]) -> list[InjectedFile]:
    """Files of such (path, bytes)."""
    return [InjectedFile(path, b"\xa5" * size, 0o644) for path, size in given]


def personality(given: list[InjectedFile]) -> list[dict[str, str]]:
    return [{"path": one.path, "contents": base64.b64encode(one.content).decode()} for one in given]


def told(given: list[InjectedFile]) -> str:
    """What we say of files that do not fit."""
    with pytest.raises(PayloadError) as refused:
        limits.personality(given, NOVA)
    (problem,) = refused.value.problems
    return problem.message


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(files(("/etc/one", 7680)), id="7,680 bytes in a file"),
        pytest.param(files(*((f"/etc/{n}", 7680) for n in range(5))), id="five files"),
        pytest.param(files(("/" + "p" * 254, 1)), id="a path of 255"),
        pytest.param(files(("/" + "é" * 254, 1)), id="a path of 255 characters in 509 bytes"),
    ],
)
def test_what_just_fits_is_taken_by_both(nova: Nova, given: list[InjectedFile]) -> None:
    limits.personality(given, NOVA)
    got = nova.create(personality=personality(given))
    assert got.files == tuple((one.path, one.content) for one in given)


@pytest.mark.parametrize(
    ("given", "nova_says", "we_say"),
    [
        pytest.param(
            files(("/etc/one", 7681)), "Personality file content exceeds maximum 10240",
            "/etc/one: 10,244 base64 characters (7,681 bytes), and nova takes 10,240", id="7,681 bytes in a file",
        ),
        pytest.param(
            files(*((f"/etc/{n}", 1) for n in range(6))), "Personality file limit exceeded",
            "6 files to inject, and nova takes 5", id="six files",
        ),
        pytest.param(
            files(("/" + "p" * 255, 1)), "Personality file path exceeds maximum 255",
            "/" + "p" * 255 + ": a path of 256 characters, and nova takes 255", id="a path of 256",
        ),
    ],
)  # fmt: skip
def test_one_more_is_refused_by_both(nova: Nova, given: list[InjectedFile], nova_says: str, we_say: str) -> None:
    assert nova_says in nova.refused(403, personality=personality(given))
    assert told(given) == we_say


def test_49_149_bytes_of_user_data_are_taken_by_both_and_one_more_by_neither(nova: Nova) -> None:
    most = b"\xa5" * 49_149
    assert [(one.used, one.limit) for one in limits.user_data(most, NOVA)] == [(65_532, 65_535)]
    assert nova.create(user_data=base64.b64encode(most).decode()).user_data == most

    assert "is too long" in nova.refused(400, user_data=base64.b64encode(most + b"\xa5").decode())
    with pytest.raises(PayloadError) as refused:
        limits.user_data(most + b"\xa5", NOVA)
    assert refused.value.problems[0].message == (
        "user-data: 65,536 base64 characters (49,150 bytes), and nova takes 65,535"
    )


def test_personality_ends_at_microversion_2_56(nova: Nova) -> None:
    given: dict[str, Any] = {"personality": personality(files(("/etc/one", 1)))}
    # Past 2.36 a request must say its networks.
    assert nova.create(microversion="2.56", networks="none", **given).files == (("/etc/one", b"\xa5"),)
    assert "personality" in nova.refused(400, microversion="2.57", networks="none", **given)


def test_no_mode_travels_with_a_file(nova: Nova) -> None:
    (one,) = personality(files(("/etc/one", 1)))
    assert "'mode' was unexpected" in nova.refused(400, personality=[{**one, "mode": "0755"}])
