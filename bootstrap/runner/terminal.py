"""The outputs for people: nothing that a terminal would obey gets through."""

import os
import sys

from bootstrap.runner.console import plain


class Plain:
    """An output whose every word passes one filter. It buffers nothing, so that a full disk is known at once."""

    def __init__(self, stream):
        self.fd, self.encoding = stream.fileno(), stream.encoding

    def write(self, text):
        data = plain(text).encode(self.encoding, "backslashreplace")
        while data:
            data = data[os.write(self.fd, data) :]

    def flush(self):
        pass


def guard():
    """Put the filter before standard output and error; one that the caller has closed stays closed."""
    sys.stdout, sys.stderr = [stream and Plain(stream) for stream in (sys.stdout, sys.stderr)]


def refuse(reason, code):
    """Print on standard error why a verb does not go on. Return the exit code."""
    sys.stderr.write("initialrunner: %s\n" % reason)
    return code
