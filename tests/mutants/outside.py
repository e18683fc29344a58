"""Mutants of the right to deploy, and of what a deployer sees and starts outside of itself."""

from __future__ import annotations

from mutants.mutant import Mutant

LEASE = "tests/unit/deploy/test_lease.py::"
STORES = "tests/integration/test_collector_leases.py::"
PROBES = "tests/unit/deploy/test_probing.py::"
COMMANDS = "tests/unit/deploy/test_commands.py::"

MUTANTS: list[Mutant] = [
    Mutant(
        "two deployers have one pool", "bootstrap/collector/leases.py",
        "        if present is not None and present.until > now:\n            raise Refusal(\"held\"",
        "        if False:\n            raise Refusal(\"held\"",
        (LEASE + "test_of_two_deployers_at_once_one_wins_and_the_other_changes_nothing",
         STORES + "test_many_at_once_are_one_holder"),
    ),
    Mutant(
        "an old fence renews", "bootstrap/collector/leases.py",
        "(present.fence, present.holder) == (request.fence, request.holder)", "present.holder == request.holder",
        (STORES + "test_only_the_holder_with_its_fence_renews",),
    ),
    Mutant(
        "two replicas decide at the same time", "bootstrap/collector/leases_postgres.py",
        "FROM last_fence FOR UPDATE", "FROM last_fence",
        (STORES + "test_two_replicas_of_postgres_give_a_pool_to_one_holder",),
    ),
    Mutant(
        "a reading token may deploy", "bootstrap/collector/context.py",
        "    if readers.deployer(authorization):\n", "    if readers.bearer(authorization):\n",
        ("tests/integration/test_collector_http.py::test_only_the_token_for_deployers_takes_a_lease",),
    ),
    Mutant(
        "a holder that wakes believes in its lease", "bootstrap/deploy/lease.py",
        "        if self._left() > RENEW * self._ttl_s:\n", "        if True:\n",
        (LEASE + "test_a_stopped_process_that_wakes_after_its_lease_changes_nothing",
         LEASE + "test_after_a_jump_of_the_clock_a_lease_that_another_has_had_is_lost"),
    ),
    Mutant(
        "without a collector the time of a lease never ends", "bootstrap/deploy/lease.py",
        "            if not self._is_enough():\n                raise Unsure",
        "            if False:\n                raise Unsure",
        (LEASE + "test_while_the_collector_is_away_the_deployer_goes_on_until_the_time_is_over",),
    ),
    Mutant(
        "a wish to stop is heard again in the rollback", "bootstrap/deploy/signals.py",
        "if self._asked and not self._seen:", "if self._asked:",
        ("tests/unit/deploy/test_signals.py::test_the_first_wish_is_heard_once_at_the_next_boundary",),
    ),
    Mutant(
        "a server that drips holds the gate", "bootstrap/deploy/probing.py",
        "        self._connection.settimeout(_left(self._end))\n        count", "        count",
        (PROBES + "test_a_server_that_drips_does_not_hold_the_probe",),
    ),
    Mutant(
        "a command that ran out of time leaves its children", "bootstrap/deploy/commands.py",
        "    for pid in _marked(mark):\n        with", "    for pid in ():\n        with",
        (COMMANDS + "test_after_its_time_everything_that_it_started_ends",),
    ),
]  # fmt: skip
