"""Heat, Terraform and Packer: what the page's snippets pass on is, byte for byte, what `render` wrote beside them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sdk_pages
import yaml
from nova import FLAVOR, IMAGE, Nova, Spawned

pytestmark = pytest.mark.integration
PAGE = "heat-terraform-packer.md"
# Debian's Packer evaluates Terraform's expressions too: both are HCL2, with the same functions.
needs_packer = pytest.mark.skipif(shutil.which("packer") is None, reason="no packer: apt-get install packer")
PARSE = "import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files, and what its `render` commands write."""
    folder = tmp_path_factory.mktemp("page")
    sdk_pages.saved(PAGE, folder)
    for target, output in (("user-data", "build"), ("personality", "build-personality")):
        subprocess.run(
            [sys.executable, "-m", "bootstrap", "render", folder / "web.yaml", "--server", "web-1", "--target",
             target, "--provider", "nova", "--output", folder / output],
            cwd=sdk_pages.TOP, check=True, capture_output=True,
        )  # fmt: skip
    return folder


def rendered_files(folder: Path) -> dict[str, bytes]:
    items = json.loads((folder / "build-personality/web-1/personality.json").read_text())
    return {item["path"]: base64.b64decode(item["contents"]) for item in items}


def instance(folder: Path, name: str) -> dict[str, Any]:
    """The openstack_compute_instance_v2 of a Terraform file; expressions as text."""
    done = sdk_pages.python(["-c", PARSE, name], folder, {})
    assert done.returncode == 0, done.stderr
    (resource,) = json.loads(done.stdout)["resource"]
    found: dict[str, Any] = resource['"openstack_compute_instance_v2"']['"web"']
    return found


def inside(expression: str) -> str:
    """An expression without the ${} that the parser puts around it."""
    return expression.removeprefix("${").removesuffix("}")


def evaluated(expression: str, folder: Path) -> Any:
    """What HCL2 makes of an expression there."""
    done = subprocess.run(
        ["packer", "console", "web.pkr.hcl"], input=f"jsonencode({expression})\n", text=True, cwd=folder,
        capture_output=True, timeout=60, check=False, env=packer(folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def packer(folder: Path) -> dict[str, str]:
    """Packer's environment: it calls nobody but the cloud, and keeps its things there."""
    return {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "CHECKPOINT_DISABLE": "1",
        "PKR_VAR_image": IMAGE, "PKR_VAR_flavor": FLAVOR,
    }  # fmt: skip


@needs_packer
def test_terraform_passes_the_user_data_on(folder: Path) -> None:
    passed = evaluated(inside(instance(folder, "user-data.tf")["user_data"]), folder)
    assert passed.encode() == (folder / "build/web-1/user-data").read_bytes()


@needs_packer
def test_terraform_passes_every_injected_file_on(folder: Path) -> None:
    found = instance(folder, "personality.tf")
    (block,) = found["dynamic"]
    block = block['"personality"']
    (content,) = block["content"]
    each = ", ".join(f"{key} = {inside(content[key])}" for key in ("file", "content"))
    each = each.replace("personality.value.", "one.")
    passed = evaluated(f"[for one in {inside(block['for_each'])} : {{{each}}}]", folder)
    assert {one["file"]: one["content"].encode() for one in passed} == rendered_files(folder)
    starter = evaluated(inside(found["user_data"]), folder)
    assert starter == (folder / "build-personality/web-1/starter").read_text()


@needs_packer
def test_packer_passes_the_user_data_on_to_nova(nova: Nova, folder: Path) -> None:
    def launched() -> Spawned:
        login = {**nova.environment, "OS_AUTH_URL": nova.urls["keystone"] + "/all/v3", "OS_DOMAIN_NAME": "Default"}
        with (folder / "said").open("wb") as said:
            build = subprocess.Popen(
                ["packer", "build", "-color=false", "web.pkr.hcl"], cwd=folder, env={**packer(folder), **login},
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        try:
            return nova.built()
        finally:
            # It would now wait for an SSH server; told to end, it deletes its own first.
            build.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                build.wait(timeout=20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(build.pid, signal.SIGKILL)
            build.wait()

    got = nova.twice(launched)
    assert got.user_data == (folder / "build/web-1/user-data").read_bytes()


@needs_packer
def test_packer_would_make_an_image_with_nova(nova: Nova, folder: Path) -> None:
    """The template of docs/how-to/build-images.md: everything a cloud wants of it, short of an image."""
    (folder / "bootstrap.pyz").touch()
    login = {**nova.environment, "OS_AUTH_URL": nova.urls["keystone"] + "/all/v3", "OS_DOMAIN_NAME": "Default"}
    given = {"zipapp": "bootstrap.pyz", "image": IMAGE, "flavor": FLAVOR}
    variables = [word for name, value in given.items() for word in ("-var", f"{name}={value}")]
    template = sdk_pages.TOP / "examples/images/packer/image.pkr.hcl"
    done = subprocess.run(
        ["packer", "validate", "-only=openstack.image", *variables, template], cwd=folder, capture_output=True,
        text=True, timeout=60, check=False, env={**packer(folder), **login},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def properties(folder: Path, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The server's properties in a Heat template, with files and parameters put in as Heat does."""

    def put_in(value: Any) -> Any:
        if isinstance(value, dict) and list(value) == ["get_file"]:
            return (folder / value["get_file"]).read_text()
        if isinstance(value, dict) and list(value) == ["get_param"]:
            return parameters[value["get_param"]]
        return value

    template = yaml.safe_load((folder / name).read_text())
    assert set(template["parameters"]) == set(parameters)
    server = template["resources"]["web"]
    assert server["type"] == "OS::Nova::Server"
    return {key: put_in(value) for key, value in server["properties"].items()}


def test_heat_passes_the_user_data_on(folder: Path) -> None:
    passed = properties(folder, "stack.yaml", {"image": IMAGE, "flavor": FLAVOR})
    assert passed["user_data_format"] == "RAW"
    assert passed["user_data"].encode() == (folder / "build/web-1/user-data").read_bytes()


def test_heat_passes_every_injected_file_on(folder: Path) -> None:
    assert sdk_pages.python(["parameter.py"], folder, {}).returncode == 0
    files = json.loads((folder / "personality-parameter.json").read_text())
    passed = properties(folder, "stack-personality.yaml", {"image": IMAGE, "flavor": FLAVOR, "personality": files})
    assert {path: text.encode() for path, text in passed["personality"].items()} == rendered_files(folder)
    assert passed["user_data"] == (folder / "build-personality/web-1/starter").read_text()
    assert passed["config_drive"] is True and passed["user_data_format"] == "RAW"
