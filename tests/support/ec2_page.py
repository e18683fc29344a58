"""The page on EC2 Auto Scaling in a folder of its own, with a moto server, a collector and real Terraform.

page = Page(folder, moto, collector)
page.play("mkdir", "bootstrap render")    # the page's commands that begin so, as they stand, in their order
page.instances()                          # {instance id: its user-data}
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from pathlib import Path

import sdk_pages
from collector_process import CollectorProcess
from moto_server import MotoServer
from pages import blocks
from terraform import Terraform, ended

NAME = "ec2-autoscaling.md"
# An image that moto has.
IMAGE = "ami-12c6146b"
BOOTSTRAP = "#!/bin/sh\nexec '%s' -m bootstrap \"$@\"\n"


class Page:
    """Its files and commands are those of the page; only the collector has another URL, and AWS is moto."""

    def __init__(self, folder: Path, moto: MotoServer, collector: CollectorProcess) -> None:
        self.folder, self.moto, self.collector = folder, moto, collector
        sdk_pages.saved(NAME, folder)
        consoles = [block for block in blocks(sdk_pages.HOW_TO / NAME) if block.language == "console"]
        self._ahead = [command for block in consoles for command, _ in block.commands]
        spec = folder / "web.yaml"
        spec.write_text(spec.read_text().replace("https://deploy.internal:8443", collector.url))
        subnets = [subnet["SubnetId"] for subnet in moto.client("ec2").describe_subnets()["Subnets"][:2]]
        self.terraform = Terraform(folder, moto, image=IMAGE, subnets=subnets, bucket="acme-boot")
        programs = folder / "bin"
        programs.mkdir()
        (programs / "bootstrap").write_text(BOOTSTRAP % sys.executable)
        (programs / "bootstrap").chmod(0o755)
        path = self.terraform.environment["PATH"]
        self.environment = {
            **self.terraform.environment, "PATH": f"{programs}{os.pathsep}{path}", "PYTHONPATH": str(sdk_pages.TOP),
            "BOOTSTRAP_COLLECTOR": collector.url, "BOOTSTRAP_TOKEN_FILE": str(collector.folder / "token"),
            "AMI": IMAGE, "SUBNETS": ",".join(subnets), **moto.environment,
        }  # fmt: skip

    def play(self, *beginnings: str) -> None:
        """Run the next command of the page that begins with each of these words, and answer "yes" where one asks."""
        for words in beginnings:
            number = next(i for i, command in enumerate(self._ahead) if command.startswith(words))
            # Hosts find AWS by its name, and moto only where they are told.
            more = f" --endpoint-url {self.moto.url}" if words == "bootstrap publish" else ""
            self.sh(self._ahead[number] + more)
            del self._ahead[: number + 1]
            if words == "bootstrap secret":
                # The collector has had its own from the start.
                shutil.copyfile(self.collector.folder / "secret", self.folder / "collector.secret")

    def sh(self, command: str) -> str:
        """One command in the page's folder, which must succeed; its output."""
        return ended(["sh", "-c", command], self.folder, self.environment)

    def user_data(self) -> bytes:
        """What `render` wrote last."""
        return (self.folder / "build/web-*/user-data").read_bytes()

    def deploy_id(self) -> str:
        """The roll-out of what `render` wrote last."""
        manifest = json.loads((self.folder / "build/web-*/manifest.json").read_text())
        return str(manifest["deploy_id"])

    def instances(self) -> dict[str, bytes]:
        """{id: user-data} of the group's instances, as EC2 hands it to them."""
        (group,) = self.moto.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["web"])[
            "AutoScalingGroups"
        ]
        ec2 = self.moto.client("ec2")

        def user_data(instance: str) -> bytes:
            answer = ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
            return base64.b64decode(answer["UserData"]["Value"], validate=True)

        return {member["InstanceId"]: user_data(member["InstanceId"]) for member in group["Instances"]}
