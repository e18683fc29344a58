"""EC2 user-data of three specs with all verbs: healthy in a copy and through cloud-init, from each kind of source."""

from __future__ import annotations

import gzip
import secrets
from contextlib import ExitStack
from pathlib import Path

import cloud_init
import ec2_instance
import pytest
import reports
import three_sites
import venvs
from box import Box, needs_root
from collector_process import CollectorProcess
from moto_server import Login, MotoServer
from namespaces import private_namespaces

from bootstrap.payload.split import FOLDER, assemble, find, runner_text
from bootstrap.rendering import Rendering
from bootstrap.runner.host import COMMAND
from bootstrap.targets import seed

pytestmark = [pytest.mark.integration, needs_root]
BUCKET, KEY = "acme-boot", f"boot/{runner_text().sha256}"
SOURCES = ["disk", "collector", "presigned", "role"]


class Cloud:
    """What a carrier may need around its server, in a network of its own: a collector, S3, a metadata service."""

    def __init__(self, source: str, name: str, folder: Path) -> None:
        self.source, self.name, self.folder = source, name, folder
        self.login = Login("", "")
        self._stack = ExitStack()

    def __enter__(self) -> Rendering:
        """Return the payload, split for the source."""
        if self.source in ("presigned", "role"):
            venvs.python("moto")  # made now, since the network of its own leads nowhere
        with ExitStack() as stack:
            stack.enter_context(private_namespaces())
            split = self._split(stack)
            self._stack = stack.pop_all()
        return split

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _split(self, stack: ExitStack) -> Rendering:
        if self.source == "disk":
            return three_sites.rendering(self.name).split("disk")
        if self.source == "collector":
            collector = stack.enter_context(CollectorProcess(self.folder))
            return three_sites.rendering(self.name, collector.url).split("collector")
        moto = stack.enter_context(MotoServer())
        moto.make_bucket(BUCKET)
        moto.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=runner_text().content)
        if self.source == "presigned":
            asked = {"Bucket": BUCKET, "Key": KEY}
            return three_sites.rendering(self.name).split(moto.client("s3").generate_presigned_url("get_object", asked))
        # From here on an object is given only to a role that may read it.
        moto.require_login()
        self.login = moto.role("web", "s3:GetObject", bucket=BUCKET)
        return three_sites.rendering(self.name).split(f"s3://{BUCKET}/{KEY}?endpoint={moto.url}")

    def box(self) -> Box:
        """Return a copy that sees this network; with the text on its disk it has none."""
        network = "none" if self.source == "disk" else "host"
        return Box(network=network, dmi=ec2_instance.dmi(1), units=self.name == "real")


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def prepared(box: Box, source: str) -> None:
    if source == "disk":
        box.put(f"{FOLDER}/{runner_text().sha256}", runner_text().content)


def judge(box: Box, name: str, rendering: Rendering) -> None:
    """Wait until it is healthy, with every stage run once and all verbs at hand."""
    box.wait_for(lambda: three_sites.is_healthy(box), 120 if name != "web" else 280)
    assert three_sites.stages_run(box) == three_sites.STAGES[name]
    assert box.events("fixed", path="/etc/cron.d/initialrunner") == []
    assert f"{rendering.server}  healthy" in box.sh(f"{COMMAND} status").stdout
    # The lock alone is left in /run.
    assert box.sh("ls -d /run/initialrunner.bundle /run/initialrunner.bundle.[tc]* /run/initialrunner.m*").stdout == ""
    for verb in ("why", "timeline", "history", "verify", "doctor", "source tick/run.py"):
        assert box.sh(f"{COMMAND} {verb}").returncode in (0, 5), verb


@pytest.mark.parametrize("name", ["hello", "real"])
def test_in_a_copy(source: str, name: str, tmp_path: Path) -> None:
    cloud = Cloud(source, name, tmp_path)
    with cloud as rendering, ExitStack() as stack:
        if source == "role":
            stack.enter_context(ec2_instance.metadata_service(tmp_path, b"", cloud.login))
        box = stack.enter_context(cloud.box())
        prepared(box, source)
        box.put("/root/user-data", gzip.decompress(rendering.user_data_bytes("ec2")), 0o700)
        done = box.sh("/root/user-data")
        assert done.returncode == 0 and "initialrunner: " not in done.stderr, done.stderr
        judge(box, name, rendering)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hello", "real"])
def test_through_cloud_init(source: str, name: str, tmp_path: Path) -> None:
    cloud = Cloud(source, name, tmp_path)
    with cloud as rendering, ExitStack() as stack:
        blob = rendering.user_data_bytes("ec2")
        assert blob.startswith(b"\x1f\x8b")
        if source == "role":
            stack.enter_context(ec2_instance.metadata_service(tmp_path, blob, cloud.login))
        box = stack.enter_context(cloud.box())
        prepared(box, source)
        if source == "role":
            ec2_instance.boot(box)
        else:
            packed = rendering.pack("user-data", "ec2")
            cloud_init.seeded(box, "nocloud", seed.nocloud(packed.payload, blob).files)
            cloud_init.first_boot(box)
        judge(box, name, rendering)
        before = box.journal()
        cloud_init.boot(box)
        assert box.journal() == before


@pytest.mark.slow
@pytest.mark.alone
def test_the_web_example_installs_its_packages_and_is_healthy(tmp_path: Path) -> None:
    """Through cloud-init, with the text on the disk, on this machine's network, which apt needs."""
    rendering = three_sites.rendering("web").split("disk")
    with Box(network="host") as box:
        prepared(box, "disk")
        packed = rendering.pack("user-data", "ec2")
        assert packed.blob is not None
        cloud_init.seeded(box, "nocloud", seed.nocloud(packed.payload, packed.blob).files)
        cloud_init.first_boot(box)
        judge(box, "web", rendering)


def test_ten_kilobytes_that_do_not_compress_go_along_with_each(tmp_path: Path) -> None:
    """They are in the MIME message beside the carrier, and cloud-init writes them to the byte."""
    own = secrets.token_bytes(10_240)
    theirs = cloud_init.write_files("/srv/theirs", own)
    for name in three_sites.SPECS:
        packed = three_sites.rendering(name, "https://deploy.internal:8443").split("collector")
        assert len(packed.user_data_bytes("ec2", beside=[theirs])) <= 16_384, name
    packed = three_sites.rendering("hello").split("disk").pack("user-data", "ec2", [theirs])
    assert packed.blob is not None
    with Box() as box:
        prepared(box, "disk")
        cloud_init.seeded(box, "nocloud", seed.nocloud(packed.payload, packed.blob).files)
        cloud_init.first_boot(box)
        box.wait_for(lambda: three_sites.is_healthy(box))
        assert box.read("/srv/theirs") == own


def test_what_is_carried_is_the_whole_bundle_with_every_verb() -> None:
    for name in three_sites.SPECS:
        packed = three_sites.rendering(name, "https://deploy.internal:8443", reports.DEPLOY).split("collector")
        blob = packed.user_data_bytes("ec2")
        carrier = find(gzip.decompress(blob))
        assert carrier is not None
        bundle = assemble(carrier, runner_text().content)
        assert bundle == packed.pack("user-data", "ec2").payload.bundle
