"""File systems mounted over the folders of a box, and the end of a run that had to wait for them."""

from __future__ import annotations

import subprocess

from box import TRIGGER, Box
from declared import within


def in_view(box: Box, *argv: str) -> None:
    """Run a program on the copy's files with the powers that the copy itself gave up."""
    enter = ["nsenter", "--mount", "--target", str(box.copy.pid), "--"]
    done = subprocess.run([*enter, *argv], env=within(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def tmpfs(box: Box, path: str, options: str) -> None:
    """Mount a file system of its own on a path of the copy."""
    box.sh(f"mkdir -p {path}")
    in_view(box, "mount", "-t", "tmpfs", "-o", f"mode=0755,{options}", "tmpfs", path)


def goes_on(box: Box) -> None:
    """Let the last stage pass, and see the run end well."""
    box.put("/srv/go", "")
    assert box.tick().returncode == 0, box.console()
    assert (box.state(), box.exists(TRIGGER)) == ("healthy", False)
