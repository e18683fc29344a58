"""Tells people of this machine: one plain line on the console, in motd and in the system log."""

import os

# The lines that people read on a console, in motd and in the system log of a server that does not come up.
FAILED = "%s failed: %s; ask `initialrunner why`"  # the server, the reason
UNDELIVERED = "events not delivered for 7 days are given up: %s"  # the last answer of the collector
DAMAGED = "the journal was damaged; kept as %s"


def plain(text):
    """Return the text without what a terminal would obey: unprintable characters are shown as their numbers."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\\x%02x" % ord(c) for c in text)


class Console:
    """The places where people look when a server does not come up."""

    def say(self, line):
        """Print one plain line on the console, in motd and in the system log; each line once.

        Words of a peer or of a program may be in it: nothing that a terminal would obey gets through.
        """
        line = "initialrunner: %s\n" % plain(line.replace("\n", " "))
        # A tick comes every minute; motd remembers which lines are out already.
        if line in self.text("/etc/motd"):
            return
        for path in "/dev/console", "/etc/motd":
            try:
                fd = os.open(
                    path,
                    # O_NOCTTY: a console must not become our terminal, whose signals would reach us. O_NONBLOCK: one
                    # that nobody reads must not hold us up. /dev/console is never made: it would be a plain file.
                    os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | (path == "/etc/motd" and os.O_CREAT),
                    0o644,
                )
                os.write(fd, line.encode())
                os.close(fd)
            except OSError:
                pass
        self.run(["logger", "-t", "initialrunner", line[15:].strip()], 5)
