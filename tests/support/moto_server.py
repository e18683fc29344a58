"""A moto server on the loopback: AWS's API in memory, in an environment of its own (tests/locks/moto.in).

    with MotoServer() as moto:
        moto.make_bucket("acme-boot", "eu-west-1")
        ... moto.environment ...                # what boto3 reads: endpoint, key, region

It takes every key until `require_login` was called. From then on it checks header signatures, tokens and policies as
AWS does; it never checks presigned URLs.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import venvs

# It ends with its standard input.
SERVER = """\
import os, sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
os._exit(0)
"""
REGION = "eu-west-1"
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
]}  # fmt: skip


@dataclass(frozen=True)
class Login:
    """The credentials of a role, as an instance has them, or of a user, without a token."""

    access_key: str
    secret_key: str
    token: str = ""

    @property
    def environment(self) -> dict[str, str]:
        token = {"AWS_SESSION_TOKEN": self.token} if self.token else {}
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key, **token}


class MotoServer:
    """The server, from start to end. url: of all its services; environment: what boto3 reads of where and who.

    also: a program that its process runs first, which may give moto what it lacks (see instance_refresh).
    """

    def __init__(self, also: str = "") -> None:
        self.url, self._also, self._is_admin = "", also, False
        self.login = Login("AKIAIOSFODNN7EXAMPLE", "two")
        self._process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION, **self.login.environment}

    def __enter__(self) -> Self:
        own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AWS_"))}
        self._process = subprocess.Popen(
            [venvs.python("moto"), "-c", self._also + SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=own,
        )  # fmt: skip
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), self.url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        assert process and process.stdin and process.stdout
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def client(self, service: str, region: str = REGION) -> Any:
        """boto3's client of a service, with the server's own login."""
        import boto3

        login = self.login
        return boto3.session.Session().client(
            service, endpoint_url=self.url, region_name=region, aws_access_key_id=login.access_key,
            aws_secret_access_key=login.secret_key, aws_session_token=login.token or None,
        )  # fmt: skip

    def make_bucket(self, name: str, region: str = REGION) -> None:
        """A bucket of a region, private as every new one."""
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.client("s3", region).create_bucket(Bucket=name, **where)

    def role(self, name: str, *actions: str, bucket: str) -> Login:
        """Make a role that may do this in a bucket. Return credentials of it, as a metadata service hands them out."""
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": f"arn:aws:s3:::{bucket}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed] if actions else []})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        made = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="i-0abc")["Credentials"]
        return Login(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    def require_login(self) -> None:
        """Take no key from now on but the administrator's and those of roles."""
        self.become_admin()
        # As the type that urllib sets by itself, the number would be taken for a form.
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
        urllib.request.urlopen(request, timeout=30).close()

    def become_admin(self) -> None:
        """Make an administrator, whose key the server's own login is from now on."""
        if self._is_admin:
            return
        iam = self.client("iam")
        iam.create_user(UserName="admin")
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=json.dumps(everything))
        key = iam.create_access_key(UserName="admin")["AccessKey"]
        self.login, self._is_admin = Login(key["AccessKeyId"], key["SecretAccessKey"]), True
