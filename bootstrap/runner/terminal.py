"""Where the words for people leave: nothing that a terminal would obey gets through."""

import os
import sys

from bootstrap.runner.console import plain


class Plain:
    """An output whose every word passes one filter. It keeps nothing back, so that a full disk is known at once."""

    def __init__(self, stream):
        self.fd, self.encoding = stream.fileno(), stream.encoding

    def write(self, text):
        data = plain(text).encode(self.encoding, "backslashreplace")
        while data:
            data = data[os.write(self.fd, data) :]

    def flush(self):
        pass


def guard():
    """From now on standard output and error pass the filter; who closed one gets nothing."""
    sys.stdout, sys.stderr = [stream and Plain(stream) for stream in (sys.stdout, sys.stderr)]


def refuse(reason, code):
    sys.stderr.write("initialrunner: %s\n" % reason)
    return code
