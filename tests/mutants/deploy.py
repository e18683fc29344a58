"""Mutants of the roll-out: rules of the deployer, each removed once. `simulate` has to find a seed that breaks.

    python tests/mutants/simulated.py

prints the first seed of each. A simulator in which no seed breaks proves nothing until each of these turns it red.
"""

from __future__ import annotations

from mutants.mutant import Mutant

DEPLOY = "bootstrap/deploy/"
SEEDS = "tests/unit/deploy/simulate/test_seeds.py::test_no_seed_breaks_a_rule"


def rule(module: str, name: str, old: str, new: str) -> Mutant:
    return Mutant(name, f"{DEPLOY}{module}.py", old, new, (SEEDS,))


MUTANTS: list[Mutant] = [
    # --- creating ---
    rule(
        "build", "a server is made again before anybody looks for the first one",
        "if last is not None and (not last.is_settled or self._is_expected(slot, last.attempt)):", "if False:",
    ),
    rule(
        "build", "a list that does not show a new server yet is believed",
        "return name in recall.living and name not in recall.owed", "return False",
    ),
    rule(
        "build", "a quota is asked again",
        "            except Quota as fault:\n                raise Failure(_quota_text(fault)) from fault",
        "            except Quota:\n                continue",
    ),
    rule(
        "build", "servers in ERROR are replaced without bound",
        "if work.journal.recall.replaced.get(tier.name, 0) >= tier.replace_errors:", "if False:",
    ),
    rule(
        "build", "a failed server is deleted before its reason is read",
        "lines = keep_reason(work, candidate, (why,))", "lines = (why,)",
    ),
    # --- the gate ---
    rule(
        "gate", "a server passes that does not report healthy",
        'and (report is None or report.state != "healthy"):', "and False:",
    ),
    rule(
        "gate", "a server passes whose probe fails",
        'self._note(candidate, fault and f"the probe: {fault}")', "self._note(candidate, None)",
    ),
    rule(
        "candidate", "another server that answers at its address passes",
        "tuple(fill(text, values) for text in gate.contains)",
        'tuple(fill(text, values) for text in gate.contains if "{server}" not in text)',
    ),
    rule(
        "candidate", "another revision passes",
        "tuple(fill(text, values) for text in gate.contains)",
        'tuple(fill(text, values) for text in gate.contains if "{revision}" not in text)',
    ),
    rule(
        "gate", "a server passes at its first good answer",
        "self._work.outside.clock() - since >= stable_s", "True",
    ),
    rule(
        "gate", "a server passes that shares its address",
        "        if twin is not None:\n", "        if False:\n",
    ),
    rule(
        "gate", "a command that fails lets the swap go on",
        '    if code == 0:\n        work.journal.add("answer", to=number)\n        return',
        '    if True:\n        work.journal.add("answer", to=number)\n        return',
    ),
    # --- the swap ---
    rule(
        "swap", "old members leave before the balancer says that the new ones are up",
        "if all(count >= IN_A_ROW for count in ups.values()):", "if True:",
    ),
    rule(
        "swap", "the floor is not looked at",
        "return leaving.id not in up or len(up) - 1 >= self._tier.floor", "return True",
    ),
    rule(
        "swap", "sessions are cut before the drain's time is out",
        "        while idle_looks < IN_A_ROW:\n            leaving", "        while False:\n            leaving",
    ),
    rule(
        "swap", "a drain has no deadline",
        "if work.outside.clock() >= end and not is_idle:", "if False:",
    ),
    rule(
        "swap", "a member leaves whose server does not carry our marks any more",
        "return body is None or (body.marks is not None and body.marks.pool == self._tier.pool)", "return True",
    ),
    rule(
        "drivers/haproxy", "a new member is not in the file of HAProxy",
        "            after = self._write(view, entry)\n", "            after = view.text\n",
    ),
    rule(
        "drivers/haproxy", "a member that has left stays in the file of HAProxy",
        "            self._write(view, replace(entry, place=Place.LEFT))\n", "",
    ),
    # --- deleting ---
    rule(
        "remove", "marks are not read again before a server is deleted",
        "if marks is None or marks.pool != tier.pool or marks.deploy != deploy:", "if False:",
    ),
    rule(
        "work", "a list is believed that shows the servers of everybody",
        "server for server in servers if server.marks is not None and server.marks.pool == tier.pool)",
        "server for server in servers if server.marks is not None)",
    ),
    rule(
        "remove", "a delete that fails is not said",
        '        work.journal.add("owed", server=name, why=why)\n    return False', "        pass\n    return False",
    ),
    rule(
        "roll", "old servers are not kept for a while",
        "        if work.outside.now() >= until:\n            return True\n",
        "        if True:\n            return True\n",
    ),
    rule(
        "roll", "servers that no slot uses stay",
        "            if strays:\n                sweep(work, tier, strays)", "            pass",
    ),
    # --- the way back ---
    rule(
        "undo", "new servers stay after a rollback",
        "    sweep(work, tier, [server for server in ours if server.name not in stay])\n", "    return\n",
    ),
    rule(
        "undo", "old members are not put back",
        "    join(work, tier, servers)\n", "",
    ),
    rule(
        "undo", "a rollback does not wait for a server that is not listed yet",
        "elif recall.may_have_strays or recall.living - stay:", "elif False:",
    ),
    rule(
        "roll", "a rollback begins after old servers were deleted",
        "        if journal.recall.is_deleting:\n", "        if False:\n",
    ),
    rule(
        "reap", "members that drain are taken for members that serve",
        "any(m.state is not draining for m in of(server, listed))", "of(server, listed)",
    ),
    rule(
        "reap", "servers without a pool are taken for proven",
        "    elif any(after.of_deploy(deploy) for after in later):\n", "    else:\n",
    ),
    # --- one deployer at a time, killed at any moment ---
    rule(
        "work", "a deployer goes on without its lease",
        "            self.lease.check()\n", "",
    ),
    rule(
        "journal", "a torn record stays in the journal",
        "        log.cut(whole)\n", "        pass\n",
    ),
    rule(
        "journal", "a call is journalled only in memory",
        "        self._log.append(seal(record).encode())\n",
        '        if kind != "call":\n            self._log.append(seal(record).encode())\n',
    ),
]  # fmt: skip
