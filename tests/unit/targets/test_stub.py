"""The stub: its size, its text, what it refuses, and that it is the same each time."""

from __future__ import annotations

import re
import subprocess

import presigned
import pytest
from handmade import payload, stage

from bootstrap import resources
from bootstrap.errors import PayloadError
from bootstrap.payload import crontab
from bootstrap.runner.host import STUB, TRIGGER
from bootstrap.targets import mime, starter, stub
from bootstrap.targets.providers import PROVIDERS, Provider, provider

DIGEST = "ab" * 32
# As long as they come: the private host of a region, an account named by a UUID, a signature and an end.
CLOUD_FILES = (
    "https://snet-storage101.ord1.clouddrive.com/v1/MossoCloudFS_01234567-89ab-cdef-0123-456789abcdef/boot/"
    f"0123456789abcdef?temp_url_sig={'0' * 64}&temp_url_expires=1795860000"
)


def test_the_url_of_a_real_object_store_fits() -> None:
    text = stub.text(CLOUD_FILES, DIGEST)
    assert len(text) <= 750
    assert text.isascii() and b"\\" not in text and text.endswith(b"\n")
    assert (CLOUD_FILES.encode() in text, DIGEST.encode() in text) == (True, True)
    # People see when it ends, and no placeholder is left.
    assert b" by 2026-11-28T10:00Z" in text
    assert not re.search(rb"@[A-Z]+@", text)
    assert stub.text(CLOUD_FILES, DIGEST) == text


def test_a_url_without_an_end_names_none() -> None:
    assert b"fetches its bundle\n" in stub.text("https://deploy.example/bundle", DIGEST)


def fits(url: str, name: str, *beside: str) -> None:
    """Measure the stub of a URL, with parts beside it, at a provider."""
    script, parts = stub.text(url, DIGEST), mime.read(beside)
    blob = mime.compose(starter.in_background(script, "d1"), parts) if parts else script
    stub.measured(blob, script, provider(name), url, parts)


RACKSPACE_ROOM = 750 - len(stub.text("https://x", DIGEST)) + len("https://x")


@pytest.mark.fault(148)
def test_a_url_of_one_character_too_many_is_refused_with_both_numbers_and_whose_they_are() -> None:
    fits("https://" + "x" * (RACKSPACE_ROOM - 8), "rackspace")
    with pytest.raises(PayloadError) as refused:
        fits("https://" + "x" * (RACKSPACE_ROOM - 7), "rackspace")
    (problem,) = refused.value.problems
    assert problem.message == (
        f"the URL has {RACKSPACE_ROOM + 1} characters and a stub has room for {RACKSPACE_ROOM}: "
        "rackspace takes files of 750 bytes"
    )
    assert problem.hint == "shorter names of container, object or host"


@pytest.mark.fault(148)
def test_where_no_shorter_name_would_help_none_is_advised() -> None:
    url, room = presigned.url(), RACKSPACE_ROOM - len(" by 2026-11-21T21:00Z")
    with pytest.raises(PayloadError) as refused:
        fits(url, "rackspace")
    (problem,) = refused.value.problems
    assert problem.message == (
        f"the URL has 1,058 characters and a stub has room for {room}: rackspace takes files of 750 bytes"
    )
    assert problem.hint == (
        f"its query alone has {len(url) - len(presigned.OBJECT):,}, so shorter names do not help: use a URL without so "
        "long a query, or user-data, which has room for the bundle itself: --target user-data --provider rackspace"
    )


@pytest.mark.fault(148)
@pytest.mark.parametrize("taker", PROVIDERS, ids=lambda taker: taker.name)
def test_a_presigned_url_fits_wherever_user_data_carries_the_stub(taker: Provider) -> None:
    if stub.needed(taker):
        with pytest.raises(PayloadError, match=f"{taker.name} takes files of 750 bytes"):
            fits(presigned.url(), taker.name)
    elif taker.user_data is None:
        with pytest.raises(PayloadError, match="has no user-data"):
            fits(presigned.url(), taker.name)
    else:
        fits(presigned.url(), taker.name)


def test_the_limit_is_that_of_user_data_in_its_own_unit() -> None:
    script = stub.text("https://x", DIGEST)
    room = 16_384 - len(script) + len("https://x")
    fits("https://" + "x" * (room - 8), "ec2")
    with pytest.raises(PayloadError) as refused:
        fits("https://x/?" + "x" * (room - 10), "ec2")
    (problem,) = refused.value.problems
    assert problem.message == (
        f"the URL has {room + 1:,} characters and a stub has room for {room:,}: ec2 takes user-data of 16,384 bytes"
    )
    assert problem.hint == (
        f"its query alone has {room - 9:,}, so shorter names do not help: use a URL without so long a query"
    )
    # Linode counts base64: three quarters of it are bytes.
    with pytest.raises(PayloadError, match="linode takes user-data of 12,288 bytes"):
        fits("https://" + "x" * 12_000, "linode")


