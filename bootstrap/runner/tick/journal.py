"""The journal: append-only JSON lines, each with a number and a checksum. The only source of truth on a host."""

import json
import os
import zlib

from bootstrap.runner.host import STATE

JOURNAL = STATE + "/journal"
VERSION = 1  # of the format; tests keep a journal of every one that was released


def seal(event):
    """One line of the journal: the event with a checksum of its text as the last key."""
    text = json.dumps(event, sort_keys=True)[:-1]
    return '%s, "crc": "%08x"}\n' % (text, zlib.crc32(text.encode()))


def unseal(line):
    """The event in a line, None when the line is torn or damaged."""
    try:
        text, crc = line.decode().rsplit(', "crc": "', 1)
        if crc == '%08x"}' % zlib.crc32(text.encode()):
            return json.loads(text + "}")
    except ValueError:
        pass
    return None


def events_in(path):
    """The events of a journal file as they stand, mending nothing; none when it cannot be read."""
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
        self.fd = self.host.open(JOURNAL, os.O_RDWR | os.O_APPEND | os.O_CREAT, make=True)
        os.chmod(STATE, 0o711)
        # Kept open: a stage may mount a file system over it, and then no path leads there any more.
        self.folder = self.host.folder(STATE)
        os.fsync(self.folder)
        data = b""
        while True:
            block = os.read(self.fd, 1 << 20)
            if not block:
                break
            data += block
        lines = data.split(b"\n")
        events = [unseal(line) for line in lines[:-1]]
        whole = len(events)
        while whole and events[whole - 1] is None:
            whole -= 1
        # Nor must one be missing, doubled or in another's place: numbers are what the collector tells events by.
        if [event and event["seq"] for event in events[:whole]] != list(range(1, whole + 1)):
            self.mend(data, [event for event in events if event])
            return
        self.events = events[:whole]
        version = self.events[0].get("version", 1) if whole else 1
        if version > VERSION:
            raise OSError("its journal is of format %s, and this runner knows %d" % (version, VERSION))
        if whole and self.events[-1]["type"] == "moved":
            raise OSError(2, "its state went on in the file system that was mounted over %s; mount it again" % STATE)
        # What follows the last good line was never acknowledged by an fsync; left there, the next would be glued to it.
        os.ftruncate(self.fd, sum(len(line) + 1 for line in lines[:whole]))

    def mend(self, data, good):
        """A damaged middle is set aside as it is; lines that prove themselves stay, the others are named as lost."""
        aside = "%s.damaged.%d" % (JOURNAL, len(self.host.list(STATE)))
        self.host.save(aside, data)
        for event in sorted(good, key=lambda event: event["seq"]):
            while len(self.events) + 1 < event["seq"]:
                self.events.append(
                    {"seq": len(self.events) + 1, "type": "lost", "at": event["at"], "uptime_s": event["uptime_s"]}
                )
            if len(self.events) < event["seq"]:
                self.events.append(event)
        self.close()
        self.host.save(JOURNAL, "".join(map(seal, self.events)).encode())
        self.host.say("the journal was damaged; kept as " + aside)
        self.open()

    def fresh(self, kind="old"):
        """Put the present journal aside, numbered in the order of their lives, and start an empty one."""
        self.close()
        os.rename(JOURNAL, "%s.%s.%04d" % (JOURNAL, kind, len(self.host.list(STATE))))
        self.events = []
        self.open()

    def close(self):
        os.close(self.fd)
        os.close(self.folder)

    def moved(self):
        """Whether the open journal is not the one under its name: its folder was mounted over, or removed."""
        try:
            return not os.path.samestat(os.stat(JOURNAL), os.fstat(self.fd))
        except OSError:
            return True

    def follow(self):
        """Go on where the state folder is now. A run brings what can do that."""
        raise OSError(2, "is no longer where it was", JOURNAL)

    @property
    def id(self):
        return self.events[0].get("journal", "unknown") if self.events else None

    def add(self, kind, **fields):
        """Append one event and make it durable before returning it. Raises OSError when the disk takes no more."""
        try:
            if self.moved():
                self.follow()
        finally:
            # Where it cannot follow, the old journal has the event at least, should its folder come back.
            event = self.write(kind, fields)
        return event

    def write(self, kind, fields):
        event = dict(fields, type=kind, seq=len(self.events) + 1)
        event.update(at=round(self.host.now(), 3), uptime_s=round(self.host.uptime(), 3))
        before = os.fstat(self.fd).st_size
        line = seal(event).encode()
        try:
            if os.write(self.fd, line) != len(line):
                raise OSError(28, "no space for the journal")
            os.fsync(self.fd)
        except OSError:
            os.ftruncate(self.fd, before)
            raise
        self.events.append(event)
        return event

    def find(self, kind, **fields):
        """The events of a kind whose fields have these values, oldest first."""
        return [e for e in self.events if e["type"] == kind and all(e.get(k) == v for k, v in fields.items())]

    def elapsed(self):
        """Powered-on seconds since the journal began: this boot by the monotonic clock, earlier ones as journalled."""
        total, boot, first, last = 0.0, None, 0.0, 0.0
        for event in self.events:
            if event.get("boot_id", boot) != boot:
                total, boot, first = total + last - first, event["boot_id"], event["uptime_s"]
            last = event["uptime_s"]
        if boot == self.host.boot_id:
            last = self.host.uptime()
        return total + last - first
