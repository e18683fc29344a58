"""The deployer's secret, from which every server's report key is derived.

It is 32 random bytes in base64, in a file that only its owner can read, or in the variable BOOTSTRAP_SECRET.
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
# A secret has 45 characters, a token fewer than 100; a large file that is named by mistake is not read whole.
MAX_FILE_BYTES = 4096
VARIABLE = "BOOTSTRAP_SECRET"


def write_private(path: Path, text: str) -> None:
    """Create a file of mode 0600 with this text, synced to disk. Raises UsageError; a file is never replaced."""
    try:
        # One call: the file has its mode before the text, and neither a race nor a link can lead to another file.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} exists already", hint="it was not changed; name another file, or remove this one first"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be made: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_private(path: Path, subject: str, hint: str | None = None) -> str:
    """Return the text of a small file that nobody but its owner may read. subject: its name in messages.

    hint: how to mend it when the file cannot be read.

    Raises UsageError, also when others may read or change the file.
    """
    try:
        with path.open("rb") as file:
            # The open file is judged, not its path, which might lead to another file a moment later.
            status = os.fstat(file.fileno())
            content = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise UsageError(f"{subject} {path} cannot be read: {error.strerror}", hint=hint) from error
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{subject} {path} is not a regular file")
    if status.st_mode & 0o077:
        raise UsageError(
            f"{subject} {path} can be read or changed by others (mode {stat.S_IMODE(status.st_mode):04o})",
            hint=f"chmod 600 {path}",
        )
    return content.decode("ascii", "replace").strip()


def make_secret(path: Path) -> bytes:
    """Write a new secret to `path` (mode 0600) and return its 32 bytes. Raises UsageError when the file exists."""
    secret = secrets.token_bytes(SECRET_BYTES)
    write_private(path, base64.b64encode(secret).decode() + "\n")
    return secret


def read_secret(path: str | Path | None = None) -> bytes:
    """Return the 32 bytes of the secret, from the file `path`, or from BOOTSTRAP_SECRET without one.

    Raises UsageError when there is none, when it is malformed, or when others may read the file.
    """
    if path is not None:
        hint = "`bootstrap secret FILE` makes one; a collector takes only reports that its own secret has signed"
        return _decoded(read_private(Path(path), "the secret file", hint), str(path))
    text = os.environ.get(VARIABLE)
    if not text:
        raise UsageError(
            "no secret is given", hint=f"give --secret-file FILE or set {VARIABLE}; `bootstrap secret FILE` makes one"
        )
    return _decoded(text.strip(), VARIABLE)


def read_secret_if_named(path: Path | None = None) -> bytes | None:
    """Do as `read_secret` does, but return None when neither a file nor BOOTSTRAP_SECRET is given."""
    return None if path is None and not os.environ.get(VARIABLE) else read_secret(path)


def _decoded(text: str, source: str) -> bytes:
    """Decode a secret. source: the name of its file or variable. Raises UsageError."""
    # No message may quote the value.
    try:
        secret = base64.b64decode(text.encode("ascii", "replace"), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise UsageError(
            f"{source} does not hold {SECRET_BYTES} bytes in base64", hint="make a new one with `bootstrap secret FILE`"
        )
    return secret
