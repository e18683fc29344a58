"""Mutants of what crosses the network: fetched files, proxies, waits, refusals, and words on a terminal."""

from __future__ import annotations

from mutants.mutant import FETCH, Mutant, of_runner

PROXIES = "tests/faults/test_rows_proxies.py::"

MUTANTS: list[Mutant] = [
    of_runner(
        "fetch", "a fetched file without an end fills the disk",
        "        if self.spare() < len(block):\n", "        if False:\n",
        FETCH + "test_what_names_no_length_stops_before_the_disk_is_full_and_can_be_gone_on_with", faults=(145,),
    ),
    of_runner(
        "fetch", "a refusal leaves a part behind",
        "        except Refused:\n            self.drop()\n            raise\n        finally:", "        finally:",
        FETCH + "test_no_part_is_left_behind_a_refusal", faults=(145,),
    ),
    of_runner(
        "fetch", "a deadline leaves a part behind",
        '                    host.remove(part_of(other["path"]))\n', "                    pass\n",
        FETCH + "test_a_fetch_without_an_end_fails_at_the_deadline_and_leaves_nothing_on_the_disk", faults=(145,),
    ),
    of_runner(
        "checks", "a proxy is asked without its password",
        '        known = {"Proxy-Authorization": "Basic " + login} if login else {}\n', "        known = {}\n",
        PROXIES + "test_reports_files_and_checks_get_through", faults=(146,),
    ),
    of_runner(
        "checks", "an IPv6 address goes to the proxy without its brackets",
        'name = "[[%s]]" if', 'name = "[%s]" if',
        PROXIES + "test_a_tunnel_is_asked_for_with_name_and_password", faults=(146,),
    ),
    of_runner(
        "report", "an answer without a number takes events off the list",
        "                if type(taken) is int and taken >= 0:\n", "                if taken is not None:\n",
        "tests/faults/test_report_reasons.py::test_an_answer_that_takes_nothing_leaves_its_reason", faults=(64,),
    ),
]  # fmt: skip
