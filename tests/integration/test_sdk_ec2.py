"""The pages on EC2 with boto3, run as they stand against moto: what instances and templates get was rendered so."""

from __future__ import annotations

import base64
import gzip
import random
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import instance_refresh
import presigned
import pytest
import reports
import sdk_pages
from collector_process import CollectorProcess, until
from ec2_page import IMAGE
from moto_server import MotoServer

import bootstrap
from bootstrap.errors import PayloadError
from bootstrap.payload import split
from bootstrap.publish import result
from bootstrap.render.model import Published

pytestmark = pytest.mark.integration
BUCKET = "acme-boot"
RUNNER = f"s3://{BUCKET}/runner/{split.runner_text().sha256}?region=eu-west-1"
MINE = "#cloud-config\npackages: [git]\n"


@pytest.fixture
def moto() -> Iterator[MotoServer]:
    with MotoServer(also=instance_refresh.SOURCE) as moto:
        moto.make_bucket(BUCKET)
        yield moto


@pytest.fixture
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as own:
        yield own


def folder_of(page: str, folder: Path, url: str) -> None:
    """What a page's programs find beside them."""
    sdk_pages.saved(page, folder)
    spec = folder / "web.yaml"
    spec.write_text(spec.read_text().replace("https://deploy.internal:8443", url))
    (folder / "mine.yaml").write_text(MINE)
    (folder / "collector.secret").write_text(base64.b64encode(reports.SECRET).decode() + "\n")
    (folder / "collector.secret").chmod(0o600)
    (folder / "build").mkdir()
    result.write(Published({}, {}, (RUNNER,)), folder / "build")


def run(program: str, folder: Path, moto: MotoServer, **environment: str) -> None:
    """A program of the page; it must succeed."""
    done = sdk_pages.python([program], folder, {**moto.environment, "AMI": IMAGE, **environment})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def user_data(moto: MotoServer) -> dict[str, bytes]:
    """{id: user-data} of the instances that run."""
    ec2 = moto.client("ec2")
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    instances = [
        i["InstanceId"] for r in ec2.describe_instances(Filters=running)["Reservations"] for i in r["Instances"]
    ]

    def one(instance: str) -> bytes:
        answer = ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
        return base64.b64decode(answer["UserData"]["Value"], validate=True)

    return {instance: one(instance) for instance in instances}


def deploy_id(arrived: bytes) -> str:
    """The roll-out of user-data with a carrier."""
    (found,) = set(re.findall(r'"deploy_id": "([^"]+)"', gzip.decompress(arrived).decode()))
    return found


def expected(folder: Path, server: str, arrived: bytes, published: Published | None = None) -> bytes:
    """What Python's API gives for the roll-out of what arrived."""
    plan = bootstrap.load(folder / "web.yaml").plan(server, deploy_id=deploy_id(arrived))
    packed = plan.render(reports.SECRET, published=published).pack("user-data", "ec2", [folder / "mine.yaml"])
    assert packed.payload.carrier and b"\n#cloud-config\npackages: [git]\n" in gzip.decompress(packed.blob)
    return packed.blob


def test_an_instance_gets_the_carrier_beside_the_users_own_part(moto: MotoServer, tmp_path: Path) -> None:
    folder_of("create-with-boto3.md", tmp_path, "https://deploy.internal:8443")
    run("instance.py", tmp_path, moto)
    (arrived,) = user_data(moto).values()
    assert arrived == expected(tmp_path, "web-1", arrived)


@pytest.mark.fault(148)
def test_an_instance_gets_a_stub_with_a_presigned_url(moto: MotoServer, tmp_path: Path) -> None:
    sdk_pages.saved("create-with-boto3.md", tmp_path)
    run("presigned.py", tmp_path, moto, AWS_SESSION_TOKEN=presigned.TOKEN, BUCKET=BUCKET)
    (arrived,) = user_data(moto).values()
    (url,) = re.findall(r"^u='(.*)'$", arrived.decode(), re.MULTILINE)
    assert len(url) > 1_000 and "X-Amz-Security-Token=" in url
    # boto3's own URL leads to the bundle, by the program that the stub would use.
    fetched = subprocess.run(["curl", "-gsSf", "-K-"], input=f"url={url}\n".encode(), capture_output=True, check=True)
    assert sdk_pages.is_the_stub_of(tmp_path, arrived, fetched.stdout, url, "alone.yaml")


def reported(program: str, folder: Path, moto: MotoServer, collector: CollectorProcess) -> set[str]:
    """The ids of the three instances that a program starts; each reports while the program waits for them."""
    before = user_data(moto)
    subnets = ",".join(subnet["SubnetId"] for subnet in moto.client("ec2").describe_subnets()["Subnets"])
    environment = {
        "SUBNETS": subnets, "BOOTSTRAP_COLLECTOR": collector.url,
        "BOOTSTRAP_TOKEN_FILE": str(collector.folder / "token"),
    }  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, program, folder, moto, **environment)
        until(lambda: running.done() or len(user_data(moto).keys() - before.keys()) == 3, 60)
        instances = user_data(moto)
        (arrived,) = set(instances.values())
        assert not running.done() and len(instances) == 3
        published = bootstrap.read_published(folder / "build/published.json")
        assert arrived == expected(folder, "web-*", arrived, published)
        who = {"deploy_id": deploy_id(arrived), "key_of": "web-*", "group": "web-*"}
        for number in range(3):
            assert not running.done()
            collector.report(reports.healthy_story("site"), server=f"web-{number}", **who)
        running.result(60)
    return set(instances)


def test_a_group_and_its_next_release_get_the_carrier_and_are_waited_for(
    moto: MotoServer, collector: CollectorProcess, tmp_path: Path
) -> None:
    folder_of("ec2-autoscaling.md", tmp_path, collector.url)
    moto.client("iam").create_instance_profile(InstanceProfileName="web")
    first = reported("group.py", tmp_path, moto, collector)
    assert not first & reported("release.py", tmp_path, moto, collector)


def test_our_own_check_refuses_what_moto_would_take(moto: MotoServer, tmp_path: Path) -> None:
    folder_of("create-with-boto3.md", tmp_path, "https://deploy.internal:8443")
    # It does not compress.
    noise = base64.b64encode(random.Random(13).randbytes(16_384)).decode()
    (tmp_path / "mine.yaml").write_text(f"#cloud-config\n# {noise}\n")
    moto.client("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, UserData="x" * 16_385)
    web = bootstrap.load(tmp_path / "web.yaml").plan("web-1").render(reports.SECRET)
    with pytest.raises(PayloadError, match="ec2 takes 16,384"):
        web.user_data("ec2", beside=[tmp_path / "mine.yaml"])
