"""`bootstrap publish` to a folder and to a collector, the runner alone, and options that do not go together."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import Box, needs_root
from collector_process import DEPLOY_TOKEN, CollectorProcess

from bootstrap.payload.split import runner_text
from bootstrap.publish import result

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
DATA = hashlib.shake_128(b"places").digest(1 << 20)
DEPLOY = "20261130T120000-ab12cd"
BARE = "version: 1\nname: web\nstages: [{name: one, run: 'true'}]\n"
SPEC = f"{BARE}files:\n  - {{path: /srv/app.bin, source: app.bin, publish: true}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text(SPEC)
    (tmp_path / "app.bin").write_bytes(DATA)
    return tmp_path


def publish(folder: Path, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("OS_", "ST_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bootstrap", "publish", *words], cwd=folder, capture_output=True, text=True, timeout=120,
        env={**own, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **environment}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


# --- a folder ---


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web_server(folder: Path) -> Iterator[str]:
    """The URL under which a web server has the folder `public`."""
    handler = functools.partial(_Quiet, directory=str(folder / "public"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@needs_root
def test_a_server_fetches_all_from_a_folder_of_a_web_server(folder: Path, web_server: str) -> None:
    words = ["web.yaml", "--to", "./public", "--base-url", f"{web_server}/", "--server", "web-1", "--runner"]
    done = publish(folder, *words, "--deploy-id", DEPLOY)
    assert done.stdout.splitlines()[0] == f"folder ./public, as {web_server}"
    runner = runner_text()
    published = result.read(folder / "build" / result.NAME)
    assert published.runner == (f"{web_server}/{runner.sha256}",)
    assert (folder / "public" / runner.sha256).read_bytes() == runner.content
    # The text of the runner is public; a bundle holds secrets.
    bundle = folder / "public" / published.bundles["web-1"]["url"].rpartition("/")[2]
    modes = [path.stat().st_mode & 0o777 for path in (folder / "public" / runner.sha256, bundle)]
    assert modes == [0o644, 0o640]
    assert {path.name for path in (folder / "public").iterdir()} == {
        runner.sha256, bundle.name, hashlib.sha256(DATA).hexdigest()[:16]
    }  # fmt: skip
    with Box(network="host", server="web-1") as box:
        box.put("/srv/stub", (folder / "build/web-1/stub.sh").read_bytes())
        assert box.sh("sh /srv/stub").returncode == 0
        box.wait_for(lambda: box.state() == "healthy", 60)
        assert box.read("/srv/app.bin") == DATA
    again = publish(folder, *words, "--deploy-id", DEPLOY, "--json")
    assert [entry["did"] for entry in json.loads(again.stdout)["objects"]] == ["there"] * 3


def test_files_and_bundles_need_to_know_their_url(folder: Path) -> None:
    done = publish(folder, "web.yaml", "--to", "./public", code=2)
    assert done.stderr.splitlines() == [
        "error[usage]: hosts fetch files and bundles from a URL", "  --base-url says which URL the folder has"
    ]  # fmt: skip
    assert not (folder / "public").exists()


def test_a_file_in_the_place_of_the_folder_is_said(folder: Path) -> None:
    (folder / "public").write_text("a file")
    done = publish(folder, "--runner", "--to", "./public", code=2)
    assert done.stderr.startswith(f"error[usage]: --to ./public: {Path('public')} is a file\n")


# --- the runner's text alone ---


def test_the_runner_alone_needs_no_spec(folder: Path) -> None:
    done = publish(folder, "--runner", "--to", "./public", "-o", "out")
    runner = runner_text()
    assert done.stdout.splitlines() == [
        "folder ./public",
        f"uploaded  {len(runner.content):,}  {runner.sha256[:12]}  public/{runner.sha256}  runner's text",
        f"out/published.json  {(folder / 'out/published.json').stat().st_size:,} bytes",
    ]
    # Where the folder will be served is not known, so no URL is invented.
    assert done.stderr == (
        "note: published.json names no URL of the runner, since the folder has none: --base-url URL says which it has\n"
    )
    assert result.read(folder / "out/published.json").runner == ()


def test_a_runner_that_is_no_longer_named_is_noted(folder: Path) -> None:
    def noted(*words: str) -> list[str]:
        done = publish(folder, *words, "--to", "./public", "--base-url", "https://files.example")
        return [line for line in done.stderr.splitlines() if line.startswith("note: ")]

    lost = ["note: build/published.json named a runner, and does not any more: add --runner"]
    assert [noted("--runner"), noted("web.yaml", "--runner")] == [[], []]
    assert [noted("web.yaml"), noted("web.yaml")] == [lost, []]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "./public"], "there is no SPEC"),
        (["--to", "./public", "--runner", "--server", "web-1"], "there is no SPEC"),
        (["web.yaml"], "give --to PLACE, or --container NAME"),
        (["web.yaml", "--to", "./public", "--container", "b"], "give --to PLACE, or --container NAME"),
        (["web.yaml", "--container", "b/c"], "'b/c' cannot be the name of a container"),
        (["web.yaml", "--to", "public"], "'public' names no place to publish to"),
        (["web.yaml", "--to", "./public", "--cloud", "x", "--instance-role"], "--cloud, --instance-role go with"),
        (["web.yaml", "--to", "s3://acme-boot", "--base-url", "https://x"], "--base-url goes with another"),
        (["web.yaml", "--to", "./public", "--token-file", "t", "--collector", "https://x"],
         "--collector, --token-file go with --to collector"),
        (["web.yaml", "--to", "swift://b", "--endpoint-url", "https://x"], "--endpoint-url goes with another place"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_named(folder: Path, words: list[str], message: str) -> None:
    assert message in publish(folder, *words, code=2).stderr
    assert not (folder / "public").exists()


# --- a collector ---


@pytest.fixture
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as collector:
        yield collector


@needs_root
def test_a_stub_brings_a_bundle_from_the_collector(folder: Path, collector: CollectorProcess) -> None:
    (folder / "web.yaml").write_text(BARE)
    words = ["web.yaml", "--to", "collector", "--collector", collector.url, "--server", "web-1", "--runner"]
    dry = publish(folder, *words, "--dry-run", BOOTSTRAP_TOKEN=DEPLOY_TOKEN)
    assert [line.split("  ")[0] for line in dry.stdout.splitlines()[1:]] == ["would upload"] * 2
    done = publish(folder, *words, "--deploy-id", DEPLOY, "--expires", "12h", BOOTSTRAP_TOKEN=DEPLOY_TOKEN)
    assert done.stdout.startswith(f"collector {collector.url}; URLs are good until 20")
    assert "signature=" not in done.stdout and DEPLOY_TOKEN not in done.stdout + done.stderr
    published = result.read(folder / "build" / result.NAME)
    assert published.runner == (f"{collector.url}/v1/runner/{runner_text().sha256}",)
    assert published.bundles["web-1"]["url"].startswith(f"{collector.url}/v1/bundles/")
    with Box(network="host", server="web-1") as box:
        box.put("/srv/stub", (folder / "build/web-1/stub.sh").read_bytes())
        assert box.sh("sh /srv/stub").returncode == 0
        box.wait_for(lambda: box.state() == "healthy", 60)


def test_a_collector_takes_no_files_and_no_token_that_may_not_deploy(folder: Path, collector: CollectorProcess) -> None:
    words = ["web.yaml", "--to", "collector", "--collector", collector.url, "--server", "web-1"]
    done = publish(folder, *words, code=4, BOOTSTRAP_TOKEN=DEPLOY_TOKEN)
    assert "app.bin': a collector keeps bundles and the runner's text" in done.stderr
    (folder / "web.yaml").write_text(BARE)
    done = publish(folder, *words, code=2, BOOTSTRAP_TOKEN="a-token-for-tests-0123456789")
    assert "uploads need the token with the right to deploy" in done.stderr
