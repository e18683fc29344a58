"""A swap of all members under load, while somebody reloads HAProxy at every step: no member and no request is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from haproxy_process import HaproxyBench
from pool_contract import by_name
from web_servers import WebServers

from bootstrap.deploy.model import MemberState

pytestmark = pytest.mark.integration
# Requests of all clients together, should the swap take longer than any that was seen.
MOST = 20_000
CLIENTS = 4


class Load:
    """Clients that make a new connection for each request, one after the other, until the block ends."""

    def __init__(self, bench: HaproxyBench) -> None:
        self._bench, self._over = bench, threading.Event()
        self.answers: Counter[str] = Counter()

    def _ask(self) -> None:
        for _ in range(MOST // CLIENTS):
            if self._over.wait(0.005):
                return
            try:
                answer = self._bench.visits(1)[0]
            except Exception as error:
                answer = f"failed: {error!r}"
            self.answers[answer] += 1

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(60)


@pytest.mark.parametrize("kind", ["added", "cookie"])
def test_a_reload_at_every_step_of_a_swap_loses_no_member_and_no_request(tmp_path: Path, kind: str) -> None:
    with WebServers() as servers:
        bench = HaproxyBench(tmp_path, servers, kind)
        old, new = ({f"shop-web-{slot}-{tail}": bench.address() for slot in (1, 2)} for tail in ("aaaa", "bbbb"))
        for address in (*old.values(), *new.values()):
            bench.serve(address)
        with bench.proxy:
            load, steps = Load(bench), 0

            def step(act: Callable[[], None], names: set[str]) -> None:
                """Do it, then reload: HAProxy has the same members as before, in the same states or on their way up."""
                nonlocal steps
                act()
                before = by_name(bench.pool())
                bench.proxy.reload()
                assert set(by_name(bench.pool())) == set(before) == {*names, bench.stranger}
                for name, member in before.items():
                    is_held = member.state is MemberState.DRAINING
                    wanted = MemberState.DRAINING if is_held else MemberState.UP
                    bench.until(lambda name=name, wanted=wanted: by_name(bench.pool())[name].state is wanted)  # type: ignore[misc]
                steps += 1

            names: set[str] = set()
            for name, address in old.items():
                names.add(name)
                step(lambda name=name, address=address: bench.pool().add(name, address), names)  # type: ignore[misc]
            with load.running():
                for name, address in new.items():
                    names.add(name)
                    step(lambda name=name, address=address: bench.pool().add(name, address), names)  # type: ignore[misc]
                for name in old:
                    step(lambda name=name: bench.pool().drain(name), names)  # type: ignore[misc]
                bench.until(lambda: all(by_name(bench.pool())[name].sessions == 0 for name in old))
                for name, address in old.items():
                    names.discard(name)
                    step(lambda name=name: bench.pool().remove(name), names)  # type: ignore[misc]
                    # As a cloud deletes a server: nothing answers at its address from now on.
                    bench.stop(address)
                    step(lambda: None, names)
            assert steps == 10
            failures = {answer: count for answer, count in load.answers.items() if answer.startswith("failed")}
            assert failures == {}, f"of {load.answers.total()} requests"
            assert set(new.values()) <= set(load.answers) and load.answers.total() > 100
