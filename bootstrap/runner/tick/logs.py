"""Logs and outputs of stages: opened, kept short, read without secrets."""

import os

from bootstrap.runner.console import plain
from bootstrap.runner.host import STATE

LOG_BYTES, TAIL_BYTES, OUTPUT_BYTES = 1 << 20, 2048, 4096


def output_of(label):
    """Return the path for the key=value lines of a stage; by attempt, so that none is in the way of the next."""
    return "%s/stages/%s.output" % (STATE, label.replace("/", "."))


def open_log(host, name):
    """Return a descriptor of a stage's log, made when it is not there and cut when it is too long. Raises OSError."""
    os.close(host.folder(STATE + "/logs", True))
    os.chmod(STATE + "/logs", 0o700)
    log = host.open("%s/logs/%s.log" % (STATE, name), os.O_RDWR | os.O_APPEND | os.O_CREAT)
    bound_log(log, LOG_BYTES)
    return log


def bound_log(log, limit=2 * LOG_BYTES):
    """Keep both ends of a log, never blocking its writer. True when it was cut.

    The writer has an O_APPEND descriptor, so that it writes at the new end once the file is cut. Half of the limit
    stays as the head. No attempt begins behind that: all that follows its beginning is its own.
    """
    size = os.fstat(log).st_size
    if size > limit:
        # `log` is O_APPEND as well, and then Linux ignores the offset of pwrite: writing in place takes another
        # descriptor.
        fd = os.open("/proc/self/fd/%d" % log, os.O_WRONLY)
        # Again while the writer adds: bytes that come between the last look and the cut are lost, and these may be its
        # last words.
        for _ in range(20):
            size = os.fstat(log).st_size
            end = b"\n[cut: the log was too long]\n" + os.pread(log, limit // 4 - 64, size - limit // 4 + 64)
            os.pwrite(fd, end, limit // 2)
            if os.fstat(log).st_size == size:
                break
        os.ftruncate(log, limit // 2 + len(end))
        os.close(fd)
    return size > limit


def tail(log, plan, start=0):
    """Return the last lines of a log as text, from the byte `start` on.

    Secrets are blotted out in the file itself first, at the same length, so that no offset into it moves.
    """
    bound_log(log)
    data = os.pread(log, 2 * LOG_BYTES, 0)
    for secret in map(str.encode, plan.get("secrets", [])):  # for: secrets
        at = data.find(secret)
        while at >= 0:
            # In place, which `log` cannot do: see bound_log.
            fd = os.open("/proc/self/fd/%d" % log, os.O_WRONLY)
            os.pwrite(fd, b"*" * len(secret), at)
            os.close(fd)
            data = data[:at] + b"*" * len(secret) + data[at + len(secret) :]
            at = data.find(secret)
    return plain(data[start:][-TAIL_BYTES:].decode("utf-8", "backslashreplace"))[-TAIL_BYTES:]


def outputs(host, plan, label):
    """Return {"outputs": key=value lines that an attempt wrote to $INITIALRUNNER_OUTPUT}, {} when it wrote none.

    Secrets are blotted out, and the file is removed, since it may hold one. The stage, whose file it is, may have made
    anything of it: OUTPUT_BYTES are the most that is read. Raises OSError where it is no regular file.
    """
    path = output_of(label)
    try:
        with os.fdopen(host.open(path), "rb") as file:
            text = file.read(OUTPUT_BYTES).decode("utf-8", "replace")
    finally:
        host.remove(path)
    for secret in plan.get("secrets", []):  # for: secrets
        text = text.replace(secret, "*" * len(secret))
    pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {"outputs": pairs} if pairs else {}
