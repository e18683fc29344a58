"""Presigned URLs: botocore makes the same ones at the same time, with the same key."""

from __future__ import annotations

import datetime

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Theirs
from pytest_mock import MockerFixture

from bootstrap.publish.sigv4 import Credentials, presigned

MOMENT = 1795860000  # 2026-11-28T10:00:00Z
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize("token", [None, "IQoJb3JpZ2luX2VjE+/=="])
@pytest.mark.parametrize(
    "address",
    [
        "https://acme-boot.s3.eu-west-1.amazonaws.com/web-1/bundle",
        "http://127.0.0.1:9000/acme-boot/a%20b/%C3%BC%2B%25~%27",
    ],
)
def test_botocore_signs_the_same(mocker: MockerFixture, address: str, token: str | None) -> None:
    now = datetime.datetime.fromtimestamp(MOMENT, datetime.UTC)
    mocker.patch("botocore.auth.get_current_datetime", return_value=now)
    theirs = AWSRequest("GET", f"{address}?x-temp_url_expires={MOMENT + 43200}")
    S3SigV4QueryAuth(Theirs("AKIAIOSFODNN7EXAMPLE", SECRET, token), "s3", "eu-west-1", expires=43200).add_auth(theirs)

    ours = presigned(address, Credentials("AKIAIOSFODNN7EXAMPLE", SECRET, token), "eu-west-1", MOMENT, MOMENT + 43200)

    def parts(url: str) -> tuple[str, list[str]]:
        before, _, query = url.partition("?")
        return before, sorted(query.split("&"))

    assert parts(ours) == parts(theirs.url)


def test_no_secret_is_shown_by_credentials() -> None:
    assert repr(Credentials("AKIA", SECRET, "token", 1.0)) == "Credentials(access_key='AKIA', ends=1.0)"
