"""Keys of ssh-keygen's own making, agents that hold them, and lists of who may sign, for tests of signed payloads."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootstrap.payload import pack

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen (openssh-client)")
KEPT = Path(__file__).resolve().parents[2] / "build" / "tests" / "sk-dummy.so"
RUNNER = Path(__file__).resolve().parents[2] / "bootstrap" / "runner"
KINDS = ("ed25519", "rsa", "ecdsa", "ed25519-sk", "ecdsa-sk")


def security_key() -> str:
    """OpenSSH's own stand-in for the middleware of a security key: real signatures of the sk- kinds, no hardware.

    Taken out of Debian's openssh-tests, which as a package would bring an ssh server along.
    """
    if not KEPT.exists():
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT.parent) as folder:
            # A machine on which nothing had to be installed may know no packages yet.
            download = "apt-get -q download openssh-tests"
            command = f"{download} || {{ apt-get -q update && {download}; }} && dpkg -x openssh-tests_*.deb ."
            subprocess.run(["sh", "-c", command], cwd=folder, check=False, capture_output=True, timeout=240)
            library = Path(folder) / "usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"
            if not library.exists():
                pytest.skip("needs sk-dummy.so of openssh-tests, and apt-get cannot download that")
            library.rename(KEPT)
    return str(KEPT)


def checker() -> str:
    """A Python text that checks the bundle, by the list and at the scratch path it is given, as a baked runner would.

    The modules as one file, whose imports of each other are left out.
    """
    modules = ("disk", "processes", "console", "host", "form", "baked/signed")
    flat = [pack.flatten((RUNNER / f"{name}.py").read_text(encoding="utf-8")) for name in modules]
    imports = [line for lines, _ in flat for line in lines]
    return "\n".join([*imports, *(body for _, body in flat), CHECKER])


CHECKER = """
import sys
try:
    print(check(Host(), open(sys.argv[1], "rb").read(), *sys.argv[2:4]))
except Unsigned as error:
    print("%s: %s" % (error.kind, error))
"""


def key(folder: Path, name: str = "key", kind: str = "ed25519", passphrase: str = "", *more: str) -> Path:
    """A new key, private half in folder/name."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", f"{name}@example.org", "-f", folder / name, *more],
        check=True, stdin=subprocess.DEVNULL, capture_output=True,
        env={**os.environ, **({"SSH_SK_PROVIDER": security_key()} if kind.endswith("-sk") else {})},
    )  # fmt: skip
    return folder / name


def allowed(path: Path, *keys: Path, principal: str = "deploy@example.org", options: str = "") -> Path:
    """A file of allowed signers with a line for each key."""
    lines = [f"{principal} {options} {' '.join(public(key).split()[:2])}\n" for key in keys]
    path.write_text("".join(lines))
    path.chmod(0o644)
    return path


def public(key: Path) -> str:
    """The line in a key's .pub file."""
    return key.with_name(f"{key.name}.pub").read_text()


def fingerprint(key: Path) -> str:
    """As ssh-keygen itself prints it."""
    done = subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True)
    return done.stdout.split()[1]


@contextmanager
def agent(folder: Path, *keys: Path) -> Iterator[dict[str, str]]:
    """A real ssh-agent with these keys, ended afterwards; the environment that names it."""
    socket = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it says where it listens when it does
        named = {"SSH_AUTH_SOCK": str(socket)}
        for key in keys:
            subprocess.run(["ssh-add", "-q", key], check=True, env={**os.environ, **named}, stdin=subprocess.DEVNULL)
        yield named
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
