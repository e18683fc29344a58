"""What HAProxy's configuration file says of a pool is read as HAProxy reads it, and only our lines are written."""

from __future__ import annotations

import pytest

from bootstrap.deploy.drivers.haproxy_file import BEGIN, END, Entry, Place, read, with_entries, with_sections
from bootstrap.deploy.faults import Broken

SERVES = Entry("shop-web-1-aaaa", "shop-web-1-aaaa", "192.0.2.7", 8080, Place.SERVES)
DAMAGED = f"it needs one {BEGIN!r} and, below it, one {END!r}"
STRANGE = "is not one that `bootstrap deploy` writes, but stands between its markers; move it above or below them:"
FILE = """\
global
    maxconn 100
defaults base
    default-server inter 3s resolvers dns init-addr none
defaults
    default-server check
frontend web # not the pool
    default_backend web
backend web from base   # it's the pool
    default-server fall 5 enabled
    server one 192.0.2.1:80 check
    server "two" [2001:db8::2]:80
    server three db.internal:80
    server-template t 2-3 db.internal:80

# of the next one
backend other
    server four 192.0.2.4:80
"""


def written(text: str, *entries: Entry, pool: str = "web", has_cookie: bool = False) -> str:
    backend = read(text, pool)
    assert backend is not None
    return with_entries(text, backend, entries, has_cookie)


def test_the_servers_and_options_of_a_backend_are_those_that_haproxy_sees() -> None:
    backend = read(FILE, "web")
    assert backend is not None
    assert backend.others == {
        "one": ("192.0.2.1", 80), "two": ("2001:db8::2", 80), "three": None, "t2": None, "t3": None,
    }  # fmt: skip
    assert backend.options == ("inter", "3s", "fall", "5")
    assert (backend.marks, backend.entries) == (None, ())


def test_defaults_that_name_no_others_inherit_nothing() -> None:
    backend = read(FILE, "other")
    assert backend is not None and backend.options == ()


@pytest.mark.parametrize(
    ("lines", "options"),
    [
        ("defaults a\n default-server inter 1s\ndefaults b from a\n default-server fall 9\n", "inter 1s fall 9"),
        ("defaults\n default-server inter 1s\ndefaults\n default-server fall 9\n", "fall 9"),
        ("", ""),
    ],
    ids=["from", "last", "none"],
)
def test_options_come_from_the_defaults_that_hold(lines: str, options: str) -> None:
    backend = read(lines + "backend web\n server one 192.0.2.1:80\n", "web")
    assert backend is not None and backend.options == tuple(options.split())


def test_options_that_a_command_cannot_say_are_none() -> None:
    backend = read('backend web\n default-server sni "${NAME} x"\n', "web")
    assert backend is not None and backend.options is None


def test_a_listen_section_is_a_pool_and_a_frontend_is_none() -> None:
    assert read("listen web\n bind :80\n", "web") is not None
    assert read("frontend web\n bind :80\n", "web") is None
    assert read("", "web") is None


def test_all_kinds_of_lines_are_read_as_they_were_written() -> None:
    entries = (
        SERVES,
        Entry("shop-web-2-aaaa", "shop-web-2-aaaa", "2001:db8::7", 8080, Place.DRAINED),
        Entry("shop-web-3-aaaa", "shop-web-3-aaaa", "192.0.2.9", 8080, Place.LEFT),
        Entry("slot-1", "shop-web-4-aaaa", "192.0.2.10", 8080, Place.SERVES, is_slot=True),
        Entry("slot-2", "shop-web-5-aaaa", "192.0.2.11", 8080, Place.LEFT, is_slot=True),
        Entry("slot-3", None, "127.0.0.1", 9, Place.FREE, is_slot=True),
    )
    for has_cookie in (False, True):
        text = written(FILE, *entries, has_cookie=has_cookie)
        backend = read(text, "web")
        assert backend is not None and backend.entries == entries
        # Servers of ours are not among those of others.
        assert backend.others == read(FILE, "web").others  # type: ignore[union-attr]
        assert ("cookie slot-1" in text) == has_cookie
        # All but the first and the slot's take nothing after a reload.
        ours = [line.split() for line in text.splitlines() if " # " in line and line.startswith("    server s")]
        assert [words[1] for words in ours if "disabled" not in words] == ["shop-web-1-aaaa", "slot-1"]


