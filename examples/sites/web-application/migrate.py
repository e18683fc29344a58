"""Brings the tables of the database to this release, step by step; each step is done once, whoever does it.

The old release goes on beside the new one: a step adds something, and what the old release needs goes away one release
later.
"""

import os
import sys

import psycopg2

STEPS = [
    "create table notes (id bigserial primary key, text text not null)",
    "alter table notes add column words integer",
]


def migrate(cursor, change):
    """The number of steps that the database has not had."""
    # All servers of a tier do this at the same time. The lock lets one after the other.
    cursor.execute("select pg_advisory_xact_lock(20260101)")
    cursor.execute("create table if not exists migrations (step integer primary key)")
    cursor.execute("select coalesce(max(step), 0) from migrations")
    done = cursor.fetchone()[0]
    for number, step in enumerate(STEPS[done:], done + 1) if change else ():
        cursor.execute(step)
        cursor.execute("insert into migrations values (%s)", (number,))
        print("step", number, "done", flush=True)
    return max(len(STEPS) - done, 0)


if __name__ == "__main__":
    change = "--check" not in sys.argv
    with psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=10) as connection, connection.cursor() as cursor:
        missing = migrate(cursor, change)
    sys.exit(1 if missing and not change else 0)
