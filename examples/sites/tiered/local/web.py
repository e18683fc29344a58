"""The shop: orders go to the database, and their count comes from a cache when that has it."""

import contextlib
import http.client
import os

import answering

DATABASE = (os.environ["DATABASE"], 5432, "/rows")
CACHE = (os.environ["CACHES"].split(",")[0], 11211, "/orders")


def ask(place, method="GET", body=None):
    host, port, path = place
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=3)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
    if answer.status >= 400:
        raise OSError(f"{host}:{port}{path} answers {answer.status}")
    return text


def orders():
    # A cache that is away, or empty, costs one question to the database.
    with contextlib.suppress(OSError):
        return ask(CACHE)
    count = ask(DATABASE)
    with contextlib.suppress(OSError):
        ask(CACHE, "PUT", count)
    return count


class Shop(answering.Handler):
    def do_GET(self):
        if self.path == "/release":
            ask(DATABASE)
            self.answer(200, os.environ["RELEASE"])
        else:
            self.answer(200, orders())

    def do_POST(self):
        self.answer(201, ask(DATABASE, "POST", self.body()))


if __name__ == "__main__":
    answering.serve(Shop, 8080)