def test_parts_that_leave_no_room_are_to_blame_by_name_and_not_the_url() -> None:
    small, large = "#cloud-config\n{}\n", "#!/bin/sh\n" + "".join(f"echo {n}\n" for n in range(3_000))
    fits(presigned.url(), "ec2", small)
    with pytest.raises(PayloadError) as refused:
        fits(presigned.url(), "ec2", small, large)
    (problem,) = refused.value.problems
    assert re.fullmatch(r"user-data: [0-9,]+ bytes with the stub, and ec2 takes 16,384", problem.message)
    assert re.fullmatch(rf"take [0-9,]+ bytes out of your own: part 2 has {len(large):,}", problem.hint or "")


def test_without_a_provider_it_is_measured_against_nothing() -> None:
    script = stub.text(presigned.url(length=100_000), DIGEST)
    measure = stub.measured(script, script, None, presigned.url())
    assert (measure.used, measure.limit) == (len(script), None)


@pytest.mark.fault(148)
def test_the_whole_query_stands_in_the_script_as_the_shell_reads_it() -> None:
    url = presigned.url() + "&$HOME=$(reboot)*?[a]!;#@SHA256@@UNTIL@~"
    script = stub.text(url, DIGEST).decode()
    (line,) = re.findall(r"^u=.*$", script, re.MULTILINE)
    read = subprocess.run(["sh", "-euc", f'{line}\nprintf %s "$u"'], capture_output=True, text=True, check=True)
    assert read.stdout == url
    assert script.count(DIGEST) == 1


ENDS = {
    "TempURL": ("temp_url_sig=0&temp_url_expires=1795860000", "2026-11-28T10:00Z"),
    "S3": (presigned.QUERY, "2026-11-21T21:00Z"),
    "S3, signature 2": ("AWSAccessKeyId=A&Signature=b%2Bc%3D&Expires=1795860000", "2026-11-28T10:00Z"),
    "Google": ("X-Goog-Date=20261121T090000Z&X-Goog-Expires=60", "2026-11-21T09:01Z"),
    "none": ("key=1", None),
    "no number": ("Expires=soon", None),
    "no date": ("X-Amz-Date=today&X-Amz-Expires=60", None),
    "half of it": ("X-Amz-Date=20261121T090000Z", None),
    "after the sun": ("temp_url_expires=99999999999999999999", None),
}


@pytest.mark.parametrize(("query", "end"), ENDS.values(), ids=ENDS)
def test_people_see_when_a_url_ends(query: str, end: str | None) -> None:
    assert stub.expiry(f"https://x.example/b?{query}") == end
    assert (f" by {end}\n".encode() in stub.text(f"https://x.example/b?{query}", DIGEST)) == (end is not None)


@pytest.mark.parametrize(
    "url", ["http://deploy.example/x", "https://x/'; reboot #", "https://x/\\n", "https://x/ y", "ftp://x", "https://x/\n"]
)
def test_what_is_not_https_or_not_a_url_is_refused_without_its_query(url: str) -> None:
    with pytest.raises(PayloadError, match="is not the https:// URL of a bundle") as refused:
        stub.text(url + "?key=SECRET", DIGEST)
    assert "SECRET" not in str(refused.value)


def test_its_files_are_small_and_the_entry_is_one_that_cron_runs_and_comes_last() -> None:
    first, last = stub.files(stub.text(CLOUD_FILES, payload([stage("one", "true")]).digest))
    assert (first.path, last.path) == (STUB, TRIGGER)
    assert max(len(first.content), len(last.content)) <= 750
    assert crontab.judge(last.content) == []
    assert max(len(line) for line in last.content.decode().splitlines()) < 998


def test_no_argument_of_a_program_holds_the_url() -> None:
    """A process list is for all to read, and the URL gives the right to."""
    uses = [line for line in resources.text("files/stub/stub.sh").splitlines() if "$u" in line]
    assert uses == ['g(){ echo "$1$u";}']


def test_the_boothook_is_the_same_stub_and_begins_and_ends_as_a_script() -> None:
    script = stub.text(presigned.url(), DIGEST)
    hook = starter.in_background(script, "20261121T090000-ab12cd")
    assert script.split(b"\n", 1)[1] in hook
    assert hook.isascii() and hook.startswith(b"#!/bin/sh\n") and hook.endswith(b"\n")
    assert not re.search(rb"@[A-Z_]+[0-9]*@", hook)
