"""The machine's file systems as a copy sees them: it reads the machine's files, and writes to memory.

As root a copy has an overlay over each mount. Without root the kernel refuses an overlay over a folder that has mounts
below it, and no file of another user may be changed. So each folder of / that has no mounts below it gets an overlay,
and the folders that bootstraps write to are created again in its upper side, where they are ours.
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
# Without root: the folders that a bootstrap may want to write to, and how deep those below them are made ours.
_WRITABLE = {"/etc": 3, "/var": 3, "/usr": 2, "/opt": 1, "/srv": 2, "/mnt": 0, "/media": 0}


class Overlays:
    """Mounts the layers of one copy. work: its tmpfs; root: the place of its /; hidden: paths that it must not show."""

    def __init__(self, work: str, root: str, hidden: tuple[str, ...]) -> None:
        self.work, self.root, self.hidden = work, root, hidden
        self._number = 0

    def mount_all(self, chosen: tuple[layout.Layer, ...], disk: str = "") -> None:
        """Mount an overlay or an empty folder for each layer, parents first. disk: another / than this machine's."""
        for layer in chosen:
            target = self.root if layer.path == "/" else self.root + layer.path
            if not os.path.lexists(target):
                continue  # its folder is below one that is left out
            if not os.path.isdir(target):
                # A file mounted by itself (containers do so with resolv.conf): the copy gets the text.
                _take_file(layer.path, target)
            elif layer.kind == "empty":
                mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=50%")
            else:
                self._overlay(disk or layer.path, target, layer.options, is_ours=False)

    def mount_ours(self, chosen: tuple[layout.Layer, ...]) -> None:
        """Do the same without root: / is a folder of our own, with an overlay for each of its folders."""
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
                    self._overlay(source, target, frozenset(), is_ours=True)
                except OSError:
                    # The kernel refuses to cut off some mount below, or we may not read the folder.
                    self._below(source, mounted)

    def _below(self, source: str, mounted: frozenset[str]) -> None:
        if source not in mounted and os.access(source, os.R_OK | os.X_OK):
            self._graft(source, mounted)

    def _overlay(self, lower: str, target: str, options: frozenset[str], *, is_ours: bool) -> None:
        upper, scratch = f"{self.work}/upper/{self._number}", f"{self.work}/work/{self._number}"
        self._number += 1
        os.mkdir(upper)
        os.mkdir(scratch)
        # The merged folder shows the upper one's owner and mode.
        info = os.stat(lower)
        give(upper, info.st_uid, info.st_gid)
        os.chmod(upper, stat.S_IMODE(info.st_mode))
        if is_ours:
            self._make_ours(lower, upper)
        data = f"lowerdir={_escape(lower)},upperdir={_escape(upper)},workdir={_escape(scratch)}"
        # No device node of the machine's file systems works in the copy. Set-uid programs do: su and sudo are wanted.
        flags = MS_NODEV | (MS_NOEXEC if "noexec" in options else 0)
        mount("overlay", target, "overlay", flags, data + (",userxattr" if is_ours else ""))

    def _make_ours(self, lower: str, upper: str) -> None:
        """Create folders in the upper side, so that they can be written to, and marks that hide what must not show."""
        for path in self.hidden:
            if path.startswith(lower + "/") and os.path.lexists(path):
                os.makedirs(upper + os.path.dirname(path)[len(lower) :], exist_ok=True)
                # A whiteout: overlayfs(5) shows nothing under this name.
                os.mknod(upper + path[len(lower) :], stat.S_IFCHR, os.makedev(0, 0))
        top = "/" + lower.split("/")[1]
        for folder in self._folders(lower, _WRITABLE.get(top, 0) + 1 - lower.count("/")):
            above = upper + folder[len(lower) :]
            os.makedirs(above, exist_ok=True)
            os.chmod(above, stat.S_IMODE(os.stat(folder).st_mode))

    def _folders(self, top: str, depth: int) -> Iterator[str]:
        """The folders below top down to a depth, parents first; links and what is hidden are left out."""
        if depth <= 0 or not os.access(top, os.R_OK | os.X_OK):
            return
        for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False) and entry.path not in self.hidden:
                yield entry.path
                yield from self._folders(entry.path, depth - 1)


def make_readonly(chosen: tuple[layout.Layer, ...]) -> None:
    """Make our view of the machine's own mounts read-only. They are detached soon, but /proc/1/exe still leads there.

    This interpreter is a file of the machine, and root in the copy could chmod it, or write it where the kernel does
    not mind, through that link. The flag belongs to these mounts, which are ours alone: the machine's do not change.
    """
    for layer in chosen:
        if layer.kind == "overlay":
            # A remount clears each flag that it does not name, and the kernel refuses to clear some of them.
            flags = sum(flag for name, flag in _FLAGS.items() if name in layer.options)
            mount("none", layer.path, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def _take_file(source: str, target: str) -> None:
    if os.path.isfile(source) and os.access(source, os.R_OK) and os.path.getsize(source) < _SMALL_BYTES:
        write_new(target, Path(source).read_bytes(), stat.S_IMODE(os.stat(source).st_mode))


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
