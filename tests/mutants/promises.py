"""Mutants that break a promise."""

from __future__ import annotations

from mutants.mutant import (
    DOCTOR,
    FAULTS,
    FETCH,
    FILES,
    JOURNAL,
    KERNEL,
    LIFE,
    MACHINE,
    ORDER,
    REPORTS,
    ROWS,
    STAGES,
    STARTER,
    TRIGGER,
    UNITS,
    Mutant,
    of_runner,
)

TEMPLATES = "tests/unit/spec/test_models_templates.py::"
BRACES = "tests/unit/render/test_braces.py::"

MUTANTS = [
    # --- promise 2: fetched files ---
    of_runner(
        "later/fetch", "a fetched file of other bytes is taken",
        "                raise Refused(\"digest\", other)\n", "                self.whole = lambda: True\n",
        FETCH + "test_other_bytes_are_refused_with_both_digests_and_the_size",
    ),
    of_runner(
        "later/fetch", "a part that others could have made is gone on with",
        "            if (info.st_mode, info.st_nlink, info.st_uid, info.st_gid) == expected:\n                return\n",
        "            return\n",
        FETCH + "test_a_part_that_others_could_have_made_is_not_gone_on_with",
    ),
    of_runner(
        "later/fetch", "a redirect out of https is followed",
        "            if not target.startswith(\"https://\") and not near:\n", "            if not target:\n",
        FETCH + "test_a_redirect_is_followed_within_https_and_not_out_of_it",
    ),
    of_runner(
        "later/fetch", "who fetches outlives the runner",
        "    ctypes.CDLL(None).prctl(1, 9)\n", "",
        FETCH + "test_a_runner_that_is_killed_leaves_nobody_at_work_and_the_next_goes_on",
    ),
    of_runner(
        "later/fetch", "what a URL has behind its ? is told",
        'entry["fetch"]["url"].split("?")[0])', 'entry["fetch"]["url"])',
        FETCH + "test_what_makes_no_sense_to_ask_for_again_fails_the_run_and_says_why",
    ),
    # --- promise 1: nothing lost, repeated or beside itself ---
    of_runner(
        "tick/journal", "the journal is not synced",
        "            os.fsync(self.fd)\n        except", "        except",
        ORDER + "test_every_record_is_synced_before_the_next_call", faults=(44,),
    ),
    of_runner(
        "disk", "a file takes its name before its bytes are on disk",
        "                if durable:\n                    os.fsync(fd)\n", "",
        ORDER + "test_what_is_put_in_place_is_synced_before_its_name_and_its_folder_after", faults=(44,),
    ),
    of_runner(
        "disk", "a name is not synced",
        "            if durable:\n                os.fsync(parent)\n        except", "        except",
        ORDER + "test_what_is_put_in_place_is_synced_before_its_name_and_its_folder_after", faults=(44,),
    ),
    of_runner(
        "tick/stages", "a stage begins before that is on disk",
        '        more = {"pid": pid, "start": self.shell.started_at(pid), "boot_id": self.host.boot_id}\n',
        '        go()\n        more = {"pid": pid, "start": self.shell.started_at(pid), "boot_id": self.host.boot_id}\n',
        ORDER + "test_a_stage_is_let_go_after_its_start_is_on_disk", faults=(45, 46),
    ),
    of_runner(
        "tick/journal", "a torn tail stays, and the next line is glued to it",
        "        os.ftruncate(self.fd, sum(len(line) + 1 for line in lines[:whole]))", "",
        JOURNAL + "test_a_torn_tail_is_cut_and_the_next_line_stands_alone", faults=(47,),
    ),
    of_runner(
        "tick/journal", "the checksum of a line is not looked at",
        "        if crc == '%08x\"}' % zlib.crc32(text.encode()):", "        if crc:",
        JOURNAL + "test_a_damaged_middle_is_set_aside_and_named", faults=(47,),
    ),
    of_runner(
        "tick/journal", "a damaged middle is dropped in silence",
        "            later(\"rebuild\")(self, data, [event for event in events if event])\n            return\n",
        "            pass\n",
        JOURNAL + "test_a_damaged_middle_is_set_aside_and_named", faults=(47,),
    ),
    of_runner(
        "tick/journal", "a record that did not fit leaves half a line",
        "            os.ftruncate(self.fd, before)\n            raise", "            raise",
        JOURNAL + "test_an_event_that_does_not_fit_leaves_no_half_line", faults=(42,),
    ),
    of_runner(
        "tick/journal", "a journal of a newer format is read all the same",
        "VERSION = 1 ", "VERSION = 99 ",
        LIFE + "test_a_journal_of_a_newer_format_is_not_guessed_at", faults=(47,),
    ),
    of_runner(
        "host", "the lock is shared",
        "fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)", "fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        FAULTS + "test_stages_by_hand.py::test_beside_a_working_runner_the_admin_is_told_who_works", faults=(27, 84),
    ),
    of_runner(
        "later/recovery", "what a cut attempt left running is not killed",
        "    return stages.shell.kill_session(began[\"pid\"] if is_ours else None, mark)", "    return []",
        STAGES + "test_an_attempt_cut_short_is_killed_asked_and_made_again", faults=(46,),
    ),
    of_runner(
        "later/recovery", "verify is not asked about a cut attempt",
        'if stage.get("verify") and stages.shell.run(stage, name + "/verify", stage["verify"], 300)[0] == 0:  # for: verify\n'
        "        more", "if False:\n        more",
        STAGES + "test_verify_decides_an_attempt_cut_short_after_its_last_effect", faults=(46,),
    ),
    of_runner(
        "later/recovery", "on_interrupt: fail is not heard",
        'if policy == "fail" or', "if", STAGES + "test_on_interrupt_fail_stops_and_asks", faults=(46,),
    ),
    of_runner(
        "tick/history", "cuts without end are made again without end",
        "        return self.cut >= INTERRUPTS or", "        return False and self.cut >= INTERRUPTS or",
        MACHINE + "test_interruptions_in_a_row_are_bounded", ROWS + "test_twenty_cuts_without_progress_are_a_failure",
        faults=(45,),
    ),
    of_runner(
        "tick/history", "reboots without end",
        "REBOOTS = 20, 3, 3", "REBOOTS = 20, 3, 99", ROWS + "test_a_fourth_reboot_is_refused", faults=(75,),
    ),
    of_runner(
        "tick/history", "an undone stage still counts as done",
        '                self.state = "pending"  # nor may', "                pass  # nor may",
        LIFE + "test_what_failed_or_was_undone_is_not_inherited",
    ),
    of_runner(
        "later/recovery", "roll-back in the order of the stages",
        "    for stage in reversed(run.plan[\"stages\"]):", "    for stage in run.plan[\"stages\"]:",
        STAGES + "test_roll_back_undoes_in_reverse_order",
    ),
    of_runner(
        "tick/run", "every boot's stages run at every tick",
        'if not self.journal.find("every_boot", name=stage["name"], boot_id=self.host.boot_id):', "if True:",
        LIFE + "test_later_boots_run_what_every_boot_names_from_rc_local",
        STAGES + "test_every_boot_runs_once_a_boot_after_the_stages",
        LIFE + "test_a_boot_that_comes_while_reports_are_owed_changes_nothing_that_was_found",
    ),
    of_runner(
        "tick/run", "a clone goes on where its original was",
        "        other = old_uuid != uuid if uuid and old_uuid else bool(old_machine and machine and old_machine != machine)\n",
        "        other = False\n", STAGES + "test_a_clone_begins_anew_and_the_same_host_does_not", faults=(87,),
    ),
    of_runner(
        "tick/run", "the same host with another machine-id begins anew",
        "old_uuid != uuid if uuid and old_uuid else bool(", "old_uuid != uuid or bool(",
        LIFE + "test_who_this_host_is", faults=(90,),
    ),
    of_runner(
        "later/opening", "a changed stage is inherited as done",
        '        if not runs or runs[-1][0]["digests"][name] != stage["digest"] or', "        if not runs or",
        STAGES + "test_a_new_deploy_inherits_what_is_done_and_the_same",
    ),
    of_runner(
        "tick/run", "a healthy host that owes reports is running again after a boot",
        "            if not same_boot and not final(journal.events):", "            if not same_boot:",
        LIFE + "test_a_boot_that_comes_while_reports_are_owed_changes_nothing_that_was_found",
    ),
    # --- promise 2: nothing but what was pinned, nowhere but where it was declared ---
    of_runner(
        "tick/files", "an injected file is run as it lies there",
        '        host.save(path, data, entry["mode"], *ids(entry) or (0, 0))\n',
        '        if not before or before[0] != data:\n'
        '            host.save(path, data, entry["mode"], *ids(entry) or (0, 0))\n',
        FILES + "test_read_only_and_not_executable_is_mended",
        FILES + "test_a_file_that_grows_in_place_runs_only_when_whole", faults=(8, 9),
    ),
    of_runner(
        "disk", "a link that others could make is followed",
        "if folder.st_uid or link.st_uid or folder.st_mode & 0o022:", "if False:",
        FILES + "test_a_link_that_another_user_could_make_is_not_followed", faults=(15, 50),
    ),
    of_runner(
        "later/opening", "what others could write is not put aside",
        "    host.save(aside, data)\n", "", TRIGGER + "test_a_trigger_that_others_could_write_is_rendered_again_not_trusted",
        DOCTOR + "test_what_others_could_write_is_put_aside_not_made_trusted", faults=(21,),
    ),
    of_runner(
        "tick/files", "leftovers of agents stay beside the trigger",
        '            if other.startswith(name + ".") and (".bak." in other or ".tmp." in other):', "            if False:",
        TRIGGER + "test_leftovers_of_injection_agents_beside_our_files_are_removed", faults=(6,),
    ),
    of_runner(
        "tick/run", "an old payload works on beside a newer trigger",
        '            if "sha256sum" in text and self.sha256 not in text:', "            if False:",
        FILES + "test_the_payload_of_an_old_deploy_in_the_image_gives_way_to_the_new_trigger", faults=(19,),
    ),
    of_runner(
        "later/leaving", "a newer bundle that came meanwhile is removed with the old one",
        "    if whole(host, files, sha256):\n        for", "    if all(map(host.read, files)):\n        for",
        LIFE + "test_a_newer_payload_that_comes_at_the_last_moment_is_started_not_deleted", faults=(7, 19),
    ),
    Mutant(
        "the trigger runs whatever bundle is there", "cron/initialrunner.j2",
        '[ "$(echo "$b" | sha256sum)" = "{{ sha256 }}  -" ]', '[ -n "$b{{ sha256[99:] }}" ]',
        (TRIGGER + "test_a_bundle_that_is_not_the_pinned_one_starts_nothing",), (3, 14),
    ),
    of_runner(
        "tick/run", "the trigger goes before the reports are taken",
        "        if not self.deliver(20) and not self.give_up():", "        if False:",
        REPORTS + "test_while_events_are_owed_status_says_why_and_the_trigger_stays", faults=(33, 60),
    ),
    # --- promise 3: every event once and in order, or given up and said ---
    of_runner(
        "tick/report", "any answer is an acknowledgement",
        "            if status == 200:", "            if status:",
        REPORTS + "test_a_bad_answer_is_no_acknowledgement_and_the_events_come_again",
        FAULTS + "test_reports_road.py::test_what_is_no_acknowledgement_takes_nothing_off_the_list", faults=(61, 63),
    ),
    of_runner(
        "tick/web", "half an answer is an acknowledgement",
        "                if not block and left < UNKNOWN:\n", "                if False:\n",
        FAULTS + "test_reports_road.py::test_what_is_no_acknowledgement_takes_nothing_off_the_list", faults=(64, 65),
    ),
    of_runner(
        "tick/report", "Retry-After is not heard",
        '        if text.startswith("in "):', "        if False:",
        FAULTS + "test_reports_road.py::test_a_collector_that_names_a_time_is_left_alone_until_then", faults=(61,),
    ),
    of_runner(
        "tick/run", "what nobody takes is owed for ever",
        "        if ticks < GIVE_UP_TICKS:", "        if True:",
        FAULTS + "test_reports_road.py::test_what_is_not_taken_for_a_week_is_given_up_and_said", faults=(60, 70),
    ),
    Mutant(
        "the collector takes any signature", "bootstrap/collector/ingest.py",
        "return any(hmac.compare_digest(expected, sent.encode()) for sent in self.signatures)", "return bool(expected)",
        (REPORTS + "test_a_report_signed_with_another_key_is_refused_and_changes_nothing",), (68,),
    ),
    Mutant(
        "what comes after the end changes it", "bootstrap/collector/ingest.py",
        "    if run.closed:", "    if False:",
        ("tests/integration/test_collector_promises.py::test_events_after_the_end_are_stored_and_change_nothing",
         "tests/unit/collector/test_ingest.py::test_nothing_of_a_late_report_counts"), (66, 67),
    ),
    # --- promise 4: every wait has an end, every failure a cause ---
    of_runner(
        "tick/shell", "KILL never follows TERM",
        "            overdue = self.host.uptime() > end\n", "            overdue = False\n",
        STAGES + "test_a_hanging_stage_is_ended_with_all_it_started", faults=(71, 73),
    ),
    of_runner(
        "tick/shell", "only the session of a stage is killed",
        '                    marked = mark and (\n', '                    marked = False and (\n',
        STAGES + "test_a_hanging_stage_is_ended_with_all_it_started",
        KERNEL + "test_what_left_its_session_and_its_environment_dies_with_its_stage", faults=(73,),
    ),
    of_runner(
        "processes", "a stage is in no control group",
        '                file.write("0")', "                pass",
        KERNEL + "test_what_left_its_session_and_its_environment_dies_with_its_stage",
        KERNEL + "test_what_a_killed_runner_left_behind_dies_before_the_next_attempt", faults=(73,),
    ),
    of_runner(
        "tick/shell", "a stage may take for ever",
        "            if left_s <= 0:\n                break\n", "",
        STAGES + "test_a_hanging_stage_is_ended_with_all_it_started", faults=(71,),
    ),
    of_runner(
        "tick/stages", "exit 75 is a failure",
        '            result = "again"\n', "            pass\n",
        STAGES + "test_exit_75_means_not_yet_and_uses_no_attempt",
    ),
    of_runner(
        "tick/stages", "exit 0 is enough",
        "                if code:\n", "                if False:\n",
        STAGES + "test_exit_0_with_nothing_done_is_found_by_verify", faults=(82,),
    ),
    of_runner(
        "tick/checks", "a command that fails in the middle is passed over",
        'SHELL = ["/bin/sh", "-eu"]', 'SHELL = ["/bin/sh"]',
        STAGES + "test_a_command_that_fails_in_the_middle_fails_the_stage", faults=(82,),
    ),
    of_runner(
        "tick/stages", "no pause between attempts",
        "            while self.host.uptime() < end:\n                self.run.meanwhile()", "            while False:\n                pass",
        ROWS + "test_pauses_between_attempts_double_up_to_their_limit_and_the_last_failure_is_final",
    ),
    of_runner(
        "tick/stages", "one attempt more than declared",
        'if facts.failed + 1 >= stage["attempts"]:', 'if facts.failed >= stage["attempts"]:',
        STAGES + "test_a_stage_that_fails_for_good_stops_the_rest_and_says_why",
    ),
    of_runner(
        "tick/run", "one good moment is health",
        'if passed >= health["stable"]:', "if passed >= 1:", STAGES + "test_health_wants_passes_in_a_row",
    ),
    of_runner(
        "tick/journal", "deadlines count by the wall clock",
        '                total, boot, first = total + last - first, event["boot_id"], event["uptime_s"]\n'
        '            last = event["uptime_s"]',
        '                total, boot, first = total + last - first, event["boot_id"], event["at"]\n'
        '            last = event["at"]',
        JOURNAL + "test_time_counts_over_boots_but_not_while_powered_off", faults=(37, 38),
    ),
    of_runner(
        "tick/logs", "a log grows without end",
        "    if size > limit:\n", "    if False:\n",
        FAULTS + "test_stage_effects.py::test_a_flood_of_output_is_cut_and_the_stage_ends_as_it_would_have", faults=(53,),
    ),
    of_runner(
        "tick/stages", "killed for memory is just another signal",
        '            cause = "oom"', "            pass",
        KERNEL + "test_a_stage_killed_for_memory_says_so_and_other_signals_do_not", faults=(74,),
    ),
    of_runner(
        "tick/stages", "a full disk is just another exit",
        '            cause = "disk"', "            pass",
        KERNEL + "test_a_stage_that_fills_the_disk_fails_for_that", faults=(42,),
    ),
    of_runner(
        "tick/stages", "an interrupted dpkg stays so",
        '        if self.host.list("/var/lib/dpkg/updates"):', "        if False:",
        FAULTS + "test_apt.py::test_a_dpkg_that_was_cut_short_is_finished_before_the_next_attempt", faults=(78,),
    ),
    of_runner(
        "tick/shell", "apt does not wait for its lock",
        'APT = """DPkg::Lock::Timeout "600";\n', 'APT = """\n',
        FAULTS + "test_apt.py::test_apt_waits_for_dpkgs_lock_that_another_holds", faults=(77,),
    ),
    of_runner(
        "later/doctor", "doctor does not see who can write the trigger",
        "    if info.st_mode & 0o022:\n        mode", "    if False:\n        mode",
        DOCTOR + "test_an_entry_that_cron_does_not_run_is_named_and_mended", faults=(21,),
    ),
    of_runner(
        "later/doctor", "doctor unmasks what somebody masked",
        'and not any("masked" in fault for fault, _ in cron_faults(run))', "",
        DOCTOR + "test_a_cron_that_does_not_run_is_started_and_a_masked_one_is_left", faults=(29,),
    ),
    # --- promise 5: secrets ---
    of_runner(
        "tick/logs", "secrets stay in the logs",
        '    for secret in map(str.encode, plan.get("secrets", [])):  # for: secrets\n        at', "    for secret in []:\n        at",
        STAGES + "test_a_secret_is_in_no_process_list_log_or_file_and_is_gone_after_success", faults=(86,),
    ),
    of_runner(
        "tick/logs", "a stage's outputs keep a secret",
        "    finally:\n        host.remove(path)\n    for secret", "    finally:\n        pass\n    for secret",
        ROWS + "test_a_secret_of_a_stage_that_fails_is_in_no_log_report_or_output", faults=(86,),
    ),
    of_runner(
        "later/leaving", "a stage's secrets stay in the admin's command",
        'if k not in secret})', "if k})",
        STAGES + "test_a_secret_is_in_no_process_list_log_or_file_and_is_gone_after_success", faults=(86,),
    ),
    Mutant(
        "a stage's text may hold a secret", "bootstrap/render/render.py",
        "        if not secret:\n            self.refuse_secrets(", "        if False:\n            self.refuse_secrets(",
        ("tests/unit/spec/test_load_messages.py::test_a_secret_in_a_stage_or_an_open_file_is_refused",), (86,),
    ),
    # --- promise 6: what is refused is refused before the server is paid for ---
    Mutant(
        "a misspelt value is rendered without a word", "bootstrap/render/template_names.py",
        "    if not plan.undeclared:\n", "    if plan.undeclared:\n",
        ("tests/unit/spec/test_overrides.py::test_a_misspelt_value_is_refused_with_the_one_that_was_meant",),
        (135,),
    ),
    Mutant(
        "a text may take the place of a list", "bootstrap/spec/values.py",
        "    if expected is None or actual == expected or value is None:\n", "    if True:\n",
        ("tests/unit/spec/test_overrides.py::test_a_text_over_a_list_or_a_map_is_refused",), (135,),
    ),
    Mutant(
        "a #! behind blanks is taken", "bootstrap/render/firstline.py",
        "    if text.lstrip().startswith(\"#!\"):\n        return 1\n", "",
        ("tests/unit/render/test_firstline.py::test_every_text_that_runs_is_judged",), (134,),
    ),
    Mutant(
        "a file that comes later makes earlier stages run again", "bootstrap/render/render.py",
        " and file.after in stages_before)", ")",
        ("tests/unit/spec/test_file_rules.py::test_a_file_that_is_placed_later_belongs_to_the_stages_after_it",),
        (133,),
    ),
    Mutant(
        "a user that nothing makes is no matter", "bootstrap/render/users.py",
        "        if _is_made(account.name, [*in_time, *others], tables):\n", "        if True:\n",
        ("tests/unit/render/test_render_warnings.py::test_a_user_that_nothing_makes_is_warned_of",), (136,),
    ),
    Mutant(
        "a value breaks out of its word", "bootstrap/render/jinja.py",
        "    return shlex.quote(str(as_written(value)))", "    return f\"'{as_written(value)}'\"",
        ("tests/unit/render/test_render.py::test_sh_carries_any_value_through_a_shell",), (16,),
    ),
    Mutant(
        "an undefined value is an empty one", "bootstrap/render/jinja.py",
        "undefined=jinja2.StrictUndefined", "undefined=jinja2.Undefined",
        ("tests/unit/spec/test_load_messages.py::test_one_mistake_is_one_message_at_its_place",), (18,),
    ),
    Mutant(
        "a key that is no template takes the marks of one", "bootstrap/spec/types.py",
        "    if mark is not None:\n", "    if False:\n",
        (TEMPLATES + "test_a_key_that_is_no_template_refuses_the_marks_by_name",), (130,),
    ),
    Mutant(
        "what a template renders to is not judged", "bootstrap/render/render.py",
        "            return rendered(text.rule, output)\n", "            return output\n",
        (TEMPLATES + "test_what_a_template_renders_to_is_judged_at_its_place",), (130,),
    ),
    Mutant(
        "paths out of templates may meet", "bootstrap/render/render.py",
        "    renderer.refuse_clashes(files, wait_for)\n", "",
        (TEMPLATES + "test_what_a_template_renders_to_is_judged_at_its_place",), (130,),
    ),
    Mutant(
        "a stage's user goes to the host as it is written", "bootstrap/render/render.py",
        "        user = self.text(script.user, f\"{root}.user\")\n", "        user = script.user.value\n",
        (TEMPLATES + "test_a_fleets_servers_each_have_their_own_paths_and_users",), (130,),
    ),
    Mutant(
        "shell's length of a value begins a comment", "bootstrap/render/jinja.py",
        "        return _without_comments().parse(source)\n", "        return environment().parse(source)\n",
        (BRACES + "test_every_text_of_a_spec_keeps_what_would_be_a_comment",), (131,),
    ),
    Mutant(
        "in a template file shell's length of a value begins a comment", "bootstrap/render/jinja.py",
        "    tree = environment().parse(source.replace(_LENGTH, parted))\n", "    tree = environment().parse(source)\n",
        (BRACES + "test_a_template_file_has_comments_and_none_that_begins_behind_a_dollar",), (131,),
    ),
    Mutant(
        "no hint says how to write braces as text", "bootstrap/render/jinja.py",
        "            hint = ways_out(text, key)\n", "            pass\n",
        (BRACES + "test_braces_for_another_program_are_refused_with_every_way_to_write_them",), (132,),
    ),
    # --- other ways in: units, boothooks, starters ---
    of_runner(
        "later/leaving", "units go although a newer payload needs them",
        "if units and not newer and not os.path.lexists(TRIGGER):", "if units:",
        UNITS + "test_units_stay_for_a_newer_payload",
    ),
    of_runner(
        "later/leaving", "units of others go too",
        "texts.items() if host.text(path) == text]", "texts.items()]",
        UNITS + "test_a_unit_of_the_admin_under_our_name_stays",
    ),
    of_runner(
        "later/opening", "a unit that others can write is trusted",
        "== text.encode() and not present[1].st_uid and not present[1].st_mode & 0o022:", "== text.encode():",
        UNITS + "test_units_that_were_changed_or_opened_are_made_anew_where_systemd_runs",
    ),
    of_runner(
        "later/leaving", "the drop-in goes before the timer",
        "key=lambda path: \"timer\" not in path", "key=lambda path: \"multi\" not in path",
        UNITS + "test_the_timer_goes_first_since_a_boot_still_begins_with_the_others",
    ),
    Mutant(
        "the service trusts an entry that others can write", "files/systemd/initialrunner.service",
        " ! -perm /022", "", (UNITS + "test_an_entry_that_others_could_write_starts_nothing",),
    ),
    of_runner(
        "later/verbs", "an old boothook undoes a newer deploy",
        "if \"INSTANCE_ID\" in os.environ and overtaken(run, past):", "if overtaken(run, []) and not past:",
        STARTER + "test_an_old_payload_at_a_later_boot_does_not_undo_a_newer_deploy",
    ),
    Mutant(
        "the starter starts a torn bundle", "files/cloud/starter.sh",
        "if [ \"$(echo \"$b\" | sha256sum)\" = \"@SHA256@  -\" ]; then", "if [ \"$b\" ]; then",
        (STARTER + "test_a_bundle_that_is_whole_and_another_is_not_started",),
    ),
]
