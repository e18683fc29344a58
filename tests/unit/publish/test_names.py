"""The names of containers, buckets and objects: what services cannot hold is refused before anything is sent."""

from __future__ import annotations

import pytest

from bootstrap.publish import names
from bootstrap.publish.objects import Unfit


@pytest.mark.parametrize("name", ["boot", "a.b-c", "0-9", "x" * 63, "acme.boot.eu"])
def test_a_name_that_a_bucket_may_have(name: str) -> None:
    assert names.bucket_fault(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ab", "3 to 63 characters, and this one 2"), ("x" * 64, "3 to 63 characters, and this one 64"),
        ("", "3 to 63 characters, and this one 0"), ("Boot", "lower-case letters"), ("boot_1", "lower-case letters"),
        ("-boot", "lower-case letters"), ("boot.", "lower-case letters"), ("büro", "lower-case letters"),
        ("a..b", "no two dots together"), ("10.0.0.1", "no IP address"),
    ],
)  # fmt: skip
def test_a_name_that_no_bucket_has(name: str, reason: str) -> None:
    assert reason in str(names.bucket_fault(name))


def test_a_container_is_measured_in_bytes() -> None:
    assert names.container_fault("x" * 256) is None
    assert names.container_fault("é" * 128) is None
    assert names.container_fault("é" * 129) == "it has 258 bytes, and 256 are the most"
    assert names.container_fault("") == "it is empty"
    assert names.container_fault("a/b") == "a container's name has no slash and no NUL"


def test_the_prefix_counts_and_all_names_are_listed() -> None:
    names.check(["x" * 1019], "s3://boot/web", prefix="web1/")
    with pytest.raises(Unfit) as refused:
        names.check(["x" * 1020, "good", "a//b"], "s3://boot/web1", prefix="web1/")
    first, second = refused.value.problems
    counted = "it has 1,025 bytes with the prefix 'web1/', and 1,024 are the most"
    assert first.message == f"s3://boot/web1 cannot hold an object named {'x' * 1020!r}: {counted}"
    assert first.hint == "shorten the name or the prefix"
    assert second.message == "s3://boot/web1 cannot hold an object named 'a//b': a part of it is empty, `.` or `..`"


def test_a_part_of_a_path_has_the_limit_of_a_file_system() -> None:
    names.check(["a/" + "x" * 255], "./public", part_bytes=255)
    with pytest.raises(Unfit, match="a part of it has 256 bytes, and 255 are the most"):
        names.check(["a/" + "x" * 256], "./public", part_bytes=255)
