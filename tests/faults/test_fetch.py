"""A file that the host fetches: cut connections, changed objects, refusals, redirects, full disks, kills."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from box import Box, needs_root
from handmade import payload, stage
from neighbours import Authority
from oracle import NOTE, deliver, ran, said, start_tick
from scripted_site import Site, Turn

from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import Host
from bootstrap.runner.later import fetch as fetching
from bootstrap.runner.later.fetch import Fetch, Refused

pytestmark = pytest.mark.integration
DATA = bytes(range(256)) * 12_000  # 3 MB
OTHER = DATA[::-1]
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAUSES", [0.01, 0.01])


def work(url: str, path: Path, *, sha256: str = SHA256, plan: dict[str, Any] | None = None, **more: Any) -> str:
    """What one try of the runner says; "" when the file is in place."""
    owner = {"user": str(os.getuid()), "group": str(os.getgid())}
    entry = {"path": str(path), "sha256": sha256, "mode": 0o640, "fetch": {"url": url, **more}, **owner}
    return Fetch(Host(), plan or {}, entry).work() or ""


def test_a_file_is_in_place_whole_with_its_mode_and_nothing_beside_it(tmp_path: Path) -> None:
    with Site() as site:
        assert work(site.put("/x", DATA), tmp_path / "a" / "x") == ""
    assert (tmp_path / "a" / "x").read_bytes() == DATA
    assert stat.S_IMODE((tmp_path / "a" / "x").stat().st_mode) == 0o640
    assert os.listdir(tmp_path / "a") == ["x"]


def test_after_a_cut_only_the_rest_is_asked_for(tmp_path: Path) -> None:
    with Site() as site:
        url = site.put("/x", DATA, '"one"')
        site.next(Turn(cut=1_000_000), Turn(cut=500_000))
        assert work(url, tmp_path / "x") == ""
        assert site.ranges() == [None, "bytes=1000000-", "bytes=1500000-"]
        assert [headers.get("if-range") for _, headers in site.asked] == [None, '"one"', '"one"']
    assert (tmp_path / "x").read_bytes() == DATA


@pytest.mark.parametrize("knows_if_range", [True, False])
def test_an_object_that_changed_meanwhile_is_not_mixed(tmp_path: Path, knows_if_range: bool) -> None:
    with Site(knows_if_range=knows_if_range) as site:
        url = site.put("/x", OTHER, '"old"')
        site.next(Turn(cut=1_000_000), Turn(change=(DATA, '"new"')))
        assert work(url, tmp_path / "x") == ""
        # One that knows If-Range gives the whole at once; of the other the rest is thrown away.
        assert site.ranges() == [None, "bytes=1000000-", *([] if knows_if_range else [None])]
    assert (tmp_path / "x").read_bytes() == DATA


def test_an_object_without_an_etag_that_changed_meanwhile_is_fetched_anew(tmp_path: Path) -> None:
    with Site() as site:
        url = site.put("/x", OTHER)
        site.next(Turn(cut=1_000_000), Turn(change=(DATA, "")))
        assert work(url, tmp_path / "x") == ""
        assert site.ranges() == [None, "bytes=1000000-", None]
    assert (tmp_path / "x").read_bytes() == DATA


def test_a_server_without_ranges_gives_the_whole_again(tmp_path: Path) -> None:
    with Site(knows_range=False) as site:
        url = site.put("/x", DATA)
        site.next(Turn(cut=1_000_000))
        assert work(url, tmp_path / "x") == ""


def test_other_bytes_are_refused_with_both_digests_and_the_size(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    with Site() as site, pytest.raises(Refused) as refused:
        work(site.put("/x", OTHER), tmp_path / "x")
    found = hashlib.sha256(OTHER).hexdigest()
    assert refused.value.args == (
        "digest", f"other bytes than the plan pins: SHA-256 {found} of {len(DATA)} bytes, not {SHA256}",
    )  # fmt: skip
    assert len(site.asked) == 1
    assert (os.listdir(tmp_path), (tmp_path / "x").read_bytes()) == (["x"], b"old")


def test_an_object_that_is_other_bytes_and_always_cut_off_is_given_up(tmp_path: Path) -> None:
    with Site() as site, pytest.raises(Refused, match="never matches the SHA-256"):
        url = site.put("/x", OTHER)
        site.next(*[Turn(cut=2_000_000), Turn()] * 9)
        work(url, tmp_path / "x")
    assert len(site.asked) < 12


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "answer 401 Unauthorized: the service refuses this URL: wrong key, missing rights, or expired"),
        (403, "answer 403 Forbidden: the service refuses this URL"),
        (410, "answer 410 Gone"),
    ],
)
def test_a_definite_no_is_asked_for_once(tmp_path: Path, status: int, text: str) -> None:
    with Site() as site, pytest.raises(Refused) as refused:
        url = site.put("/x", DATA)
        site.next(Turn(status=status))
        work(url, tmp_path / "x")
    assert refused.value.args[0] == "missing"
    assert refused.value.args[1].startswith(text)
    assert (len(site.asked), os.listdir(tmp_path)) == (1, [])


def test_a_refusal_after_the_urls_time_says_when_that_was(tmp_path: Path) -> None:
    with Site() as site, pytest.raises(Refused) as refused:
        site.next(Turn(status=401))
        work(f"{site.url}/x?temp_url_sig=abc&temp_url_expires=1577836800", tmp_path / "x")
    assert refused.value.args[1] == "answer 401 Unauthorized: the URL expired at 2020-01-01 00:00:00 UTC"


@pytest.mark.parametrize("status", [404, 429, 503])
def test_what_time_may_mend_is_asked_for_again_and_then_left_to_the_next_tick(tmp_path: Path, status: int) -> None:
    with Site() as site:
        url = site.put("/x", DATA)
        site.next(*[Turn(status=status)] * 3)
        assert f"answer {status} " in work(url, tmp_path / "x")
        assert len(site.asked) == 3
        assert work(url, tmp_path / "x") == ""


def test_a_redirect_is_followed_within_https_and_not_out_of_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    (tmp_path / "pem").write_bytes(authority.certificate("IP:127.0.0.1"))
    plan = {"report": {"ca": authority.pem}}
    with Site(pem=tmp_path / "pem") as safe, Site() as plain:
        url = safe.put("/x", DATA)
        safe.next(Turn(status=302, headers={"location": "/y"}))
        safe.put("/y", DATA)
        assert work(url, tmp_path / "x", plan=plan) == ""
        assert [path for path, _ in safe.asked] == ["/x", "/y"]
        safe.next(Turn(status=302, headers={"location": plain.put("/x", DATA) + "?key=1"}))
        with pytest.raises(Refused) as refused:
            work(url, tmp_path / "z", plan=plan)
        assert refused.value.args[1] == f"redirected to {plain.url}/x: only https is followed"
        safe.next(*[Turn(status=307, headers={"location": "/x"})] * 9)
        with pytest.raises(Refused, match="more than 5 times"):
            work(url, tmp_path / "z", plan=plan)
        assert plain.asked == []
        safe.turns.clear()
        # Whom the plan does not name is not believed.
        assert "certificate verify failed" in work(url, tmp_path / "z")


def test_the_proxy_of_the_plan_is_asked_and_never_for_this_host(tmp_path: Path) -> None:
    with Site() as proxy, Site() as site:
        proxy.put("http://192.0.2.20/x", DATA)
        plan = {"proxy": {"http": proxy.url}}
        assert work("http://192.0.2.20/x", tmp_path / "x", plan=plan) == ""
        assert work(site.put("/y", DATA), tmp_path / "y", plan=plan) == ""
        assert [path for path, _ in proxy.asked] == ["http://192.0.2.20/x"]


@pytest.mark.parametrize("no_length", [False, True])
def test_more_bytes_than_the_plan_allows_are_refused_before_they_fill_the_disk(tmp_path: Path, no_length: bool) -> None:
    with Site() as site, pytest.raises(Refused) as refused:
        url = site.put("/x", DATA)
        site.next(Turn(no_length=no_length))
        work(url, tmp_path / "x", max_size=1_000_000)
    assert refused.value.args[0] == "digest"
    assert "1000000" in refused.value.args[1]
    assert os.listdir(tmp_path) == []


def test_a_part_that_others_could_have_made_is_not_gone_on_with(tmp_path: Path) -> None:
    part = tmp_path / ".x.initialrunner"
    part.write_bytes(OTHER[:1000])
    part.chmod(0o666)
    planted = os.open(part, os.O_RDWR)
    with Site() as site:
        assert work(site.put("/x", DATA), tmp_path / "x") == ""
        assert site.ranges() == [None]
    os.pwrite(planted, b"changed after the check", 0)
    os.close(planted)
    assert (tmp_path / "x").read_bytes() == DATA


def test_a_link_in_place_of_the_part_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / ".x.initialrunner").symlink_to(tmp_path / "victim")
    with Site() as site:
        assert work(site.put("/x", DATA), tmp_path / "x") == ""
    assert (tmp_path / "victim").read_bytes() == b"mine"


def test_right_bytes_that_lie_there_are_copied_and_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    held = os.open(tmp_path / "x", os.O_RDWR)
    with Site() as site:
        assert work(site.url + "/x", tmp_path / "x") == ""
        assert site.asked == []
    os.pwrite(held, b"changed after the check", 0)
    os.close(held)
    assert (tmp_path / "x").read_bytes() == DATA


# --- what has no end ---


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def free(folder: Path) -> int:
    info = os.statvfs(folder)
    return info.f_bavail * info.f_frsize


@needs_root
@pytest.mark.fault(143)
@pytest.mark.parametrize("turn", [Turn(endless=True), Turn(no_length=True)], ids=["no-end", "too-large"])
def test_what_names_no_length_stops_before_the_disk_is_full_and_can_be_gone_on_with(small: Path, turn: Turn) -> None:
    large = DATA * 6  # 18 MB
    with Site() as site:
        url = site.put("/x", large)
        site.next(turn)
        with pytest.raises(OSError, match=r"no space left: 1[0-9]{7} bytes arrived") as full:
            work(url, small / "x", sha256=hashlib.sha256(large).hexdigest())
    assert full.value.errno == errno.ENOSPC
    # A twentieth is left to the others, less one piece.
    assert (16 << 20) // 20 - (1 << 16) < free(small) < (2 << 20)
    assert os.listdir(small) == [".x.initialrunner"]


@needs_root
@pytest.mark.fault(143)
def test_a_length_that_would_take_the_last_of_the_disk_is_refused_before_a_byte_is_written(small: Path) -> None:
    nearly = bytes(free(small) - (1 << 19))
    with Site() as site, pytest.raises(OSError, match=r"16252928 more bytes are needed, 159[0-9]{5} are free"):
        work(site.put("/x", nearly), small / "x", sha256=hashlib.sha256(nearly).hexdigest())
    assert (small / ".x.initialrunner").stat().st_size == 0


@pytest.mark.fault(143)
@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(Turn(status=302, headers={"location": "http://192.0.2.1/y"}), id="redirected-out-of-https"),
        pytest.param(Turn(status=302, headers={"location": "http://127.0.0.1:80@192.0.2.1/"}), id="disguised"),
        pytest.param(Turn(status=302, headers={"location": "file:///etc/passwd"}), id="redirected-to-a-file"),
        pytest.param(Turn(status=302, headers={"location": "/x"}), id="redirected-for-ever"),
        pytest.param(Turn(status=403), id="forbidden"),
        pytest.param(Turn(status=302, cut=0), id="redirected-nowhere"),
        pytest.param(Turn(change=(OTHER, "")), id="other-bytes"),
        pytest.param(Turn(change=(DATA * 2, "")), id="longer-than-max-size"),
        pytest.param(Turn(endless=True), id="endless"),
    ],
)
def test_no_part_is_left_behind_a_refusal(tmp_path: Path, turn: Turn) -> None:
    with Site() as site, pytest.raises(Refused):
        url = site.put("/x", DATA)
        # The same each time: a part has come before, and the rest is asked for.
        site.next(Turn(cut=1_000_000), *[turn] * 20)
        work(url, tmp_path / "x", max_size=len(DATA) + 1)
    assert os.listdir(tmp_path) == []


# --- the packed runner, in a copy of this machine ---

GOES_ON = stage("one", NOTE + "cmp /srv/x /srv/kept && note one")


def fetched(url: str, **plan: Any) -> Any:
    # The pauses of the runner as it ships would be half a minute.
    file = RenderedFile("/srv/x", b"", 0o600, deliver="fetch", fetch={"url": url, "sha256": SHA256})
    return payload([GOES_ON], files=[file], **plan)


@needs_root
def test_a_runner_that_is_killed_leaves_nobody_at_work_and_the_next_goes_on(tmp_path: Path) -> None:
    with Site() as site, Box(network="host") as box:
        url, hold = site.put("/x", DATA, '"one"'), threading.Event()
        box.put("/srv/kept", DATA)
        site.next(Turn(cut=2_000_000, hold=hold))
        deliver(box, fetched(url))
        start_tick(box)
        box.wait_for(lambda: len(box.read("/srv/.x.initialrunner") or b"") > 1_900_000)
        part = box.read("/srv/.x.initialrunner") or b""
        assert DATA.startswith(part)
        assert box.stat("/srv/.x.initialrunner")[:2] == ("0600", "root:root")
        assert box.kill_runner()
        # The one that fetches goes with it, while the server still holds its answer.
        box.wait_for(lambda: box.sh("flock -n /srv/.x.initialrunner true").returncode == 0)
        assert box.tick().returncode == 0
        hold.set()
        assert site.ranges() == [None, f"bytes={len(part)}-"]
        assert (ran(box), box.state(), box.exists("/srv/.x.initialrunner")) == (["one"], "healthy", False)


@needs_root
def test_what_makes_no_sense_to_ask_for_again_fails_the_run_and_says_why(tmp_path: Path) -> None:
    with Site() as site, Box(network="host") as box:
        url = site.put("/x?temp_url_sig=SECRET", OTHER)
        deliver(box, fetched(url))
        assert box.tick().returncode == 5
        found = hashlib.sha256(OTHER).hexdigest()
        because = (
            f"/srv/x: {site.url}/x: other bytes than the plan pins: SHA-256 {found} of {len(DATA)} bytes, not {SHA256}"
        )
        assert [(e["state"], e["cause"], e["reason"]) for e in box.events("state", final=True)] == [
            ("failed", "digest", because)
        ]
        assert because in said(box, "why")[1]
        assert because in box.console()
        assert "SECRET" not in box.console() + str(box.journal()) + said(box, "why")[1] + said(box, "status")[1]
        # Nobody asks again by himself; when it has been put right, the admin does.
        box.tick()
        assert (len(site.asked), ran(box)) == (1, [])
        site.put("/x?temp_url_sig=SECRET", DATA)
        box.put("/srv/kept", DATA)
        assert said(box, "run")[0] == 0
        assert (ran(box), box.state()) == (["one"], "healthy")


@needs_root
def test_a_file_that_is_published_late_is_waited_for() -> None:
    with Site() as site, Box(network="host") as box:
        box.put("/srv/kept", DATA)
        deliver(box, fetched(site.url + "/x"))
        start_tick(box)
        box.wait_for(lambda: len(site.asked) >= 2)
        site.put("/x", DATA)
        box.wait_for(lambda: box.state() == "healthy")
        assert ran(box) == ["one"]


@needs_root
def test_a_file_that_never_comes_fails_the_run_at_its_deadline() -> None:
    with Box(network="host") as box:
        # Port 9 of the loopback: nobody is there.
        deliver(box, fetched("http://127.0.0.1:9/x", deadline_s=2))
        box.wait_for(lambda: box.tick().returncode == 5, 60)
        (end,) = box.events("state", final=True)
        assert (end["state"], end["cause"]) == ("failed", "deadline")
        assert end["reason"].startswith("/srv/x: http://127.0.0.1:9/x: ")


@needs_root
def test_a_disk_too_small_for_the_file_is_said_before_it_is_full() -> None:
    large = bytes(64 << 20)
    with Site() as site, Box(network="host", size="48m") as box:
        fetch = {"url": site.put("/x", large), "sha256": hashlib.sha256(large).hexdigest()}
        deliver(box, payload([GOES_ON], files=[RenderedFile("/srv/x", b"", deliver="fetch", fetch=fetch)]))
        assert box.tick().returncode == 75
        assert (box.state(), ran(box)) == ("waiting", [])
        assert re.search(r"/srv/x: .*no space left: 67108864 more bytes are needed, \d+ are free", said(box, "why")[1])
        assert len(box.read("/srv/.x.initialrunner") or b"") == 0


@needs_root
@pytest.mark.fault(143)
def test_a_fetch_without_an_end_fails_at_the_deadline_and_leaves_nothing_on_the_disk() -> None:
    with Site(knows_range=False) as site, Box(network="host", size="48m") as box:
        site.next(*[Turn(endless=True)] * 99)
        file = RenderedFile("/srv/x", b"", deliver="fetch", fetch={"url": site.put("/x", DATA), "sha256": SHA256})
        other = RenderedFile("/srv/y", b"", deliver="fetch", fetch={"url": site.url + "/y", "sha256": SHA256})
        deliver(box, payload([GOES_ON], files=[file, other], deadline_s=5))
        box.put("/srv/.y.initialrunner", b"what came in an earlier tick")
        box.wait_for(lambda: box.tick().returncode == 5, 60)
        (end,) = box.events("state", final=True)
        # At the deadline it was waiting for room, or trying again.
        assert (end["state"], end["cause"]) in [("failed", "disk"), ("failed", "deadline")]
        (full,) = [e["reason"] for e in box.events("state", state="waiting") if "no space" in e["reason"]][:1]
        assert re.match(r"/srv/x: http://.*/x: .*no space left: \d+ bytes arrived", full)
        assert box.sh("ls -A /srv").stdout == ""


@needs_root
@pytest.mark.fault(143)
def test_the_words_of_a_server_are_told_and_are_no_more_than_a_line() -> None:
    with Site() as site, Box(network="host") as box:
        site.next(Turn(status=403, reason="no " * 20_000))
        deliver(box, fetched(site.put("/x", DATA)))
        assert box.tick().returncode == 5
        (end,) = box.events("state", final=True)
        assert "answer 403 no no no" in end["reason"]
        assert len(end["reason"]) < 500


@needs_root
@pytest.mark.fault(143)
def test_a_redirect_to_what_is_no_url_is_told() -> None:
    with Site() as site, Box(network="host") as box:
        site.next(*[Turn(status=302, headers={"location": "https://[no"})] * 9)
        deliver(box, fetched(site.put("/x", DATA)))
        assert box.tick().returncode == 75
        assert box.events("state", state="waiting")[-1]["reason"].endswith("/x: Invalid IPv6 URL")


@needs_root
def test_a_large_file_takes_no_more_memory_than_a_small_one() -> None:
    large = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(3_000_000))  # 96 MB
    digest = hashlib.sha256(large).hexdigest()
    with Site() as site, Box(network="host", size="512m") as box:
        fetch = {"url": site.put("/x", large), "sha256": digest}
        file = RenderedFile("/srv/large", b"", deliver="fetch", fetch=fetch, owner=("root", "adm"))
        deliver(box, payload([GOES_ON | {"text": "test -s /srv/large"}], files=[file]))
        # Address space for a Python, and not for the file too.
        box.sh("sed -n 's/^@reboot root //p' /etc/cron.d/initialrunner >/root/tick")
        done = box.sh("ulimit -v 120000; sh /root/tick")
        assert (done.returncode, box.state()) == (0, "healthy"), done.stderr
        assert box.stat("/srv/large") == ("0644", "root:adm", len(large))
