"""A stub with a presigned URL, as shells, curl, wget and Python read it; and as cloud-init's boothook."""

from __future__ import annotations

import hashlib

import presigned
import pytest
from box import Box, needs_root
from bundle_server import BundleServer

from bootstrap.targets import starter, stub

pytestmark = [pytest.mark.integration, needs_root]
# No runner, so that a box without Python can start it too.
BUNDLE = b"#!/bin/sh\necho started >>/srv/started\n"
DIGEST = hashlib.sha256(BUNDLE).hexdigest()
DEPLOY = "20261121T090000-ab12cd"
PROGRAMS = {"curl": ["curl"], "wget": ["wget"], "python3": ["python3*"]}


def prepared(box: Box, *left: str) -> None:
    """Leave only these of the programs that fetch; nothing sleeps, and what is logged is a file."""
    gone = [f"/usr/bin/{name}" for program in PROGRAMS if program not in left for name in PROGRAMS[program]]
    box.sh(f"rm -f {' '.join(gone) or '/nothing'}")
    box.put("/usr/bin/sleep", "#!/bin/sh\n", 0o755)
    box.put("/usr/bin/logger", "#!/bin/sh\ncat >>/srv/logged\n", 0o755)


@pytest.mark.fault(148)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_presigned_url_is_asked_for_as_it_is_and_told_to_nobody(program: str) -> None:
    with BundleServer() as server, Box(network="host") as box:
        prepared(box, program)
        server.body, server.refuse = BUNDLE, 1
        script = stub.text(server.url, DIGEST)
        assert len(server.url) == 1_058
        box.put("/srv/stub", script, 0o700)
        done = box.run("/srv/stub")
        assert (done.returncode, box.text("/srv/started")) == (0, "started\n")
        assert server.asked == [server.url.removeprefix(server.origin)] * 2
        # The first answer was 403, which it said; what gives the right to read was in no argument and in no word.
        assert done.stderr.startswith("initialrunner: ")
        said = done.stdout + done.stderr
        assert server.told == []
        assert presigned.SIGNATURE not in said and presigned.TOKEN not in said
        assert box.sh("ls /run/ir.bundle").returncode != 0


@pytest.mark.fault(148)
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_character_that_a_url_may_hold_arrives(program: str) -> None:
    with BundleServer() as server, Box(network="host") as box:
        prepared(box, program)
        server.url += "&odd=[1-3]$HOME$(reboot)*?!',;:@~._-".replace("'", "")
        server.body = BUNDLE
        box.put("/srv/stub", stub.text(server.url, DIGEST), 0o700)
        done = box.run("/srv/stub")
        assert (done.returncode, box.text("/srv/started"), done.stderr) == (0, "started\n", "")
        assert server.asked == [server.url.removeprefix(server.origin)]


def test_other_bytes_than_those_pinned_are_not_run() -> None:
    with BundleServer() as server, Box(network="host") as box:
        prepared(box, *PROGRAMS)
        server.body = b"#!/bin/sh\ntouch /srv/owned\n"
        box.put("/srv/stub", stub.text(server.url, DIGEST), 0o700)
        assert box.run("/srv/stub").returncode == 75
        assert not box.exists("/srv/owned") and not box.exists("/srv/started")


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_nothing_waits_for_the_boothook_and_it_does_nothing_once_its_deploy_has_begun(shell: str) -> None:
    with BundleServer() as server, Box(network="host") as box:
        prepared(box, *PROGRAMS)
        server.body = BUNDLE
        box.put("/srv/hook", starter.in_background(stub.text(server.url, DIGEST), DEPLOY), 0o700)
        server.open.clear()
        # Its output is a pipe that somebody reads to its end: it returns while the server has not answered yet.
        done = box.sh(f"{shell} /srv/hook 2>&1 | cat")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        box.wait_for(lambda: bool(server.asked))
        assert not box.exists("/srv/started")
        # A second one beside it leaves at once. Its work is in the background, hence the wait.
        assert box.sh(f"{shell} -c '. /srv/hook; wait'").returncode == 0
        server.open.set()
        box.wait_for(lambda: box.text("/srv/started") == "started\n")
        box.wait_for(lambda: not box.exists("/run/ir.bundle"))
        assert (len(server.asked), server.told) == (1, [])

        # The same deploy has begun, or has been followed by another: nothing is asked for.
        for name in ("journal", "journal.old.1"):
            box.sh("rm -rf /var/lib/initialrunner")
            box.put(f"/var/lib/initialrunner/{name}", f'{{"at": 1.0, "deploy_id": "{DEPLOY}", "seq": 1}}\n')
            assert box.sh(f"{shell} -c '. /srv/hook; wait'").returncode == 0
            assert len(server.asked) == 1
        # Another one has: this one is new to the host.
        box.sh("rm -rf /var/lib/initialrunner")
        box.put("/var/lib/initialrunner/journal", '{"deploy_id": "20261120T090000-ab12cd", "seq": 1}\n')
        box.sh(f"{shell} /srv/hook")
        box.wait_for(lambda: box.text("/srv/started") == "started\n" * 2)
        assert len(server.asked) == 2


def test_what_a_boothook_meets_is_logged_without_the_query() -> None:
    with BundleServer() as server, Box(network="host") as box:
        prepared(box, *PROGRAMS)
        server.body, server.refuse = BUNDLE, 3  # each program once
        box.put("/srv/hook", starter.in_background(stub.text(server.url, DIGEST), DEPLOY), 0o700)
        box.run("/srv/hook")
        box.wait_for(lambda: box.exists("/srv/started"))
        logged = box.text("/srv/logged")
        assert logged.startswith("initialrunner: curl: (22) The requested URL returned error: 403")
        assert presigned.SIGNATURE not in logged and presigned.TOKEN not in logged and server.told == []
