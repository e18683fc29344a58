"""Mutants of single rows of the register of faults."""

from __future__ import annotations

from mutants.mutant import (
    CRONTAB,
    DOCTOR,
    FAULTS,
    FILES,
    IMAGE,
    LIFE,
    MACHINE,
    REHEARSE,
    REHEARSED_UNITS,
    REPORTS,
    STAGES,
    STUBS,
    TRIGGER,
    Mutant,
    of_runner,
)

MUTANTS = [
    of_runner(
        "tick/run", "a file that came too late heals nothing",
        '        healed = {"healed_s": self.journal.elapsed()} if self.journal.find("state", state="failed") else {}',
        "        healed = {}", FILES + "test_a_file_that_never_comes_fails_the_run_and_a_later_one_heals_it",
        FAULTS + "test_reports_road.py::test_a_healed_run_is_not_told_as_overdue", faults=(2,),
    ),
    of_runner(
        "tick/shell", "stages get the environment of cron",
        "                    os.execve(argv[0], argv, env)", "                    os.execve(argv[0], argv, os.environ)",
        TRIGGER + "test_a_stage_has_the_environment_a_script_expects_not_crons", faults=(26,),
    ),
    of_runner(
        "tick/shell", "a stage ignores what Python ignores",
        "                            signal.signal(number, signal.SIG_DFL)", "                            pass",
        FAULTS + "test_stage_effects.py::test_a_stage_ignores_and_blocks_no_signal", faults=(26,),
    ),
    of_runner(
        "tick/shell", "a stage has no log",
        "                    os.dup2(log, 1)\n", "", TRIGGER + "test_output_is_kept_without_a_mail_agent", faults=(32,),
    ),
    Mutant(
        "our unit takes the daemons with it", "files/systemd/initialrunner-boot.service",
        "KillMode=process\n", "", (FAULTS + "test_stage_effects.py::test_our_unit_leaves_the_daemons_it_starts_alone",),
        faults=(36,),
    ),
    of_runner(
        "tick/shell", "a stage is executed as a file",
        "        argv = [word.strip() for word in argv] + [script]", "        argv = [script]",
        FAULTS + "test_disk.py::test_where_nothing_may_be_executed_stages_run_all_the_same", faults=(13, 40),
    ),
    of_runner(
        "tick/journal", "a run goes on without its record",
        "            os.ftruncate(self.fd, before)\n            raise", "            os.ftruncate(self.fd, before)",
        FAULTS + "test_disk.py::test_a_stage_whose_begin_finds_no_room_does_not_begin", faults=(42,),
    ),
    of_runner(
        "later/recovery", "a full disk is not said to want inodes",
        'hint = "; no space or no inodes are left: see df -h and df -i" if error.args[0] == errno.ENOSPC else ""', 'hint = ""',
        FAULTS + "test_disk.py::test_without_inodes_it_waits_and_names_them", faults=(43,),
    ),
    of_runner(
        "host", "a pid in the lock file is believed",
        "        end = self.uptime() + patience_s\n        while True:\n",
        "        end = self.uptime() + patience_s\n        if os.read(fd, 9):\n            return None\n        while True:\n",
        FAULTS + "test_disk.py::test_a_pid_in_a_stale_lock_file_is_nobody", faults=(49,),
    ),
    of_runner(
        "tick/run", "a hidden journal is begun anew",
        "        if self.has_command and not any(", "        if False and not any(",
        FAULTS + "test_disk.py::test_while_its_state_is_hidden_by_a_mount_nothing_runs_again", faults=(52,),
    ),
    of_runner(
        "tick/logs", "control characters go into reports",
        '    return plain(data[start:][-TAIL_BYTES:].decode("utf-8", "backslashreplace"))[-TAIL_BYTES:]',
        '    return data[start:][-TAIL_BYTES:].decode("utf-8", "backslashreplace")[-TAIL_BYTES:]', FAULTS + "test_stage_effects.py::test_a_flood_of_output_is_cut_and_the_stage_ends_as_it_would_have",
        REPORTS + "test_a_failure_is_told_with_its_last_lines", faults=(54,),
    ),
    of_runner(
        "tick/stages", "needs are not waited for",
        "                if not missing:\n                    break\n                if missing != reported:", "                break\n                if missing != reported:",
        STAGES + "test_a_need_is_waited_for_and_named", faults=(55, 85),
    ),
    of_runner(
        "tick/checks", "names are asked for without an end",
        'return ask(host, lambda: resolve(plan), 6) and "names do not resolve"',
        'return resolve(plan) and "names do not resolve"',
        FAULTS + "test_network.py::test_a_name_server_that_is_silent_holds_up_only_the_stage_that_needs_names", faults=(56,),
    ),
    of_runner(
        "tick/web", "the proxy is not asked",
        '    return None if near else proxy.get(url.split(":")[0])', "    return None",
        FAULTS + "test_network.py::test_what_leaves_the_host_goes_through_the_proxy_and_metadata_never", faults=(57,),
    ),
    of_runner(
        "tick/web", "any certificate will do",
        "        context = ssl.create_default_context(cadata=ca)", "        context = ssl._create_unverified_context()",
        FAULTS + "test_certificates.py::test_nothing_is_told_to_who_cannot_prove_who_it_is", faults=(58, 59),
    ),
    of_runner(
        "tick/report", "hosts come back all at once",
        "        jitter = 0.5 + ord(os.urandom(1)) / 512.0", "        jitter = 1.0",
        FAULTS + "test_network.py::test_hosts_that_are_refused_together_do_not_come_back_together", faults=(69,),
    ),
    of_runner(
        "tick/shell", "a daemon holds its stage",
        "            done, status, usage = os.wait4(pid, os.WNOHANG)\n            if done:\n",
        "            done, status, usage = os.wait4(pid, os.WNOHANG)\n            if done and not self.members(pid, None):\n",
        STAGES + "test_a_daemon_that_holds_stdout_holds_neither_stage_nor_lock", faults=(72,),
    ),
    of_runner(
        "later/opening", "the host's name is its identity",
        "        instance_id=uuid or machine, product_uuid=uuid,", "        instance_id=os.uname()[1], product_uuid=os.uname()[1],",
        FAULTS + "test_stage_effects.py::test_a_host_that_is_renamed_in_mid_stage_stays_who_it_is",
        LIFE + "test_who_this_host_is", faults=(76, 90),
    ),
    of_runner(
        "tick/shell", "packages may ask",
        '"DEBIAN_FRONTEND": "noninteractive", ', "", FAULTS + "test_apt.py::test_a_package_with_a_question_takes_its_own_answer",
        FAULTS + "test_apt.py::test_what_asks_after_an_installation_is_told_not_to", faults=(79,),
    ),
    of_runner(
        "tick/stages", "what is done is run again when asked",
        'if facts.state in ("done", "skipped"):\n                if stage["reboot"]', 'if False:\n                if stage["reboot"]',
        STAGES + "test_a_declared_reboot_resumes_at_the_next_stage",
        FAULTS + "test_stage_effects.py::test_a_stage_that_may_run_once_runs_again_only_when_forced", faults=(75, 81),
    ),
    of_runner(
        "host", "an unset firmware's uuid is believed",
        '            uuid = ""  # zeros', "            pass  # zeros",
        FAULTS + "test_identity.py::test_members_of_a_group_whose_firmware_names_no_uuid_are_told_by_their_machine_ids",
        faults=(91,),
    ),
    of_runner(
        "tick/files", "a file with a second name is given away",
        "        if before.st_nlink > 1:", "        if False:",
        FAULTS + "test_links.py::test_a_hard_link_among_the_awaited_files_gives_nobody_roots_file", faults=(50,),
    ),
    of_runner(
        "later/doctor", "doctor does not look at the password's age",
        '[0::2][:2] == ["root", "0"]:', '[0::2][:2] == ["root", "none"]:', DOCTOR + "test_a_root_password_that_must_be_changed_keeps_cron_from_running_anything", faults=(30,),
    ),
    Mutant(
        "the head tries no other Python", "files/bundle/head.sh",
        " [ $r = 69 ] || return $r\n", " return $r\n",
        (FAULTS + "test_stage_effects.py::test_without_a_usable_python_it_is_said_and_later_the_run_begins",
         "tests/unit/payload/test_bundle.py::test_the_head_says_what_is_missing_on_a_host_without_python"), (83,),
    ),
    Mutant(
        "a host without Python tells nobody", "bootstrap/payload/build.py",
        '    no_python_report = "" if lean or is_split else script(plan)\n', '    no_python_report = ""\n',
        (FAULTS + "test_stage_effects.py::test_without_a_python_the_collector_hears_of_it_and_later_of_the_run",), (83,),
    ),
    Mutant(
        "two tick beside each other", "cron/initialrunner.j2",
        " [ -e /run/initialrunner.lock ] && { flock -n", " [ -e /nowhere ] && { flock -n", (TRIGGER + "test_a_tick_beside_a_working_runner_leaves_without_starting_python",), (27,),
    ),
    Mutant(
        "a byte order mark is none of our business", "bootstrap/payload/crontab.py",
        '    if data.startswith(b"\\xef\\xbb\\xbf"):', "    if False:", (CRONTAB,), (12,),
    ),
    Mutant(
        "carriage returns are none of our business", "bootstrap/payload/crontab.py",
        '    if b"\\r\\n" in data:', "    if False:", (CRONTAB,), (11,),
    ),
    Mutant(
        "any name of a cron file will do", "bootstrap/payload/crontab.py", "    if not NAME.fullmatch(name):", "    if False:",
        ("tests/unit/payload/test_crontab.py::test_name_and_mode_are_judged_too",), (20,),
    ),
    Mutant(
        "one byte over the limit is no matter", "bootstrap/targets/limits.py",
        "        return None if self.limit is None else self.limit - self.used",
        "        return None if self.limit is None else self.limit - self.used + 4",
        ("tests/unit/targets/test_limits.py::test_a_file_of_7680_bytes_fits_nova_and_one_byte_more_does_not",), (17,),
    ),
    of_runner(
        "processes", "the lock leaks into a child that outlives the runner",
        "                os.close(self.locked)  # a child", "                pass  # a child",
        REPORTS + "test_a_killed_runners_report_that_still_drips_does_not_hold_the_lock", faults=(45,),
    ),
    of_runner(
        "processes", "the lock leaks into what a stage leaves running",
        "                os.close(self.locked)  # a child", "                os.set_inheritable(self.locked, True)  # a child",
        STAGES + "test_a_daemon_that_holds_stdout_holds_neither_stage_nor_lock", faults=(48,),
    ),
    of_runner(
        "tick/history", "a cut attempt uses up an attempt",
        "            self.cut += 1\n", "            self.cut += 1\n            self.failed += 1\n",
        FAULTS + "test_stages_limits.py::test_an_attempt_cut_short_uses_up_none_of_those_declared",
        MACHINE + "test_a_stage_is_what_its_last_event_says", faults=(45,),
    ),
    of_runner(
        "tick/files", "a file counts when it exists",
        '            if digest_of(file) == entry["sha256"]:', "            if have:",
        FILES + "test_a_file_that_grows_in_place_runs_only_when_whole", FILES + "test_a_torn_set_is_not_run",
        FILES + "test_a_script_with_crlf_is_another_file_and_is_said_to_differ", faults=(3, 7, 10),
    ),
    of_runner(
        "tick/files", "an empty file counts",
        'return None if have >= max(1, want or 0) else "short" if have else "empty"', "return None",
        FILES + "test_an_awaited_file_without_a_digest_counts_when_it_has_its_size_and_is_not_empty", faults=(4,),
    ),
    of_runner(
        "tick/files", "a file that is not there is an error",
        '            self.states.pop(path, None)\n            return {"why": "absent", "want": want}\n', "            raise\n",
        FILES + "test_a_file_that_vanishes_for_a_moment_is_waited_for", FILES + "test_a_late_file_is_waited_for_and_run_once", faults=(1, 5),
    ),
    of_runner(
        "disk", "a link in place of a file is followed",
        "flags | os.O_NOFOLLOW | os.O_NONBLOCK", "flags | os.O_NONBLOCK",
        FILES + "test_a_link_pipe_or_folder_in_place_of_an_injected_file_is_not_read",
        FAULTS + "test_links.py::test_a_link_under_a_name_that_will_be_written_is_replaced_not_followed",
        FAULTS + "test_links.py::test_a_link_in_place_of_the_lock_is_not_followed_and_said", faults=(15, 50),
    ),
    of_runner(
        "tick/files", "what others could write is trusted",
        "        trusted = info.st_uid == 0 and not info.st_mode & 0o022 and stat.S_ISREG(info.st_mode)\n",
        "        trusted = True\n", TRIGGER + "test_a_trigger_that_others_could_write_is_rendered_again_not_trusted",
        faults=(21, 22),
    ),
    Mutant(
        "a bundle does not look whether it is whole", "files/bundle/stub.py",
        "if sha256(body.encode()).hexdigest() != expected:", "if not expected:",
        (FILES + "test_one_flipped_byte_runs_nothing",
         "tests/unit/payload/test_bundle.py::test_a_bundle_cut_off_anywhere_runs_nothing"), (14,),
    ),
    Mutant(
        "the URL of a stub is an argument, for every process list", "files/stub/stub.sh",
        "g url=|curl -gsSfm300 -K- -o$f||", 'curl -gsSfm300 -o$f "$u"||',
        (STUBS + "test_a_presigned_url_is_asked_for_as_it_is_and_told_to_nobody",), (148,),
    ),
    Mutant(
        "a stub that its provider does not take is rendered", "bootstrap/targets/stub.py",
        "    if measure.left is None or measure.left >= 0:\n", "    if measure.used:\n",
        ("tests/unit/targets/test_stub.py::test_a_presigned_url_fits_wherever_user_data_carries_the_stub",), (148,),
    ),
    Mutant(
        "user-data of one's own is dropped where files carry a stub", "bootstrap/targets/stub.py",
        "    if small and beside and provider is not None:\n", "    if False:\n",
        ("tests/unit/targets/test_layout.py::test_user_data_of_ones_own_is_never_dropped_where_files_carry_a_stub",),
    ),
    Mutant(
        "a stub fetches its bundle at every boot", "files/stub/boothook.sh",
        "@STATE@/journal* && exit\n", "@STATE@/journal* || :\n",
        (STUBS + "test_nothing_waits_for_the_boothook_and_it_does_nothing_once_its_deploy_has_begun",),
    ),
    of_runner(
        "tick/report", "what was not taken is not sent again",
        "            self.failures, self.reason = self.failures + 1, text.replace(\"\\n\", \" \")",
        "            self.acked = len(self.journal.events)",
        REPORTS + "test_a_bad_answer_is_no_acknowledgement_and_the_events_come_again",
        REPORTS + "test_a_collector_that_is_down_loses_nothing_and_stops_no_stage", faults=(60, 61),
    ),
    of_runner(
        "tick/report", "a slow answer is waited for",
        "self.sender = Question(self.host, lambda: self.send(body, first), 25)",
        "self.sender = Question(self.host, lambda: self.send(body, first), 2500)",
        REPORTS + "test_an_answer_that_drips_is_given_up_in_time_and_holds_no_stage", faults=(62,),
    ),
    of_runner(
        "later/leaving", "the report key stays on the host",
        'if key not in ("report", "secrets")}', 'if key not in ("secrets",)}',
        FAULTS + "test_verbs_words.py::test_report_without_a_collector_and_after_the_end",
        FAULTS + "test_reports_road.py::test_what_is_not_taken_for_a_week_is_given_up_and_said", faults=(70, 86),
    ),
    Mutant(
        "seal looks for secrets by their places alone", "bootstrap/image/search.py",
        "            yield from _by_content(tree, folder, name, fd)\n", "",
        (IMAGE + "test_a_secret_of_the_builder_is_found_wherever_it_lies_and_left_to_its_owner",), (92,),
    ),
    Mutant(
        "a unit that is there counts as one that is on", "bootstrap/image/seal_needs.py",
        "        if start.on:\n            continue\n", "        if start.on or start.is_there:\n            continue\n",
        (IMAGE + "test_an_image_whose_agent_no_boot_would_start_is_refused",), (93,),
    ),
    Mutant(
        "what could not be rehearsed leaves its folder behind", "bootstrap/rehearse/keeping.py",
        "        if not self.begun:\n            self._remove()\n", "        self.begun = True\n",
        (REHEARSE + "test_a_relative_folder_is_kept_in_and_nothing_is_left_by_what_could_not_start",), (140,),
    ),
    Mutant(
        "a rehearsal's folder is looked for elsewhere", "bootstrap/client/own_collector.py",
        "                    env=environment,\n", "                    env=environment, cwd=self._folder,\n",
        ("tests/integration/test_relative_paths.py::test_nothing_is_started_in_another_folder_but_by_absolute_names",),
        (140,),
    ),
    Mutant(
        "a rehearsal's collector takes a port of the spec", "bootstrap/rehearse/collector.py",
        "        if str(port) not in texts and not", "        if not",
        (REHEARSE + "test_a_stage_may_listen_on_any_port_that_its_spec_names",), (141,),
    ),
    Mutant(
        "a rehearsal tells no reason of a runner that cannot go on", "bootstrap/rehearse/rehearsal.py",
        "        if stuck:\n", "        if False:\n",
        (REHEARSE + "test_the_timeline_tells_why_a_runner_cannot_go_on",), (142,),
    ),
    Mutant(
        "a log of a rehearsal shows a secret", "bootstrap/rehearse/clues.py",
        '            text = text.replace(secret, "*" * len(secret))\n', "            pass\n",
        (REHEARSE + "test_the_timeline_tells_of_every_boot_of_needs_and_of_a_log_behind_a_failed_check",), (142,),
    ),
    Mutant(
        "a unit whose program has ended counts as active", "bootstrap/rehearse/standin/keeper.py",
        '            self.set(active="failed", sub="failed", keeper=0, main=0)', "            pass",
        (REHEARSED_UNITS + "test_a_failing_service_says_its_last_line",), (143,),
    ),
    Mutant(
        "a reboot of a copy starts no units", "bootstrap/rehearse/services.py",
        "sorted(units.enabled() - self.machine_units) if self.has_units else []", "[]",
        (REHEARSED_UNITS + "test_a_boot_starts_what_the_copy_enabled_and_nothing_of_the_machines_own",), (143,),
    ),
    Mutant(
        "a package finds no systemd in a copy, and starts no service", "bootstrap/rehearse/inside.py",
        '                os.makedirs("/run/systemd/system")\n', "                pass\n",
        (REHEARSED_UNITS + "test_a_package_that_is_installed_starts_its_service_as_on_a_server",), (144,),
    ),
]
