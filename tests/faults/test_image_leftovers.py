"""What a builder leaves in an image is in every clone, and so is what it forgot: `bootstrap seal` refuses both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keys
import pytest
from box import needs_root
from image_root import clean_root, link, put

pytestmark = needs_root
TOP = Path(__file__).resolve().parents[2]
UNITS = "/usr/lib/systemd/system"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


def seal(root: Path, *options: str) -> tuple[int, str]:
    """(exit code, what it says) of the command as a build script calls it."""
    argv = [sys.executable, "-m", "bootstrap", "seal", root, *options]
    done = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.fault(92)
@keys.needs_ssh_keygen
def test_a_secret_of_the_builder_is_found_wherever_it_lies_and_left_to_its_owner(root: Path, tmp_path: Path) -> None:
    key = put(root, "/srv/web/deploy", keys.key(tmp_path).read_bytes(), 0o600)
    script = put(root, "/opt/build/fetch.sh", f"git clone https://ghp_{'a1B2' * 9}@github.com/a/b\n", 0o755)
    for options in ((), ("--clean", "--clean-access")):
        code, said = seal(root, *options)
        assert code == 4
        assert "error[key.private]: /srv/web/deploy: a private key; whoever has a clone has it\n" in said
        assert "error[token.github]: /opt/build/fetch.sh: a token or key of GitHub; whoever has a clone" in said
        assert said.endswith(": 2 findings\n")
    key.unlink()
    script.unlink()
    assert seal(root) == (0, f"{root}: sealed\n")


@pytest.mark.fault(93)
def test_an_image_whose_agent_no_boot_would_start_is_refused(root: Path) -> None:
    """nova-agent, of which a cloud's network is set, is installed; whoever made the image forgot to enable it."""
    put(root, f"{UNITS}/nova-agent.service", "[Service]\nExecStart=/usr/bin/nova-agent\n")
    code, said = seal(root, "--clean", "--require", "nova-agent")
    assert code == 4
    assert said == (
        "error[need.unit]: nova-agent is not enabled; --require asks for it\n"
        "  fix: systemctl --root=ROOT enable nova-agent\n"
        f"{root}: 1 finding\n"
    )
    link(root, "/etc/systemd/system/multi-user.target.wants/nova-agent.service", f"{UNITS}/nova-agent.service")
    assert seal(root, "--require", "nova-agent") == (0, f"{root}: sealed\n")
