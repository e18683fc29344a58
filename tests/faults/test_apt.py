"""apt and dpkg under a stage: a lock that another holds, a dpkg that was cut short, questions that nobody answers."""

from __future__ import annotations

import shutil

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, ended, kill_runner_after, ran, start_tick

pytestmark = [
    pytest.mark.integration,
    needs_root,
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs Debian's apt and dpkg"),
]
PACKAGE = "rows-probe"
DEB = "/srv/probe.deb"
STATUS = f"dpkg-query -W -f '${{Status}} ${{Version}}' {PACKAGE}"
CONF = "/etc/rows-probe.conf"


def make(box: Box, version: str = "1", deb: str = DEB, **files: str) -> None:
    """Build a package whose conffile tells its version; files: of its DEBIAN folder (postinst, config, templates)."""
    box.sh("rm -rf /srv/tree")
    control = f"Package: {PACKAGE}\nVersion: {version}\nArchitecture: all\nMaintainer: t <t@example.org>\n"
    files = {"control": control + "Description: probe\n", "conffiles": CONF + "\n", **files}
    for name, text in files.items():
        box.put(f"/srv/tree/DEBIAN/{name}", text, 0o755 if text.startswith("#!") else 0o644)
    box.put("/srv/tree" + CONF, f"version {version}\n")
    made = box.sh(f"chmod 755 /srv/tree /srv/tree/* && dpkg-deb -b --root-owner-group /srv/tree {deb}")
    assert made.returncode == 0, made.stderr


def installed(box: Box) -> str:
    return box.sh(STATUS).stdout


# --- locks ---


HOLD = """
import fcntl, os, sys, time
held = open(sys.argv[1], "w")
fcntl.lockf(held, fcntl.LOCK_EX)
open("/srv/held", "w").close()
while not os.path.exists("/srv/go"): time.sleep(0.05)
"""
WAITS_IN = "cat /proc/$(pgrep -x apt-get)/wchan"


def hold(box: Box, path: str) -> None:
    """Another process takes a lock, as apt does, until there is a file /srv/go."""
    box.put("/srv/hold.py", HOLD)
    box.sh(f"setsid /usr/bin/python3 /srv/hold.py {path} </dev/null >/dev/null 2>&1 &")
    box.wait_for(lambda: box.exists("/srv/held"))


@pytest.mark.fault(77)
def test_apt_waits_for_dpkgs_lock_that_another_holds() -> None:
    with Box(payload([stage("one", f"apt-get install {DEB}\n" + NOTE + "note one")]).files) as box:
        make(box)
        hold(box, "/var/lib/dpkg/lock-frontend")
        start_tick(box)
        # apt 2.2 (bullseye) waits in silence.
        box.wait_for(lambda: "lock-frontend" in box.log("one") or "nanosleep" in box.sh(WAITS_IN).stdout)
        assert (ended(box, "one"), ran(box), box.state()) == ([], [], "running")
        box.put("/srv/go", "")
        box.wait_for(lambda: box.state() == "healthy")
        assert (ended(box, "one"), ran(box)) == ([("done", None)], ["one"])
        assert installed(box) == "install ok installed 1"


@pytest.mark.fault(77)
def test_the_lock_of_apts_lists_for_which_apt_never_waits_is_what_retry_is_for() -> None:
    update = "apt-get update -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null\n"
    one = stage("one", update + NOTE + "note one", attempts=1000, delay_s=0.1, max_delay_s=0.1)
    with Box(payload([one]).files) as box:
        hold(box, "/var/lib/apt/lists/lock")
        start_tick(box)
        box.wait_for(lambda: ended(box, "one"))
        assert "Could not get lock /var/lib/apt/lists/lock" in box.events("stage.ended")[0]["tail"]
        box.put("/srv/go", "")
        box.wait_for(lambda: box.state() == "healthy")
        assert (ended(box, "one")[-1], ran(box)) == (("done", None), ["one"])


# --- interrupted ---

# The first time this runs, it is as long at work as the test likes, or kills dpkg.
POSTINST = """#!/bin/sh
set -e
test -e /srv/second && exit 0
: >/srv/second
echo begin >>/srv/oracle
%s
"""


