"""A metadata service as clouds have one, as a program for a box: python3 -c SOURCE PORT_FILE BEHAVIOUR FOLDER.

FOLDER holds what is served by its path; of a folder its file `index` is. BEHAVIOUR: plain; token (user-data only with a
token of a PUT, as IMDSv2); redirect (everything is elsewhere); drip (a byte a second, for ever); endless (bytes without
end); broken (cut off); hiccup (each injected file fails the first time).
"""

from __future__ import annotations

import http.server
import os
import sys
import time
from pathlib import Path

TOKEN = "AQAAAL-token"


class Service(http.server.BaseHTTPRequestHandler):
    behaviour, folder = "plain", Path("/")

    def do_PUT(self) -> None:
        if self.behaviour != "token":
            self.send_error(405)
        elif self.path != "/latest/api/token" or not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
            self.send_error(400)
        else:
            self.answer(TOKEN.encode())

    def do_GET(self) -> None:
        path = self.folder / self.path.lstrip("/")
        path = path / "index" if path.is_dir() else path
        with (self.folder / "log").open("a") as log:
            log.write(f"{self.path}\n")
        if self.behaviour == "redirect" and not self.path.startswith("/elsewhere"):
            self.send_response(302)
            self.send_header("Location", "/elsewhere" + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.behaviour == "token" and self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            self.send_error(401)
        elif self.behaviour == "hiccup" and "/content/" in self.path and self.first():
            self.send_error(500)
        elif not path.is_file():
            self.send_error(404)
        elif self.behaviour in ("drip", "endless"):
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"#" if self.behaviour == "drip" else b"#" * (1 << 20))
                self.wfile.flush()
                time.sleep(1 if self.behaviour == "drip" else 0)
        else:
            self.answer(path.read_bytes())

    def first(self) -> bool:
        return (self.folder / "log").read_text().split("\n").count(self.path) == 1

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + (self.behaviour == "broken")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main(port_file: str, behaviour: str, folder: str) -> None:
    Service.behaviour, Service.folder = behaviour, Path(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    new = Path(port_file + ".new")
    new.write_text(str(server.server_port))
    new.rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        main(*sys.argv[1:])
