"""The actions of `seal --clean`: remove, empty, rewrite. By descriptor, through no link, into no mount, durably."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from bootstrap.image.find_leftovers import KEEPERS
from bootstrap.image.finding import Cleaning, Finding
from bootstrap.image.root import shown
from bootstrap.image.tree import Tree

# A file whose lines are taken out is read whole: settings are far smaller.
_MOST_BYTES = 64 << 20
# By number, by date (logrotate's dateext, with the hour or a suffix of seconds), or packed.
_ROTATED = re.compile(r"\.(?:\d+|gz|xz|bz2|zst|old)$|-\d{8}(?:-?\d+)?(?:\.\w+)?$")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Cleaned:
    """One action that was carried out. did: `removed`, `emptied`, …"""

    path: str
    code: str
    did: str

    def as_json(self) -> dict[str, str]:
        """The same, for `--json`."""
        return {"path": shown(self.path), "code": self.code, "did": self.did}


def clean_findings(tree: Tree, findings: Iterable[Finding], *, access: bool) -> tuple[list[Cleaned], list[str]]:
    """(actions carried out, failures in words). A file that is gone already is no failure."""
    done, failed = [], []
    for finding in findings:
        if not finding.cleaned_by(access=access):
            continue
        try:
            did = _clean(tree, finding)
        except OSError as error:
            # A service of a running builder may remove its own files meanwhile.
            if error.errno not in (errno.ENOENT, errno.ESTALE):
                failed.append(f"{shown(finding.path)}: {error.strerror}")
            continue
        if did:
            done.append(Cleaned(finding.path, finding.code, did))
    return done, failed


def _clean(tree: Tree, finding: Finding) -> str:
    """Carry out the action of one finding; its name."""
    folder, _, name = finding.path.rpartition("/")
    with tree.folder(folder) as parent:
        if finding.clean in (Cleaning.REMOVE, Cleaning.ACCESS):
            _remove(tree, parent, finding.path, name)
            did = "removed"
        elif finding.clean is Cleaning.EMPTY:
            if _is_rotated(finding):
                os.unlink(name, dir_fd=parent)
                did = "removed"
            else:
                _rewrite(parent, name, b"")
                did = "emptied"
        elif finding.clean is Cleaning.FILES:
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                count = _remove_files(tree, finding.path)
                did = f"{count} file{'' if count == 1 else 's'} removed"
            else:
                os.unlink(name, dir_fd=parent)
                did = "removed"
        elif finding.clean is Cleaning.LINES:
            kept, count = _without_lines(_whole(tree, finding.path), finding.lines or b"")
            # A finding that no line explains would be found again, after a message that it was mended.
            if not count:
                raise OSError(errno.EINVAL, "none of its lines is the one to take out")
            _rewrite(parent, name, kept)
            did = f"{count} line{'' if count == 1 else 's'} taken out"
        else:
            _rewrite(parent, name, _without_product_uuid(_whole(tree, finding.path)))
            did = "product_uuid taken out"
        # Some file systems do not sync folders; the file itself is gone all the same.
        with suppress(OSError):
            os.fsync(parent)
    return did


def _is_rotated(finding: Finding) -> bool:
    """Whether a finding is a rotated log, which no program opens again."""
    name = finding.path.rpartition("/")[2]
    return finding.code == "log.file" and bool(_ROTATED.search(name))


def _whole(tree: Tree, path: str) -> bytes:
    """The content of a file that is to be written again. Raises OSError rather than give a part of it."""
    content = tree.read(path, _MOST_BYTES + 1)
    if content is None:
        raise OSError(errno.ENOENT if tree.look(path) is None else errno.EACCES, "cannot be read")
    if len(content) > _MOST_BYTES:
        raise OSError(errno.EFBIG, f"is larger than {_MOST_BYTES >> 20} MiB, and so no file of settings")
    return content


def _remove(tree: Tree, parent: int, path: str, name: str) -> None:
    """Remove a file, a link, a socket, or a folder with its content. A mount in it stays, with the folders above it."""
    if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        below = [entry.path for entry in tree.walk(path) if entry.is_folder]
        _remove_files(tree, path, keepers=())
        for folder in [*sorted(below, key=len, reverse=True), path]:
            with suppress(FileNotFoundError), tree.folder(folder.rpartition("/")[0]) as above:
                os.rmdir(folder.rpartition("/")[2], dir_fd=above)
    else:
        os.unlink(name, dir_fd=parent)


def _remove_files(tree: Tree, top: str, keepers: tuple[str, ...] = KEEPERS) -> int:
    """Remove all files below a folder, and the folders that this empties; the number of files."""
    emptied, count = set(), 0
    for entry in tree.walk(top):
        if entry.is_folder or (entry.name in keepers and entry.is_file and not entry.info.st_size):
            continue
        folder = entry.path.rpartition("/")[0]
        with suppress(FileNotFoundError), tree.folder(folder) as parent:
            os.unlink(entry.name, dir_fd=parent)
            count += 1
            emptied.add(folder)
    # The deepest first, so that a folder is empty by the time its turn comes.
    for folder in sorted(emptied, key=len, reverse=True):
        while folder != top and not tree.entries(folder):
            above, _, name = folder.rpartition("/")
            with suppress(OSError), tree.folder(above) as parent:
                os.rmdir(name, dir_fd=parent)
            folder = above
    return count


def _rewrite(parent: int, name: str, content: bytes) -> None:
    """Give a file other content, with its mode, owner and label, in one step.

    A file with a second name is created anew: that name may lie outside ROOT, where a build linked files in.
    """
    info = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "no longer a regular file")
    # Truncating keeps all traits of the file, and needs no space on a full disk.
    if not content and info.st_nlink == 1:
        fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        with os.fdopen(fd, "wb") as file:
            file.truncate()
            os.fsync(fd)
        return
    new = ".initialrunner-sealed"
    with suppress(FileNotFoundError):
        os.unlink(new, dir_fd=parent)
    try:
        with os.fdopen(os.open(new, _NEW, 0o600, dir_fd=parent), "wb") as file:
            file.write(content)
            file.flush()
            if os.geteuid() == 0:
                os.fchown(file.fileno(), info.st_uid, info.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(info.st_mode))
            # The SELinux label is such an attribute: without it the file's service may not read the new file.
            old = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            with os.fdopen(old, "rb"), suppress(OSError):
                for label in os.listxattr(old):
                    os.setxattr(file.fileno(), label, os.getxattr(old, label))
            os.fsync(file.fileno())
        os.rename(new, name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError:
        # On a full disk half a file would stay, for the next run to find.
        with suppress(OSError):
            os.unlink(new, dir_fd=parent)
        raise


def _without_lines(text: bytes, pattern: bytes) -> tuple[bytes, int]:
    """(the text without the lines that a pattern matches, the number of these)."""
    lines = text.splitlines(keepends=True)
    # Without its end: `$` does not fit before a carriage return.
    kept = [line for line in lines if not re.search(pattern, line.rstrip(b"\r\n"))]
    return b"".join(kept), len(lines) - len(kept)


def _without_product_uuid(mark: bytes) -> bytes:
    """The builder's mark with its boot id alone."""
    try:
        facts = json.loads(mark)
        del facts["product_uuid"]
        return json.dumps(facts).encode() + b"\n"
    except (ValueError, TypeError, KeyError):
        # A mark that is torn is no JSON; a line with the id must go all the same.
        return b"".join(line for line in mark.splitlines(keepends=True) if b"product_uuid" not in line)
