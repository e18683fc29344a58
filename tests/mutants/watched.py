"""Mutants of the verbs of a roll-out, and of what people and programs see of it."""

from __future__ import annotations

from mutants.mutant import Mutant

SCREEN = "tests/unit/deploy/test_screen.py::"
VIEW = "tests/unit/deploy/test_view.py::"
OBSERVERS = "tests/unit/deploy/test_observers.py::"
PREVIOUS = "tests/unit/deploy/test_previous.py::"
VERBS = "tests/integration/test_deploy_verbs.py::"

MUTANTS: list[Mutant] = [
    Mutant(
        "a deploy is resumed that another one has overtaken", "bootstrap/deploy/start.py",
        '    if max(ids, default="") > plan.deploy_id:\n', "    if False:\n",
        (VERBS + "test_a_deploy_that_another_one_has_overtaken_is_not_gone_on_with",),
    ),
    Mutant(
        "a deploy that has ended is gone on with", "bootstrap/deploy/start.py",
        "    if code is not None:\n        raise UsageError(", "    if False:\n        raise UsageError(",
        (VERBS + "test_a_deploy_that_has_ended_is_not_gone_on_with",),
    ),
    Mutant(
        "nobody is asked", "bootstrap/cli/options.py",
        "    if not yes and not sys.stdin.isatty():\n", "    if False:\n",
        (VERBS + "test_nobody_answers_for_the_user",),
    ),
    Mutant(
        "the floor of the deploy file is forgotten", "bootstrap/deploy/plan.py",
        "floor=floor if old is None else floor_in_force(floor, pools, old)",
        "floor=floor_in_force(floor, pools, old or ())",
        (VERBS + "test_a_second_deploy_replaces_the_servers_of_the_first",),
    ),
    Mutant(
        "half of the earlier servers are swapped back", "bootstrap/deploy/previous.py",
        "    if len(back) != count or any(", "    if not back or any(",
        (PREVIOUS + "test_servers_that_are_not_all_there_are_made_again",),
    ),
    Mutant(
        "what was paid is listed as owed for ever", "bootstrap/deploy/reaping.py",
        '        journal.add("paid", server=server)\n', "        pass\n",
        (VERBS + "test_what_is_owed_is_listed_until_it_is_paid",),
    ),
    Mutant(
        "a silent log is ended by its CI", "bootstrap/deploy/observers.py",
        "        if time.monotonic() - self._last >= self._heartbeat_s:\n", "        if False:\n",
        (OBSERVERS + "test_a_silent_roll_out_gives_signs_of_life",),
    ),
    Mutant(
        "a reader that goes away ends the roll-out", "bootstrap/deploy/screen.py",
        "        os.dup2(nowhere, stream.fileno())\n", "",
        (OBSERVERS + "test_a_reader_that_is_gone_does_not_end_the_roll_out",
         SCREEN + "test_a_terminal_that_was_closed_ends_nothing"),
    ),
    Mutant(
        "the view is drawn below the last one", "bootstrap/deploy/screen.py",
        'return f"\\r{UP.format(rows)}{ERASE_BELOW}" if rows else ""', 'return ""',
        (SCREEN + "test_a_block_is_drawn_again_in_place",
         SCREEN + "test_what_is_printed_above_stays_and_the_block_goes"),
    ),
    Mutant(
        "a line of the view is wider than the terminal", "bootstrap/deploy/view.py",
        "        if used > columns:\n", "        if used > columns + 1:\n",
        (VIEW + "test_no_line_is_too_wide_and_none_too_many", VIEW + "test_wide_characters_take_two_cells"),
    ),
    Mutant(
        "200 servers push what failed out of sight", "bootstrap/deploy/view.py",
        "sorted(everyone, key=_weight)", "everyone",
        (VIEW + "test_with_200_servers_those_to_look_at_keep_their_lines",),
    ),
]
