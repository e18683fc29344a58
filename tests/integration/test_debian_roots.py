"""The tree target, laid by hand into a Debian that has only cron and python3, with a collector of our own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keys
import pytest
from declared import within

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="needs mmdebstrap"),
]
TOP = Path(__file__).parents[2]
BOOTSTRAP = [sys.executable, "-m", "bootstrap"]
# /dev and /proc of its own, and the cron daemon as its first process: when that ends, so does all it started.
BOOT = """
mount --make-rprivate /
mount --bind "$0" "$0" && cd "$0"
mount -t tmpfs tmpfs run && mount -t tmpfs tmpfs tmp && mount -t proc proc proc && mount -t tmpfs tmpfs dev
for one in null zero full random urandom; do touch dev/$one && mount --bind /dev/$one dev/$one; done
exec chroot . /usr/sbin/cron -f
"""


RELEASES = {"bullseye": "3.9", "bookworm": "3.11", "trixie": "3.13"}
# What tests of faults use inside a copy, beside what the runner needs.
TOOLS = ("procps", "strace", "busybox", "faketime", "iproute2", "openssl", "systemd", "curl", "wget", "e2fsprogs")


@contextmanager
def unpacked(release: str, *packages: str) -> Iterator[Path]:
    """A root file system with cron, python3, the packages and little else."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix=f"{release}-", dir=shm if shm.is_dir() else None) as folder:
        root = Path(folder) / "root"
        thin = ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
        include = "--include=" + ",".join(("cron", "python3", *packages))
        command = ["mmdebstrap", "--quiet", "--variant=minbase", include, *thin, release, root]
        subprocess.run(command, check=True, timeout=280, stdout=subprocess.DEVNULL)
        yield root


@pytest.fixture(scope="module", params=RELEASES)
def debian(request: pytest.FixtureRequest) -> Iterator[Path]:
    with unpacked(request.param, "openssh-client") as root:
        yield root


def output(root: Path, *command: str) -> str:
    """What a program prints in a root file system; it must succeed."""
    argv = ["chroot", root, *command]
    return subprocess.run(argv, env=within(), check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def collector(folder: Path) -> Iterator[str]:
    """`bootstrap serve` as an admin starts it; its URL."""
    command = [*BOOTSTRAP, "serve", "--listen", "127.0.0.1:0", "--store", f"sqlite:///{folder}/collector.db"]
    command += ["--secret-file", str(folder / "secret"), "--token-file", str(folder / "token")]
    with subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@contextmanager
def cron_in(root: Path) -> Iterator[None]:
    """The root's own cron daemon, in namespaces of its own but on this machine's network."""
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "sh", "-ec", BOOT, str(root)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)


def lay(tree: Path, root: Path) -> None:
    """Every file of the tree into the root, read-only and not executable, as injection leaves it."""
    for source in sorted(path for path in tree.rglob("*") if path.is_file()):
        target = root / source.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o400)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_signature_is_checked_by_its_own_ssh_keygen(debian: Path, tmp_path: Path) -> None:
    """That of Debian 11 knows no times and no Z in a list of who may sign; what counts and what is said is the same."""
    key = keys.key(tmp_path)
    render = [*BOOTSTRAP, "render", "examples/hello/hello.yaml", "--server", "hello-1", "--target", "user-data"]
    subprocess.run([*render, "--sign", key, "-o", tmp_path / "out"], cwd=TOP, check=True, capture_output=True)
    shutil.copy(tmp_path / "out/hello-1/user-data", debian / "root/bundle")
    (debian / "root/check.py").write_text(keys.checker())
    argv = ["python3", "-I", "-S", "/root/check.py", "/root/bundle", "/root/allowed", "/root/scratch"]

    def said(options: str) -> str:
        keys.allowed(debian / "root/allowed", key, options=options)
        inside = ["unshare", "--mount", "sh", "-ec", 'mount --rbind /dev "$0/dev"; exec chroot "$@"', debian, debian]
        done = subprocess.run([*inside, *argv], env=within(), check=True, capture_output=True, text=True, timeout=60)
        return done.stdout

    ours = f"deploy@example.org {keys.fingerprint(key)}\n"
    assert said("") == said('namespaces="initialrunner",valid-before="29990101Z"') == ours
    assert said('valid-before="20200101"').startswith("expired: ")
    assert said('valid-after="29990101Z"').startswith("early: ")
    assert said('namespaces="git"').startswith("namespace: ")
    assert said("no-such-option").startswith("unknown: ")
    (debian / "root/bundle").write_bytes((tmp_path / "out/hello-1/user-data").read_bytes().replace(b"once.", b"twice."))
    assert said("").startswith("damaged: ")


def test_a_spec_is_rehearsed_in_a_copy_of_another_system(debian: Path) -> None:
    argv = [*BOOTSTRAP, "rehearse", "examples/hello", "--root", str(debian), "--cron", "real", "--json"]
    done = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    inside = output(debian, "python3", "-V")
    assert found["state"] == "healthy"
    assert inside.split()[1].startswith(found["events"][0]["python"])
    # Read, not written.
    assert not (debian / "etc/cron.d/initialrunner").exists()
    assert not (debian / "var/lib/initialrunner").exists()


def test_a_tree_laid_by_hand_becomes_a_healthy_server(debian: Path, tmp_path: Path) -> None:
    # "pip freeze" of a host: nothing but what mmdebstrap brought.
    assert not (debian / "usr/lib/python3/dist-packages/yaml").exists()
    with collector(tmp_path) as url:
        render = [*BOOTSTRAP, "render", "examples/hello/hello.yaml", "--server", "hello-1", "--target", "tree"]
        render += ["--report-url", url, "--secret-file", str(tmp_path / "secret"), "--set", f"port={free_port()}"]
        subprocess.run([*render, "-o", str(tmp_path / "out")], cwd=TOP, check=True, capture_output=True)
        lay(tmp_path / "out/hello-1/tree", debian)
        wait = [*BOOTSTRAP, "wait", str(tmp_path / "out/hello-1/manifest.json"), "--collector", url, "--json"]
        wait += ["--token-file", str(tmp_path / "token"), "--timeout", "2m"]
        with cron_in(debian):
            done = subprocess.run(wait, cwd=TOP, capture_output=True, text=True, timeout=180)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "healthy" in json.dumps(json.loads(done.stdout))
    assert json.loads(output(debian, "/usr/local/sbin/initialrunner", "status", "--json"))["state"] == "healthy"
    assert not (debian / "etc/cron.d/initialrunner").exists()
    assert not (debian / "etc/initialrunner/bundle").exists()


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.timeout(1500)
def test_the_runner_passes_its_suite_on_the_python_of(release: str, tmp_path: Path) -> None:
    """Every test of a fault, its Box a copy of that Debian: its Python, shell, cron, apt and file tools."""
    with unpacked(release, *TOOLS) as root:
        version = output(root, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
        assert version.strip() == RELEASES[release]
        paths = os.pathsep.join((str(TOP), str(TOP / "tests"), str(TOP / "tests/support")))
        mine = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        argv = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*argv, "-m", "not slow", "tests/faults"], cwd=TOP, capture_output=True, text=True, timeout=1400,
            env={
                **mine, "PYTHONPATH": paths, "INITIALRUNNER_TEST_ROOT": str(root),
                "INITIALRUNNER_TEST_LOCKS": str(tmp_path),
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
        passed = re.search(r"(\d+) passed", done.stdout)
        assert passed and int(passed[1]) > 250, done.stdout[-2000:]
