"""The faults of one seed: calls that are refused, answers that are lost, and places where the deployer is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from bootstrap.deploy.faults import Broken, Busy, Denied, Fault, Quota, Throttled, Unknown
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.haproxy import SimHaproxy
from bootstrap.deploy.simulate.invariants import Judge
from bootstrap.deploy.simulate.story import Story
from bootstrap.deploy.simulate.world import World

T = TypeVar("T")

FATAL: dict[str, Callable[[], Fault]] = {
    "quota": lambda: Quota("Quota exceeded for cores: requested 4, but already used 38 of 40 cores", "cores", 2, 4),
    "denied": lambda: Denied("Policy does not allow this request to be performed."),
    "broken": lambda: Broken("The server has either erred or is incapable of performing the requested operation."),
    "exists": lambda: Broken("The load balancer is in the state ERROR."),
}


class Killed(BaseException):
    """The deployer ends at this very place, as by SIGKILL."""


@dataclass(frozen=True)
class Mood:
    """The faults of one seed. Shares are per call; numbers count calls, pauses, or places where a kill is possible.

    lost: the share of changing calls whose answer is lost, half of them before the effect; reads, probes: the share of
    those that fail; fatal: (call, its number, fault) that is raised once; denied: the calls, from and to, that are
    refused; sleeps: {pause: seconds} for which the machine sleeps, while a rival takes the leases; rivals: pauses in
    which another deployer tries a whole deploy; reloads: pauses in which somebody reloads HAProxy, where there is one;
    stops: pauses in which the user asks for the end; hook: the exit code of before_swap.
    """

    busy: float = 0.0
    throttled: float = 0.0
    lost: float = 0.0
    reads: float = 0.0
    probes: float = 0.0
    fatal: tuple[str, int, str] | None = None
    denied: tuple[int, int] = (0, 0)
    kills: frozenset[int] = frozenset()
    sleeps: dict[int, float] = field(default_factory=dict)
    rivals: frozenset[int] = frozenset()
    reloads: frozenset[int] = frozenset()
    stops: tuple[int, ...] = ()
    hook: int = 0

    @property
    def is_calm(self) -> bool:
        """Whether nothing goes wrong."""
        return self == Mood()


class Trouble:
    """The faults at work, with counts that go on through kills and resumes."""

    def __init__(
        self,
        world: World,
        judge: Judge,
        mood: Mood,
        dice: Dice,
        story: Story,
        strip: tuple[float, str] | None = None,
        haproxy: SimHaproxy | None = None,
    ) -> None:
        self.world, self.judge, self.mood, self.dice, self.story = world, judge, mood, dice, story
        self._strip, self.haproxy = strip, haproxy
        self.rival: Callable[[], None] = lambda: None
        self.points = self.pauses = 0
        self._numbers: dict[str, int] = {}

    def point(self, place: str) -> None:
        """A place where the deployer may be killed."""
        self.points += 1
        if self.points in self.mood.kills:
            self.tell("killed:", place)
            raise Killed(place)

    def tell(self, *words: str) -> None:
        """Add a line to the story."""
        if self.story.is_told:
            self.story.clock = self.world.clock
            self.story.tell(*words)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in which an operator may take the marks off a server."""
        world = self.world
        world.clock = round(world.clock + seconds, 2)
        # Between two steps of the core no time passes for an operator: nobody can be as quick as that.
        if seconds and self._strip is not None and world.clock >= self._strip[0]:
            machine = world.machines[self._strip[1]]
            self._strip = None
            machine.metadata = {"owner": "an operator"}
            self.tell(f"an operator takes the marks off {machine.name}")

    def change(self, call: str, subject: str, about: object, act: Callable[[], T], judge: Callable[[], None]) -> T:
        """A call that changes the world. about: what it is about, for the judge; judge: looks at it when it is done."""
        self.point(f"before {call} {subject}")
        self.judge.begins(call, about)
        fault = self._fault(call)
        is_lost = isinstance(fault, Unknown)
        if fault is not None and not (is_lost and self.dice.chance(0.5)):
            self._refuse(call, subject, fault)
        judge()
        try:
            answer = act()
        except Fault as refusal:
            self.judge.refused(call, refusal)
            self.tell(call, f"{subject}:", refusal.kind)
            raise
        self.judge.done(call)
        self.tell(call, subject, "(its answer is lost)" if is_lost else "")
        self.point(f"after {call} {subject}")
        if fault is not None:
            self.judge.refused(call, fault)
            raise fault
        self.judge.answered(call)
        return answer

    def read(self, call: str, subject: str, act: Callable[[], T]) -> T:
        """A call that changes nothing."""
        self.point(f"before {call}")
        self.story.calls += 1
        mood = self.mood
        if mood.reads and self.dice.chance(mood.reads):
            faults: tuple[Fault, ...] = (Busy("try again"), Throttled("slow down", 2.0), Unknown("no answer"))
            self._refuse(call, subject, self.dice.choose(faults))
        if mood.denied[0] <= self.story.calls < mood.denied[1]:
            self._refuse(call, subject, Denied("The request you have made requires authentication."))
        return act()

    def _refuse(self, call: str, subject: str, fault: Fault) -> NoReturn:
        self.world.tick()
        self.tell(call, f"{subject}:", fault.kind)
        self.judge.refused(call, fault)
        raise fault

    def _fault(self, call: str) -> Fault | None:
        """The fault of this call, if it has one. Unknown: its answer is lost, before or after the effect."""
        mood, dice, story = self.mood, self.dice, self.story
        story.calls += 1
        number = self._numbers[call] = self._numbers.get(call, 0) + 1
        if mood.fatal is not None and mood.fatal[:2] == (call, number):
            return FATAL[mood.fatal[2]]()
        if mood.denied[0] <= story.calls < mood.denied[1]:
            return Denied("The request you have made requires authentication.")
        if mood.busy and dice.chance(mood.busy):
            return Busy("The load balancer is immutable and cannot be updated.")
        if mood.throttled and dice.chance(mood.throttled):
            return Throttled("This request was rate-limited.", dice.choose((None, 1.0, 5.0)))
        if mood.lost and dice.chance(mood.lost):
            return Unknown("The connection was reset before the answer came.")
        return None
