"""Stands for a database: lines in a file. POST /rows adds one and makes it last; GET /rows counts them."""

import os
import threading

import answering

ROWS = "/var/lib/rows/rows"
lock = threading.Lock()


class Rows(answering.Handler):
    def do_GET(self):
        with lock, open(ROWS) as rows:
            self.answer(200, f"{sum(1 for _ in rows)} orders\n")

    def do_POST(self):
        row = self.body().replace("\n", " ")
        with lock, open(ROWS, "a") as rows:
            rows.write(row + "\n")
            rows.flush()
            os.fsync(rows.fileno())
        self.answer(201, "kept\n")


if __name__ == "__main__":
    open(ROWS, "a").close()
    answering.serve(Rows, 5432)
