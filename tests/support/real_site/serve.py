#!/usr/bin/env python3
"""The order service: answers with its revision, and takes orders into its spool."""

import configparser
import http.server
import pathlib
import sys


class Orders(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path == "/revision"
        body = settings["server"]["revision"].encode() + b"\n" if known else b"no such page\n"
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


check = sys.argv[1:2] == ["--check"]
settings = configparser.ConfigParser(interpolation=None)
settings.read_string(pathlib.Path(sys.argv[-1]).read_text())
if not check:
    place = settings["server"]["address"], settings["server"].getint("port")
    http.server.ThreadingHTTPServer(place, Orders).serve_forever()
