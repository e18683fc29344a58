"""The commands of the page on other controllers: those of `aws` by the description of its API; its templates."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import venvs
import yaml

PAGE = Path(__file__).parents[2] / "docs/how-to/gate-another-controller.md"
# Reads commands as JSON lists of words, and prints what is wrong with each, by botocore's own models.
JUDGE = """
import json, sys
import botocore.session, botocore.validate
from botocore import xform_name as names
session = botocore.session.get_session()
for words in json.load(sys.stdin):
    service, operation, *rest = words
    model = session.get_service_model(service)
    found = {names(name, "-"): name for name in model.operation_names}
    if operation not in found:
        print(f"{service} has no {operation}")
        continue
    shape = model.operation_model(found[operation]).input_shape
    keys = {names(name, "-"): name for name in shape.members}
    values = {}
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        if option in ("--query", "--output"):
            continue
        name = keys.get(option[2:])
        if name is None:
            print(f"{service} {operation} has no {option}")
            continue
        kind = shape.members[name].type_name
        read = {"structure": json.loads, "list": json.loads, "integer": int}.get(kind, str)
        values[name] = read(value)
    for line in botocore.validate.ParamValidator().validate(values, shape).generate_report().splitlines():
        print(f"{service} {operation}: {line}")
"""


def commands() -> list[list[str]]:
    """The words of each `aws` command of the page, as a shell splits them."""
    lines = re.findall(r"(?:^\$ |\$\(|^ *)aws ([^\n]+)$", PAGE.read_text(), re.MULTILINE)
    # The shell reads the words, with values for its variables.
    script = "\n".join(f"printf '%s\\0' {line.removesuffix(' || :').removesuffix(')')} END" for line in lines)
    done = subprocess.run(
        ["sh", "-c", f"data=ZGF0YQ== version=7 instance=i-0123456789abcdef0\n{script}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [words.strip("\0").split("\0") for words in done.stdout.split("END\0") if words]


@pytest.mark.integration
def test_the_commands_of_aws_are_right_by_the_description_of_its_api() -> None:
    words = commands()
    assert [command[1] for command in words] == [
        "put-lifecycle-hook", "create-launch-template-version", "start-instance-refresh", "rollback-instance-refresh",
        "complete-lifecycle-action",
    ]  # fmt: skip
    done = subprocess.run(
        [venvs.python("sdks"), "-c", JUDGE], input=json.dumps(words), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]


def test_the_templates_are_yaml_and_say_what_the_text_says() -> None:
    blocks = re.findall(r"^```yaml\n# file: (\S+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    templates = {name: yaml.safe_load(text) for name, text in blocks}
    resources = templates["stack.yaml"]["resources"]
    assert resources["all_healthy"]["properties"]["handle"] == {"get_resource": "healthy"}
    assert templates["machine-health.yaml"]["kind"] == "MachineHealthCheck"
    files = templates["workers.yaml"]["spec"]["template"]["spec"]["files"]
    assert files[0]["contentFrom"]["secret"]["key"] == "user-data"
