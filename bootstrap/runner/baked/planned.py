"""The injected files that travel beside a bundle: reads their list in the bundle's own plan, and puts them in place.

The plan is read after the bundle is verified, in a child, and without running any of it.
"""

import errno
import json
import os
import zlib
from hashlib import sha256

from bootstrap.runner.form import SEPARATOR, WHOLE, decode, unpacked_code
from bootstrap.runner.host import BUNDLE, STUB, TRIGGER

MOST_UNPACKED = 4 << 20  # bytes of a plan, or of the code that is its dictionary; they are a hundredth of it
# The bundle writes these paths itself as soon as it starts; no source may write them for it.
OWN = {TRIGGER, BUNDLE, STUB} | {"%s.%d" % (BUNDLE, number) for number in range(1, 10)}


class Unplanned(Exception):
    """The plan in this bundle cannot be read: one line with the reason."""


def travels_beside(bundle):
    """{path: (size, SHA-256)} of the files that may come beside a bundle: those to be injected, and its units' texts.

    Raises Unplanned.
    """
    try:
        plan = plan_in(bundle)
        expected = {f["path"]: (f["size"], f["sha256"]) for f in plan["files"] if f.get("deliver") == "inject"}
        for path, text in plan.get("units", {}).items():
            expected[path] = len(text.encode()), sha256(text.encode()).hexdigest()
        # An unsigned plan may be anybody's: a relative path, or one with "..", must not reach the disk.
        for path, (size, digest) in expected.items():
            plain = path.startswith("/") and os.path.abspath(path) == path and b"\0" not in os.fsencode(path)
            if not plain or path.startswith("//") or not isinstance(size, int) or len(digest) != 64:
                raise ValueError("its entry for %r is not valid" % path)
    except (ValueError, OverflowError, OSError, EOFError, zlib.error) as error:
        raise Unplanned(str(error) or type(error).__name__)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unplanned("it is not a plan of this program (%s)" % type(error).__name__)
    return {path: expected[path] for path in expected if path not in OWN}


def plan_in(bundle):
    """The host plan of a whole bundle. Raises the errors of its unpackers."""
    match = WHOLE.fullmatch(bundle)
    if not match:
        raise ValueError("this runner does not know its form")
    parts = match.group(2).decode("latin-1").split(SEPARATOR)
    work = zlib.decompressobj(zdict=unpacked_code(parts[0], MOST_UNPACKED)[0])
    plan = work.decompress(decode(parts[1]), MOST_UNPACKED)
    if not work.eof:
        raise ValueError("it is cut off or larger than %d bytes" % MOST_UNPACKED)
    return json.loads(plan.decode())


def bring(host, files, copies, say):
    """Put files in place that are missing or torn, as root's with mode 0600; the runner does the rest.

    files: {path: SHA-256}; copies: the path of their copies, without the SHA-256 at its end; say: takes a line of text.
    A file that cannot be put in place is named in such a line, and the bundle reports it as missing. Returns False when
    the copies are not there any more. Raises OSError when the disk is full.
    """
    for path, digest in sorted(files.items()):
        copy = host.read(copies + digest)
        if not copy or sha256(copy[0]).hexdigest() != digest:
            return False
        data = copy[0]
        try:
            present = host.read(path)
            if present is None or (present[0] != data and is_torn(present[0], data)):
                host.save(path, data)
            elif present[0] != data:
                say("%s differs from the file that came with the bundle, and stays as it is" % path)
        except (OSError, ValueError) as error:
            say("%s, which came with the bundle, cannot be put in place: %s" % (path, error))
            if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
                raise
    return True


def is_torn(present, data):
    """Whether `present` is the beginning of `data`, perhaps with zeros for bytes that did not reach the disk."""
    return len(present) <= len(data) and data.startswith(present.rstrip(b"\0"))
