"""The end of a stage: its last words, its exit code, whatever it made of the files that are looked at afterwards."""

from __future__ import annotations

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, ended, ran, start_tick

from bootstrap.runner.host import STATE

pytestmark = [pytest.mark.integration, needs_root]
TIMES = 10
# Each sends its output through a program of its own, which reads on when the script has ended.
TEE = "#!/bin/bash -e\nexec > >(tee -a /var/log/user-data.log) 2>&1\n"
LOOP = '#!/bin/bash -e\nexec 3>&1; exec > >(while read -r line; do echo "$(date +%s) $line"; done >&3) 2>&1\n'
LOGGER = "#!/bin/bash -e\nexec > >(sh -c 'while read -r line; do logger -t x \"$line\"; echo \"$line\"; done') 2>&1\n"
SPEECH = 'echo "step one"; for i in $(seq 1 50); do echo "line $i"; done\necho "FATAL: no repository"; exit 7\n'


@pytest.mark.fault(111)
@pytest.mark.parametrize("head", [TEE, LOOP, LOGGER], ids=["tee", "loop", "logger"])
def test_the_last_words_of_a_failed_stage_come_through_the_pipes_that_it_made(head: str) -> None:
    one = stage("one", head + SPEECH, attempts=TIMES, delay_s=0.01, max_delay_s=0.01)
    with Box(payload([one]).files) as box:
        assert box.tick().returncode == 5
        tails = [event["tail"] for event in box.events("stage.ended")]
        assert ["FATAL: no repository" in tail for tail in tails] == [True] * TIMES
        assert box.log("one").count("FATAL: no repository") == TIMES
        if head is TEE:
            assert box.text("/var/log/user-data.log").count("FATAL: no repository") == TIMES


@pytest.mark.fault(111)
def test_a_pipe_that_never_ends_holds_a_failed_stage_up_for_a_moment_only() -> None:
    one = stage("one", NOTE + "note try; (while :; do sleep 0.1; done) | cat &\nexit 7")
    with Box(payload([one]).files) as box:
        assert box.tick(timeout_s=30).returncode == 5
        assert ended(box, "one") == [("failed", "exit")]
        assert box.sh("pgrep -x cat").returncode == 1


@pytest.mark.fault(112)
@pytest.mark.parametrize(
    "odd",
    [
        "truncate -s 60G $INITIALRUNNER_OUTPUT",
        "rm $INITIALRUNNER_OUTPUT; ln -s /etc/shadow $INITIALRUNNER_OUTPUT",
        "rm $INITIALRUNNER_OUTPUT; mkfifo $INITIALRUNNER_OUTPUT",
        "rm $INITIALRUNNER_OUTPUT; mkdir -p $INITIALRUNNER_OUTPUT/a",
        "rm $INITIALRUNNER_OUTPUT",
        "printf 'a=\\377\\nno pair\\n\\000=\\001\\n' >$INITIALRUNNER_OUTPUT",
        f"rm -r {STATE}/stages",
    ],
    ids=["huge", "link", "fifo", "folder", "gone", "binary", "no folder"],
)
def test_the_exit_code_is_recorded_whatever_lies_where_the_outputs_should(odd: str) -> None:
    two = stage("two", f"{NOTE}note two; {odd}; exit 3", attempts=2, delay_s=0)
    stages = [stage("one", f"{NOTE}note one; {odd}"), two]
    with Box(payload(stages).files) as box:
        assert box.tick().returncode == 5
        assert ended(box, "one") == [("done", None)]
        assert ended(box, "two") == [("failed", "exit")] * 2
        assert ran(box) == ["one", "two", "two"]
        assert "root:" not in str(box.journal())


@pytest.mark.fault(112)
def test_no_more_than_counts_is_read_of_the_outputs() -> None:
    """A user without rights must not eat the host's memory through the runner."""
    text = "echo first=1 >$INITIALRUNNER_OUTPUT; head -c 300000000 /dev/zero >>$INITIALRUNNER_OUTPUT"
    with Box(payload([stage("one", text, user="nobody")]).files) as box:
        box.sh("ulimit -v 200000; sh /etc/initialrunner/bundle tick")
        event = box.events("stage.ended")[0]
        assert (event["result"], event["outputs"]["first"]) == ("done", "1")


@pytest.mark.fault(112)
def test_a_stage_that_unmounts_proc_and_fails_was_not_killed_for_memory() -> None:
    one = stage("one", f"{NOTE}note one; block go; exit 3")
    with Box(payload([one]).files) as box:

        start_tick(box)
        box.wait_for(lambda: "one" in ran(box))
        box.from_outside("mount -t tmpfs none /proc")
        box.put("/srv/go", "")
        box.wait_for(lambda: ended(box, "one"))
        assert ended(box, "one") == [("failed", "exit")]
