"""The machine's file systems as a copy sees them: there to read, and written to memory.

Root has an overlay over each mount. Without root the kernel refuses one over a folder that has mounts below it, and
nothing of another user may be changed, so there it is one overlay for each folder of / that has none, with the folders
that bootstraps write to made anew in the upper side, where they are ours.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bootstrap.rehearse import layout
from bootstrap.rehearse.syscalls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REMOUNT,
    mount,
)
from bootstrap.rehearse.treefiles import give, write_new

_FLAGS = {"nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC, "noatime": 1 << 10, "nodiratime": 1 << 11,
          "relatime": 1 << 21}  # fmt: skip
_SMALL_BYTES = 1 << 20
# Without root: where a bootstrap may want to write, and how deep the folders are made ours.
_WRITABLE = {"/etc": 3, "/var": 3, "/usr": 2, "/opt": 1, "/srv": 2, "/mnt": 0, "/media": 0}


class Overlays:
    """Mounts the layers of one copy. work: its tmpfs; root: where its / is to be; hidden: what it must not show."""

    def __init__(self, work: str, root: str, hidden: tuple[str, ...]) -> None:
        self.work, self.root, self.hidden = work, root, hidden
        self._number = 0

    def mount_all(self, chosen: tuple[layout.Layer, ...], disk: str = "") -> None:
        """An overlay or an empty folder for each layer, parents first. disk: where their / lies, unless it is ours."""
        for layer in chosen:
            target = self.root if layer.path == "/" else self.root + layer.path
            if not os.path.lexists(target):
                continue  # hidden under something that is left out
            if not os.path.isdir(target):
                # A file mounted by itself (containers do so with resolv.conf): the copy gets the text.
                _take_file(layer.path, target)
            elif layer.kind == "empty":
                mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=50%")
            else:
                self._overlay(disk or layer.path, target, layer.options, own=False)

    def mount_ours(self, chosen: tuple[layout.Layer, ...]) -> None:
        """The same without root: / is a folder of our own with an overlay for each of its folders."""
        mount("tmpfs", self.root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=50%")
        self._graft("/", frozenset(layer.path for layer in chosen))

    def _graft(self, path: str, mounted: frozenset[str]) -> None:
        for name in sorted(os.listdir(path)):
            source = os.path.join(path, name)
            target = self.root + source
            if os.path.islink(source):
                os.symlink(os.readlink(source), target)
            elif not os.path.isdir(source):
                _take_file(source, target)
            else:
                os.mkdir(target)
                if source in layout.FRESH or source in self.hidden:
                    continue
                if any(other == source or other.startswith(source + "/") for other in mounted):
                    self._below(source, mounted)
                    continue
                try:
                    self._overlay(source, target, frozenset(), own=True)
                except OSError:
                    # Some mount below that the kernel will not let us cut off, or a folder that is not ours to read.
                    self._below(source, mounted)

    def _below(self, source: str, mounted: frozenset[str]) -> None:
        if source not in mounted and os.access(source, os.R_OK | os.X_OK):
            self._graft(source, mounted)

    def _overlay(self, lower: str, target: str, options: frozenset[str], *, own: bool) -> None:
        upper, scratch = f"{self.work}/upper/{self._number}", f"{self.work}/work/{self._number}"
        self._number += 1
        os.mkdir(upper)
        os.mkdir(scratch)
        # The merged folder shows the upper one's owner and mode.
        there = os.stat(lower)
        give(upper, there.st_uid, there.st_gid)
        os.chmod(upper, stat.S_IMODE(there.st_mode))
        if own:
            self._make_ours(lower, upper)
        data = f"lowerdir={_escape(lower)},upperdir={_escape(upper)},workdir={_escape(scratch)}"
        # No device node of the machine's file systems works in the copy. Set-uid programs do: su and sudo are wanted.
        flags = MS_NODEV | (MS_NOEXEC if "noexec" in options else 0)
        mount("overlay", target, "overlay", flags, data + (",userxattr" if own else ""))

    def _make_ours(self, lower: str, upper: str) -> None:
        """Folders in the upper side, so that they can be written to, and marks that hide what must not be seen."""
        for path in self.hidden:
            if path.startswith(lower + "/") and os.path.lexists(path):
                os.makedirs(upper + os.path.dirname(path)[len(lower) :], exist_ok=True)
                # A whiteout: overlayfs(5) shows nothing under this name.
                os.mknod(upper + path[len(lower) :], stat.S_IFCHR, os.makedev(0, 0))
        top = "/" + lower.split("/")[1]
        for folder in self._folders(lower, _WRITABLE.get(top, 0) + 1 - lower.count("/")):
            made = upper + folder[len(lower) :]
            os.makedirs(made, exist_ok=True)
            os.chmod(made, stat.S_IMODE(os.stat(folder).st_mode))

    def _folders(self, top: str, depth: int) -> Iterator[str]:
        """The folders below top down to a depth, parents first; links and what is hidden are left out."""
        if depth <= 0 or not os.access(top, os.R_OK | os.X_OK):
            return
        for entry in sorted(os.scandir(top), key=lambda one: one.name):
            if entry.is_dir(follow_symlinks=False) and entry.path not in self.hidden:
                yield entry.path
                yield from self._folders(entry.path, depth - 1)


def let_go(chosen: tuple[layout.Layer, ...]) -> None:
    """Make our view of the machine's own mounts read-only. They are about to go, but /proc/1/exe still leads there.

    This interpreter is a file of the machine, and root in the copy could chmod it, or write it where the kernel does
    not mind, through that link. The flag is of these mounts only, which are ours alone: the machine's stay as they are.
    """
    for layer in chosen:
        if layer.kind == "overlay":
            kept = sum(flag for name, flag in _FLAGS.items() if name in layer.options)
            mount("none", layer.path, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def _take_file(source: str, target: str) -> None:
    if os.path.isfile(source) and os.access(source, os.R_OK) and os.path.getsize(source) < _SMALL_BYTES:
        write_new(target, Path(source).read_bytes(), stat.S_IMODE(os.stat(source).st_mode))


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
