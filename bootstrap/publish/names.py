"""The names that a place can hold: of its buckets and containers, and of the objects in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootstrap.errors import Problem
from bootstrap.publish.objects import Unfit

# Both services count the bytes of UTF-8. Sources: docs.aws.amazon.com, "Naming Amazon S3 objects";
# docs.openstack.org/swift, constraints, max_object_name_length and max_container_name_length.
MAX_OBJECT_BYTES, MAX_CONTAINER_BYTES = 1024, 256
# A file system's own limit for one part of a path.
MAX_PART_BYTES = 255
# Source: docs.aws.amazon.com, "General purpose bucket naming rules".
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def check(names: Iterable[str], place: str, *, prefix: str = "", part_bytes: int | None = None) -> None:
    """Refuse every name that a place cannot hold. Raises Unfit.

    prefix: what the place puts before each name, and counts; part_bytes: the limit of each part of a path, if any.
    """
    problems = []
    for name in names:
        fault, hint = _fault(name, prefix, part_bytes)
        if fault:
            problems.append(
                Problem("publish.name", f"{place} cannot hold an object named {name!r}: {fault}", hint=hint)
            )
    if problems:
        raise Unfit(problems)


def _fault(name: str, prefix: str, part_bytes: int | None) -> tuple[str, str]:
    """Return (the fault of a name, how to mend it); two empty texts for a good name."""
    try:
        size = len((prefix + name).encode())
    except UnicodeEncodeError:
        return "it is not UTF-8", "rename the file"
    if not name or "\0" in name:
        return "it is empty" if not name else "it has a NUL in it", "choose another name"
    parts = name.split("/")
    # curl and browsers take such parts out of a URL, whose signature is wrong then.
    if "" in parts or "." in parts or ".." in parts:
        return "a part of it is empty, `.` or `..`", "choose another name"
    if size > MAX_OBJECT_BYTES:
        counted = f"{size:,} bytes with the prefix {prefix!r}" if prefix else f"{size:,} bytes"
        return f"it has {counted}, and {MAX_OBJECT_BYTES:,} are the most", "shorten the name or the prefix"
    longest = max(len(part.encode()) for part in parts)
    if part_bytes is not None and longest > part_bytes:
        return f"a part of it has {longest:,} bytes, and {part_bytes:,} are the most", "shorten the name"
    return "", ""


def container_fault(name: str) -> str | None:
    """Return why Swift takes no container of this name, None if it does."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if not name or "/" in name or "\0" in name:
        return "it is empty" if not name else "a container's name has no slash and no NUL"
    return f"it has {size:,} bytes, and {MAX_CONTAINER_BYTES} are the most" if size > MAX_CONTAINER_BYTES else None


def bucket_fault(name: str) -> str | None:
    """Return why S3 has no bucket of this name, None if it may have one."""
    if not 3 <= len(name) <= 63:
        return f"a bucket's name has 3 to 63 characters, and this one {len(name)}"
    if not _BUCKET.fullmatch(name):
        return "a bucket's name is lower-case letters, digits, dots and hyphens, and begins and ends with no mark"
    if ".." in name or _ADDRESS.fullmatch(name):
        return "a bucket's name has no two dots together, and is no IP address"
    return None
