"""Accounts that a password of the builder, or none at all, opens in every clone."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.image.accounts import is_locked, read_lines
from bootstrap.image.finding import Cleaning, Finding
from bootstrap.image.packages import Packaged
from bootstrap.image.root import shown
from bootstrap.image.tree import Tree

CODES = {
    "account.password.NAME": "an account that every clone's password opens",
    "account.open.NAME": "an account without any password",
    "account.group-password": "a group that a password opens",
    "account.copy": "an earlier copy of a list of accounts or groups, with some that are gone",
}
# Account -> the password that its images are known by. Sources: the pages of Vagrant, Packer, Raspberry Pi OS, CirrOS
# and of the clouds on their default users.
_KNOWN = {
    "vagrant": "vagrant", "packer": "packer", "pi": "raspberry", "cirros": "gocubsgo", "ubuntu": "ubuntu",
    "debian": "debian", "ec2-user": "ec2-user", "centos": "centos", "fedora": "fedora", "alpine": "alpine",
    "kali": "kali", "osboxes": "osboxes.org", "orangepi": "orangepi", "odroid": "odroid", "admin": "admin",
}  # fmt: skip
# The tools that change accounts keep the file as it was under its name with a dash.
_LISTS = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid")


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """Accounts that a password of the builder, or none at all, opens in every clone; copies that tell of others."""
    with_password = set()
    for path in ("/etc/shadow", "/etc/shadow-", "/etc/passwd"):
        for finding in _passwords(tree, path):
            with_password.add(path)
            yield finding
    yield from _groups(tree)
    # A copy with a password is a finding already, and goes with it.
    yield from (finding for finding in _copies(tree) if finding.path not in with_password)


def _passwords(tree: Tree, path: str) -> Iterator[Finding]:
    for line in read_lines(tree, path):
        name, colon, fields = line.partition(":")
        password = fields.split(":")[0]
        # "x" in /etc/passwd refers to /etc/shadow; a word that no password can become locks the account.
        if not colon or is_locked(password):
            continue
        subject, reason = f"a password for {name}", "every clone has it, and whoever has one can try to guess it"
        fix, clean = f"passwd --lock {name}{'' if name == 'root' else f', or userdel {name}'}", Cleaning.LISTED
        if name in _KNOWN:
            reason = (
                f"images with this account are known by the password `{_KNOWN[name]}`, which is the first to be tried"
            )
        if path.endswith("-"):
            subject, fix, clean = f"{subject}, as it was before", "remove the file: it is a copy", Cleaning.REMOVE
        if password:
            yield Finding(f"account.password.{shown(name)}", path, subject, reason, fix, clean)
        elif not path.endswith("-"):
            subject, reason = f"no password at all for {name}", "anybody at a console can use that account"
            yield Finding(f"account.open.{shown(name)}", path, subject, reason, fix)


def _groups(tree: Tree) -> Iterator[Finding]:
    """Groups with a password: with it, newgrp takes anybody into them."""
    for path in ("/etc/gshadow", "/etc/group"):
        lines = [line.split(":") for line in read_lines(tree, path)]
        names = [fields[0] for fields in lines if len(fields) > 1 and fields[1] and not is_locked(fields[1])]
        if names:
            subject, reason = (
                f"a password for the group {', '.join(names)}",
                "every account that knows it is in that group",
            )
            yield Finding("account.group-password", path, subject, reason, f"gpasswd --remove-password {names[0]}")


def _copies(tree: Tree) -> Iterator[Finding]:
    """Copies that name what is gone from the file itself. Source: virt-sysprep removes them (passwd-backups)."""
    for path in _LISTS:
        present = _names(tree, path)
        gone = sorted(_names(tree, f"{path}-") - present)
        if gone:
            subject = f"an earlier copy of {path}, with {', '.join(gone[:5])}{' and more' if len(gone) > 5 else ''}"
            reason, fix = "it tells of accounts or groups of the builder that are gone", "remove it: it is a copy"
            yield Finding("account.copy", f"{path}-", subject, reason, fix, Cleaning.REMOVE)


def _names(tree: Tree, path: str) -> set[str]:
    return {line.partition(":")[0] for line in read_lines(tree, path) if ":" in line and not line.startswith("#")}
