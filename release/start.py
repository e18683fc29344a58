"""The zipapp's first module: unpacks the toolkit once into the user's cache, since a zip is no place for extensions.

Whatever Python somebody has reads it, so its syntax is as old as can be, and it looks before it unpacks.
initialrunner_made is written by release/pyz.py: what this file is for, and the digest of site.zip.
"""

import os
import sys

from initialrunner_made import DIGEST, GLIBC, MACHINE, PYTHON


def main():
    misfit = unfit()
    if misfit:
        facts = PYTHON + (MACHINE,) + GLIBC + (misfit,)
        fail(
            "this bootstrap.pyz is made for Python %d.%d on Linux %s with glibc %d.%d or newer; %s" % facts,
            "run it as `python%d.%d bootstrap.pyz`, or make one that fits: make zipapp PYTHON=..." % PYTHON,
        )
    # The folder takes the place of the zip, which Python would search for each import and find nothing.
    sys.path[0] = folder()
    from bootstrap.cli.main import main as command

    command()


def fail(message, hint):
    sys.stderr.write("error: %s\n  %s\n" % (message, hint))
    sys.exit(2)


def unfit():
    """The reason why this interpreter or machine does not fit; None when it fits."""
    if tuple(sys.version_info[:2]) != PYTHON:
        return "this is Python %d.%d (%s)" % (tuple(sys.version_info[:2]) + (sys.executable,))
    system = os.uname()
    if system[0] != "Linux" or system[4] != MACHINE:
        return "this is %s %s" % (system[0], system[4])
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
    except (ValueError, AttributeError):
        return "this Linux has another C library"
    if name != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < GLIBC:
        return "this is %s %s" % (name, version)
    return None


def folder():
    """The folder of the unpacked toolkit; unpack it first if needed. No other user can have written to it."""
    reasons = []
    for base in bases():
        target = os.path.join(base, "pyz-" + DIGEST[:24])
        try:
            if not os.path.isdir(base):
                os.makedirs(base, 0o700)
            if not is_ours(base):
                reasons.append("%s is not yours alone" % base)
                continue
            if os.statvfs(base).f_flag & os.ST_NOEXEC:
                reasons.append("%s is mounted noexec, which extensions of Python do not bear" % base)
                continue
            if not os.path.lexists(target):
                unpack(base, target)
            if is_ours(target):
                return target
            reasons.append("%s is not yours alone" % target)
        except OSError as error:
            reasons.append("%s: %s" % (base, error.strerror or error))
    return fail(
        "there is no place to unpack to: " + "; ".join(reasons), "set XDG_CACHE_HOME to a folder that you can write"
    )


def bases():
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not cache.startswith("/"):
        cache = os.path.expanduser("~/.cache")
    # The second is for users without a home, such as nobody, or with one that is mounted noexec.
    return os.path.join(cache, "initialrunner"), "/var/tmp/initialrunner-%d" % os.geteuid()


def is_ours(path):
    """Whether it is a folder, no link, that only this user can write."""
    stat = os.lstat(path)
    return stat.st_uid == os.geteuid() and stat.st_mode & 0o170022 == 0o040000


def unpack(base, target):
    """Whole or not at all: beside it, then renamed. Of two at once the second finds it done."""
    import hashlib
    import io
    import shutil
    import tempfile
    import zipfile

    try:
        with zipfile.ZipFile(os.path.dirname(os.path.abspath(__file__))) as outer:
            data = outer.read("site.zip")
    except zipfile.BadZipfile:
        data = b""
    if hashlib.sha256(data).hexdigest() != DIGEST:
        fail("bootstrap.pyz is damaged", "get it again")
    new = tempfile.mkdtemp(prefix="new-", dir=base)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            packed.extractall(new)
        os.rename(new, target)
    except OSError:
        if not os.path.isdir(target):
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


if __name__ == "__main__":
    main()
