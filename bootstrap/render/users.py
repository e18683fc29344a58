"""Warns of a user or a group that nothing in the spec makes and that not every distribution has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.errors import Problem, Where
from bootstrap.render.early_files import made
from bootstrap.render.model import RenderedFile

# These accounts exist before any package is added. Sources: Debian's base-passwd, Fedora's setup, and the accounts that
# systemd and dbus create; the last line has the accounts of cloud images.
_NAMES = (
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody _apt "
    "adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev "
    "staff users nogroup shutdown halt ftp wheel lock input kvm render sgx crontab messagebus dbus sshd ssh polkitd "
    "systemd-network systemd-resolve systemd-timesync systemd-journal systemd-coredump "
    "debian ubuntu ec2-user centos rocky almalinux fedora admin cloud-user opc core azureuser vagrant"
)
EVERYWHERE = frozenset(_NAMES.split())
# These users are created by packages whose names do not begin with the name of the user.
_OF_PACKAGES = {
    "apache": ("httpd",),
    "mysql": ("mariadb",),
    "bind": ("bind9", "named"),
    "named": ("bind",),
    "debian-tor": ("tor",),
    "freerad": ("freeradius",),
    "Debian-exim": ("exim4",),
    "libvirt-qemu": ("libvirt", "qemu"),
    "memcache": ("memcached",),
    "mongod": ("mongodb",),
    "nagios": ("icinga2",),
    "ntp": ("ntpsec",),
    "squid": ("squid3",),
    "vcache": ("varnish",),
    "_chrony": ("chrony",),
    "ssl-cert": ("postgresql", "ssl-cert"),
}
# These programs create accounts, or ask for an account that a later line creates.
_MAKERS = r"useradd|adduser|newusers|usermod|groupadd|addgroup|gpasswd|getent|id|systemd-sysusers|homectl"
_MAKER = re.compile(rf"(?<![\w.-])(?:{_MAKERS})(?![\w.-])")
_INSTALLS = re.compile(
    r"\b(?:apt-get|apt|aptitude|dnf|yum|microdnf|zypper|apk|pacman|rpm|dpkg|snap)\b[^\n]*"
    r"(?:\n(?=[^\n]*\S)[ \t]+[^\n]*)*"
)
_TABLES = re.compile(r"/etc/(passwd|group)$|sysusers\.d/[^/]+\.conf$|/userdb/[^/]+$")


@dataclass(frozen=True)
class _Wanted:
    """An account that the host must have.

    key: the key that names it (`stages[0].user`); place: of that key; stage: the number of the stage that needs it.
    """

    key: str
    name: str
    place: Where
    kind: str = "user"
    stage: int | None = None


def judge(
    plan: Mapping[str, Any], files: Sequence[RenderedFile], places: Mapping[str, Where]
) -> Iterator[Problem]:
    """A warning for each user and group that nothing creates.

    plan: as the host reads it, with its defaults filled in; places: where `owner` stands.
    """
    accounts = [
        account
        for account in _wanted(plan, files, places)
        if account.name not in EVERYWHERE and not account.name.isdecimal()
    ]
    if not accounts:
        return
    stages = [_text(stage) for stage in plan.get("stages", ())]
    # Entries of every boot and scripts among the files may run at any time, so they count for every stage.
    others = [_text(entry) for entry in plan.get("every_boot", ())]
    others += [f.content.decode("utf-8", "replace") for f in files if f.content.startswith(b"#!")]
    tables = [f.content.decode("utf-8", "replace") for f in files if _TABLES.search(f.path)]
    names = {*EVERYWHERE, *(user for text in (*stages, *others) for user, _ in made(text))}
    for account in dict.fromkeys(accounts):
        in_time = stages if account.stage is None else stages[: account.stage]
        if _is_made(account.name, [*in_time, *others], tables):
            continue
        makers = (n for n, text in enumerate(stages) if n >= len(in_time) and _is_made(account.name, [text], []))
        late = next(makers, None)
        message = f"{account.key}: nothing in the spec creates the {account.kind} {account.name}"
        near = difflib.get_close_matches(account.name, sorted(names - {account.name}), 1, 0.75)
        hint = f"did you mean {near[0]}?" if near else _what_the_host_does(account)
        if late is not None:
            name = plan["stages"][late]["name"]
            message = f"{account.key}: the user {account.name} is created by {name}, which does not run before it"
            hint = f"create {account.name} in an earlier stage: the host waits for the user until the deadline"
        yield Problem("render.user", message, account.place, hint, "warning")


def _what_the_host_does(account: _Wanted) -> str:
    if account.key.endswith(".user"):
        return "if the image has no such user, the host waits for it until the deadline, and says so"
    return f"if the image has no such {account.kind}, the run fails once the stages have ended"


def _wanted(
    plan: Mapping[str, Any], files: Sequence[RenderedFile], places: Mapping[str, Where]
) -> Iterator[_Wanted]:
    # All files of a folder have one owner, and one warning is enough.
    owners = list(dict.fromkeys((f"{file.key}.owner", *file.owner) for file in files))
    owners += [
        (f"wait_for[{number}].owner", entry.get("user", "root"), entry.get("group", "root"))
        for number, entry in enumerate(plan.get("wait_for", ()))
    ]
    for key, user, group in owners:
        yield _Wanted(key, user, places[key])
        yield _Wanted(key, group, places[key], "group")
    for kind in ("stages", "every_boot"):
        for number, stage in enumerate(plan.get(kind, ())):
            key = f"{kind}[{number}].user"
            yield _Wanted(key, stage["user"], places[key], stage=number if kind == "stages" else None)


def _text(stage: Mapping[str, Any]) -> str:
    # The text may create an account whose name is in its environment.
    return "\n".join([stage["text"], *stage.get("environment", {}).values()])


def _is_made(name: str, texts: Sequence[str], tables: Sequence[str]) -> bool:
    """Whether a text may create an account: it creates accounts and has the name, or it installs its package."""
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])")
    if any(word.search(table) for table in tables):
        return True
    for text in texts:
        if name not in text and not _INSTALLS.search(text):
            continue
        lines = text.replace("\\\n", " ").split("\n")
        makers = [line for line in lines if _MAKER.search(line)]
        if any(word.search(line) for line in makers):
            return True
        # The name may reach the command through a variable, a loop or a list in the same text.
        if any("$" in line or "<" in line for line in makers) and word.search(text):
            return True
        # A package often creates the user that has its name: `apt-get install postgresql`.
        packages = re.findall(r"[\w.+-]+", " ".join(_INSTALLS.findall(text)))
        begins = (name, *_OF_PACKAGES.get(name, ()))
        if any(package.startswith(begins) for package in packages):
            return True
    return False
