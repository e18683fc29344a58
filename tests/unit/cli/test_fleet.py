"""`bootstrap render --servers`: a whole fleet, or nothing."""

from __future__ import annotations

import base64
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import bootstrap
from bootstrap.api import Fleet
from bootstrap.cli.main import main
from bootstrap.client.wait import targets_of
from bootstrap.errors import ExitCode, SpecError, UsageError
from bootstrap.payload.bundle import unpack
from bootstrap.runner.contract import server_key
from bootstrap.targets.fleet import FleetError

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = "20261120T120000-ab12cd"
SECRET = bytes(range(32))
SPEC = """\
version: 1
name: web
values: {port: 8080, size: 1}
files:
  - {path: /etc/web/port, content: "{{ port }} {{ server }} {{ region | default('here') }}\\n"}
  - {path: /etc/web/padding, content: "{{ range(size) | join(' ') }}"}
stages:
  - {name: start, run: "true", needs: [{tcp: "127.0.0.1:{{ backend | default(80) }}"}]}
health: {checks: [{file: /etc/web/port}]}
"""
NAMES = ["web-1", "web-10", "web-2"]


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.yaml").write_text(SPEC)
    (tmp_path / "servers.csv").write_text("name,port\nweb-2,8082\nweb-10,\nweb-1,8081\n")
    return tmp_path


def rendered(*arguments: str, servers: str = "servers.csv", target: str = "user-data") -> int:
    """The exit code of `bootstrap render web.yaml --servers ...`."""
    with pytest.raises(SystemExit) as ended:
        main(["render", "web.yaml", "--servers", servers, "--target", target, "--deploy-id", DEPLOY, *arguments])
    return int(ended.value.code or 0)


