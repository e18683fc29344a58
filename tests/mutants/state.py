"""Mutants of what a host keeps: trigger and journal under two starts and under mounts, a stage's end, and reasons."""

from __future__ import annotations

from mutants.mutant import ENDS, MOVED, REASONS, TWO, Mutant, of_runner

MUTANTS: list[Mutant] = [
    # --- promise 1: nothing lost, repeated or beside itself ---
    of_runner(
        "tick/run", "a tick that waited for the lock writes again what another one has removed",
        "        return final(self.journal.events) and not whole(self.host, self.files, self.sha256)\n",
        "        return False\n",
        TWO + "test_nor_where_the_collector_has_gone_after_it_heard_the_end", faults=(110,),
    ),
    of_runner(
        "later/verbs", "an install reads the journal before it has the lock",
        "    lock = host.lock()\n    # Read under the lock: another start may have finished while this one waited for it.\n"
        "    past = events_in(JOURNAL)\n",
        "    past = events_in(JOURNAL)\n    lock = host.lock()\n",
        TWO + "test_an_install_that_waited_for_the_lock_writes_nothing_again", faults=(110,),
    ),
    of_runner(
        "tick/journal", "a journal that a mount hides is written on",
        "            stays = os.path.samestat(os.stat(JOURNAL), os.fstat(self.fd))\n", "            stays = True\n",
        MOVED + "test_a_run_goes_on_with_its_journal_where_its_folder_is_now", faults=(109,),
    ),
    of_runner(
        "later/moved", "the journal that was left has no last word",
        '    os.write(journal.fd, seal({"type": "moved", "seq": len(journal.events) + 1}).encode())\n', "",
        MOVED + "test_the_left_journal_begins_nothing_anew_and_the_new_one_goes_on_when_it_is_back", faults=(109,),
    ),
    of_runner(
        "later/reboot", "a reboot may hide the journal",
        "        if point or count > REBOOTS:\n", "        if count > REBOOTS:\n",
        MOVED + "test_a_reboot_that_would_hide_the_state_is_refused_by_name", faults=(109,),
    ),
    of_runner(
        "tick/stages", "an exit code is lost to what lies where the outputs should",
        "        more.update(unless_fails(outputs, self.host, self.plan, label))\n",
        "        more.update(outputs(self.host, self.plan, label))\n",
        ENDS + "test_the_exit_code_is_recorded_whatever_lies_where_the_outputs_should", faults=(112,),
    ),
    of_runner(
        "tick/logs", "all of the outputs is read",
        "            text = file.read(OUTPUT_BYTES)", "            text = file.read()[:OUTPUT_BYTES]",
        ENDS + "test_no_more_than_counts_is_read_of_the_outputs", faults=(112,),
    ),
    # --- promise 4: every failure has a cause, a place and a next step ---
    of_runner(
        "tick/shell", "what reads the last words of a failure is killed at once",
        "READERS_S = 3 ", "READERS_S = 0 ",
        ENDS + "test_the_last_words_of_a_failed_stage_come_through_the_pipes_that_it_made", faults=(111,),
    ),
    of_runner(
        "later/recovery", "what holds the runner up is kept for itself",
        '            run.journal.add("waiting", missing=[{"path": run.plan["server"], "why": "cannot go on"}], **{"for": reason})\n',
        "            pass\n",
        REASONS + "test_what_holds_the_runner_up_is_in_the_journal_the_report_and_a_file_until_it_goes_on", faults=(114,),
    ),
    of_runner(
        "tick/stages", "a failure does not name what the stage needed",
        '            reason = event["tail"] if event.get("cause") in ("needs", "reboot") else reason\n', "",
        REASONS + "test_a_user_that_never_comes_is_named_in_the_failure_and_reported", faults=(113,),
    ),
    # --- nobody else's words command a terminal ---
    of_runner(
        "console", "a terminal obeys the words of a peer",
        '% plain(line.replace("\\n", " "))', '% line.replace("\\n", " ")',
        REASONS + "test_words_of_a_peer_reach_motd_and_console_without_what_a_terminal_obeys", faults=(115,),
    ),
]
