"""SELinux labels, read from real extended attributes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from box import needs_root
from image_root import bake, put
from judging import findings, told

from bootstrap.image.judges import labels
from bootstrap.image.own_paths import PROGRAM
from bootstrap.image.seal import seal
from bootstrap.image.tree import LABEL

pytestmark = needs_root
CONFIG = "/etc/selinux/config"
POLICY = "/etc/selinux/targeted/policy/policy.33"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A baked root in which every file has its label."""
    put(tmp_path, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    put(tmp_path, "/etc/machine-id", "")
    put(tmp_path, CONFIG, "# SELINUX= can take one of these\nSELINUX=enforcing\nSELINUXTYPE=targeted\n")
    put(tmp_path, POLICY, "x")
    bake(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.setxattr(path, LABEL, b"system_u:object_r:etc_t:s0\0")
    return tmp_path


def bare(root: Path, *paths: str) -> None:
    for path in paths:
        os.removexattr(root / path.lstrip("/"), LABEL)


def test_a_labelled_image_has_no_finding(root: Path) -> None:
    assert told(labels, root, {}) == []


def test_a_file_without_a_label_is_named(root: Path) -> None:
    bare(root, PROGRAM, "/etc/machine-id")
    assert told(labels, root, {}) == [("label.missing", "error", path) for path in (PROGRAM, "/etc/machine-id")]


@pytest.mark.parametrize("path", ["/.autorelabel", "/etc/selinux/.autorelabel"])
def test_a_first_boot_that_labels_is_enough(root: Path, path: str) -> None:
    bare(root, PROGRAM)
    assert told(labels, root, {path: ""}) == []


def test_an_image_without_any_label_has_one_finding(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.removexattr(path, LABEL)
    (finding,) = findings(labels, root, {})
    assert (finding.code, finding.path, finding.subject) == ("label.missing", "/", "no file with an SELinux label")
    assert "--allow" in finding.fix


@pytest.mark.parametrize("kind", ["unlabeled_t", "container_file_t", "user_tmp_t"])
def test_a_label_of_another_place_is_wrong(root: Path, kind: str) -> None:
    os.setxattr(root / PROGRAM.lstrip("/"), LABEL, f"system_u:object_r:{kind}:s0\0".encode())
    (finding,) = findings(labels, root, {})
    assert (finding.code, finding.path, finding.subject) == ("label.wrong", PROGRAM, f"the SELinux label {kind}")


@pytest.mark.parametrize(
    ("mode", "command_line", "has_policy", "severity"),
    [
        ("enforcing", "", True, "error"),
        ("enforcing", "", False, "error"),
        ("permissive", "", True, "warning"),
        ("permissive", "", False, None),
        ("disabled", "", True, None),
        ("enforcing", "selinux=0", True, None),
        ("enforcing", "enforcing=0", True, "warning"),
        ("enforcing", "autorelabel=1", True, None),
    ],
)
def test_the_mode_decides(root: Path, mode: str, command_line: str, has_policy: bool, severity: str | None) -> None:
    bare(root, PROGRAM)
    if not has_policy:
        (root / POLICY.lstrip("/")).unlink()
    files = {CONFIG: f"SELINUX={mode}\n", "/etc/kernel/cmdline": f"quiet {command_line}\n"}
    assert told(labels, root, files) == ([("label.missing", severity, PROGRAM)] if severity else [])


def test_a_file_that_is_cleaned_keeps_its_label(root: Path) -> None:
    put(root, "/usr/bin/x")
    contents = {"/etc/machine-id": "0" * 32, "/etc/fstab": "/dev/vdb /mnt auto nofail,comment=cloudconfig\n"}
    for path, text in contents.items():
        os.setxattr(put(root, path, text), LABEL, b"system_u:object_r:etc_t:s0\0")
    sealed = seal(root, clean=True)
    assert {action.code for action in sealed.cleaned} == {"identity.machine-id", "cloud-init.fstab"}
    assert not [one for one in sealed.findings if one.code.startswith("label.")]
