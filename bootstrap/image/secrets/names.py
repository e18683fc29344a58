"""Files that are leftovers or secrets by their names, wherever they lie."""

from __future__ import annotations

import re

from bootstrap.image.finding import Cleaning
from bootstrap.image.secrets.pattern import Named

NAMES = (
    Named(
        # The runner, bake and --clean give a file such a name until it is whole.
        "ours.torn", re.compile(r"\..+\.initialrunner|\.initialrunner-sealed"
                                r"|\.(?:baked\.py|image\.json|allowed_signers|builder|initialrunner.*)\.bake"),
        "a file that a power cut or a kill left half-written", "it may hold a payload's secrets", "remove it",
        Cleaning.REMOVE,
    ),
    Named(
        "key.store", re.compile(r".*\.(?:p12|pfx|jks|kdbx|keystore)", re.IGNORECASE), "a store of private keys",
        "whoever has a clone could try passwords on it", "remove it",
    ),
    Named(
        "cred.state", re.compile(r"terraform\.tfstate(?:\..*)?"), "Terraform's state",
        "it holds the secrets of everything that Terraform made", "remove it",
    ),
    Named(
        "cred.environment", re.compile(r"\.env(?:\.(?!example$|sample$|template$|dist$).+)?"),
        "settings with secrets",
        "whoever has a clone has them", "remove it; a payload can bring it to each server",
        begins=rb"(?im)^[ \t]*(?:export[ \t]+)?\w{0,40}?(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY)\w{0,40}[ \t]*="
        rb"[ \t]*[\"']?[^\s$\"'<]",
    ),
    Named(
        "injected.beside", re.compile(r".*\.(?:bak|tmp)\.\d+(?:\.\d+)?"), "a file that an injection agent set aside",
        "it is an older file of the builder", "remove it, unless its content is needed",
    ),
    Named(
        "edit.swap", re.compile(r"\..+\.sw[nop]"), "an editor's swap file", "it holds a text that was being edited",
        "remove it", Cleaning.REMOVE, rb"\Ab0VIM",
    ),
    Named(
        "crash.core", re.compile(r"(?:vg)?core(?:\..+)?|.+\.core"), "a core dump",
        "it holds memory, with the secrets that were in it", "remove it", Cleaning.REMOVE,
        rb"(?s)\A\x7fELF.{12}(?:\x04\x00|\x00\x04)",
    ),
)  # fmt: skip
# One look at a name instead of one a row: hardly a file has such a name.
_ANY = re.compile("|".join(f"(?:{rule.name.pattern})" for rule in NAMES), re.IGNORECASE)


def named(name: str) -> list[Named]:
    """The rows whose pattern a name fits."""
    return [rule for rule in NAMES if rule.name.fullmatch(name)] if _ANY.fullmatch(name) else []
