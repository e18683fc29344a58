"""The worker: counts the words of each new note. Two of them, of two releases, may work beside each other."""

import os
import pathlib
import time

import psycopg2

ONE_NOTE = "select id, text from notes where words is null limit 1 for update skip locked"


def work(connection):
    """Whether there was something to do."""
    with connection, connection.cursor() as cursor:
        cursor.execute(ONE_NOTE)
        note = cursor.fetchone()
        if note:
            cursor.execute("update notes set words = %s where id = %s", (len(note[1].split()), note[0]))
        return note is not None


if __name__ == "__main__":
    # A connection that breaks ends the program: systemd starts it again.
    connection = psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=3)
    while True:
        if not work(connection):
            time.sleep(1)
        pathlib.Path("/run/notes/alive").touch()
