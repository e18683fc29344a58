"""Looks for leftovers in a root: the table of places, then names and contents, then the accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.image.accounts import homes
from bootstrap.image.finding import Cleaning, Finding, Severity
from bootstrap.image.judges import judged
from bootstrap.image.leftovers import LEFTOVERS
from bootstrap.image.leftovers.rule import BELOW, FILE, FILLED, Leftover
from bootstrap.image.packages import Packaged
from bootstrap.image.root import Entry
from bootstrap.image.search import searched
from bootstrap.image.tree import Tree

# Empty files with these names keep a folder in place.
KEEPERS = ("lock", ".keep", ".gitkeep", ".placeholder")
# Kinds of codes that say by a place what a content would say again.
_OF_SECRETS = ("ssh", "cred", "key", "service", "agent")
# Codes of files that could not be judged, each with its line in the reference page.
CODES = {
    "unseen.mount": "a file system below ROOT that was not searched; a warning if it is a single mounted file",
    "unseen.unreadable": "a file or folder that the user who runs seal may not read",
}
# Kernel interfaces, memory, other machines' disks, files that are looked at as files: nothing of them is in the image.
_NOT_ON_DISK = re.compile(
    r"proc|sysfs|devtmpfs|devpts|tmpfs|ramfs|mqueue|hugetlbfs|debugfs|tracefs|securityfs|pstore|efivarfs|bpf|configfs"
    r"|fusectl|binfmt_misc|cgroup2?|autofs|nsfs|selinuxfs|rpc_pipefs|fuse\..*|nfs.*|9p|virtiofs|squashfs|erofs|iso9660"
)


def find(tree: Tree, packaged: Packaged) -> list[Finding]:
    """Everything that must not be in the image, ordered as the tables are."""
    # A sample that a package brings unchanged is no secret, wherever it lies.
    by_place = [
        finding
        for finding in _at_places(tree)
        if not (finding.code.startswith(("service.", "key.", "cred.")) and packaged.brought(finding.path))
    ]
    findings = {(finding.code, finding.path): finding for finding in by_place}
    reported = {finding.path for finding in by_place}
    by_search = [*searched(tree, packaged), *judged(tree, packaged), *_mounts(tree), *_unreadable(tree)]
    # A mere warning hides no secret: the gate would pass the file.
    named = {finding.path for finding in (*by_place, *by_search) if _is_refusal(finding, but="secret")}
    # A key that is reported by its place is not reported again for its content.
    key_files = {finding.path for finding in by_place if _is_refusal(finding) and _kind(finding) in _OF_SECRETS}
    for finding in by_search:
        is_secret = finding.code.startswith(("key.", "token.", "secret."))
        # Vagrant's key is public, and in the list of authorized keys it is worse than any other: it is named as well.
        if is_secret and finding.code != "key.vagrant" and finding.path in key_files:
            continue
        # What is named for something else needs no second word about its settings.
        if finding.code.startswith("secret.") and finding.path in named:
            continue
        if finding.code in ("injected.beside", "ours.torn") and finding.path in reported:
            continue
        if not is_secret or not packaged.brought(finding.path):
            findings.setdefault((finding.code, finding.path), finding)
    return list(findings.values())


def _kind(finding: Finding) -> str:
    return finding.code.split(".")[0]


def _is_refusal(finding: Finding, but: str = "") -> bool:
    """Whether a finding refuses the image. but: a kind that does not count."""
    return finding.severity is Severity.ERROR and _kind(finding) != but


def _at_places(tree: Tree) -> list[Finding]:
    """Go through the table of places. A path is reported once, unless a rule asks for a certain content."""
    findings: dict[tuple[str, str], Finding] = {}
    reported: set[str] = set()
    filled_folders: list[str] = []
    people = homes(tree)
    for rule in LEFTOVERS:
        for entry in _entries(tree, rule, people):
            is_below = any(entry.path.startswith(folder + "/") for folder in filled_folders)
            # A rule with `holds` names another fault of the same file: apt.conf may hold a password and a proxy.
            if is_below or (rule.holds is None and entry.path in reported):
                continue
            finding = _judge(tree, rule, entry)
            if finding is not None:
                findings[rule.code, entry.path] = finding
                reported.add(entry.path)
                if rule.means == FILLED:
                    filled_folders.append(entry.path)
    return list(findings.values())


def _entries(tree: Tree, rule: Leftover, people: list[str]) -> Iterator[Entry]:
    """Everything at the places of one rule. people: the homes that `~` stands for."""
    for place in rule.places:
        if place.startswith("~/"):
            for home in people:
                # The name of a home is no pattern, whatever characters are in it.
                yield from tree.glob(re.sub(r"([*?[])", r"[\1]", home) + place[1:])
        else:
            yield from tree.glob(place)


def _judge(tree: Tree, rule: Leftover, entry: Entry) -> Finding | None:
    """Apply a rule to an entry at one of its places. None when the entry is no leftover."""
    if entry.name in rule.but or not _is_meant(tree, rule, entry) or not _has_content(tree, rule, entry):
        return None
    subject = rule.subject
    # A folder of thousands of files is one finding, with their number and size.
    if rule.means == FILLED and entry.is_folder:
        files = [below for below in tree.walk(entry.path) if is_content(below)]
        if not files:
            return None
        size = sum(file.info.st_size for file in files)
        subject = f"{subject} ({len(files)} file{'' if len(files) == 1 else 's'}, {_size(size)})"
    severity = Severity.WARNING if rule.warning else Severity.ERROR
    return Finding(
        rule.code, entry.path, subject, rule.reason, rule.fix, rule.clean, severity, entry.linked, rule.lines
    )  # fmt: skip


def _is_meant(tree: Tree, rule: Leftover, entry: Entry) -> bool:
    """Whether an entry is of the kind that its rule means."""
    if rule.means not in (FILE, BELOW):
        return True
    file = (tree.look(entry.path, follow=True) or entry) if rule.through else entry
    return file.is_file and file.info.st_size > 0


def _has_content(tree: Tree, rule: Leftover, entry: Entry) -> bool:
    """Whether the file's content is such as the rule asks for. A file that cannot be read is reported as unreadable."""
    if not rule.holds and not rule.unless:
        return True
    content = tree.read(entry.path)
    if content is None or (rule.holds and not re.search(rule.holds, content)):
        return False
    return not (rule.unless and re.search(rule.unless, content))


def is_content(entry: Entry) -> bool:
    """Whether an entry makes a folder a filled one."""
    return not entry.is_folder and not (entry.is_file and not entry.info.st_size and entry.name in KEEPERS)


def _size(size_bytes: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"


def _mounts(tree: Tree) -> Iterator[Finding]:
    """File systems below ROOT that were not searched: a gate must not pass what it has not seen."""
    for path, kind in sorted(tree.mounts.items()):
        entry = tree.look(path)
        is_below = any(path.startswith(f"{mount}/") for mount in tree.mounts)
        if _NOT_ON_DISK.fullmatch(kind) or entry is None or is_below:
            continue
        yield Finding(
            "unseen.mount", path, f"a mount ({kind}) that was not searched", "its files were not judged",
            f"--mount {path} if it belongs to the image, else unmount it or --allow it",
            Cleaning.LISTED, Severity.ERROR if entry.is_folder else Severity.WARNING,
        )  # fmt: skip


def _unreadable(tree: Tree) -> Iterator[Finding]:
    for path, reason in sorted(tree.unreadable.items()):
        yield Finding(
            "unseen.unreadable", path, f"not readable ({reason})", "its content was not judged", "run seal as root"
        )
