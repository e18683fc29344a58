"""Whatever passes `check` becomes shell that every shell parses, and carries its values byte for byte."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz_strategies import HOSTILE, effort, shell_text
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from bootstrap.errors import SpecError
from bootstrap.payload import crontab
from bootstrap.payload.bundle import unpack
from bootstrap.plan.resolve import resolve
from bootstrap.render.model import Rendered
from bootstrap.render.render import render
from bootstrap.spec.load import load
from bootstrap.targets import cloud_config, layout

# bash only by that name: what `sh` is differs from one distribution to the next.
SHELLS = ("dash", "bash", "busybox sh")
shells = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell.split()[0]), reason=f"needs {shell}"))
        for shell in SHELLS
    ],
)


def rendered(folder: Path, spec: dict[str, Any], style: str | None = None, *overrides: str) -> Rendered:
    """A spec as `check` and `render` take it. Raises SpecError."""
    path = folder / "web.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "name": "web", **spec}, default_style=style), encoding="utf-8")
    return render(resolve(load(path, overrides=overrides), server="web-1", deploy_id="d1"), secret=bytes(32))


def texts_of(found: Rendered) -> dict[str, str]:
    """Every text for a shell that a server gets, by its name."""
    texts = {"rc.local": found.rc_local or ""}
    for stage in [*found.host_plan["stages"], *found.host_plan.get("every_boot", [])]:
        for key in "text", "skip_if", "verify", "undo":
            if key in stage and not stage[key].startswith("#!"):
                texts[f"{stage['name']}.{key}"] = stage[key]
    for target in "tree", "user-data", "cloud-config":
        payload = layout.pack(found, target).payload
        texts[f"{target} bundle"] = payload.bundle.decode()
        trigger = crontab.parse(payload.files[-1].content)
        assert trigger.refusal is None and len(trigger.entries) == 2
        texts |= {f"{target} {entry.schedule}": entry.command for entry in trigger.entries}
    commands = yaml.safe_load(cloud_config.text(payload))["runcmd"]
    texts |= {f"runcmd {number}": one for number, one in enumerate(commands) if isinstance(one, str)}
    bundle = texts["user-data bundle"]
    texts["head"] = bundle[bundle.index("\nH='") + 4 : bundle.index("'\nD='")]
    return texts


def ran(folder: Path, shell: str, text: str, options: str = "-eu", **environment: str) -> bytes:
    """What a text prints under `SHELL -eu`, from a file as on a host."""
    (folder / "text").write_bytes(text.encode("utf-8", "surrogateescape"))
    argv = [*shell.split(), *options.split(), str(folder / "text")]
    done = subprocess.run(argv, capture_output=True, cwd=folder, env={"PATH": os.environ["PATH"], **environment})
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


styles = st.sampled_from([None, '"', "'", "|", ">"])


@st.composite
def hostile_specs(draw: Callable[[Any], Any]) -> dict[str, Any]:
    """Values of all kinds, everywhere a template may print one for a shell."""
    strange = ["'", '"', "\\", "`id`", "$(id)", "$$", "${HOME}", "'\\''", "*", "é", "#", "!x"]
    word, user = draw(shell_text), draw(st.sampled_from(["root", "nobody", *strange]) | st.sampled_from(HOSTILE))
    first = draw(st.sampled_from(["", "#!/bin/sh\n", "#! /bin/sh -e$(id)\n", "#!/usr/bin/env 'python3'\n", "\n"]))
    line = "printf %s {{ hostile | sh }}\n: {{ hostile | b64 }} {{ number | sh }} {{ flag | sh }} {{ server | sh }}\n"
    one = {"name": "one", "run": first + line, "skip_if": line, "verify": line, "undo": line}
    each = {"name": "each", "run": first + line, "user": user, "environment": {"A": "{{ hostile }}", "B": "it's"}}
    return {
        "values": {"hostile": word, "number": draw(st.integers()), "flag": draw(st.booleans())},
        "stages": [one, {"name": "two", "run": ": " + draw(st.sampled_from(["x", "{{ hostile | sh | sh }}"]))}],
        "every_boot": [each, {**each, "name": "END_each"}][: draw(st.integers(0, 2))],
        "files": [{"path": "/srv/a", "content": "{{ hostile }}"}],
        "rollback": "true",
    }


@shells
@given(spec=hostile_specs(), style=styles)
@effort(12)
def test_what_passes_is_shell_that_parses(tmp_path: Path, shell: str, spec: dict[str, Any], style: str | None) -> None:
    try:
        found = rendered(tmp_path, spec, style)
    except SpecError as error:
        event(error.problems[0].code)
        assert {problem.code for problem in error.problems} <= {
            "render.crlf",
            "render.empty",
            "render.nul",
            "spec.type",
            "spec.user",
        }
        return
    event("passes")
    for name, text in texts_of(found).items():
        raw = text.encode("utf-8", "surrogateescape")
        done = subprocess.run([*shell.split(), "-n"], input=raw, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b""), (name, done.stderr, text[:2000])


@shells
@given(word=shell_text, style=styles)
@example("".join(HOSTILE), '"')
@effort(30)
def test_values_reach_a_stage_byte_for_byte(tmp_path: Path, shell: str, word: str, style: str | None) -> None:
    run = {
        "quoted": "printf %s {{ hostile | sh }}",
        "in-base64": "printf %s {{ hostile | b64 }} | base64 -d",
        "in-a-word": "a={{ hostile | sh }}b; printf %s \"${a%b}\"",
        "as-variable": 'printf %s "$HOSTILE"',
        "script": "#!/bin/sh\nprintf %s {{ hostile | sh }}",
    }  # fmt: skip
    stages = [{"name": name, "run": text, "environment": {"HOSTILE": "{{ hostile }}"}} for name, text in run.items()]
    try:
        found = rendered(tmp_path, {"values": {"hostile": word}, "stages": stages}, style)
    except SpecError as error:
        # As a line end in a script a kernel would take it for a part of the line.
        assert {problem.code for problem in error.problems} == {"render.crlf"} and "\r\n" in word
        return
    assume(yaml.safe_load((tmp_path / "web.yaml").read_text())["values"]["hostile"] == word)
    for stage in found.host_plan["stages"]:
        assert ran(tmp_path, shell, stage["text"], **stage["environment"]) == word.encode(), stage["name"]


@shells
@given(word=shell_text)
@example("END_raw\nEND_raw_\n'\nEND_quoted")
@effort(15)
def test_values_reach_what_runs_at_every_boot_byte_for_byte(tmp_path: Path, shell: str, word: str) -> None:
    each = [
        {"name": "quoted", "run": "printf %s {{ hostile | sh }}"},
        {"name": "variable", "run": "#!/bin/sh\nprintf %s \"$A\"\n", "environment": {"A": "{{ hostile }}"}},
        {"name": "raw", "run": "cat <<'THE END' | head -c -1\n{{ hostile }}\nTHE END"},
    ]  # fmt: skip
    try:
        rc_local = rendered(tmp_path, {"values": {"hostile": word}, "every_boot": each}).rc_local
    except SpecError as error:
        assert {problem.code for problem in error.problems} == {"render.crlf"}
        return
    assert rc_local is not None
    # The same text with its places moved: what the body does, without a host.
    state = tmp_path / "state"
    shutil.rmtree(state, ignore_errors=True)
    (state / "logs").mkdir(parents=True)
    (state / "every-boot").write_text("d1\n")
    moved = rc_local.replace("/var/lib/initialrunner", str(state)).replace("/run/", f"{state}/")
    assert ran(tmp_path, shell, moved.replace("/etc/cron.d/", f"{state}/"), "") == b""
    logs = {path.name: path.read_bytes() for path in (state / "logs").iterdir() if path.stat().st_size}
    wanted = {f"{name}.log": word.encode() for name in ("quoted", "variable", "raw")} if word else {}
    assert logs == wanted and not (state / "every-boot.failed").exists()


@given(
    word=st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | shell_text,
    data=st.binary(max_size=300),
    raw=st.binary(max_size=20).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape")),
)
@example("a\r\n\0b\r", b"a\r\n\0b\r\xff", "\udcff\r\n")
@effort(80)
def test_files_come_out_of_the_bundle_byte_for_byte(tmp_path: Path, word: str, data: bytes, raw: str) -> None:
    """raw: as a command line hands it over, where it need not be UTF-8."""
    (tmp_path / "source").write_bytes(data)
    # Jinja ends the lines of a template with LF; values keep what they have.
    legible = data.replace(b"{", b"(").replace(b"\r", b"")
    (tmp_path / "template").write_bytes(legible + b"{{ hostile }}")
    files = [
        {"path": "/srv/content", "content": "{{ hostile }}"},
        {"path": "/srv/base64", "content": "{{ hostile | b64 }}"},
        {"path": "/srv/source", "source": "source"},
        {"path": "/srv/template", "template": "template"},
        {"path": "/srv/raw", "content": "{{ raw }}{{ raw | b64 }}", "mode": "0600"},
    ]
    spec = {"values": {"hostile": word, "raw": "x"}, "files": files}
    # Text after an equals sign is read as --set reads it: a number stays as it is written.
    found = rendered(tmp_path, spec, None, f"raw=x{raw}")
    given_bytes = b"x" + raw.encode("utf-8", "surrogateescape")
    wanted = {
        "/srv/content": word.encode(),
        "/srv/base64": base64.b64encode(word.encode()),
        "/srv/source": data,
        "/srv/template": legible + word.encode(),
        "/srv/raw": given_bytes + base64.b64encode(given_bytes),
    }
    for target in "tree", "user-data":
        assert unpack(layout.pack(found, target).payload.bundle).files == wanted
