"""The application: it says who answers, and for whom."""

import os

import flask

app = flask.Flask(__name__)


@app.get("/")
def hello():
    client = flask.request.headers.get("X-Forwarded-For", "nobody")
    return flask.Response(f"hello {client}, from {os.environ['RELEASE']}\n", mimetype="text/plain")


@app.get("/release")
def release():
    return flask.Response(os.environ["RELEASE"], mimetype="text/plain", headers={"Cache-Control": "no-store"})
