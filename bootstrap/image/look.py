"""Looks for leftovers in a root: the table of places, then names and contents, then the accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.image import secrets
from bootstrap.image.finding import Finding, Mend, Severity
from bootstrap.image.leftovers import BELOW, FILE, FILLED, LEFTOVERS, Leftover
from bootstrap.image.packages import Packaged
from bootstrap.image.root import Entry, shown
from bootstrap.image.tree import Tree

# Empty files with these names keep a folder in place.
KEEPERS = ("lock", ".keep", ".gitkeep", ".placeholder")
# An account's "home" that is no home: places of the system, or of nobody.
_NO_HOME = re.compile(r"/|/(?:bin|sbin|dev|proc|sys|usr|run|nonexistent)(?:/.*)?")
# What is found otherwise than by the tables, with what it means.
CODES = {
    "account.password.NAME": "an account that every clone's password opens",
    "account.open.NAME": "an account without any password",
    "unseen.mount": "a file system below ROOT that was not looked into; a file that is mounted is a warning",
    "unseen.unreadable": "what whoever ran seal may not read",
}
# Kernel interfaces, memory, other machines' disks, files that are looked at as files: nothing of them is in the image.
_NOT_ON_DISK = re.compile(
    r"proc|sysfs|devtmpfs|devpts|tmpfs|ramfs|mqueue|hugetlbfs|debugfs|tracefs|securityfs|pstore|efivarfs|bpf|configfs"
    r"|fusectl|binfmt_misc|cgroup2?|autofs|nsfs|selinuxfs|rpc_pipefs|fuse\..*|nfs.*|9p|virtiofs|squashfs|erofs|iso9660"
)


def leftovers(tree: Tree) -> list[Finding]:
    """Everything that must not be in the image, ordered as the tables are."""
    found: dict[tuple[str, str], Finding] = {}
    places: set[str] = set()
    told_as_one: list[str] = []
    people = homes(tree)
    for rule in LEFTOVERS:
        for entry in _at(tree, rule, people):
            below = any(entry.path.startswith(folder + "/") for folder in told_as_one)
            if below or (rule.holds is None and entry.path in places):
                continue
            finding = _judge(tree, rule, entry)
            if finding is not None:
                found[rule.code, entry.path] = finding
                places.add(entry.path)
                if rule.means == FILLED:
                    told_as_one.append(entry.path)
    known = {path for code, path in found if code.split(".")[0] in ("ssh", "cred", "key")}
    packaged = Packaged(tree)
    for finding in [*_searched(tree), *accounts(tree), *_mounts(tree), *_unreadable(tree)]:
        if finding.code.startswith(("key.", "token.")) and finding.code != "key.vagrant" and finding.path in known:
            continue
        if finding.code in ("injected.beside", "ours.torn") and finding.path in places:
            continue
        if not finding.code.startswith(("key.", "token.")) or not packaged.brought(finding.path):
            found.setdefault((finding.code, finding.path), finding)
    return list(found.values())


def homes(tree: Tree) -> list[str]:
    """The folder of every account and all in /home, without links, each once."""
    named = [line.split(":")[5] for line in _lines(tree, "/etc/passwd") if line.count(":") >= 6]
    named += ["/root", *(entry.path for entry in tree.glob("/home/*") if entry.is_folder)]
    found = []
    for path in named:
        if path.startswith("/") and ".." not in path.split("/") and not _NO_HOME.fullmatch(path.rstrip("/") or "/"):
            entry = tree.look(path, follow=True)
            if entry is not None and entry.is_folder and not _NO_HOME.fullmatch(entry.path):
                found.append(entry.path)
    return list(dict.fromkeys(found))


def _lines(tree: Tree, path: str) -> list[str]:
    entry = tree.look(path, follow=True)
    text = (tree.read(entry.path) if entry else None) or b""
    return text.decode("utf-8", "surrogateescape").split("\n")


def _at(tree: Tree, rule: Leftover, people: list[str]) -> Iterator[Entry]:
    for place in rule.places:
        if place.startswith("~/"):
            for home in people:
                yield from tree.glob(re.sub(r"([*?[])", r"[\1]", home) + place[1:])
        else:
            yield from tree.glob(place)


def _judge(tree: Tree, rule: Leftover, entry: Entry) -> Finding | None:
    """What an entry at a rule's place comes to."""
    what = rule.what
    if entry.name in rule.but:
        return None
    if rule.means in (FILE, BELOW):
        file = (tree.look(entry.path, follow=True) or entry) if rule.through else entry
        if not file.is_file or not file.info.st_size:
            return None
    elif rule.means == FILLED and entry.is_folder:
        files = [one for one in tree.walk(entry.path) if is_content(one)]
        if not files:
            return None
        size = sum(one.info.st_size for one in files)
        what = f"{what} ({len(files)} file{'' if len(files) == 1 else 's'}, {_size(size)})"
    if rule.holds or rule.unless:
        content = tree.read(entry.path)
        if content is None:
            return None
        if rule.holds and not re.search(rule.holds, content):
            return None
        if rule.unless and re.search(rule.unless, content):
            return None
    severity = Severity.WARNING if rule.warning else Severity.ERROR
    return Finding(rule.code, entry.path, what, rule.why, rule.mend, rule.clean, severity, entry.linked)


