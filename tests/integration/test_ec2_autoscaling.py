"""The page on EC2 Auto Scaling: real Terraform and its real AWS provider make the group in moto, as the page says."""

from __future__ import annotations

import base64
import email
import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from email.message import Message
from fnmatch import fnmatch
from pathlib import Path

import instance_refresh
import pytest
import venvs
from botocore.exceptions import ClientError
from box import Box, needs_root
from collector_process import CollectorProcess
from ec2_instance import boot, dmi, metadata_service
from ec2_page import Page
from moto_server import Login, MotoServer
from namespaces import private_namespaces

import bootstrap
from bootstrap.payload.split import assemble, runner_text
from bootstrap.targets.model import Packed

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900), needs_root]
# The page's own commands, by their beginnings.
RENDER, APPLY = "bootstrap render", "terraform apply"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page after its first `terraform apply`."""
    folder = tmp_path_factory.mktemp("page")
    # Their packages come by the network, and in the private one there is none.
    for environment in ("moto", "terraform", "sdks"):
        venvs.python(environment)
    own = CollectorProcess(tmp_path_factory.mktemp("collector"), "--listen", "127.0.0.1:8443")
    with private_namespaces(), MotoServer(also=instance_refresh.SOURCE) as moto, own:
        moto.become_admin()
        page = Page(folder, moto, own)
        page.play(
            "cat >mine.yaml", "terraform init", "terraform apply -target", "bootstrap publish", "bootstrap secret",
            "bootstrap render", "terraform apply",
        )  # fmt: skip
        yield page


def rendered(page: Page) -> Packed:
    """What Python's API gives for the roll-out of the page's last `render`."""
    secret = bootstrap.read_secret(page.folder / "collector.secret")
    published = bootstrap.read_published(page.folder / "build/published.json")
    plan = bootstrap.load(page.folder / "web.yaml").plan("web-*", deploy_id=page.deploy_id())
    return plan.render(secret, published=published).pack("user-data", "ec2", [page.folder / "mine.yaml"])


def parts(user_data: bytes) -> list[Message]:
    """The parts of a MIME message, which cloud-init unpacks like this."""
    message = email.message_from_bytes(gzip.decompress(user_data))
    return [part for part in message.walk() if not part.is_multipart()]


def test_the_files_are_written_as_terraform_writes_them(page: Page) -> None:
    page.sh("terraform fmt -check -diff main.tf && terraform validate")


def test_every_instance_gets_what_was_rendered_the_carrier_and_the_users_own_part(page: Page) -> None:
    instances = page.instances()
    assert len(instances) == 3 and set(instances.values()) == {page.user_data()}
    ours, theirs = parts(page.user_data())
    packed = rendered(page)
    assert packed.blob == page.user_data() and len(packed.blob) < 16_384 - 10_240
    assert packed.payload.carrier and assemble(packed.payload.carrier, runner_text().content) == packed.payload.bundle
    assert ours.get_content_type() == "text/cloud-boothook"
    assert theirs.get_payload(decode=True) == (page.folder / "mine.yaml").read_bytes()
    assert theirs.get_content_type() == "text/cloud-config"


def test_the_instances_have_the_role_of_the_page_and_a_metadata_service_with_tokens(page: Page) -> None:
    (template,) = page.moto.client("ec2").describe_launch_template_versions(Versions=["$Latest"])[
        "LaunchTemplateVersions"
    ]
    assert template["LaunchTemplateData"]["MetadataOptions"] == {"HttpEndpoint": "enabled", "HttpTokens": "required"}
    iam = page.moto.client("iam")
    name = template["LaunchTemplateData"]["IamInstanceProfile"]["Name"]
    (role,) = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
    policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName="runner")["PolicyDocument"]
    (published,) = bootstrap.read_published(page.folder / "build/published.json").runner
    key = published.removeprefix("s3://").split("?")[0]
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "s3:GetObject")
    assert fnmatch(f"arn:aws:s3:::{key}", statement["Resource"])


def test_the_secrets_are_in_the_state_as_the_page_says(page: Page) -> None:
    state = json.loads((page.folder / "terraform.tfstate").read_text())
    (template,) = (item for item in state["resources"] if item["type"] == "aws_launch_template")
    carried = template["instances"][0]["attributes"]["user_data"]
    assert base64.b64decode(carried) == page.user_data()


def test_instances_start_with_the_role_through_cloud_init_and_wait_counts_them(page: Page, tmp_path: Path) -> None:
    arn = page.moto.client("iam").get_role(RoleName="web")["Role"]["Arn"]
    given = page.moto.client("sts").assume_role(RoleArn=arn, RoleSessionName="i-0123456789abcdef0")["Credentials"]
    page.moto.require_login()
    login = Login(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    with ExitStack() as stack:
        stack.enter_context(metadata_service(tmp_path, page.user_data(), login))
        boxes = [stack.enter_context(Box(network="host", dmi=dmi(number))) for number in range(3)]
        for box in boxes:
            boot(box)
        page.play("bootstrap wait")
        for number, box in enumerate(boxes):
            assert box.text("/srv/web/index.html") == f"web-ec2d{number:04x}c7c4\n"
            assert box.sh("id -nG deploy").stdout == "deploy sudo\n", "the user's own part"
        # Months later the group grows: the same template, and one more member of the same deploy.
        page.collector.kill()
        page.collector.start()
        late = stack.enter_context(Box(network="host", dmi=dmi(3)))
        boot(late)
        page.sh("bootstrap wait 'build/web-*' --count 4")
    assert (tmp_path / "log").read_text().count("iam/security-credentials/web\n") == 4
    # The role is what brings the runner, and nothing else: the page's policy is judged here.
    page.moto.client("s3").put_object(Bucket="acme-boot", Key="other", Body=b"")
    page.moto.login, admin = login, page.moto.login
    try:
        s3 = page.moto.client("s3")
        key = f"runner/{runner_text().sha256}"
        assert s3.get_object(Bucket="acme-boot", Key=key)["Body"].read() == runner_text().content
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket="acme-boot", Key="other")
    finally:
        page.moto.login = admin


def test_the_same_payload_changes_nothing_and_a_new_one_replaces_every_instance(page: Page) -> None:
    before, instances = page.user_data(), page.instances()
    page.play(RENDER)
    assert page.user_data() != before, "another deploy id"
    assert page.terraform.changes() == {
        "aws_launch_template.web": ["update"],
        "aws_autoscaling_group.web": ["update"],
    }
    page.play(APPLY)
    assert page.terraform.changes() == {}
    replaced = page.instances()
    assert len(replaced) == 3 and not replaced.keys() & instances.keys()
    assert set(replaced.values()) == {page.user_data()}