def everything(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_every_server_gets_a_folder_with_its_own_values_and_the_fleet_an_index(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rendered("--provider", "gce") == ExitCode.GOOD

    out, err = capsys.readouterr()
    fleet = workdir / "build"
    index = json.loads((fleet / "manifest.json").read_text())
    assert sorted(path.name for path in fleet.iterdir()) == ["manifest.json", *NAMES]
    assert [entry["server"] for entry in index["servers"]] == NAMES
    texts = {name: unpack((fleet / name / "user-data").read_bytes()).files["/etc/web/port"] for name in NAMES}
    assert texts == {"web-1": b"8081 web-1 here\n", "web-10": b"8080 web-10 here\n", "web-2": b"8082 web-2 here\n"}
    for entry in index["servers"]:
        manifest = json.loads((fleet / entry["server"] / "manifest.json").read_text())
        facts = (manifest["server"], manifest["deploy_id"], manifest["revision"])
        assert facts == (entry["server"], DEPLOY, index["revision"])
        assert manifest["targets"][0]["bundle"] == entry["targets"][0]["bundle"]
    assert {path.stat().st_mode & 0o077 for path in (fleet, *fleet.rglob("*"))} == {0}
    assert err == ""
    most = max(len((fleet / name / "user-data").read_bytes()) for name in NAMES)
    assert out.splitlines()[0] == f"3 servers  deploy {DEPLOY}  revision {index['revision']}  in build"
    assert out.splitlines()[2].split()[4] == f"{most:,}"


def test_a_server_has_the_same_bytes_alone_and_in_any_order_of_the_file(workdir: Path) -> None:
    assert rendered("-o", "a") == 0
    (workdir / "other.yaml").write_text("{web-1: {port: 8081}, web-10: {}, web-2: {port: 8082}}")
    assert rendered("-o", "b", servers="other.yaml") == 0
    with pytest.raises(SystemExit):
        main(["render", "web.yaml", "--server", "web-10", "--target", "user-data", "--deploy-id", DEPLOY, "-o", "c"])

    assert everything(workdir / "a") == everything(workdir / "b")
    assert everything(workdir / "c/web-10") == everything(workdir / "a/web-10")


def test_keys_are_derived_from_the_secret_the_name_and_the_deploy(workdir: Path) -> None:
    (workdir / "secret").write_text(base64.b64encode(SECRET).decode())
    (workdir / "secret").chmod(0o600)

    assert rendered("--report-url", "https://deploy.internal", "--secret-file", "secret") == 0

    for name in NAMES:
        plan = unpack((workdir / "build" / name / "user-data").read_bytes()).plan
        assert base64.b64decode(plan["report"]["key"]) == server_key(SECRET, name, DEPLOY)


def test_one_server_that_does_not_fit_is_named_and_none_is_written(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "servers.yaml").write_text("{web-1: {}, web-2: {size: 90000}, web-3: {size: 90000}}")

    assert rendered("--provider", "digitalocean", servers="servers.yaml") == ExitCode.REFUSED

    assert "digitalocean takes 65,536 (web-2" in capsys.readouterr().err
    assert sorted(path.name for path in workdir.iterdir()) == ["servers.csv", "servers.yaml", "web.yaml"]


def test_a_mistake_of_all_servers_is_reported_once(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / "web.yaml").write_text(SPEC.replace("{{ port }}", "{{ port + greeting }}"))

    assert rendered() == ExitCode.SPEC

    err = capsys.readouterr().err
    assert err.count("error[") == 1 and "'greeting' is undefined (all 3 servers)" in err
    assert not (workdir / "build").exists()


def test_an_earlier_fleet_is_replaced_as_a_whole(workdir: Path) -> None:
    assert rendered() == 0
    (workdir / "servers.csv").write_text("name\nweb-7\n")
    assert rendered() == 0

    assert sorted(path.name for path in (workdir / "build").iterdir()) == ["manifest.json", "web-7"]


def test_a_folder_of_something_else_is_left_alone(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered() == 0
    (workdir / "build/notes").write_text("mine")
    before = everything(workdir)

    assert rendered() == ExitCode.USAGE

    assert "build holds notes, which is not of an earlier fleet" in capsys.readouterr().err
    assert everything(workdir) == before


@pytest.mark.parametrize("arguments", [[], ["--server", "a", "--servers", "servers.csv"]], ids=["neither", "both"])
def test_one_of_server_and_servers_is_given(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["render", "web.yaml", "--target", "tree", *arguments])

    assert ended.value.code == ExitCode.USAGE
    assert "give --server NAME, or --servers FILE" in capsys.readouterr().err


def test_wait_takes_the_folder_of_the_fleet_and_its_index(workdir: Path) -> None:
    assert rendered() == 0

    for argument in ("build", "./build", "build/manifest.json"):
        targets = targets_of((argument,), None)
        assert [(target.server, target.deploy_id) for target in targets] == [(name, DEPLOY) for name in NAMES]
    # Beside a deploy that is named, a bare word is a server.
    assert [target.server for target in targets_of(("build",), DEPLOY)] == ["build"]


# --- the Python API ---


def test_a_fleet_is_made_of_a_file_of_names_or_of_a_map(workdir: Path) -> None:
    project = bootstrap.load(workdir / "web.yaml")

    def contents(fleet: Fleet) -> dict[str, object]:
        return {rendering.server: rendering.rendered.files[0].content for rendering in fleet.render()}

    of_file = project.fleet(workdir / "servers.csv", deploy_id=DEPLOY)
    of_map = project.fleet({"web-2": {"port": 8082}, "web-1": {"port": 8081}, "web-10": None}, deploy_id=DEPLOY)
    assert (len(of_file), of_file.deploy_id, list(of_file.servers)) == (3, DEPLOY, NAMES)
    assert contents(of_file) == contents(of_map)
    assert list(contents(project.fleet(["b", "a"]))) == ["a", "b"]


def test_a_name_of_a_template_or_of_the_spec_may_be_a_value_of_a_server(workdir: Path) -> None:
    project = bootstrap.load(workdir / "web.yaml")
    (workdir / "s.yaml").write_text("{a: {region: x, backend: 81, size: 2}}")

    (rendering,) = project.fleet(workdir / "s.yaml").render()
    assert rendering.rendered.files[0].content == b"8080 a x\n"
    assert rendering.rendered.host_plan["stages"][0]["needs"] == [{"tcp": "127.0.0.1:81"}]
    (workdir / "s.yaml").write_text("{a: {regoin: x}}")
    with pytest.raises(SpecError, match="regoin"):
        project.fleet(workdir / "s.yaml")


def test_every_server_that_fails_is_in_the_error(workdir: Path) -> None:
    fleet = bootstrap.load(workdir / "web.yaml").fleet({"ok": None, "b": {"size": "x"}, "c": {"size": "x"}})

    with pytest.raises(FleetError) as caught:
        fleet.write(workdir / "out", ["tree"])

    assert (caught.value.failed, caught.value.exit_code) == (["b", "c"], ExitCode.SPEC)
    with pytest.raises(UsageError, match="the fleet has no servers"):
        bootstrap.load(workdir / "web.yaml").fleet([]).write(workdir / "out", ["tree"])
    assert not (workdir / "out").exists()


# --- on a terminal, and interrupted ---

MANY = "name\n" + "".join(f"web-{number}\n" for number in range(1000))


def started(workdir: Path, **more: int) -> subprocess.Popen[bytes]:
    (workdir / "many.csv").write_text(MANY)
    # Whoever runs the tests in the background has it ignored, and that is inherited.
    argv = ["env", "--default-signal=INT", sys.executable, "-m", "bootstrap", "render", "web.yaml"]
    argv += ["--servers", "many.csv", "--target", "user-data"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, cwd=workdir, **more)  # type: ignore[call-overload,no-any-return]


def until(question: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not question():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.002)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_render_leaves_nothing(workdir: Path, number: signal.Signals) -> None:
    with started(workdir, stderr=subprocess.PIPE) as process:
        until(lambda: any(workdir.glob(".build.*/new/web-*/user-data")))
        process.send_signal(number)
        _, err = process.communicate(timeout=60)

    assert (process.returncode, err.strip()) == (130, b"interrupted")
    assert sorted(path.name for path in workdir.iterdir()) == ["many.csv", "servers.csv", "web.yaml"]


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(workdir: Path) -> None:
    (workdir / "servers.csv").write_text("name\na\n")
    terminal, tty = pty.openpty()
    with started(workdir, stderr=tty) as process:
        os.close(tty)
        output = b""
        while b"100%" not in output:
            output += os.read(terminal, 4096)
        assert process.wait(60) == 0
    os.close(terminal)
    assert b"servers" in output and b"#" in output
    with started(workdir, stderr=subprocess.PIPE) as process:
        assert process.communicate(timeout=60)[1] == b""
