"""`bootstrap serve, wait, status, secret` as people and CI jobs call them: what is printed, and the exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from certificates import self_signed
from collector_process import ROOT, TOKEN, CollectorProcess, until
from reports import DEPLOY, failed_story, healthy_story, numbered


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        yield running


def bootstrap(collector: CollectorProcess | None, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command; the collector is named by the environment, as in a CI job."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOOTSTRAP_")} | {"PYTHONPATH": str(ROOT)}
    if collector is not None:
        env |= {"BOOTSTRAP_COLLECTOR": collector.url, "BOOTSTRAP_TOKEN_FILE": str(collector.folder / "token")}
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", *argv], env=env | environment, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def test_wait_is_0_for_healthy(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a"), server="good")
    done = bootstrap(collector, "wait", "good", "--deploy-id", DEPLOY, "--timeout", "30s")
    assert (done.returncode, done.stdout, done.stderr) == (0, "good healthy\n", "good: healthy\n")


def test_wait_is_5_at_once_with_the_reason(collector: CollectorProcess) -> None:
    story = failed_story()
    collector.report(story[:2], server="bad")
    before = collector.waiters()
    done: list[subprocess.CompletedProcess[str]] = []
    thread = threading.Thread(
        target=lambda: done.append(bootstrap(collector, "wait", "bad", "other", "--timeout", "10m"))
    )
    thread.start()
    until(lambda: collector.waiters() > before)
    # Not the end of the server yet: the stage alone has failed for good.
    collector.report(story[2:5], server="bad")
    thread.join(60)
    assert done[0].returncode == 5
    assert done[0].stdout == "bad failed\nother never heard of\n"
    assert "bad: running packages\n" in done[0].stderr
    assert (
        "bad failed in stage packages: exit 100, after 2 attempts\n"
        "  first failing line: E: Unable to locate package nope\n"
        "  last lines of packages.log:\n    | Reading...\n    | E: Unable to locate package nope\n"
    ) in done[0].stderr


def test_wait_is_6_when_time_is_out(collector: CollectorProcess) -> None:
    collector.report(numbered({"type": "started", "stages": ["a"]}), server="slow")
    done = bootstrap(collector, "wait", "slow", "never", "--timeout", "300ms")
    assert done.returncode == 6
    assert done.stdout == "slow running\nnever never heard of\n"
    assert done.stderr.splitlines()[-2:] == [
        "error[gate]: not healthy within 0.3s",
        "  next: look at the console of each server never heard of: it says what it waits for",
    ]


def test_wait_is_6_when_the_collector_was_never_reached() -> None:
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{any_socket.getsockname()[1]}"
        done = bootstrap(None, "wait", "x", "--timeout", "300ms", "--collector", url, BOOTSTRAP_TOKEN=TOKEN)
    assert done.returncode == 6
    assert "  the collector was never reached: " in done.stderr


def test_wait_takes_manifests_and_announces_them(collector: CollectorProcess, tmp_path: Path) -> None:
    for name in ("m-1", "m-2"):
        collector.report(healthy_story("a"), server=name, deploy_id="yesterday")
        (tmp_path / name).mkdir()
        manifest = {"server": name, "deploy_id": "zz-today", "revision": "r1", "deadline_s": 0}
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
    collector.report(healthy_story("a"), server="m-1", deploy_id="zz-today")
    done = bootstrap(
        collector, "wait", str(tmp_path / "m-1"), str(tmp_path / "m-2/manifest.json"), "--timeout", "300ms", "--json"
    )
    assert done.returncode == 6
    found = json.loads(done.stdout)
    assert found["result"] == "timeout"
    assert [(s["server"], s["deploy_id"], s["state"]) for s in found["servers"]] == [
        ("m-1", "zz-today", "healthy"),
        ("m-2", "zz-today", "overdue"),
    ]


def test_wait_for_many_asks_for_all_at_once(collector: CollectorProcess) -> None:
    names = [f"many-{i}" for i in range(20)]
    for name in names:
        collector.report(healthy_story("a"), server=name)
    assert bootstrap(collector, "wait", *names, "--deploy-id", DEPLOY, "--quiet").returncode == 0
    collector.report(failed_story(), server="many-x")
    done = bootstrap(collector, "wait", *names, "many-x", "--deploy-id", DEPLOY, "--json", "--quiet")
    assert done.returncode == 5
    # Why it failed is there, though the list that was asked for is brief.
    assert json.loads(done.stdout)["servers"][-1]["failure"]["stage"] == "packages"


def test_a_wrong_token_is_no_wait(collector: CollectorProcess) -> None:
    done = bootstrap(collector, "wait", "good", BOOTSTRAP_TOKEN="wrong-token-0123456789")
    assert done.returncode == 2
    assert done.stderr.startswith("error[collector]: the collector refuses: reading needs the token")
    assert "--token-file" in done.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["wait"], "Missing argument 'SERVER…|MANIFEST…'"),
        (["wait", "x", "--timeout", "90"], "'90' is not a duration with a unit; write 90s, 15m or 1h"),
        (["wait", "x.json"], "x.json cannot be read: No such file or directory"),
        (["wait", "x", "--collector", "deploy:8443"], "'deploy:8443' is not an http:// or https:// URL"),
        (["status", "nobody"], "nothing has been heard of nobody"),
        (["serve", "--listen", "8080"], "--listen '8080' is not HOST:PORT"),
        (["serve", "--store", "mysql://x"], "is neither sqlite:///PATH nor postgresql://"),
        (["serve", "--tls-cert", "/etc/hostname"], "--tls-cert and --tls-key go together"),
        (["serve", "--bundle-room", "many"], "--bundle-room 'many' is not a size\n  write 512MiB or 4GiB"),
    ],
)
def test_wrong_use_is_2_and_explained(collector: CollectorProcess, argv: list[str], said: str) -> None:
    done = bootstrap(collector, *argv)
    assert done.returncode == 2
    assert said in done.stderr and done.stdout == ""
    assert "Traceback" not in done.stderr


def test_status_is_a_table_a_page_or_json(collector: CollectorProcess) -> None:
    collector.report(failed_story(), server="shown")
    table = bootstrap(collector, "status").stdout.splitlines()
    assert table[0].split()[:3] == ["SERVER", "STATE", "STAGES"]
    assert any(row.startswith("shown") and "packages exit 100" in row for row in table)
    details = bootstrap(collector, "status", "shown").stdout
    assert "packages  failed   2         2.5s  exit 100" in details and "\x1b" not in details
    servers: list[dict[str, Any]] = json.loads(bootstrap(collector, "status", "shown", "--json").stdout)
    assert [server["state"] for server in servers] == ["failed"]
    assert json.loads(bootstrap(collector, "status", "--deploy-id", "none", "--json").stdout) == []


def test_secret_makes_a_file_once(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    done = bootstrap(None, "secret", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    text = path.read_text()
    again = bootstrap(None, "secret", str(path))
    assert again.returncode == 2
    assert again.stderr.startswith(f"error[usage]: {path} exists already")
    assert path.read_text() == text and text not in done.stderr


def test_serve_needs_no_options(tmp_path: Path) -> None:
    """Secret, token and store are made, private, in the state folder; commands on the same machine find the token."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOOTSTRAP_")}
    env |= {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")}
    argv = [sys.executable, "-m", "bootstrap", "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout and process.stderr
        url = process.stdout.readline().removeprefix("listening on ").strip()
        folder = tmp_path / "state" / "initialrunner"
        assert folder.stat().st_mode & 0o777 == 0o700
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        assert {name: modes[name] for name in ("secret", "token", "collector.db")} == dict.fromkeys(
            ("secret", "token", "collector.db"), 0o600
        )
        done = bootstrap(None, "status", "--collector", url, XDG_STATE_HOME=str(tmp_path / "state"))
        assert (done.returncode, done.stderr) == (0, "no server has reported yet\n")
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert process.wait(20) == 0
    assert f"made {folder}/secret" in said
    assert f"log in with the token in {folder}/token" in said
    assert (folder / "token").read_text().strip() not in said


def serve(folder: Path, *arguments: str) -> tuple[str, str, requests.Response]:
    """Start `bootstrap serve`, ask for a lease with the reading token, stop it: stdout, stderr, answer."""
    (folder / "state").mkdir(exist_ok=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOOTSTRAP_")}
    env |= {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder / "state")}
    argv = [sys.executable, "-m", "bootstrap", "serve", "--listen", "127.0.0.1:0", *arguments]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=folder
    ) as process:
        assert process.stdout
        url = process.stdout.readline().removeprefix("listening on ").strip()
        token = (folder / "state/initialrunner/token").read_text().strip()
        wish = {"holder": "h", "ttl_s": 60}
        headers = {"authorization": f"Bearer {token}"}
        try:
            answer = requests.post(f"{url}/v1/leases/p", json=wish, headers=headers, timeout=20)
        finally:
            process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=20)
    return out, errors, answer


