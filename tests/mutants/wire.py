"""Mutants of what crosses the network: fetched files, proxies, waits, refusals, and words on a terminal."""

from __future__ import annotations

from mutants.mutant import FETCH, Mutant, of_runner

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
]  # fmt: skip
