"""Writing into a tree that is not the root yet: no link in it may lead back to the machine."""

from __future__ import annotations

import os


def inside(root: str, path: str) -> str:
    """Where `path` of the copy is while its root is still `root`, links of its last name followed within root."""
    for _ in range(20):
        target = root + path
        if not os.path.islink(target):
            return target
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(target)))
    return root + path


def write_new(path: str, data: bytes, mode: int) -> None:
    """A whole new file by this name, whatever was there."""
    if os.path.lexists(path):
        os.unlink(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def give(path: str, uid: int, gid: int) -> None:
    """chown, as far as it goes: without root only one user is mapped, and everything is that user's."""
    try:
        os.chown(path, uid, gid, follow_symlinks=False)
    except OSError:
        return
