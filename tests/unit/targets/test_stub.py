"""The stub: its size, its text, what it refuses, and that it is the same each time."""

from __future__ import annotations

import re

import pytest
from handmade import payload, stage

from bootstrap import resources
from bootstrap.errors import PayloadError
from bootstrap.payload import crontab
from bootstrap.payload.paths import STUB, TRIGGER
from bootstrap.targets import stub

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


def test_a_url_of_one_character_too_many_is_refused_with_both_numbers() -> None:
    room = 750 - len(stub.text("https://x", DIGEST)) + len("https://x")
    stub.text("https://" + "x" * (room - 8), DIGEST)
    with pytest.raises(PayloadError, match=f"the URL has {room + 1} characters and a stub has room for {room}"):
        stub.text("https://" + "x" * (room - 7), DIGEST)


@pytest.mark.parametrize(
    "url", ["http://deploy.example/x", "https://x/'; reboot #", "https://x/\\n", "https://x/ y", "ftp://x", "https://x/\n"]
)
def test_what_is_not_https_or_not_a_url_is_refused_without_its_query(url: str) -> None:
    with pytest.raises(PayloadError, match="is not the https:// URL of a bundle") as refused:
        stub.text(url + "?key=SECRET", DIGEST)
    assert "SECRET" not in str(refused.value)


def test_its_files_are_small_and_the_entry_is_one_that_cron_runs_and_comes_last() -> None:
    first, last = stub.files(payload([stage("one", "true")]), CLOUD_FILES)
    assert (first.path, last.path) == (STUB, TRIGGER)
    assert max(len(first.content), len(last.content)) <= 750
    assert crontab.judge(last.content) == []
    assert max(len(line) for line in last.content.decode().splitlines()) < 998


def test_no_argument_of_a_program_holds_the_url() -> None:
    """A process list is for all to read, and the URL gives the right to."""
    uses = [line for line in resources.text("files/stub/stub.sh").splitlines() if "$u" in line]
    assert uses == ['g(){ echo "$1$u";}']
