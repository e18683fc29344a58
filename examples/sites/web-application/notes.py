"""Notes: a page that lists them, and a form's target that adds one. Counting their words is left to the worker."""

import os

import flask
import psycopg2

app = flask.Flask(__name__)


def rows(sql, *values):
    with psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=3) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


@app.get("/")
def notes():
    return {"notes": [{"text": text, "words": words} for text, words in rows("select text, words from notes")]}


@app.post("/notes")
def note():
    (number,) = rows("insert into notes (text) values (%s) returning id", flask.request.get_data(as_text=True))[0]
    return {"note": number}, 201


@app.get("/release")
def release():
    rows("select 1")
    return flask.Response(os.environ["RELEASE"], mimetype="text/plain", headers={"Cache-Control": "no-store"})
