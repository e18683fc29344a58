"""The socket of the guest agent, a hand inside a running guest."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from bootstrap.trial.machine import NotYet

CONNECT_S = 10.0
PIECE_BYTES = 48_000  # of one guest-file-write


class NoAnswer(NotYet):
    """Nobody answered in time, or the line broke: the guest may be booting."""


class Refused(NotYet):
    """The other side said no."""


def _connect(path: Path, timeout_s: float) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(timeout_s)
    end = time.monotonic() + CONNECT_S
    while True:
        try:
            line.connect(str(path))
            return line
        except OSError as error:
            # QEMU makes it when it starts, and serves one caller at a time.
            if time.monotonic() > end:
                line.close()
                raise NoAnswer(f"{path.name}: {error}") from error
            time.sleep(0.05)


class Agent:
    """The guest agent. Each call is a connection of its own, brought into step first: a reboot leaves stale bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, execute: str, timeout_s: float = 20, **arguments: Any) -> Any:
        """One command and what it returns. Raises NoAnswer and Refused."""
        number = secrets.randbelow(2**31)
        try:
            with _connect(self.path, timeout_s) as line, line.makefile("rb") as file:
                in_step = json.dumps({"execute": "guest-sync-delimited", "arguments": {"id": number}})
                line.sendall(b"\xff" + in_step.encode() + b"\n")
                while self._answer(file.readline()) != {"return": number}:
                    pass
                line.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode() + b"\n")
                answer = self._answer(file.readline())
        except OSError as error:
            raise NoAnswer(f"{execute}: {error}") from error
        if "error" in answer:
            raise Refused(f"{execute}: {answer['error']['desc']}")
        return answer.get("return")

    @staticmethod
    def _answer(text: bytes) -> dict[str, Any]:
        if not text:
            raise NoAnswer("the line has closed")
        try:
            found = json.loads(text.rsplit(b"\xff", 1)[-1])
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            self.ask("guest-ping", timeout_s=2)
        except (NoAnswer, Refused):
            return False
        return True

    def run(self, *argv: str, timeout_s: float = 60) -> tuple[int, str]:
        """(exit code, both outputs) of a program in the guest."""
        pid = self.ask("guest-exec", path=argv[0], arg=list(argv[1:]), **{"capture-output": True})["pid"]
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            found = self.ask("guest-exec-status", pid=pid)
            if found["exited"]:
                parts = (base64.b64decode(found.get(key, "")) for key in ("out-data", "err-data"))
                return found.get("exitcode", -1), b"".join(parts).decode(errors="replace")
            time.sleep(0.1)
        raise NoAnswer(f"{' '.join(argv)[:200]} has not ended after {timeout_s} s")

    def start(self, *argv: str) -> None:
        """The same without waiting, for what ends the agent too."""
        self.ask("guest-exec", path=argv[0], arg=list(argv[1:]))

    def write(self, path: str, content: bytes, mode: int = 0o400) -> None:
        """Write a file as agents do that inject into a running host: there at once, empty and 0666; its mode last."""
        self.begin(path, content)
        self.run("/bin/chmod", f"{mode:o}", path)

    def begin(self, path: str, content: bytes) -> None:
        """The same, left as it is when the agent has stopped half way: mode 0666, no more than this content."""
        self.run("/bin/mkdir", "-p", path.rsplit("/", 1)[0])
        handle = self.ask("guest-file-open", path=path, mode="w")
        try:
            for at in range(0, len(content), PIECE_BYTES):
                piece = base64.b64encode(content[at : at + PIECE_BYTES]).decode()
                self.ask("guest-file-write", handle=handle, **{"buf-b64": piece})
        finally:
            self.ask("guest-file-close", handle=handle)
