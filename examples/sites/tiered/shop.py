"""A shop of one page: orders are rows of the database, and the page rests in the caches for a second."""

import os

import flask
import psycopg2
from pymemcache.client.hash import HashClient

app = flask.Flask(__name__)
caches = HashClient(os.environ["CACHES"].split(","), timeout=1, connect_timeout=1, ignore_exc=True)


def database():
    connection = psycopg2.connect(os.environ["DATABASE"], connect_timeout=3)
    with connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists orders (id bigserial primary key, what text not null)")
    return connection


@app.get("/")
def orders():
    # A cache that is away costs time and no answer: ignore_exc makes it a miss.
    page = caches.get("orders")
    if page is None:
        with database() as connection, connection.cursor() as cursor:
            cursor.execute("select count(*) from orders")
            page = f"{cursor.fetchone()[0]} orders\n".encode()
        caches.set("orders", page, expire=1)
    return flask.Response(page, mimetype="text/plain")


@app.post("/orders")
def order():
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("insert into orders (what) values (%s) returning id", (flask.request.get_data(as_text=True),))
        return {"order": cursor.fetchone()[0]}, 201


@app.get("/release")
def release():
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
    return flask.Response(os.environ["RELEASE"], mimetype="text/plain", headers={"Cache-Control": "no-store"})
