"""The refusals of S3 and of services that speak its protocol, in words for whoever has to mend them."""

from __future__ import annotations

import re
from typing import Any

from bootstrap.publish.objects import PublishError

_REGION = re.compile(r"expecting '([a-z0-9-]+)'")
# The codes of a key that is out of date, of one that is wrong, and of a bucket that is elsewhere.
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_WRONG = {"InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken", "SignatureDoesNotMatch", "AuthFailure"}
_ELSEWHERE = {"301", "307", "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed"}
_DAMAGED = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}


def explained(answer: dict[str, Any], failure: str, bucket: str, region: str) -> PublishError:
    """Return the error of a refusal. answer: as botocore has it; failure: the beginning of the message.

    region: the one that the request was signed for.
    """
    error, headers = answer.get("Error", {}), answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    code = str(error.get("Code", ""))
    # The message comes from a machine of somebody else: it must not move the cursor of a terminal.
    message = "".join(letter if letter.isprintable() else " " for letter in str(error.get("Message", "")))[:300]
    pinned = _REGION.search(message)
    home = error.get("Region") or headers.get("x-amz-bucket-region") or (pinned[1] if pinned else None)
    if code in _ELSEWHERE or (code == "400" and home and home != region):
        place = f"region {home}" if home else f"another region, at {error.get('Endpoint', 'an endpoint not named')}"
        return PublishError(
            f"{failure}: the bucket {bucket} is in {place}, and the request was for region {region}",
            hint=f"export AWS_REGION={home or 'REGION'}, or set it in the profile",
        )
    if code in ("NoSuchBucket", "404") or message == "The specified bucket does not exist":
        return PublishError(
            f"{failure}: there is no bucket {bucket}",
            hint="check its name and the endpoint, or make it: its region and its access are yours to choose",
        )
    hints = {
        "AccessDenied": f"the user needs s3:GetObject and s3:PutObject on arn:aws:s3:::{bucket}/* and s3:ListBucket on "
        f"arn:aws:s3:::{bucket}; the bucket's own policy may refuse, too",
        "RequestTimeTooSkewed": "set the clock of this machine",
        "EntityTooLarge": "S3's own limit of an object is 5 TiB",
        "NoSuchKey": "publish it first",
    }
    hints |= {"403": hints["AccessDenied"]}
    hints |= dict.fromkeys(_EXPIRED, "the credentials have expired: log in again, or export new ones")
    hints |= dict.fromkeys(_WRONG, "check the credentials: aws sts get-caller-identity shows whose they are")
    hints |= dict.fromkeys(_DAMAGED, "the object was damaged on its way, and was not stored: publish again")
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    # A code of digits is botocore's own stand-in for an answer without a body.
    reply = f"{code}: {message}" if message and not code.isdigit() else f"{status} {message}".strip()
    return PublishError(f"{failure}: the service answers {reply}", hint=hints.get(code))


def of_http(answer: Any) -> dict[str, Any]:
    """Return an answer of `requests` in the form of botocore's. An error's body is a small XML."""
    fields = dict(re.findall(r"<(Code|Message|Region|Endpoint)>([^<]*)</", answer.text[:4096]))
    fields.setdefault("Code", str(answer.status_code))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return {"Error": fields, "ResponseMetadata": {"HTTPStatusCode": answer.status_code, "HTTPHeaders": headers}}


def unanswered(error: Exception, failure: str, endpoint: str) -> PublishError:
    """Return the error of a request that got no answer, or was not even sent: no credentials, no route."""
    kind = type(error).__name__
    if "Credential" in kind or "Token" in kind or "SSO" in kind or isinstance(error, RuntimeError):
        return PublishError(f"{failure}: {error}", hint="log in again, or export new credentials")
    return PublishError(
        f"{failure}: {endpoint} does not answer: {kind}", hint="check its name, the route, the proxy and the CA"
    )
