"""What is on disk before what: every record is synced before anything follows from it. Read off the runner's calls."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator

import pytest
from box import Box, needs_root
from handmade import payload, stage

from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import STATE
from bootstrap.runner.tick.journal import unseal

pytestmark = [needs_root, pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")]
# The runner's own python3 comes by PATH; only the runner itself is traced, not what it starts.
PYTHON = "#!/bin/sh\nexec strace -qq -y -s 4000 -o /srv/trace -e trace=write,fsync,rename,renameat,unlinkat,execve"
PYTHON += ' /usr/bin/python3 "$@"\n'
# Texts of stages and their outputs need not last: an attempt cut short by the power begins anew.
PASSING = f"{STATE}/stages/"


@pytest.fixture(scope="module")
def calls() -> Iterator[list[tuple[str, str]]]:
    """(name, arguments) of one whole run's calls, in order."""
    files = [RenderedFile("/srv/late", b"late\n", deliver="inject"), RenderedFile("/srv/file", b"x\n")]
    one = payload([stage("one", "true", verify="true"), stage("two", "exit 3", attempts=2, delay_s=0)], files=files)
    with Box(one.files) as box:
        box.put("/usr/local/sbin/python3", PYTHON, 0o755)
        box.tick()
        yield list(re.findall(r"(?m)^(\w+)\((.*)$", box.text("/srv/trace")))


@pytest.mark.fault(44)
def test_every_record_is_synced_before_the_next_call(calls: list[tuple[str, str]]) -> None:
    records = 0
    for (name, told), (then, what) in itertools.pairwise(calls):
        if name == "write" and f"<{STATE}/journal>" in told:
            records += 1
            assert then == "fsync" and f"<{STATE}/journal>" in what, f"after {told[:200]}: {then}({what[:100]}"
    assert records >= 8


@pytest.mark.fault(46)
def test_a_stage_is_let_go_after_its_start_is_on_disk(calls: list[tuple[str, str]]) -> None:
    begun, let_go = [], 0
    for name, told in calls:
        line = re.match(r'\d+<.*/journal>, "(.*)\\n"', told) if name == "write" else None
        if line:
            event = unseal(line[1].replace('\\"', '"').replace("\\\\", "\\").encode())
            if event and event["type"] == "stage.started":
                begun.append(event["stage"])
        elif name == "write" and re.match(r'\d+<pipe:\[\d+\]>, "x", 1', told):
            let_go += 1
    # Three attempts and one question of verify.
    assert begun == ["one", "two", "two"] and let_go == 4
    writes = [told for name, told in calls if name == "write" and ('"x", 1' in told or "stage.started" in told)]
    kinds = ["go" if '"x", 1' in told else "begun" for told in writes]
    assert kinds == ["begun", "go", "go", "begun", "go", "begun", "go"]


@pytest.mark.fault(44)
def test_what_is_put_in_place_is_synced_before_its_name_and_its_folder_after(calls: list[tuple[str, str]]) -> None:
    renamed = 0
    for at, (name, told) in enumerate(calls):
        if not name.startswith("rename"):
            continue
        found = re.match(r'\d+<(.*?)>, "(.*?)", \d+<.*?>, "(.*?)"', told)
        assert found, told
        folder, temporary, _ = found.groups()
        if f"{folder}/".startswith(PASSING):
            continue
        renamed += 1
        before = [what for n, what in calls[max(0, at - 3) : at] if n == "fsync"]
        assert any(f"<{folder}/{temporary}>" in what for what in before), f"not synced: {told}"
        then, what = calls[at + 1]
        assert then == "fsync" and f"<{folder}>" in what, f"the folder is not synced after {told}: {then}({what}"
    assert renamed >= 4
