"""Every shell text that lands on a host is read by shellcheck and by the shells that may meet it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap import resources
from bootstrap.payload.build import build
from bootstrap.payload.crontab import parse
from bootstrap.payload.model import Payload
from bootstrap.payload.no_python_report import script
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.runner.host import STATE
from bootstrap.runner.later.opening import WRAPPER
from bootstrap.spec.load import load
from bootstrap.targets import layout, starter, stub

TOP = Path(__file__).parents[2]
EXAMPLES = ("hello", "web")
# Meant: names of pieces are split into words (2086), a loop only counts (2034), $? must be 1 and not just bad (2181).
CRON_MEANS = "SC2086,SC2034,SC2181"

# Meant: the stub goes to Python both as its program and in its environment (2097, 2098); words are split as above.
# Meant: its paths are known and need no quotes (2086), also when the trap is set (2064); A && B || C where B is a test
# that cannot fail otherwise (2015); its variables come from whoever evaluates it (2154); an echo makes one line (2116,
# 2046).
CARRIER_MEANS = "SC2086,SC2064,SC2015,SC2154,SC2116,SC2046"
HEAD_MEANS = "SC2086,SC2097,SC2098"


def example(name: str) -> tuple[dict, Payload]:
    rendered = render(resolve(load(TOP / "examples" / name), server=f"{name}-1", deploy_id="d1"))
    return rendered.host_plan, build(rendered)


def texts() -> Iterator[tuple[str, str, str]]:
    """(name, text, codes that are meant)."""
    yield "head of the bundle", "P=''; D=''; f() {\n" + resources.text("files/bundle/head.sh") + "}\nf x\n", HEAD_MEANS
    plan = {"server": "web-1", "deploy_id": "d1", "report": {"url": "https://c", "key": "a2V5"}}
    yield "a host without Python", "f() {\n" + script(plan) + "\n}\nf x\n", HEAD_MEANS
    # Meant: the name of the one file is known now (2064), a number needs no quotes (2086).
    yield "stub", resources.text("files/stub/stub.sh"), "SC2064,SC2086"
    yield "stub, by role", stub.text("s3://acme-boot/x", "0" * 64).decode(), "SC2064,SC2086"
    hook = starter.in_background(resources.text("files/stub/stub.sh").encode(), "d1").decode()
    yield "stub, as a boothook", hook, "SC2064,SC2086"
    for source in ("disk", "https://c/runner/"):
        rendered = render(resolve(load(TOP / "examples/hello"), server="hello-1", deploy_id="d1"))
        packed = layout.pack(rendered, "user-data", runner_from=[source])
        assert packed.payload.carrier is not None
        script_of_it = packed.payload.carrier.decode()
        yield f"carrier from {source}", script_of_it, CARRIER_MEANS
        program = script_of_it.split('cat <<"__"\n')[1].split("\n__\n")[0]
        yield f"program of a carrier from {source}", f"#!/bin/sh\nc=$1 d=$2\n{program}\n", CARRIER_MEANS
    values = {"files": "/etc/initialrunner/bundle", "sha256": "0" * 64, "path": "/bin", "state": STATE}
    yield "admin command", WRAPPER % values, "SC2016"
    for entry in parse(resources.text("files/image/cron").encode()).entries:
        yield f"baked: cron {entry.schedule}", f"#!/bin/sh\n{entry.command}\n", CRON_MEANS
    yield "baked: admin command", resources.text("files/image/command.sh"), ""
    yield "baked: host keys", resources.text("files/image/host-keys.sh"), ""
    for name in EXAMPLES:
        plan, payload = example(name)
        for entry in parse(payload.files[-1].content).entries:
            yield f"{name}: cron {entry.schedule}", f"#!/bin/sh\n{entry.command}\n", CRON_MEANS
        yield f"{name}: starter", starter.text(payload).removeprefix(starter.BOOTHOOK), CRON_MEANS
        yield (
            f"{name}: rc.local",
            next(f.content.decode() for f in payload.files if f.path == "/etc/rc.local"),
            "SC2016",
        )
        for stage in [*plan["stages"], *plan["every_boot"]]:
            for key in ("text", "verify", "skip_if", "undo"):
                if key in stage:
                    yield f"{name}: {stage['name']}.{key}", "#!/bin/sh -eu\n" + stage[key], "SC2317"
        for file in payload.files:
            if re.match(rb"#!/bin/sh\b", file.content) and not file.path.startswith("/etc/initialrunner"):
                yield f"{name}: {file.path}", file.content.decode(), "SC2016"


@pytest.mark.parametrize(("text", "meant"), [pytest.param(text, meant, id=name) for name, text, meant in texts()])
def test_shellcheck_finds_nothing(text: str, meant: str) -> None:
    done = subprocess.run(["shellcheck", "-s", "sh", "-e", meant, "-"], input=text, capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_every_shell_can_read_them(shell: str) -> None:
    for name, text, _ in texts():
        done = subprocess.run([*shell.split(), "-n"], input=text, capture_output=True, text=True)
        assert (name, done.returncode, done.stderr) == (name, 0, "")


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_every_shell_can_read_a_whole_bundle(shell: str) -> None:
    for name in EXAMPLES:
        done = subprocess.run([*shell.split(), "-n"], input=example(name)[1].bundle, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
