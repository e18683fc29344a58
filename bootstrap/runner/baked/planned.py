"""The injected files that travel beside a bundle: what its own plan says of them, and how they get into place.

The plan is read once the bundle is verified, in a child, and without running any of it.
"""

import bz2
import errno
import json
import os
import zlib
from hashlib import sha256

from bootstrap.runner.form import PARTING, SEPARATOR, WHOLE, decode
from bootstrap.runner.host import BUNDLE, TRIGGER

MOST_UNPACKED = 4 << 20  # bytes of a plan, or of the code that is its dictionary; they are a hundredth of it
# What the bundle writes itself as soon as it starts, and nobody else shall write for it.
OWN = {TRIGGER, BUNDLE} | {"%s.%d" % (BUNDLE, number) for number in range(1, 10)}


class Unplanned(Exception):
    """The plan in this bundle cannot be read: one line that says why."""


def travels_beside(bundle):
    """{path: (size, SHA-256)} of the files that may come beside a bundle: those to be injected, and its units' texts.

    Raises Unplanned.
    """
    try:
        plan = plan_in(bundle)
        wanted = {f["path"]: (f["size"], f["sha256"]) for f in plan["files"] if f.get("deliver") == "inject"}
        for path, text in plan.get("units", {}).items():
            wanted[path] = len(text.encode()), sha256(text.encode()).hexdigest()
        for path, (size, digest) in wanted.items():
            plain = path.startswith("/") and os.path.abspath(path) == path and b"\0" not in os.fsencode(path)
            if not plain or path.startswith("//") or not isinstance(size, int) or len(digest) != 64:
                raise ValueError("it names %r" % path)
    except (ValueError, OverflowError, OSError, EOFError, zlib.error) as error:
        raise Unplanned(str(error) or type(error).__name__)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unplanned("it is none of this program's (%s)" % type(error).__name__)
    return {path: wanted[path] for path in wanted if path not in OWN}


def plan_in(bundle):
    """The host plan of a whole bundle. Raises what its unpackers raise."""
    found = WHOLE.fullmatch(bundle)
    if not found:
        raise ValueError("it has another form than this runner knows")
    parts = found.group(2).decode("latin-1").split(SEPARATOR)
    code = bz2.BZ2Decompressor().decompress(decode(parts[0]), MOST_UNPACKED)
    work = zlib.decompressobj(zdict=code.split(PARTING)[0])
    plan = work.decompress(decode(parts[1]), MOST_UNPACKED)
    if not work.eof:
        raise ValueError("it is cut off, or has more than %d bytes" % MOST_UNPACKED)
    return json.loads(plan.decode())


def bring(host, files, kept, say):
    """Put files in place that are not there, or not whole: root's, with mode 0600; the runner does the rest.

    files: {path: SHA-256}; kept: what the names of their copies begin with, before the SHA-256; say: takes a line.
    What cannot be put in place is said, and is the bundle's to report. False: the copies are not there any more.
    Raises OSError where the disk is full.
    """
    for path, digest in sorted(files.items()):
        found = host.read(kept + digest)
        if not found or sha256(found[0]).hexdigest() != digest:
            return False
        data = found[0]
        try:
            there = host.read(path)
            if there is None or (there[0] != data and is_torn(there[0], data)):
                host.save(path, data)
            elif there[0] != data:
                say("%s is another file than the one that came with the bundle, and stays" % path)
        except (OSError, ValueError) as error:
            say("%s, which came with the bundle, cannot be put in place: %s" % (path, error))
            if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
                raise
    return True


def is_torn(there, data):
    """Whether this is data cut off, or with zeros for what did not reach the disk in time."""
    return len(there) <= len(data) and data.startswith(there.rstrip(b"\0"))
