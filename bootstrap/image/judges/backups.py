"""Older copies of settings, dumps, and installers that tools leave beside the work of people: by name.

The folders are those that virt-sysprep looks through, and /opt. Libraries of languages are passed over: they are as
their packages brought them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.image.accounts import homes
from bootstrap.image.finding import Cleaning, Finding, Severity
from bootstrap.image.packages import Packaged
from bootstrap.image.root import Entry
from bootstrap.image.tree import Tree

CODES = {
    "backup.edited": "a copy of a file that an editor or a script made: `*~`, `*.bak`; a warning for a `*.bak` below "
    "/srv or /var",
    "backup.packages": "settings that a package manager set aside: `*.rpmsave`, `*.dpkg-old` and the like (a warning)",
    "crash.java": "a report or a memory dump of a crashed Java program",
    "builder.tools": "an installer of guest tools in a home",
}
# Searched as a whole, or emptied, or databases of packages that are no settings.
_PASSED_OVER = re.compile(
    r"/var/(?:cache|log|tmp|lib/(?:dpkg|apt|rpm|dnf|yum|docker|containers|containerd|snapd|flatpak|mysql|postgresql))"
    r"|.*/(?:node_modules|site-packages|dist-packages|\.git|vendor|gems)"
)
_EDITED = re.compile(r".+~|.+\.bak")
_PACKAGES = re.compile(
    r".+\.(?:rpmsave|rpmorig|rpmnew|dpkg-(?:old|dist|new|bak|backup)|ucf-(?:old|dist)|apk-new|pacsave)"
)
_JAVA = re.compile(r"hs_err_pid\d+\.log|replay_pid\d+\.log|.+\.hprof|javacore\.\d.*\.txt|heapdump\.\d.*\.phd")
_TOOLS = re.compile(
    r"VBoxGuestAdditions.*\.iso|VMwareTools-.*\.tar\.gz|prl-tools-lin.*\.iso|(?:linux|parallels)\.iso|\.vbox_version"
)
_ANY = re.compile("|".join(pattern.pattern for pattern in (_EDITED, _PACKAGES, _JAVA, _TOOLS)))


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """Older copies, dumps and installers in the folders of settings and of people."""
    people = homes(tree)
    tops = [*(top for top in ("/etc", "/srv", "/opt", "/var") if tree.look(top)), *people]
    # A home below another folder of the list is walked with it.
    tops = [top for top in dict.fromkeys(tops) if not any(top.startswith(f"{other}/") for other in tops)]
    for top in tops:
        for folder, name, _ in tree.files(top, into=lambda path: not _PASSED_OVER.fullmatch(path)):
            # Hardly a file has such a name, so only those are looked at.
            entry = tree.look(f"{folder}/{name}") if _ANY.fullmatch(name) else None
            if entry is not None and entry.info.st_size:
                yield from _judged(entry, is_home=folder in people)


def _judged(entry: Entry, *, is_home: bool) -> Iterator[Finding]:
    name, path = entry.name, entry.path
    if _EDITED.fullmatch(name):
        # Programs in /opt rotate their own files under that name.
        if not name.endswith("~") and path.startswith("/opt/"):
            return
        # A dump of a database has such a name, too, and may be what the image is made for.
        is_data = not name.endswith("~") and path.startswith(("/srv/", "/var/")) and not is_home
        yield Finding(
            "backup.edited", path, "an older copy of a file", "it may hold what was taken out since",
            "remove it", Cleaning.LISTED if is_data else Cleaning.REMOVE,
            Severity.WARNING if is_data else Severity.ERROR,
        )  # fmt: skip
    elif _PACKAGES.fullmatch(name):
        yield Finding(
            "backup.packages", path, "settings that a package manager set aside",
            "nothing reads them, and they may hold a password", "compare it with the file in use, then remove it",
            Cleaning.LISTED, Severity.WARNING,
        )  # fmt: skip
    elif _JAVA.fullmatch(name):
        yield Finding(
            "crash.java", path, "a dump of a Java program",
            "it holds memory or the environment, with the secrets that were in it", "remove it", Cleaning.REMOVE,
        )  # fmt: skip
    elif is_home and _TOOLS.fullmatch(name):
        yield Finding(
            "builder.tools", path, "an installer of guest tools", "it makes the image larger, and its work is done",
            "remove it", Cleaning.REMOVE,
        )  # fmt: skip