@pytest.mark.fault(78)
@pytest.mark.parametrize("how", ["dpkg killed", "runner killed", "power cut"])
def test_a_dpkg_that_was_cut_short_is_finished_before_the_next_attempt(how: str) -> None:
    one = stage("one", f"apt-get install {DEB}\n" + NOTE + "note end", attempts=2, delay_s=0)
    with Box(payload([one]).files) as box:
        make(box, postinst=POSTINST % ("kill -9 $PPID" if how == "dpkg killed" else "sleep 1008"))
        if how == "runner killed":
            start_tick(box)
            kill_runner_after(box, "begin")
        elif how == "power cut":
            start_tick(box)
            box.wait_for(lambda: ran(box) == ["begin"])
            box.power_cut()
            box.boot()
        assert box.tick().returncode == 0, box.log("one")
        assert (ran(box), installed(box)) == (["begin", "end"], "install ok installed 1")
        assert box.sh("dpkg --audit").stdout == ""
        assert [e["now"] for e in box.events("fixed", path="/var/lib/dpkg")] == [{"dpkg": "configured"}]
        assert [e["attempt"] for e in box.events("stage.started")] == [1, 2]
        assert f"Setting up {PACKAGE} (1)" in box.log("one")


@pytest.mark.fault(78)
def test_a_dpkg_that_was_whole_is_left_alone() -> None:
    with Box(payload([stage("one", NOTE + "note one; exit 3", attempts=2, delay_s=0)]).files) as box:
        box.put("/usr/local/sbin/dpkg", "#!/bin/sh\necho dpkg >>/srv/oracle\n", 0o755)
        assert box.tick().returncode == 5
        assert ran(box) == ["one", "one"]


# --- questions ---


@pytest.mark.fault(79)
@pytest.mark.parametrize(
    "install",
    [
        "apt-get install",
        "dpkg -i",
        # A dpkg before 1.19.5 has it from apt's settings alone.
        "env -u DPKG_FORCE apt-get install",
    ],
)
def test_a_conffile_that_was_changed_is_kept_without_a_question(install: str) -> None:
    stages = [
        stage("one", f"{install} {DEB}; echo changed >>{CONF}"),
        stage("two", f"{install} /srv/newer.deb", timeout_s=60),
    ]
    with Box(payload(stages).files) as box:
        make(box, "2", "/srv/newer.deb")
        make(box)
        assert box.tick().returncode == 0, box.log("two")
        assert installed(box) == "install ok installed 2"
        assert box.text(CONF) == "version 1\nchanged\n"
        assert box.text(CONF + ".dpkg-dist") == "version 2\n"


@pytest.mark.fault(79)
def test_a_package_with_a_question_takes_its_own_answer() -> None:
    templates = f"Template: {PACKAGE}/name\nType: string\nDefault: as shipped\nDescription: Your name?\n"
    ask = "#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\n"
    config = ask + f"db_input critical {PACKAGE}/name || true\ndb_go || true\n"
    postinst = ask + f'db_get {PACKAGE}/name\necho "$RET" >/srv/answer\n'
    with Box(payload([stage("one", f"apt-get install {DEB}", timeout_s=60)]).files) as box:
        make(box, templates=templates, config=config, postinst=postinst)
        assert box.tick().returncode == 0, box.log("one")
        assert box.text("/srv/answer") == "as shipped\n"
        # What it says when it has to look for a terminal that is not there.
        assert "unable to initialize frontend" not in box.log("one")


@pytest.mark.fault(79)
def test_what_asks_after_an_installation_is_told_not_to() -> None:
    """needrestart and apt-listchanges hook into apt, and stop at a menu or a pager unless told otherwise."""
    hook = '#!/bin/sh\necho "$NEEDRESTART_MODE $APT_LISTCHANGES_FRONTEND $(readlink /proc/$$/fd/0)" >/srv/hooked\n'
    with Box(payload([stage("one", f"apt-get install {DEB}")]).files) as box:
        make(box)
        box.put("/srv/hook", hook, 0o755)
        box.put("/etc/apt/apt.conf.d/99hook", 'DPkg::Post-Invoke {"/srv/hook";};\n')
        assert box.tick().returncode == 0, box.log("one")
        assert box.text("/srv/hooked") == "a none /dev/null\n"
