"""Stands for a database: lines in a file. POST /rows adds one and makes it last; GET /rows counts them.

GET /rows/all and PUT /rows carry all lines from one database to the next.
"""

import os
import pathlib
import threading

import answering

ROWS = pathlib.Path("/var/lib/rows/rows")
lock = threading.Lock()


def write(mode, text):
    with lock, ROWS.open(mode) as rows:
        rows.write(text)
        rows.flush()
        os.fsync(rows.fileno())


class Rows(answering.Handler):
    def do_GET(self):
        with lock, ROWS.open() as rows:
            lines = rows.readlines()
        self.answer(200, "".join(lines) if self.path == "/rows/all" else f"{len(lines)} orders\n")

    def do_POST(self):
        write("a", self.body().replace("\n", " ") + "\n")
        self.answer(201, "kept\n")

    def do_PUT(self):
        write("w", self.body())
        self.answer(200, "copied\n")


if __name__ == "__main__":
    write("a", "")
    answering.serve(Rows, 5432)
