"""The deployer's secret, from which every server's report key is derived: made once, read with care.

32 random bytes in base64, in a file that only its owner can read, or in BOOTSTRAP_SECRET.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from bootstrap.errors import UsageError

SECRET_BYTES = 32
VARIABLE = "BOOTSTRAP_SECRET"


def write_private(path: Path, text: str) -> None:
    """Create a file of mode 0600 with this text, durable, or raise UsageError. What is there is never replaced."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} exists already", hint="nothing was changed; name another file, or remove this one first"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be made: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_private(path: Path, what: str) -> str:
    """The text of a small file that no one but its owner may read; what: its name in messages. Raises UsageError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno())
            content = file.read(4096)
    except OSError as error:
        raise UsageError(f"{what} {path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode.st_mode):
        raise UsageError(f"{what} {path} is not a regular file")
    if mode.st_mode & 0o077:
        raise UsageError(
            f"{what} {path} can be read or changed by others (mode {stat.S_IMODE(mode.st_mode):04o})",
            hint=f"chmod 600 {path}",
        )
    return content.decode("ascii", "replace").strip()


def make_secret(path: Path) -> bytes:
    """Write a new secret to `path` (mode 0600) and return it. Raises UsageError when the file exists."""
    secret = secrets.token_bytes(SECRET_BYTES)
    write_private(path, base64.b64encode(secret).decode() + "\n")
    return secret


def read_secret(path: str | Path | None = None) -> bytes:
    """The 32 bytes of the secret: of the file when one is named, else of BOOTSTRAP_SECRET. Raises UsageError."""
    if path is not None:
        return _decoded(read_private(Path(path), "the secret file"), str(path))
    text = os.environ.get(VARIABLE)
    if not text:
        raise UsageError(
            "no secret is named", hint=f"give --secret-file FILE or set {VARIABLE}; `bootstrap secret FILE` makes one"
        )
    return _decoded(text.strip(), VARIABLE)


def read_secret_if_named(path: Path | None = None) -> bytes | None:
    """As `read_secret`, and None when neither a file nor BOOTSTRAP_SECRET names one."""
    return None if path is None and not os.environ.get(VARIABLE) else read_secret(path)


def _decoded(text: str, where: str) -> bytes:
    # The value itself stays out of every message.
    try:
        secret = base64.b64decode(text.encode("ascii", "replace"), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise UsageError(
            f"{where} does not hold {SECRET_BYTES} bytes in base64", hint="make a new one with `bootstrap secret FILE`"
        )
    return secret