def test_the_lines_stand_at_the_end_of_the_section_and_all_others_stay() -> None:
    text = written(FILE, SERVES)
    block = f"    {BEGIN}\n    server shop-web-1-aaaa 192.0.2.7:8080 check # serves\n    {END}\n"
    assert text == FILE.replace(
        "    server-template t 2-3 db.internal:80\n", f"    server-template t 2-3 db.internal:80\n{block}"
    )
    assert written(text) == text.replace("    server shop-web-1-aaaa 192.0.2.7:8080 check # serves\n", "")


@pytest.mark.parametrize(
    "text",
    [
        "backend web\n server one 192.0.2.1:80",
        "backend web\r\n\tserver one 192.0.2.1:80\r\n\r\n",
        "backend web\n server one 192.0.2.1:80 # \udcff\n\x0b\x0c\x85\u2028\n",
        "backend web\n\n\n# the end\nbackend other\n",
    ],
    ids=["no-last-newline", "crlf", "bytes", "empty"],
)
def test_what_is_not_ours_stays_to_the_byte(text: str) -> None:
    once = written(text, SERVES)
    backend = read(once, "web")
    assert backend is not None and backend.entries == (SERVES,) and backend.marks
    assert written(once, SERVES) == once
    lines = once.split("\n")
    del lines[backend.marks[0] : backend.marks[1] + 1]
    assert "\n".join(lines).rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backend web\nlisten web\n", "the file has the backend web twice, in lines 1 and 2: it can have it once"),
        (
            f"backend web\n{BEGIN}\n",
            f"the markers of the backend web are damaged (lines 2): {DAMAGED}",
        ),
        (
            f"backend web\n{END}\n{BEGIN}\n",
            f"the markers of the backend web are damaged (lines 2, 3): {DAMAGED}",
        ),
        (
            f"backend web\n{BEGIN}\nserver one 192.0.2.1:80 weight 3\n{END}\n",
            f"line 3 of the file {STRANGE} 'server one 192.0.2.1:80 weight 3'",
        ),
        (
            f"backend web\n{BEGIN}\nserver one two:80 check # serves\n{END}\n",
            f"line 3 of the file {STRANGE} 'server one two:80 check # serves'",
        ),
        ("backend 'web\n", 'line 1 of the file has an open quote or an open backslash: "backend \'web"'),
        (
            "backend web\n default-server check disabled\n",
            "the backend web has `default-server disabled`: no member would serve after a reload",
        ),
        (
            "backend web\n server-template t $N db:80\n",
            "line 2 of the file makes servers, but their number is not clear: '$N'",
        ),
    ],
    ids=["twice", "one-marker", "swapped", "foreign-line", "no-address", "quote", "disabled", "template"],
)
def test_a_file_that_is_not_clear_is_refused(text: str, message: str) -> None:
    with pytest.raises(Broken) as refusal:
        read(text, "web")
    assert refusal.value.message == message


def test_markers_of_another_backend_are_not_ours() -> None:
    text = written(FILE, SERVES, pool="other")
    backend = read(text, "web")
    assert backend is not None and backend.marks is None and backend.entries == ()


def test_a_new_pool_stands_at_the_end_with_its_markers() -> None:
    text = with_sections(
        "global\n    maxconn 9", "web", "\nfrontend web-80\n    bind :80\n\nbackend web\n    balance roundrobin\n"
    )
    assert text == (
        "global\n    maxconn 9\n\nfrontend web-80\n    bind :80\n\nbackend web\n    balance roundrobin\n"
        f"    {BEGIN}\n    {END}\n"
    )


def test_a_pool_that_the_sections_do_not_make_is_refused() -> None:
    with pytest.raises(Broken, match="HAProxy takes no backend with the name 'a b'"):
        with_sections("", "a b", "\nbackend a b\n")
