"""The objects of one bucket of S3, or of a service with its protocol, as `Objects` (objects.py) has them.

Objects are private; hosts get presigned URLs, or sign with the role of their instance.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bootstrap.publish import s3_errors
from bootstrap.publish.content import blocks, changed, digests, read_small
from bootstrap.publish.names import check as check_names
from bootstrap.publish.objects import BLOCK_BYTES, Listed, PublishError
from bootstrap.publish.sigv4 import MAX_S, Credentials, presigned

# Our note of an object's SHA-256.
SHA256_META = "sha256"
# The parts of a large object. S3 takes 10,000 of them.
PART_BYTES, MAX_PARTS = 16 << 20, 9_000
HOUR_S = 3600


@dataclass(frozen=True)
class S3Objects:
    """A bucket, or what lies below a prefix of it. client: boto3's for the bucket's region.

    by_role: whether hosts get s3:// addresses, for a stub that signs with its instance's role. own_endpoint: the URL of
    the service, if it is not AWS.
    """

    client: Any = field(repr=False)
    credentials: Credentials = field(repr=False)
    bucket: str
    prefix: str = ""
    region: str = ""
    own_endpoint: str | None = None
    by_role: bool = False

    @property
    def place(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def check(self, names: Iterable[str]) -> None:
        check_names(names, self.place, prefix=self._key(""))

    def digest(self, name: str) -> str | None:
        from botocore.exceptions import ClientError

        failure = f"{self.place}/{name} cannot be read"
        try:
            with self._explaining(failure):
                answer = self.client.head_object(**self._at(name))
        except PublishError as error:
            refusal = error.__cause__
            status = refusal.response["ResponseMetadata"]["HTTPStatusCode"] if isinstance(refusal, ClientError) else 0
            if status == 404:
                return None
            if status in (400, 403):
                # An answer to HEAD has no body, and so no reason. The same GET has one.
                with self._explaining(failure):
                    self.client.get_object(**self._at(name), Range="bytes=0-0")["Body"].close()
            raise
        return str(answer["Metadata"].get(SHA256_META, ""))

    def put(self, name: str, content: bytes | Path, sha256: str) -> None:
        content = read_small(content)
        with self._explaining(f"{self.place}/{name} cannot be uploaded"):
            if isinstance(content, Path):
                self._put_parts(name, content, sha256)
                return
            digests(f"{self.place}/{name}", content, sha256)
            checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
            self.client.put_object(
                **self._at(name), **_described(sha256), Body=content, ChecksumAlgorithm="SHA256",
                ChecksumSHA256=checksum,
            )  # fmt: skip

    def _put_parts(self, name: str, path: Path, sha256: str) -> None:
        """Put a large file part by part. The service checks each; the whole is compared before it becomes an object."""
        from botocore.exceptions import BotoCoreError, ClientError

        at = self._at(name)
        part_bytes = max(PART_BYTES, -(-path.stat().st_size // MAX_PARTS))
        started = self.client.create_multipart_upload(**at, **_described(sha256), ChecksumAlgorithm="SHA256")
        upload = {**at, "UploadId": started["UploadId"]}
        digest, parts = hashlib.sha256(), []
        try:
            for number, block in enumerate(blocks(path, part_bytes), 1):
                digest.update(block)
                checksum = base64.b64encode(hashlib.sha256(block).digest()).decode()
                answer = self.client.upload_part(**upload, PartNumber=number, Body=block, ChecksumSHA256=checksum)
                parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
            if digest.hexdigest() != sha256:
                raise changed(f"{self.place}/{name}", digest.hexdigest(), sha256)
            self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            # Parts that belong to no object would be paid for until somebody removes them. The first error is the one
            # to say, not that of a network that is gone.
            with suppress(BotoCoreError, ClientError):
                self.client.abort_multipart_upload(**upload)
            raise

    def read(self, name: str) -> Iterator[bytes]:
        with self._explaining(f"{self.place}/{name} cannot be read"):
            yield from self.client.get_object(**self._at(name))["Body"].iter_chunks(BLOCK_BYTES)

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        with self._explaining(f"{self.place} cannot be listed"):
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self._key(prefix)):
                for entry in page.get("Contents", []):
                    etag = entry["ETag"].strip('"')
                    # The ETag of an object of several parts is no MD5, and has a hyphen.
                    md5 = etag if len(etag) == 32 else None
                    yield Listed(entry["Key"].removeprefix(self._key("")), entry["Size"], md5)

    def remove(self, name: str) -> None:
        with self._explaining(f"{self.place}/{name} cannot be removed"):
            self.client.delete_object(**self._at(name))

    def url(self, name: str, expires: int) -> str:
        # An s3:// address cannot be tried without a role: a presigned URL of the same object shows that it is there.
        url = self._presigned(name, int(time.time()) + HOUR_S if self.by_role else expires)
        self._try(url, name)
        return self._address(name) if self.by_role else url

    def untried_url(self, name: str, expires: int) -> str:
        return self._address(name) if self.by_role else self._presigned(name, expires)

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self._key(name)}

    def _address(self, name: str) -> str:
        """Return the s3:// address of an object, which needs no further setting on the host."""
        endpoint = {"endpoint": self.own_endpoint} if self.own_endpoint else {}
        query = urlencode({"region": self.region, **endpoint}, safe=":/")
        return f"s3://{self.bucket}/{self._key(name)}?{query}"

    def _presigned(self, name: str, expires: int) -> str:
        """Return a presigned URL, the same one within an hour. Raises PublishError for an end that is too late."""
        now = int(time.time())
        # A signature may be older than the request for it, so that its end may be 7 days from now to the second.
        signed_at = max(min(now - now % HOUR_S, expires - 1), expires - MAX_S)
        if signed_at > now:
            raise PublishError("a presigned URL of S3 is good for 7 days at most", hint="choose an earlier end")
        # boto3 knows where a bucket is and how its key is escaped.
        url = self.client.generate_presigned_url("get_object", Params=self._at(name), ExpiresIn=60)
        return presigned(url.split("?")[0], self.credentials, self.region, signed_at, expires)

    def _try(self, url: str, name: str) -> None:
        """Ask for the first byte by a presigned URL, as a host does, to see that it works. Raises PublishError."""
        import requests

        failure = f"the presigned URL of {self.place}/{name} does not work"
        try:
            answer = requests.get(url, headers={"Range": "bytes=0-0"}, timeout=(10, 60), allow_redirects=False)
        except requests.RequestException as error:
            raise PublishError(f"{failure}: no answer, {type(error).__name__}", hint="check route and proxy") from error
        # 416: the object is empty, and has no first byte.
        if answer.status_code not in (200, 206, 416):
            raise s3_errors.explained(s3_errors.of_http(answer), failure, self.bucket, self.region)

    @contextmanager
    def _explaining(self, failure: str) -> Iterator[None]:
        """Turn boto3's errors into PublishError. failure: the beginning of the message."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            raise s3_errors.explained(error.response, failure, self.bucket, self.region) from error
        # boto3 raises RuntimeError for credentials that have expired and cannot be renewed.
        except (BotoCoreError, RuntimeError) as error:
            raise s3_errors.unanswered(error, failure, self.client.meta.endpoint_url) from error


def _described(sha256: str) -> dict[str, Any]:
    """Return what is noted with an object."""
    return {"Metadata": {SHA256_META: sha256}, "ContentType": "application/octet-stream"}
