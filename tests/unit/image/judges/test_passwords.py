"""`seal` finds passwords that everybody knows, those of groups, and copies that tell of accounts which are gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, put

from bootstrap.image.seal import seal

pytestmark = needs_root
HASH = "$6$salt$abcdefghijkl"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


def test_an_account_whose_password_everybody_knows_is_said(root: Path) -> None:
    put(root, "/etc/shadow", f"root:!:1::::::\nvagrant:{HASH}:1::::::\nalice:{HASH}:1::::::\n")
    reasons = {one.code: one.reason for one in seal(root).findings}
    assert "known by the password `vagrant`" in reasons["account.password.vagrant"]
    assert "known by" not in reasons["account.password.alice"]


def test_a_group_with_a_password_is_found(root: Path) -> None:
    put(root, "/etc/gshadow", f"root:*::\nstaff:{HASH}::\nusers:!::\nwheel:::alice\n")
    (finding,) = seal(root).findings
    assert (finding.code, finding.path) == ("account.group-password", "/etc/gshadow")
    assert finding.subject == "a password for the group staff"


def test_a_copy_that_tells_of_an_account_that_is_gone_is_removed(root: Path) -> None:
    put(root, "/etc/passwd-", "root:x:0:0::/root:/bin/sh\npacker:x:1001:1001::/home/packer:/bin/sh\n")
    put(root, "/etc/subuid-", "packer:100000:65536\n")
    put(root, "/etc/gshadow-", "root:*::\n")
    assert {(one.code, one.path, one.subject) for one in seal(root).findings} == {
        ("account.copy", "/etc/passwd-", "an earlier copy of /etc/passwd, with packer"),
        ("account.copy", "/etc/subuid-", "an earlier copy of /etc/subuid, with packer"),
    }
    assert seal(root, clean=True).is_clean
    assert (root / "etc/gshadow-").exists()
    assert not (root / "etc/passwd-").exists()


def test_a_copy_with_a_password_is_told_once(root: Path) -> None:
    put(root, "/etc/shadow-", f"packer:{HASH}:1::::::\nalice:!:1::::::\n")
    assert [one.code for one in seal(root).findings] == ["account.password.packer"]
