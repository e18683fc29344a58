"""Mutants of what an admin does and sees on a host."""

from __future__ import annotations

from mutants.mutant import BY_HAND, SHOWS, STUCK, Mutant, of_runner

MUTANTS: list[Mutant] = [
    # --- promises 1 and 2: by hand too, nothing runs before its time ---
    of_runner(
        "later/byhand", "a stage by hand runs before its files are there",
        '    if not run.journal.find("state", reason="placed"):', "    if False:",
        BY_HAND + "test_a_stage_by_hand_does_not_run_before_its_files_are_there",
        BY_HAND + "test_a_stage_by_hand_first_places_the_files_when_all_are_there", faults=(119,),
    ),
    of_runner(
        "later/byhand", "a stage by hand runs before those before it",
        "if name not in chosen and state not in ENDED_WELL and not force:", "if False:",
        BY_HAND + "test_a_stage_by_hand_comes_after_those_before_it", faults=(119,),
    ),
    of_runner(
        "later/byhand", "a stage by hand runs without what it needs",
        "            stages.needs(stage)\n", "            pass\n",
        BY_HAND + "test_a_need_that_is_not_met_is_not_met_by_hand_either", faults=(119,),
    ),
    of_runner(
        "later/byhand", "a failure by hand is the last",
        "        if final(run.journal.events):\n            stage[", "        if True:\n            stage[",
        BY_HAND + "test_a_failure_by_hand_uses_up_an_attempt_and_no_more", faults=(127,),
    ),
    of_runner(
        "later/byhand", "texts of stages by hand stay",
        "            tidy_stages(host)  # nobody else will", "            pass",
        BY_HAND + "test_by_hand_nothing_changes_of_a_run_that_has_ended", faults=(127,),
    ),
    of_runner(
        "later/byhand", "reset takes a success away",
        'if now and now != before and now["state"] == "healthy":', "if False:",
        BY_HAND + "test_reset_leaves_a_success_alone_that_it_waited_for", faults=(124,),
    ),
    # --- promise 4: a cause, a place and a next step ---
    of_runner(
        "later/show", "why does not ask what keeps the runner from going on",
        "    summary.update(stuck=bool(stuck), ", "    summary.update(stuck=False, ",
        STUCK + "test_a_trigger_that_cannot_be_removed_after_success", faults=(120,),
    ),
    of_runner(
        "later/doctor", "nobody looks whether a file can be written",
        "        elif not os.access(path, os.W_OK):", "        elif False:",
        STUCK + "test_what_keeps_the_runner_from_going_on_is_named", faults=(120,),
    ),
    of_runner(
        "later/leaving", "motd goes on telling of the failure",
        "        if others != data:", "        if False:",
        SHOWS + "test_motd_is_healed_when_the_host_is", faults=(125,),
    ),
    # --- promise 5, and what others make a terminal do ---
    of_runner(
        "terminal", "what a terminal obeys gets through",
        "data = plain(text).encode(", "data = text.encode(",
        SHOWS + "test_no_verb_hands_on_what_a_terminal_would_obey", faults=(122,),
    ),
    of_runner(
        "later/byhand", "who stops listening stops the run",
        "                except OSError:\n", "                except ZeroDivisionError:\n",
        BY_HAND + "test_who_stops_listening_does_not_stop_the_run", faults=(126,),
    ),
]
