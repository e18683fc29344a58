"""Opens a bucket of S3: the credentials by boto3's own chain, the region by asking the bucket."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from bootstrap.errors import UsageError
from bootstrap.publish import s3_errors
from bootstrap.publish.names import bucket_fault
from bootstrap.publish.objects import PublishError
from bootstrap.publish.preflight import is_private
from bootstrap.publish.s3 import S3Objects
from bootstrap.publish.sigv4 import Credentials

# botocore's pauses between attempts double up to 20 s.
TIMEOUTS = {"connect_timeout": 10, "read_timeout": 120, "retries": {"mode": "standard", "total_max_attempts": 5}}


def open_bucket(bucket: str, prefix: str = "", *, endpoint_url: str | None = None, by_role: bool = False) -> S3Objects:
    """Return the objects of a bucket. endpoint_url: of a service that is not AWS. Raises UsageError, PublishError."""
    fault = bucket_fault(bucket)
    if fault:
        raise UsageError(f"s3://{bucket}: {fault}", hint="write s3://BUCKET or s3://BUCKET/PREFIX")
    session = _session()
    credentials = _credentials(session)
    client = _client(session, None, endpoint_url)
    service = client.meta.endpoint_url
    if not is_private(service):
        raise PublishError(
            f"the endpoint {service} is not encrypted: hosts fetch by https only", hint="ask its operator for TLS"
        )
    # A request for another region would be redirected, and a presigned URL for it would never work.
    region = _region_of(client, bucket)
    if region and region != client.meta.region_name:
        client = _client(session, region, endpoint_url)
    is_aws = (urlsplit(service).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return S3Objects(
        client, credentials, bucket, prefix.strip("/"), client.meta.region_name,
        None if is_aws else service, by_role,
    )  # fmt: skip


def _session() -> Any:
    """Return boto3's session. Raises UsageError when it is not installed, or the profile does not exist."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise UsageError("S3 needs boto3", hint="pip install 'initialrunner[s3]'") from error
    try:
        return boto3.session.Session()
    except BotoCoreError as error:
        raise UsageError(f"boto3: {error}", hint="check AWS_PROFILE and ~/.aws/config") from error


def _client(session: Any, region: str | None, endpoint_url: str | None) -> Any:
    """Return a client of S3 for a region; None: the one that is set, else the first of all."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    try:
        return session.client(
            "s3", region_name=region or session.region_name or "us-east-1", endpoint_url=endpoint_url,
            config=Config(signature_version="s3v4", **TIMEOUTS),
        )  # fmt: skip
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"boto3: {error}", hint="check --endpoint-url, AWS_REGION and ~/.aws/config") from error


def _credentials(session: Any) -> Credentials:
    """Return the credentials that presign URLs. Raises UsageError, or PublishError when they cannot be renewed."""
    from botocore.exceptions import BotoCoreError

    try:
        credentials = session.get_credentials()
        frozen = credentials.get_frozen_credentials() if credentials else None
    except (BotoCoreError, RuntimeError) as error:
        raise s3_errors.unanswered(error, "the credentials cannot be renewed", "the login service") from error
    if frozen is None:
        raise UsageError(
            "no credentials for S3",
            hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on an instance with a role",
        )
    # boto3 renews temporary credentials before their end, which it has no public name for.
    ends = getattr(credentials, "_expiry_time", None)
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token, ends.timestamp() if ends else None)


def _region_of(client: Any, bucket: str) -> str | None:
    """Return the region of a bucket, as its service tells everybody; None if it does not. Raises PublishError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        answer = error.response
    except BotoCoreError as error:
        raise s3_errors.unanswered(error, f"s3://{bucket} cannot be opened", client.meta.endpoint_url) from error
    meta = answer["ResponseMetadata"]
    # Every other refusal has no reason in its answer. The first request for an object gets one.
    if meta["HTTPStatusCode"] == 404:
        raise s3_errors.explained(answer, f"s3://{bucket} cannot be opened", bucket, client.meta.region_name)
    region = meta.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return str(region) if region else None
