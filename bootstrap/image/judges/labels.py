"""SELinux labels of an image that enforces them: a service may not read a file without the right one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.image import runner_texts
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.kernel_lines import kernel_lines
from bootstrap.image.own_paths import CRON, ENABLED, PROGRAM, UNITS
from bootstrap.image.packages import Packaged
from bootstrap.image.tree import Tree
from bootstrap.runner.baked.program import IMAGE, SIGNERS
from bootstrap.runner.host import COMMAND

CODES = {
    "label.missing": "a file without an SELinux label in an image that enforces them, and nothing labels it at boot; a"
    " warning where SELinux is permissive",
    "label.wrong": "a file with the label of the place where it was made, as unlabeled_t",
}

CONFIG = "/etc/selinux/config"
# Each of these has the first boot label every file.
RELABEL = ("/.autorelabel", "/etc/selinux/.autorelabel")
# The files of a bake, and those that nearly every boot reads and an image builder, or --clean, writes.
_BAKED = (PROGRAM, COMMAND, IMAGE, SIGNERS, CRON, *(f"{UNITS}/{unit}" for unit in ENABLED))
_SETTINGS = tuple(
    f"/etc/{name}" for name in ("passwd", "shadow", "group", "gshadow", "machine-id", "hostname", "fstab")
)
# Types of files that were made without a policy, in a container, or moved here from a folder of temporary files.
_WRONG = re.compile(
    r"[^:]*:[^:]*:(unlabeled_t|container_(?:ro_)?file_t|(?:user_)?tmp_t|default_t)(?::.*)?"
)
_FIX = "setfiles or restorecon -R on the image, or touch ROOT/.autorelabel; --allow it if the build labels it later"


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """The findings of a root."""
    severity = _severity(tree)
    if severity is None or any(tree.look(path) for path in RELABEL):
        return
    texts = [text.path for text in runner_texts.found_in(tree)]
    entries = (tree.look(path) for path in (*_BAKED, *texts, *_SETTINGS))
    labels = {entry.path: tree.label(entry.path) for entry in entries if entry is not None and entry.is_file}
    if labels and not any(labels.values()):
        subject, reason = "no file with an SELinux label", "a clone that enforces labels would not get to its login"
        yield Finding("label.missing", "/", subject, reason, _FIX, severity=severity)
        return
    for path, label in labels.items():
        match = _WRONG.fullmatch(label or "")
        if label is None:
            subject, reason = "a file without an SELinux label", "what needs it may not read it on a clone"
            yield Finding("label.missing", path, subject, reason, _FIX, severity=severity)
        elif match:
            subject, reason = f"the SELinux label {match[1]}", "it is none of that place, so it may not be read there"
            yield Finding("label.wrong", path, subject, reason, _FIX, severity=severity)


def _severity(tree: Tree) -> Severity | None:
    """The weight of a missing label; None where SELinux is off, or is permissive and has no policy."""
    entry = tree.look(CONFIG, follow=True)
    text = ((tree.read(entry.path) if entry else None) or b"").decode("utf-8", "replace")
    mode = re.search(r"(?m)^[ \t]*SELINUX[ \t]*=[ \t]*(\w+)", text)
    words = {word for line in kernel_lines(tree) for word in line.words}
    if mode is None or "selinux=0" in words or "autorelabel=1" in words:
        return None
    if mode[1].lower() == "enforcing" and "enforcing=0" not in words:
        return Severity.ERROR
    has_policy = any(tree.glob("/etc/selinux/*/policy/policy.*"))
    return Severity.WARNING if mode[1].lower() in ("enforcing", "permissive") and has_policy else None
