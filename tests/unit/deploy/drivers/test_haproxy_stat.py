"""The answers of HAProxy's admin socket are read whole, or refused with HAProxy's words."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from bootstrap.deploy.drivers.haproxy_stat import STAT, STATE, Row, endpoint, seen, written
from bootstrap.deploy.faults import Broken, Denied, Fault, Unknown
from bootstrap.deploy.model import MemberState

HEAD = "# pxname,svname,qcur,scur,status,type,check_status,addr,cookie,last_chk,"
ROW, BACKEND = "web,s1,0,0,UP,2,L7OK,192.0.2.1:80,,,", "web,BACKEND,0,0,UP,1,,,,,"
CUT = "was cut short: it has no empty line at its end"
STATE_HEAD = "# be_id be_name srv_id srv_name srv_admin_state"


class Answers:
    """A process that answers from a table, and has no file."""

    def __init__(self, stat: str, state: str) -> None:
        self._answers = {STAT: stat, STATE: state}

    def ask(self, command: str) -> str:
        return self._answers[command]

    def read_file(self) -> str:
        raise NotImplementedError

    def write_file(self, before: str, after: str, *, check: bool = False) -> None:
        raise NotImplementedError

    def reload(self) -> None:
        raise NotImplementedError

    def locked(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    def pause(self, seconds: float) -> None:
        raise NotImplementedError


def process(*rows: str, states: str = "", head: str = HEAD, end: str = "\n\n") -> Answers:
    return Answers("\n".join([head, *rows]) + end, f"1\n{STATE_HEAD}\n{states}\n")


def one(status: str, bits: int = 0) -> Row:
    row = f'web,s1,1,2,{status},2,L7OK,192.0.2.1:80,,"a, b",'
    backend = seen(process(row, BACKEND, states=f"3 web 1 s1 {bits}\n"), "web")
    assert backend is not None
    return backend.rows["s1"]


@pytest.mark.parametrize(
    ("status", "bits", "state"),
    [
        ("UP", 0, MemberState.UP),
        ("UP 1/3", 0, MemberState.UP),
        ("UP", 4, MemberState.UP),
        ("DOWN", 0, MemberState.DOWN),
        ("DOWN 1/2", 0, MemberState.DOWN),
        ("DOWN", 8, MemberState.DRAINING),
        ("DRAIN", 8, MemberState.DRAINING),
        ("DRAIN (agent)", 0, MemberState.DRAINING),
        ("NOLB", 0, MemberState.DRAINING),
        ("MAINT", 1, MemberState.DRAINING),
        ("MAINT", 5, MemberState.DRAINING),
        ("MAINT(via)", 2, MemberState.DRAINING),
        ("MAINT (resolution)", 32, MemberState.DRAINING),
        ("no check", 0, MemberState.UNKNOWN),
    ],
)
def test_each_status_is_one_of_our_states(status: str, bits: int, state: MemberState) -> None:
    row = one(status, bits)
    assert (row.state, row.is_off) == (state, status.startswith("MAINT"))
    # A session that waits in the queue of a server is one of its sessions.
    assert (row.sessions, row.endpoint, row.check) == (3, ("192.0.2.1", 80), "L7OK")


def test_a_backend_has_its_own_servers_and_its_cookie() -> None:
    answers = process(
        "web,FRONTEND,0,0,OPEN,0,,,,,", "web,s1,0,0,UP,2,L7OK,[2001:db8::1]:80,,,", "web,BACKEND,0,0,UP,1,,,SRV,,",
        "api,s1,0,0,DOWN,2,L4CON,/run/api.sock,,,", "api,BACKEND,0,0,UP,1,,,,,",
        states="3 web 1 s1 0\n4 api 1 s1 8\n",
    )  # fmt: skip
    web, api = seen(answers, "web"), seen(answers, "api")
    assert web is not None and api is not None
    assert (web.cookie, web.rows["s1"].endpoint, web.rows["s1"].is_held) == ("SRV", ("2001:db8::1", 80), False)
    assert (api.cookie, api.rows["s1"].endpoint, api.rows["s1"].is_held) == ("", ("/run/api.sock", 0), True)
    assert seen(answers, "nobody") is None


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        (
            Answers("Permission denied\n\n", ""),
            Denied(f"HAProxy refuses `{STAT}`: Permission denied The socket needs `level admin`."),
        ),
        (Answers("Unknown command.\n", ""), Broken(f"HAProxy answered `{STAT}` with: Unknown command.")),
        (Answers("", ""), Broken(f"HAProxy answered `{STAT}` with: (nothing)")),
        (process(ROW, BACKEND, end="\n"), Unknown(f"the answer to `{STAT}` {CUT}")),
        (process(ROW, BACKEND, states="3 web 1 s1 x\n"), Broken(f"HAProxy answered `{STATE}` with: srv_admin_state x")),
        (
            process(ROW.replace("UP", "SIDEWAYS"), BACKEND),
            Broken(
                f"HAProxy answered `{STAT}` with: pxname web, svname s1, type 2, status SIDEWAYS, scur 0, qcur 0, "
                "check_status L7OK, addr 192.0.2.1:80, cookie"
            ),
        ),
        (
            process(BACKEND, head=HEAD.replace("scur", "current")),
            Broken(f"HAProxy answered `{STAT}` with: {HEAD.replace('scur', 'current')} {BACKEND}"),
        ),
    ],
    ids=["denied", "command", "empty", "cut", "bits", "status", "columns"],
)  # fmt: skip
def test_an_answer_that_is_not_understood_is_a_fault(answers: Answers, fault: Fault) -> None:
    with pytest.raises(type(fault)) as refusal:
        seen(answers, "web")
    assert refusal.value.message == fault.message


def test_a_row_that_is_cut_is_a_fault() -> None:
    with pytest.raises(Broken):
        seen(process("web,s1,0", BACKEND), "web")


@pytest.mark.parametrize("text", ["192.0.2.1:80", "[2001:db8::1]:80"])
def test_an_endpoint_is_written_as_it_is_read(text: str) -> None:
    at = endpoint(text)
    assert at is not None and written(*at) == text


@pytest.mark.parametrize(
    "text", ["", "192.0.2.1", "192.0.2:80", "db:80", "/run/x.sock", "ipv4@192.0.2.1:80", "1.2.3.4:٣"]
)
def test_what_is_no_address_with_a_port_is_none(text: str) -> None:
    assert endpoint(text) is None