def test_serve_makes_a_private_token_for_deployers(tmp_path: Path) -> None:
    _, errors, answer = serve(tmp_path, "--deploy-token-file", "deploy.token")
    path = tmp_path / "deploy.token"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "made deploy.token: give it only to those who may deploy" in errors
    assert path.read_text().strip() not in errors
    assert answer.status_code == 403


def test_serve_without_a_token_for_deployers_says_how_to_make_one(tmp_path: Path) -> None:
    _, _, answer = serve(tmp_path)
    assert answer.json()["error"] == {
        "code": "forbidden",
        "message": "no token has the right to deploy here: start the collector with `bootstrap serve "
        "--deploy-token-file FILE`",
    }


def test_serve_refuses_one_token_for_readers_and_deployers(tmp_path: Path) -> None:
    for name in ("token", "deploy"):
        (tmp_path / name).write_text(TOKEN)
        (tmp_path / name).chmod(0o600)
    files = ("--token-file", f"{tmp_path}/token", "--deploy-token-file", f"{tmp_path}/deploy")
    done = bootstrap(None, "serve", *files, XDG_STATE_HOME=str(tmp_path))
    assert done.returncode == 2
    assert f"{tmp_path}/deploy and {tmp_path}/token hold the same token" in done.stderr


def test_the_extra_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "starlette.py").write_text("raise ImportError('none', name='starlette')")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "bootstrap", "serve"], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert (
        "the collector needs starlette, which is not installed\n  pip install 'initialrunner[collector]'" in done.stderr
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: apt-get install openssl")
def test_tls_is_proven_to_the_commands_and_the_browser(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, "collector")
    with CollectorProcess(tmp_path, "--tls-cert", str(cert), "--tls-key", str(key)) as collector:
        assert collector.url.startswith("https://127.0.0.1:")
        collector.ca = cert
        collector.report(healthy_story("a"))
        assert bootstrap(collector, "wait", "web-1", "--deploy-id", DEPLOY, "--ca", str(cert)).returncode == 0
        doubtful = bootstrap(collector, "wait", "web-1")
        assert doubtful.returncode == 2
        assert "is not trusted: " in doubtful.stderr and "give its CA with --ca FILE" in doubtful.stderr
        login = collector.ask("POST", "/login", token=False, data={"token": TOKEN})
        assert "; Secure" in login.headers["set-cookie"]
