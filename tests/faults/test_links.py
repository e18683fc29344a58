"""Names that another user made before the runner did: links of both kinds, pipes and folders, where it will write."""

from __future__ import annotations

import pytest
from box import LOCK, Box, needs_root
from handmade import payload, stage
from oracle import NOTE, ran

from bootstrap.render.model import RenderedFile

pytestmark = [pytest.mark.integration, needs_root, pytest.mark.fault(50)]
VICTIM, SECRET = "/etc/victim", "only root's\n"
HARD = "a hard link that others could have made"


def with_victim(box: Box, folder_mode: str) -> None:
    """A file of root's own, and a folder in which anybody may make names."""
    box.put(VICTIM, SECRET, 0o600)
    box.sh(f"mkdir /srv/open; chmod {folder_mode} /srv/open")


def assert_untouched(box: Box) -> None:
    assert (box.text(VICTIM), box.stat(VICTIM)[:2]) == (SECRET, ("0600", "root:root"))


@pytest.mark.parametrize("name", ["file", ".file.initialrunner"])
@pytest.mark.parametrize("plant", ["ln", "ln -s"])
def test_a_link_under_a_name_that_will_be_written_is_replaced_not_followed(plant: str, name: str) -> None:
    files = [RenderedFile("/srv/open/file", b"ours\n", 0o644, owner=("nobody", "nogroup"))]
    with Box(payload([stage("one", NOTE + "note one")], files=files).files) as box:
        with_victim(box, "1777")
        box.sh(f"{plant} {VICTIM} /srv/open/{name}; chown -h nobody /srv/open/{name}; chown root {VICTIM}")
        code = box.tick().returncode
        assert_untouched(box)
        # A link in place of the file itself is refused rather than read; one under the temporary name just goes.
        if (plant, name) == ("ln -s", "file"):
            assert (code, ran(box)) == (75, [])
            box.sh("rm /srv/open/file")
            code = box.tick().returncode
        assert (code, ran(box), box.text("/srv/open/file")) == (0, ["one"], "ours\n")
        assert box.stat("/srv/open/file")[1] == "nobody:nogroup"
        assert_untouched(box)


@pytest.mark.parametrize("plant", ["mkfifo", "mkdir"])
def test_what_is_no_file_under_the_temporary_name_harms_nothing(plant: str) -> None:
    files = [RenderedFile("/srv/open/file", b"ours\n")]
    with Box(payload([stage("one", NOTE + "note one")], files=files).files) as box:
        with_victim(box, "1777")
        box.sh(f"{plant} /srv/open/.file.initialrunner")
        if plant == "mkdir":
            assert (box.tick().returncode, ran(box)) == (75, [])
            assert "cannot go on yet: [Errno 21] Is a directory: '.file.initialrunner'" in box.console()
            box.sh("rmdir /srv/open/.file.initialrunner")
        assert (box.tick().returncode, ran(box), box.text("/srv/open/file")) == (0, ["one"], "ours\n")


def test_a_hard_link_among_the_awaited_files_gives_nobody_roots_file() -> None:
    """Mode and owner of the plan are for the file that was meant, not for the one it is another name of."""
    wanted = [{"path": "/srv/open/key", "min_size": 1, "mode": 0o644, "user": "nobody", "group": "nogroup"}]
    with Box(payload([stage("one", NOTE + "note one")], wait_for=wanted).files) as box:
        with_victim(box, "1777")
        box.sh(f"ln {VICTIM} /srv/open/key")
        assert (box.tick().returncode, ran(box)) == (75, [])
        assert_untouched(box)
        assert HARD in box.console()
        box.sh("rm /srv/open/key")
        box.put("/srv/open/key", "k\n", 0o600)
        assert (box.tick().returncode, ran(box)) == (0, ["one"])
        assert box.stat("/srv/open/key")[:2] == ("0644", "nobody:nogroup")
        assert_untouched(box)


def test_a_hard_link_put_in_place_of_a_file_whose_user_comes_late_is_not_given_away() -> None:
    files = [RenderedFile("/srv/open/file", b"ours\n", 0o644, owner=("late", "late"))]
    swap = f"useradd -M late; rm /srv/open/file; ln {VICTIM} /srv/open/file"
    with Box(payload([stage("one", NOTE + "note one; " + swap)], files=files).files) as box:
        with_victim(box, "0777")
        assert (box.tick().returncode, ran(box)) == (75, ["one"])
        assert_untouched(box)
        assert HARD in box.console()


def test_a_link_in_place_of_the_lock_is_not_followed_and_said() -> None:
    with Box(payload([stage("one", NOTE + "note one")]).files) as box:
        box.put(VICTIM, SECRET, 0o600)
        box.sh(f"ln -s {VICTIM} {LOCK}")
        assert (box.tick().returncode, ran(box)) == (75, [])
        assert_untouched(box)
        assert "cannot go on yet: [Errno 40] Too many levels of symbolic links: 'initialrunner.lock'" in box.console()
        box.sh(f"rm {LOCK}")
        assert (box.tick().returncode, ran(box)) == (0, ["one"])
