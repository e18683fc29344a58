"""The refusals of S3 in words: what happened, and how to mend it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, TokenRetrievalError
from requests import Response

from bootstrap.publish import s3_errors

FAILURE = "s3://boot/x cannot be uploaded"


def refused(code: str, message: str = "no", status: int = 400, **more: Any) -> dict[str, Any]:
    headers = more.pop("headers", {})
    return {
        "Error": {"Code": code, "Message": message, **more},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }


HOME = {"x-amz-bucket-region": "us-west-2"}
WRONG_REGION = "the authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'us-west-2'"


@pytest.mark.parametrize(
    "answer",
    [
        refused("PermanentRedirect", status=301, headers=HOME),
        refused("301", "Moved Permanently", 301, headers=HOME),
        refused("AuthorizationHeaderMalformed", Region="us-west-2"),
        refused("AuthorizationHeaderMalformed", WRONG_REGION),
        refused("400", "Bad Request", 400, headers=HOME),
    ],
)
def test_a_bucket_of_another_region_is_said_as_such(answer: dict[str, Any]) -> None:
    error = s3_errors.explained(answer, FAILURE, "boot", "eu-west-1")
    assert error.message == (
        f"{FAILURE}: the bucket boot is in region us-west-2, and the request was for region eu-west-1"
    )
    assert error.hint == "export AWS_REGION=us-west-2, or set it in the profile"


def test_a_region_that_is_not_named_is_not_guessed() -> None:
    answer = refused("PermanentRedirect", status=301, Endpoint="boot.s3.amazonaws.com")
    error = s3_errors.explained(answer, FAILURE, "boot", "eu-west-1")
    assert "is in another region, at boot.s3.amazonaws.com, and" in error.message


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (refused("AccessDenied", status=403), "answers AccessDenied: no", "s3:PutObject on arn:aws:s3:::boot/*"),
        (refused("403", "Forbidden", 403), "the service answers 403 Forbidden", "s3:ListBucket on arn:aws:s3:::boot;"),
        (refused("NoSuchBucket", status=404), "there is no bucket boot", "check its name and the endpoint, or make it"),
        (refused("404", "Not Found", 404), "there is no bucket boot", "check its name and the endpoint, or make it"),
        (refused("ExpiredToken"), "the service answers ExpiredToken: no", "the credentials have expired: log in again"),
        (refused("SignatureDoesNotMatch", status=403), "answers SignatureDoesNotMatch: no", "check the credentials"),
        (refused("RequestTimeTooSkewed", status=403), "answers RequestTimeTooSkewed: no", "set the clock"),
        (refused("BadDigest"), "answers BadDigest: no", "was damaged on its way, and was not stored: publish again"),
        (refused("SlowDown", "\x1b[2J", 503), "the service answers SlowDown:  [2J", None),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(answer: dict[str, Any], message: str, hint: str | None) -> None:
    error = s3_errors.explained(answer, FAILURE, "boot", "eu-west-1")
    assert error.message.startswith(f"{FAILURE}: ") and error.message.endswith(message)
    assert error.hint is None if hint is None else hint in str(error.hint)


def test_no_answer_and_no_login_are_two_things() -> None:
    nobody = s3_errors.unanswered(EndpointConnectionError(endpoint_url="https://x"), FAILURE, "https://x")
    assert nobody.message == f"{FAILURE}: https://x does not answer: EndpointConnectionError"
    login = TokenRetrievalError(provider="sso", error_msg="it has expired")
    assert s3_errors.unanswered(login, FAILURE, "https://x").hint == "log in again, or export new credentials"


def test_an_answer_of_http_is_read_as_botocore_reads_it() -> None:
    answer = Response()
    answer.status_code = 403
    answer._content = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    error = s3_errors.explained(s3_errors.of_http(answer), FAILURE, "boot", "eu-west-1")
    assert error.message == f"{FAILURE}: the service answers AccessDenied: Request has expired"
