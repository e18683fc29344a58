"""A fresh clone sets itself up: `make demo` on the distribution's Python, with nothing of this environment in reach."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# A package index behind a proxy or with its own certificate is the machine's matter: these may pass.
KEPT = ("HOME", "LANG", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
        "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "PIP_INDEX_URL")  # fmt: skip


@pytest.fixture(scope="module")
def clone(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody gets who clones the last commit."""
    there = tmp_path_factory.mktemp("clone") / "initialrunner"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(root), str(there)], check=True)
    return there


def make(clone: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {"PATH": SYSTEM_PATH}
    return subprocess.run(
        ["make", *targets], cwd=clone, env=environment, capture_output=True, text=True, check=False, timeout=900
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_make_demo_does_its_own_set_up_and_ends_healthy(clone: Path) -> None:
    if os.geteuid() != 0 or not Path("/usr/bin/apt-get").exists():
        pytest.skip("set-up from nothing needs root on Debian")
    done = make(clone, "demo")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "hello-1" in done.stdout
    assert "healthy" in done.stdout.splitlines()[-1]
    # Set up once: a second time there is nothing left to make.
    again = make(clone, "setup-demo")
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_locked_tools_install_on_the_distributions_python(clone: Path) -> None:
    if os.geteuid() != 0 or not Path("/usr/bin/apt-get").exists():
        pytest.skip("set-up from nothing needs root on Debian")
    done = make(clone, "setup")
    assert done.returncode == 0, done.stderr[-3000:]
    said = subprocess.run(
        [clone / ".venv/bin/bootstrap", "--version"], cwd="/", capture_output=True, text=True, check=False
    )
    assert said.stdout.startswith("bootstrap, version "), said.stderr
    assert (clone / ".venv/bin/python").resolve().is_relative_to("/usr")


@pytest.mark.slow
def test_nothing_that_make_does_shows_in_git(clone: Path) -> None:
    done = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert done.stdout == ""
