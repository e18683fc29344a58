"""Writing into a tree that is not the root yet: no link in it may lead back to the machine."""

from __future__ import annotations

import os


def inside(root: str, path: str) -> str:
    """The place of a path of the copy while its root is still `root`. A link of that name is followed within root."""
    # A chain of links this long is a circle.
    for _ in range(20):
        target = root + path
        if not os.path.islink(target):
            return target
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(target)))
    return root + path


def write_new(path: str, data: bytes, mode: int) -> None:
    """Create a whole new file under this name, in place of any other."""
    if os.path.lexists(path):
        os.unlink(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def give(path: str, uid: int, gid: int) -> None:
    """Set the owner if that is possible: without root only one user is mapped, who owns everything."""
    try:
        os.chown(path, uid, gid, follow_symlinks=False)
    except OSError:
        return
