"""Accounts that a password of the builder, or none at all, opens in every clone."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.image.accounts import read_lines
from bootstrap.image.finding import Cleaning, Finding
from bootstrap.image.root import shown
from bootstrap.image.tree import Tree

CODES = {
    "account.password.NAME": "an account that every clone's password opens",
    "account.open.NAME": "an account without any password",
}


def find(tree: Tree) -> Iterator[Finding]:
    """Accounts that a password of the builder, or none at all, opens in every clone."""
    for path in ("/etc/shadow", "/etc/shadow-", "/etc/passwd"):
        for line in read_lines(tree, path):
            name, colon, fields = line.partition(":")
            password = fields.split(":")[0]
            # "x" in /etc/passwd refers to /etc/shadow; a word that no password can become locks the account.
            if not colon or password[:1] in ("!", "*") or 0 < len(password) < 13:
                continue
            subject, reason = f"a password for {name}", "every clone has it, and whoever has one can try to guess it"
            fix, clean = f"passwd --lock {name}, or userdel {name}", Cleaning.LISTED
            if path.endswith("-"):
                subject, fix, clean = f"{subject}, as it was before", "remove the file: it is a copy", Cleaning.REMOVE
            if password:
                yield Finding(f"account.password.{shown(name)}", path, subject, reason, fix, clean)
            elif not path.endswith("-"):
                subject, reason = f"no password at all for {name}", "anybody at a console can use that account"
                yield Finding(f"account.open.{shown(name)}", path, subject, reason, fix)