def is_content(entry: Entry) -> bool:
    """Whether an entry makes a folder a filled one."""
    return not entry.is_folder and not (entry.is_file and not entry.info.st_size and entry.name in KEEPERS)


def _size(size_bytes: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"


def _searched(tree: Tree) -> Iterator[Finding]:
    """What names and contents tell, wherever it lies."""
    for top in ("/", *secrets.SEARCHED):
        for entry in tree.walk(top, into=lambda path: path not in secrets.UNSEARCHED or path in secrets.SEARCHED):
            # An empty file is nothing; a file that is not regular must not be opened.
            if not entry.is_file or not entry.info.st_size or secrets.is_sample(entry.path):
                continue
            yield from _by_name(tree, entry)
            yield from _by_content(tree, entry)


def _by_name(tree: Tree, entry: Entry) -> Iterator[Finding]:
    for rule in secrets.NAMES:
        if rule.name.fullmatch(entry.name):
            if rule.begins and not re.search(rule.begins, tree.read(entry.path, 1 << 16) or b""):
                continue
            yield Finding(rule.code, entry.path, rule.what, rule.why, rule.mend, rule.clean)


def _by_content(tree: Tree, entry: Entry) -> Iterator[Finding]:
    seen = set()
    for block in tree.blocks(entry.path, secrets.MOST_BYTES):
        for secret in secrets.in_block(block):
            if secret.code not in seen:
                seen.add(secret.code)
                yield Finding(secret.code, entry.path, secret.what, secret.why, secret.mend)


def accounts(tree: Tree) -> Iterator[Finding]:
    """Accounts that a password of the builder, or none at all, opens in every clone."""
    for path in ("/etc/shadow", "/etc/shadow-", "/etc/passwd"):
        for line in _lines(tree, path):
            name, colon, rest = line.partition(":")
            password = rest.split(":")[0]
            # "x" in /etc/passwd sends to /etc/shadow; a word that no password can become locks the account.
            if not colon or password[:1] in ("!", "*") or 0 < len(password) < 13:
                continue
            what, mend, clean = f"a password for {name}", f"passwd --lock {name}, or userdel {name}", Mend.LISTED
            why = "every clone has it, and who has one can try to guess it"
            if path.endswith("-"):
                what, mend, clean = f"{what}, as it was before", "remove the file: it is a copy", Mend.REMOVE
            if password:
                yield Finding(f"account.password.{shown(name)}", path, what, why, mend, clean)
            elif not path.endswith("-"):
                what, why = f"no password at all for {name}", "anybody at a console is that account"
                yield Finding(f"account.open.{shown(name)}", path, what, why, mend)


def _mounts(tree: Tree) -> Iterator[Finding]:
    """File systems below ROOT that were not looked into: a gate must not pass what it has not seen."""
    for path, kind in sorted(tree.mounts.items()):
        entry = tree.look(path)
        if _NOT_ON_DISK.fullmatch(kind) or entry is None or any(path.startswith(f"{one}/") for one in tree.mounts):
            continue
        yield Finding(
            "unseen.mount", path, f"a mount ({kind}) that was not looked into", "what is in it was not judged",
            f"--mount {path} when it belongs to the image, else unmount it or --allow it",
            Mend.LISTED, Severity.ERROR if entry.is_folder else Severity.WARNING,
        )  # fmt: skip


def _unreadable(tree: Tree) -> Iterator[Finding]:
    for path, reason in sorted(tree.unreadable.items()):
        yield Finding(
            "unseen.unreadable", path, f"not readable ({reason})", "what is in it was not judged", "run seal as root"
        )
