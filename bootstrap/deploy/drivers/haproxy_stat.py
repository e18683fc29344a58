"""The backends and servers of a HAProxy process, as its admin socket prints them."""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.deploy.drivers.haproxy_process import Process
from bootstrap.deploy.faults import Broken, Denied, Unknown
from bootstrap.deploy.model import MemberState

STAT, STATE = "show stat -1 6 -1", "show servers state"
STAT_COLUMNS = ("pxname", "svname", "type", "status", "scur", "qcur", "check_status", "addr", "cookie")
STATE_COLUMNS = ("be_name", "srv_name", "srv_admin_state")
# The bit of srv_admin_state that only says how the server began: its line in the file says `disabled`.
BEGAN_DISABLED = 4
# The names that HAProxy takes for servers and backends.
NAME = re.compile(r"[A-Za-z0-9_.:-]+")
STATES = {
    "UP": MemberState.UP,
    "DOWN": MemberState.DOWN,
    "DRAIN": MemberState.DRAINING,
    "NOLB": MemberState.DRAINING,  # its check asks for no new sessions
    "MAINT": MemberState.DRAINING,
    "no": MemberState.UNKNOWN,  # "no check"
}


@dataclass(frozen=True)
class Row:
    """A server of a backend. status: HAProxy's word, such as `UP 1/3`; check: the outcome of its last check.

    is_held: somebody has told HAProxy to give it no new sessions. Its status does not show it while it is down.
    """

    server: str
    status: str
    check: str
    sessions: int
    address: str
    port: int
    is_held: bool = False

    @property
    def state(self) -> MemberState:
        """HAProxy's word, in ours."""
        return MemberState.DRAINING if self.is_held else STATES[self.status.split()[0].partition("(")[0]]

    @property
    def is_off(self) -> bool:
        """Whether it is in maintenance: it gets nothing, and its checks rest."""
        return self.status.startswith("MAINT")

    @property
    def endpoint(self) -> tuple[str, int]:
        """Its address and port."""
        return self.address, self.port


@dataclass(frozen=True)
class Seen:
    """A backend of the process. cookie: the name of the cookie by which clients stay at their server, or nothing."""

    rows: Mapping[str, Row]
    cookie: str = ""


def seen(process: Process, pool: str) -> Seen | None:
    """The backend of this name in the process; None: it has none."""
    stat = _table(STAT, process.ask(STAT), STAT_COLUMNS, ",")
    backend = next((row for row in stat if row["pxname"] == pool and row["type"] == "1"), None)
    if backend is None:
        return None
    state = _table(STATE, process.ask(STATE).partition("\n")[2], STATE_COLUMNS, " ")
    held = {row["srv_name"] for row in state if row["be_name"] == pool and _is_held(row["srv_admin_state"])}
    rows = [_row(row, held) for row in stat if row["pxname"] == pool and row["type"] == "2"]
    return Seen({row.server: row for row in rows}, backend["cookie"])


def _table(command: str, answer: str, columns: tuple[str, ...], between: str) -> list[dict[str, str]]:
    """The rows of an answer, with the columns that are needed."""
    lines = answer.lstrip("# ").splitlines()
    rows = csv.DictReader([line for line in lines if line], delimiter=between)
    if not set(columns) <= set(rows.fieldnames or ()):
        raise not_understood(command, answer)
    # A member that is only missing in the answer would be taken for removed.
    if not answer.endswith("\n\n"):
        raise Unknown(f"the answer to `{command}` was cut short: it has no empty line at its end")
    whole = [{name: row[name] for name in columns} for row in rows]
    if any(value is None for row in whole for value in row.values()):
        raise not_understood(command, answer)
    return whole


def _is_held(bits: str) -> bool:
    if not bits.isdecimal():
        raise not_understood(STATE, f"srv_admin_state {bits}")
    return bool(int(bits) & ~BEGAN_DISABLED)


def _row(cells: Mapping[str, str], held: set[str]) -> Row:
    """One server. Raises Broken for a status that this module does not know."""
    address, port = endpoint(cells["addr"]) or (cells["addr"], 0)
    is_known = cells["status"].split(" ")[0].partition("(")[0] in STATES
    if not (is_known and cells["scur"].isdecimal() and cells["qcur"].isdecimal()):
        raise not_understood(STAT, ", ".join(f"{name} {text}" for name, text in cells.items()))
    sessions = int(cells["scur"]) + int(cells["qcur"])
    server = cells["svname"]
    return Row(server, cells["status"], cells["check_status"], sessions, address, port, server in held)


def not_understood(command: str, answer: str) -> Broken | Denied:
    """The fault for an answer that none of HAProxy's usual ones is."""
    if "permission denied" in answer.lower():
        return Denied(f"HAProxy refuses `{command}`: {one_line(answer)} The socket needs `level admin`.")
    return Broken(f"HAProxy answered `{command}` with: {one_line(answer)}")


def endpoint(text: str) -> tuple[str, int] | None:
    """`192.0.2.1:80` or `[2001:db8::1]:80` as address and port; None: it is something else."""
    match = re.fullmatch(r"(\[?)([0-9a-fA-F:.]+?)\]?:([0-9]{1,5})", text)
    if not match:
        return None
    try:
        return str(ipaddress.ip_address(match[2])), int(match[3])
    except ValueError:
        return None


def written(address: str, port: int) -> str:
    """An address and a port as HAProxy takes them, in its file and on its socket."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def one_line(text: str) -> str:
    """HAProxy's words on one line, cut where they are long."""
    words = " ".join(text.split()) or "(nothing)"
    return words if len(words) <= 300 else words[:300] + "..."
