"""The right to change the pools of a deploy, which one deployer has at a time, as leases at a collector.

`check` stands before each call that changes something. It cannot look into the future: a process that is stopped
between `check` and its call may make this one call late. So that an ordinary call ends within the lease, `check` wants
a part of its time to be left.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bootstrap.client.collector import Collector, Held, Unreachable, patiently
from bootstrap.client.wording import plain
from bootstrap.deploy.clock import boot_clock
from bootstrap.deploy.stopping import Lost
from bootstrap.errors import CollectorError

TTL_S = 60.0
# Parts of the ttl: what has to be left after `check`, and what is left when the lease is renewed.
SPARE, RENEW = 0.25, 0.6
# While the collector does not answer, not every `check` waits for it.
RETRY_S = 2.0
PATIENCE_S = 10.0
GIVING_BACK_S = 0.5
WAIT_S = 1.0
TRIES = 3


class Taken(Lost):
    """Another deployer has the right, and this one did not have it before."""


class Unsure(Lost):
    """The collector does not confirm the right, and its time is over. It may be somebody else's, or still ours."""


def holder_words(deploy_id: str, now: float) -> str:
    """The words by which a deployer is known to others: user and machine, process, deploy, and since when.

    They end in digits of chance, since two containers may have the same name and the same process id.
    """
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    user = plain(_user())[:64]
    host = plain(socket.gethostname())[:64]
    return f"{user}@{host}, process {os.getpid()}, deploy {deploy_id}, since {since} ({secrets.token_hex(3)})"


def _is_of_one_deploy(holder: str, other: str | None) -> bool:
    """Whether the words of two holders name the same deploy."""
    deploys = [re.search(r", deploy (\S+), since ", words or "") for words in (holder, other)]
    names = {match and match.group(1) for match in deploys}
    return len(names) == 1 and None not in names


def _user() -> str:
    import getpass

    # A container may run under a number that no account has.
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


class CollectorLease:
    """See `protocols.Lease`. Leases of several pools at one collector: all of them, or none.

    holder: from `holder_words`, so that no two deployers have the same. clock: counts the sleep of the machine too.
    A deployer that was killed has left its leases behind, and they end only after their time. wait_s: how long `take`
    waits for leases that an earlier process of the same deploy has; pause: lets time pass meanwhile; show: is told why.
    """

    def __init__(
        self,
        collector: Collector,
        pools: Iterable[str],
        holder: str,
        *,
        ttl_s: float = TTL_S,
        clock: Callable[[], float] = boot_clock,
        wait_s: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
        show: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._collector, self._holder, self._ttl_s, self._clock = collector, holder, ttl_s, clock
        # Two deployers of the same pools take them in one order, so they cannot each have half.
        self._pools = sorted(set(pools))
        self._fences: dict[str, int] = {}
        self._ends: dict[str, float] = {}
        self._retry_at = 0.0
        self._wait_s, self._pause, self._show = wait_s, pause, show

    def take(self) -> None:
        """Take the leases of all pools, or renew them. Raises Taken with the holder, or Unsure, and then has none."""
        try:
            for pool in self._pools:
                self._await(pool, self._clock() + self._wait_s)
        except CollectorError as error:
            self.release()
            text = f"the right to change {', '.join(self._pools)} cannot be had: {error.message}"
            raise Unsure(text, hint=error.hint) from error
        except BaseException:
            self.release()
            raise

    def check(self) -> None:
        """Return if all leases are ours and last a while. Raises Lost with the holder, or Unsure without an answer."""
        if len(self._fences) < len(self._pools):
            raise Lost("the right to change the pools was given back, or was never taken")
        if self._left() > RENEW * self._ttl_s:
            return
        if self._is_enough() and self._clock() < self._retry_at:
            return
        try:
            for pool in self._pools:
                self._ask(pool)
        except CollectorError as error:
            self._retry_at = self._clock() + RETRY_S
            if not self._is_enough():
                raise Unsure(
                    f"the right to change {', '.join(self._pools)} could not be renewed in time: {error.message}",
                    hint="nothing is changed without the right; at the collector it ends by itself",
                ) from error

    def keep(self) -> None:
        """Renew the leases in time while nothing is changed for long. It raises nothing: the next `check` judges."""
        if self._fences:
            with contextlib.suppress(Lost):
                self.check()

    def release(self) -> None:
        """Give all leases back. One that the collector does not hear of ends by itself."""
        fences, self._fences, self._ends = self._fences, {}, {}
        for pool, fence in fences.items():
            try:
                # Twice, since a connection that was idle for long may be closed just now.
                patiently(partial(self._collector.lease, pool, self._holder, 0, fence), GIVING_BACK_S)
            except Unreachable:
                # The others would be waited for in vain.
                break
            except CollectorError:
                continue

    def _await(self, pool: str, end: float) -> None:
        """Take or renew one lease, once the one of an earlier process of the same deploy has ended."""
        is_shown = False
        while True:
            try:
                # An answer that was lost is read back by the second try, so the lease does not block its own holder.
                patiently(partial(self._ask, pool), PATIENCE_S)
                return
            except Taken as taken:
                if self._clock() >= end or not _is_of_one_deploy(self._holder, taken.holder):
                    raise
                if not is_shown:
                    self._show(f"waiting until the lease of an earlier process of this deploy ends: {taken.message}")
                is_shown = True
            self._pause(WAIT_S)

    def _ask(self, pool: str) -> None:
        """Take or renew one lease. Raises Taken or Lost with the holder, and CollectorError without an answer."""
        if pool not in self._fences and not self._adopt(pool):
            return
        try:
            self._extend(pool, self._fences[pool])
        except Held as error:
            held = self._holding(pool)
            raise Lost(
                f"the right to change pool {pool} was lost: {_sentence(pool, held, error)}", held.get("holder")
            ) from error

    def _adopt(self, pool: str) -> bool:
        """Take a new lease. True: it was ours already, since an answer was lost. Raises Taken with the holder."""
        for _ in range(TRIES):
            try:
                self._extend(pool, None)
                return False
            except Held as error:
                held, refusal = self._holding(pool), error
            # Without one, the lease has ended between the two questions.
            if held:
                break
        if held.get("holder") != self._holder:
            raise Taken(_sentence(pool, held, refusal), held.get("holder")) from refusal
        self._fences[pool] = held["fence"]
        return True

    def _extend(self, pool: str, fence: int | None) -> None:
        # Read before the question: the store counts the ttl from a later moment, so ours ends first.
        asked_at = self._clock()
        self._fences[pool] = self._collector.lease(pool, self._holder, self._ttl_s, fence)["fence"]
        self._ends[pool] = asked_at + self._ttl_s

    def _holding(self, pool: str) -> dict[str, Any]:
        """The lease of a pool as the collector lists it; empty when nobody has it."""
        return next((lease for lease in self._collector.leases() if lease["pool"] == pool), {})

    def _left(self) -> float:
        """Seconds until the first of the leases ends."""
        return min(self._ends.values(), default=0.0) - self._clock()

    def _is_enough(self) -> bool:
        return self._left() > SPARE * self._ttl_s


def _sentence(pool: str, held: dict[str, Any], error: Held) -> str:
    """The sentence about the holder, which is a stranger's text; else the collector's own words."""
    if not held:
        return error.message
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(held["until"]))
    return f"pool {pool} is held by {plain(held['holder'])}; the lease ends at {until}, or later if it is renewed"
