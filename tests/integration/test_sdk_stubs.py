"""The pages on EC2 and Linode, whose user-data is too small for a bundle: the stub arrives as it was rendered."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import presigned
import pytest
import sdk_pages
from moto_server import MotoServer
from scripted_clouds import ScriptedClouds

import bootstrap
from bootstrap.errors import PayloadError
from bootstrap.payload.bundle import unpack

pytestmark = pytest.mark.integration

URL = "https://objects.example/deploys/web-1"
BUCKET = "acme-boot"
MAKE_BUCKET = f"""\
import boto3
where = {{"LocationConstraint": "eu-west-1"}}
boto3.client("s3").create_bucket(Bucket="{BUCKET}", CreateBucketConfiguration=where)
"""
ASK = """\
import boto3, json
ec2 = boto3.client("ec2")
given = [i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
print(json.dumps({
    "instances": [ec2.describe_instance_attribute(InstanceId=i, Attribute="userData")["UserData"]["Value"]
                  for i in given],
    "templates": [t["LaunchTemplateData"]["UserData"] for t in
                  ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]],
}))
"""


@pytest.fixture(scope="module")
def ec2() -> Iterator[dict[str, str]]:
    """A moto server: what boto3 reads of where and who."""
    with MotoServer() as moto:
        yield {**moto.environment, "AMI": "ami-12c6146b", "BUNDLE_URL": URL}


def is_the_stub_of(folder: Path, arrived: bytes, bundle: bytes, url: str = URL) -> bool:
    """Whether what arrived is the stub that folder/web.yaml gives for the bundle that the page's program put there."""
    plan = unpack(bundle).plan
    web = bootstrap.load(folder / "web.yaml").plan(plan["server"], deploy_id=plan["deploy_id"]).render()
    return arrived == web.stub(url).encode() and web.pack("stub", url=url).payload.bundle == bundle


def arrived_at(ec2: dict[str, str], folder: Path, where: str) -> bytes:
    """The one user-data that EC2 has been given."""
    asked = sdk_pages.python(["-c", ASK], folder, ec2)
    assert asked.returncode == 0, asked.stderr
    (arrived,) = json.loads(asked.stdout)[where]
    return base64.b64decode(arrived, validate=True)


@pytest.mark.fault(148)
def test_boto3_with_a_presigned_url(ec2: dict[str, str], tmp_path: Path) -> None:
    login = {**ec2, "AWS_SESSION_TOKEN": presigned.TOKEN, "BUCKET": BUCKET}
    made = sdk_pages.python(["-c", MAKE_BUCKET], tmp_path, login)
    assert made.returncode == 0, made.stderr

    sdk_pages.run("create-with-boto3.md", "instance.py", tmp_path, login)

    arrived = arrived_at(ec2, tmp_path, "instances")
    (url,) = re.findall(r"^u='(.*)'$", arrived.decode(), re.MULTILINE)
    assert len(url) > 1_000 and "X-Amz-Security-Token=" in url
    # boto3's own URL leads to the bundle, by the program that the stub would use.
    fetched = subprocess.run(["curl", "-gsSf", "-K-"], input=f"url={url}\n".encode(), capture_output=True, check=True)
    assert is_the_stub_of(tmp_path, arrived, fetched.stdout, url)


def test_boto3_in_a_launch_template(ec2: dict[str, str], tmp_path: Path) -> None:
    sdk_pages.run("create-with-boto3.md", "template.py", tmp_path, ec2)

    assert is_the_stub_of(tmp_path, arrived_at(ec2, tmp_path, "templates"), (tmp_path / "bundle").read_bytes())


def test_linode_api4(tmp_path: Path) -> None:
    url = "api.linode.com/v4/linode/instances"
    with ScriptedClouds(tmp_path, {("POST", url): (200, {"id": 1, "label": "web-1"})}) as clouds:
        login = {"LINODE_TOKEN": "a-token", "SSH_KEY": "ssh-ed25519 AAAA", "BUNDLE_URL": URL}
        sdk_pages.run("create-with-linode.md", "create.py", tmp_path, {**clouds.environment, **login})
        (body,) = clouds.bodies(url)

    arrived = json.loads(body)["metadata"]["user_data"]
    assert is_the_stub_of(tmp_path, base64.b64decode(arrived, validate=True), (tmp_path / "bundle").read_bytes())


@pytest.mark.parametrize("provider", ["ec2", "linode"])
def test_a_whole_bundle_is_refused_there(tmp_path: Path, provider: str) -> None:
    sdk_pages.saved("create-with-boto3.md", tmp_path)
    web = bootstrap.load(tmp_path / "web.yaml").plan("web-1").render()
    with pytest.raises(PayloadError, match=rf"and {provider} takes 16,384"):
        web.user_data(provider)
