"""The content of an object that is to be put: read in blocks, and compared with the digest it is put under."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bootstrap.publish.objects import BLOCK_BYTES, PublishError

if TYPE_CHECKING:
    from hashlib import _Hash

# A smaller file is sent from memory, and so cannot change between its check and its end.
IN_MEMORY_BYTES = 16 << 20


def digests(subject: str, content: bytes | Path, sha256: str, *more: _Hash) -> bytes | Path:
    """Compare the SHA-256 of a content with the one it is put under. Return the bytes of a small file, a large Path.

    more: digests that read the content, too. Raises PublishError for another content, or a file that cannot be read.
    """
    content = read_small(content)
    digest = hashlib.sha256()
    # A large file is read twice, here and to send it: nothing of a wrong one is sent.
    for block in blocks(content):
        for each in (digest, *more):
            each.update(block)
    if digest.hexdigest() != sha256:
        raise changed(subject, digest.hexdigest(), sha256)
    return content


def changed(subject: str, actual: str, sha256: str) -> PublishError:
    """Return the error of a content that is not the one that was named."""
    return PublishError(
        f"{subject}: the content has SHA-256 {actual}, and {sha256} was to be published",
        hint="the file has changed meanwhile: publish again",
    )


def read_small(content: bytes | Path) -> bytes | Path:
    """Return the bytes of a small file; everything else as it is. Raises PublishError."""
    if isinstance(content, bytes):
        return content
    try:
        with opened(content) as file:
            if os.fstat(file.fileno()).st_size <= IN_MEMORY_BYTES:
                return file.read()
    except OSError as error:
        raise unreadable(error) from error
    return content


def blocks(content: bytes | Path, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield a content in blocks, each full but the last. Raises PublishError."""
    if isinstance(content, bytes):
        yield from (content[start : start + size] for start in range(0, len(content), size))
        return
    try:
        with opened(content) as file:
            while block := file.read(size):
                yield block
    except OSError as error:
        raise unreadable(error) from error


def opened(path: Path) -> BinaryIO:
    """Open a file that was one a moment ago: no link, and no pipe, which would be waited for. Raises PublishError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise unreadable(error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PublishError(f"{path} is no file any more", hint="publish again")
    return os.fdopen(descriptor, "rb")


def unreadable(error: OSError) -> PublishError:
    """Return the error of a file that cannot be read."""
    return PublishError(f"{error.filename} cannot be read: {error.strerror}", hint="check the path and its mode")
