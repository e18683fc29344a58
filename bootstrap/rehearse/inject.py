"""When each byte of a payload arrives in a copy: early or late, whole or torn, in any order. Pure.

Clouds inject files before a boot, during it, and sometimes minutes later; agents write a temporary name and rename it,
or open the file itself and fill it while others look. Each of these is a list of steps here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bootstrap.errors import UsageError
from bootstrap.payload.model import InjectedFile

_TORN_S = 0.5
_TORN_CHUNKS = 8


@dataclass(frozen=True)
class Step:
    """One thing an injector does, at_s seconds after the boot (0: before it).

    action: "place" (temporary name, rename), or "hold" (an empty file, kept open), "chunk" and "release".
    """

    at_s: float
    action: str
    path: str
    data: bytes = field(default=b"", repr=False)
    mode: int = 0o400


def schedule(
    files: Sequence[InjectedFile],
    *,
    mode: int = 0o400,
    order: str = "given",
    seed: int = 0,
    late: Mapping[str, float] | None = None,
    torn: bool = False,
) -> tuple[Step, ...]:
    """The steps that bring these files, by time. mode: what the injector sets, whatever a file needs in the end.

    late: path -> seconds after the boot. torn: every file is there empty first and grows in place, half a second each.
    order: the order among those that are not late; "given" has the trigger last. Raises UsageError when `late` names
    a file that is not injected.
    """
    waits = dict(late or {})
    for path in waits:
        if path not in {file.path for file in files}:
            paths = ", ".join(file.path for file in files)
            raise UsageError(f"--late {path}: no such file is injected", hint=f"these are: {paths}")
    in_order = _ordered(files, order, seed)
    steps: list[Step] = []
    start = 0.0
    for file in in_order:
        at = waits.get(file.path, start)
        if not torn:
            steps.append(Step(at, "place", file.path, file.content, mode))
            continue
        steps += _drip(file, at, mode)
        # One torn file grows after the other, as an agent writes them.
        if file.path not in waits:
            start += _TORN_S
    # Sorting is stable: steps of the same time keep their order.
    return tuple(sorted(steps, key=lambda step: step.at_s))


def _ordered(files: Sequence[InjectedFile], order: str, seed: int) -> list[InjectedFile]:
    ordered = list(files)
    if order == "reverse":
        ordered.reverse()
    elif order == "random":
        random.Random(seed).shuffle(ordered)  # noqa: S311 - a seed that can be given again is the point
    return ordered


def _drip(file: InjectedFile, at: float, mode: int) -> list[Step]:
    size = max(1, -(-len(file.content) // _TORN_CHUNKS))
    pieces = [file.content[begin : begin + size] for begin in range(0, len(file.content), size)]
    gap = _TORN_S / (len(pieces) + 1)
    steps = [Step(at, "hold", file.path, mode=mode)]
    steps += [Step(at + gap * number, "chunk", file.path, piece) for number, piece in enumerate(pieces, 1)]
    # The file is closed with its last byte, not later: a runner that saw it whole must not find it open for long.
    return [*steps, Step(steps[-1].at_s, "release", file.path)]
