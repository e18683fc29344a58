"""The words of `--to`, and how long the URLs of a place are good."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.publish import places
from bootstrap.publish.places import COLLECTOR, FOLDER, S3, SWIFT, Place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("swift://boot", Place(SWIFT, "boot")), ("swift://boot/web/", Place(SWIFT, "boot", "web")),
        ("s3://acme-boot", Place(S3, "acme-boot")), ("s3://acme-boot/a/b", Place(S3, "acme-boot", "a/b")),
        ("collector", Place(COLLECTOR)), ("./public", Place(FOLDER, "./public")), ("/www", Place(FOLDER, "/www")),
    ],
)  # fmt: skip
def test_a_place_is_read(text: str, place: Place) -> None:
    assert places.parse(text) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("boot", "'boot' names no place to publish to"), ("https://x/y", "names no place to publish to"),
        ("s3://", "a bucket's name has 3 to 63 characters"), ("s3://Boot", "lower-case letters"),
        ("swift://", "it is empty"), ("swift:///x", "it is empty"), ("", "names no place"),
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        places.parse(text)


def test_a_word_that_could_be_a_folder_gets_the_slash_in_the_hint() -> None:
    with pytest.raises(UsageError) as refused:
        places.parse("boot")
    assert str(refused.value.hint).endswith("a folder with a slash in it: ./boot")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("s3:/acme", "did you mean s3://acme?"), ("s3//acme/web", "did you mean s3://acme/web?"),
        ("S3://acme", "did you mean s3://acme?"), ("swift:boot/web", "did you mean swift://boot/web?"),
        ("swfit://boot", "did you mean swift://boot?"),
        ("collector/", "write collector, or ./collector for a folder of that name"),
    ],
)  # fmt: skip
def test_a_mistyped_place_is_not_made_as_a_folder(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match="names no place to publish to") as refused:
        places.parse(text)
    assert refused.value.hint == hint


@pytest.mark.parametrize("text", ["s3/acme", "swift/", "./s3:/acme", "/s3//x", "st ore/x"])
def test_a_folder_may_have_a_name_like_a_scheme(text: str) -> None:
    assert places.parse(text) == Place(FOLDER, text)


@pytest.mark.parametrize("name", ["file", "file/below/it"])
def test_a_file_is_no_folder_to_publish_to(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as refused:
        places.open_folder(Place(FOLDER, f"{tmp_path}/{name}"), None)
    assert refused.value.message == f"--to {tmp_path}/{name}: {tmp_path}/file is a file"


@pytest.mark.parametrize("url", ["http://deploy.example/", "deploy.example", "https:///x", "https://x.example/?key=1"])
def test_a_folder_has_a_url_that_hosts_can_use(url: str) -> None:
    with pytest.raises(UsageError, match="is not an https:// URL"):
        places.open_folder(Place(FOLDER, "./public"), url)


def test_a_presigned_url_of_more_than_seven_days_is_refused_before_a_login() -> None:
    with pytest.raises(UsageError) as refused:
        places.open_s3(Place(S3, "acme-boot"), 8 * 86400, expires="8d", endpoint_url=None, region=None, by_role=False)
    assert refused.value.message == "--expires 8d is too long: a presigned URL of S3 is good for 7 days at most"
