"""The journal: append-only JSON lines, each with a number and a checksum. The only source of truth on a host."""

import errno
import os
import zlib

from bootstrap.runner.bundle import later
from bootstrap.runner.host import STATE
from bootstrap.runner.jsontext import dumps, loads

JOURNAL = STATE + "/journal"
VERSION = 1  # of the format; tests keep a journal of every one that was released


def seal(event):
    """Return one line of the journal: the event with a checksum of its text as the last key."""
    text = dumps(event)[:-1]
    return '%s, "crc": "%08x"}\n' % (text, zlib.crc32(text.encode()))


def unseal(line):
    """Return the event in a line, None when the line is torn or damaged."""
    try:
        text, crc = line.decode().rsplit(', "crc": "', 1)
        if crc == '%08x"}' % zlib.crc32(text.encode()):
            return loads(text + "}")
    except ValueError:
        pass
    return None


def events_in(path):
    """Return the events of a journal file as they stand, repairing nothing; none when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return [event for event in map(unseal, file.read().split(b"\n")) if event]
    except OSError:
        return []


class Journal:
    """Events of one deploy on one machine. Nothing is ever dropped from disk."""

    def __init__(self, host):
        self.host, self.events = host, []
        self.open()

    def open(self):
        """Read the journal and repair it, so that the next event can be appended. Raises OSError.

        The events end with the last line that proves itself; a torn end was never acknowledged by an fsync.
        """
        # O_APPEND: once a torn end is cut, our offset lies behind the end of the file, and a write there would leave a
        # hole.
        self.fd = self.host.open(JOURNAL, os.O_RDWR | os.O_APPEND | os.O_CREAT, make=True)
        os.chmod(STATE, 0o711)
        # The descriptor stays open: a stage may mount a file system over the folder, and then no path leads there.
        self.folder = self.host.folder(STATE)
        # The journal may have been made just now: its name must outlive a power cut before anything is recorded in it.
        os.fsync(self.folder)
        data = b"".join(iter(lambda: os.read(self.fd, 1 << 20), b""))
        lines = data.split(b"\n")
        events = [unseal(line) for line in lines[:-1]]
        whole = len(events)
        while whole and events[whole - 1] is None:
            whole -= 1
        # Sequence numbers must be gapless and in order: the collector identifies events by them.
        if [event and event["seq"] for event in events[:whole]] != list(range(1, whole + 1)):
            later("rebuild")(self, data, [event for event in events if event])
            return
        self.events = events[:whole]
        version = self.events[0].get("version", 1) if whole else 1
        if version > VERSION:
            raise OSError("its journal is of format %s, and this runner knows %d" % (version, VERSION))
        if whole and self.events[-1]["type"] == "moved":
            text = "its state went on in the file system that was mounted over %s; mount it again"
            raise OSError(errno.ENOENT, text % STATE)
        # A torn line must go before the next one is appended, which would be glued to it and be lost with it: a stage
        # that is done would run again.
        os.ftruncate(self.fd, sum(len(line) + 1 for line in lines[:whole]))

    def fresh(self, kind="old"):
        """Put the present journal aside, numbered in the order of their lives, and start an empty one."""
        self.close()
        os.rename(JOURNAL, "%s.%s.%04d" % (JOURNAL, kind, len(self.host.list(STATE))))
        self.events = []
        self.open()

    def close(self):
        os.close(self.fd)
        os.close(self.folder)

    def keep_up(self):
        """Follow the state folder if it was mounted over, or removed. Raises OSError where that cannot be done."""
        try:
            stays = os.path.samestat(os.stat(JOURNAL), os.fstat(self.fd))
        except OSError:
            stays = False
        if not stays:
            later("follow")(self)

    @property
    def id(self):
        """The random name that this journal was given when it was begun."""
        return self.events[0].get("journal", "unknown") if self.events else None

    def add(self, kind, **fields):
        """Append one event and make it durable before returning it. Raises OSError when the disk takes no more."""
        try:
            self.keep_up()
        finally:
            # A journal that cannot follow has the event at least in its old place, should that folder come back.
            event = self.write(kind, fields)
        return event

    def write(self, kind, fields):
        """Append an event to the open journal and sync it. Raises OSError, and leaves no half line then."""
        event = dict(fields, type=kind, seq=len(self.events) + 1)
        event.update(at=round(self.host.now(), 3), uptime_s=round(self.host.uptime(), 3))
        before = os.fstat(self.fd).st_size
        line = seal(event).encode()
        try:
            # One write for a whole line: a kill leaves all of it or nothing, and a power cut no more than a torn end.
            if os.write(self.fd, line) != len(line):
                raise OSError(errno.ENOSPC, "no space for the journal")
            os.fsync(self.fd)
        except OSError:
            os.ftruncate(self.fd, before)
            raise
        self.events.append(event)
        return event

    def find(self, kind, **fields):
        """Return the events of a kind whose fields have these values, oldest first."""
        return [e for e in self.events if e["type"] == kind and all(e.get(k) == v for k, v in fields.items())]

    def elapsed(self):
        """Return the powered-on seconds since the journal began, of earlier boots as far as it has times of them.

        Only the monotonic clock is asked: at a first boot the wall clock may be years off, and be set at any time.
        """
        total, boot, first, last = 0.0, None, 0.0, 0.0
        for event in self.events:
            if event.get("boot_id", boot) != boot:
                total, boot, first = total + last - first, event["boot_id"], event["uptime_s"]
            last = event["uptime_s"]
        if boot == self.host.boot_id:
            last = self.host.uptime()
        return total + last - first
