"""Mutants of what crosses the network: fetched files, proxies, waits, refusals, and words on a terminal."""

from __future__ import annotations

from mutants.mutant import FETCH, Mutant, of_runner

PROXIES = "tests/faults/test_proxies.py::"
NAMED = "tests/integration/test_wait_by_name.py::"

MUTANTS: list[Mutant] = [
    of_runner(
        "later/fetch", "a fetched file without an end fills the disk",
        "        if self.spare() < len(block):\n", "        if False:\n",
        FETCH + "test_what_names_no_length_stops_before_the_disk_is_full_and_can_be_gone_on_with", faults=(143,),
    ),
    of_runner(
        "later/fetch", "a refusal leaves a part behind",
        "        except Refused:\n            self.drop()\n            raise\n        finally:", "        finally:",
        FETCH + "test_no_part_is_left_behind_a_refusal", faults=(143,),
    ),
    of_runner(
        "later/fetch", "a deadline leaves a part behind",
        '                    host.remove(part_of(other["path"]))\n', "                    pass\n",
        FETCH + "test_a_fetch_without_an_end_fails_at_the_deadline_and_leaves_nothing_on_the_disk", faults=(143,),
    ),
    of_runner(
        "tick/web", "a proxy is asked without its password",
        '    auth = {"Proxy-Authorization": "Basic " + login} if login else {}\n', "    auth = {}\n",
        PROXIES + "test_reports_files_and_checks_get_through", faults=(144,),
    ),
    of_runner(
        "tick/web", "an IPv6 address goes to the proxy without its brackets",
        'name = ("[%s]:%d" if', 'name = ("%s:%d" if',
        PROXIES + "test_a_tunnel_is_asked_for_with_name_and_password", faults=(144,),
    ),
    of_runner(
        "tick/report", "an answer without a number takes events off the list",
        "                if type(acked) is int and acked >= 0:\n", "                if acked is not None:\n",
        "tests/faults/test_report_reasons.py::test_an_answer_that_takes_nothing_leaves_its_reason", faults=(64,),
    ),
    Mutant(
        "the end of an earlier deploy is an answer", "bootstrap/client/early.py",
        "            self._ends = {name: end for name, end in states.items() if end[1] in ENDED}\n",
        "            self._ends = {}\n",
        (NAMED + "test_an_end_of_before_is_no_answer_and_is_said",), faults=(145,),
    ),
    Mutant(
        "an end of before is never forgotten", "bootstrap/client/early.py",
        "if name in states and states[name] != end]:", "if False]:",
        (NAMED + "test_the_end_of_a_newer_deploy_is_the_answer",), faults=(145,),
    ),
    Mutant(
        "a name that is not ours is refused in silence", "bootstrap/collector/app.py",
        "        self._remember(scope)\n", "",
        (NAMED + "test_a_report_under_a_name_that_is_not_ours_is_said_once_and_to_who_waits",), faults=(146,),
    ),
    Mutant(
        "a stranger's name stands in a command to copy", "bootstrap/collector/refused.py",
        '"NAME" if safe is None else', '"NAME" if False else',
        (NAMED + "test_a_strangers_name_is_neither_an_escape_nor_a_command",), faults=(146,),
    ),
    Mutant(
        "words of a host move the deployer's cursor", "bootstrap/client/wording.py",
        '    return [plain(line) for line in lines]\n\n\ndef headline', "    return lines\n\n\ndef headline",
        ("tests/integration/test_cli_words.py::test_no_control_character_reaches_the_terminal",), faults=(147,),
    ),
    Mutant(
        "what a host waits for is not shown", "bootstrap/collector/state.py",
        'waits_for=(event.get("for") or "")[:MAX_SENTENCE] or None', "waits_for=None",
        ("tests/unit/client/test_wording.py::test_a_host_that_waits_says_for_what",), faults=(147,),
    ),
]  # fmt: skip
