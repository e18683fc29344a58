"""The text on the screen of a machine, read out of the memory of its VGA card."""

from __future__ import annotations

import re
from pathlib import Path

from bootstrap.trial.qmp import Qmp

_MEMORY_AT, _MEMORY_BYTES = 0xB8000, 0x8000  # of the text modes
_COLUMNS, _ROWS = 80, 25
_INDEX, _DATA = 0x3D4, 0x3D5  # the ports of the card's registers: the number of one, then its value
_START_HIGH, _START_LOW = 0x0C, 0x0D  # the cell that is shown first: a kernel scrolls by moving it


def text(line: Qmp, scratch: Path) -> str:
    """The rows of the screen; "" in a graphics mode. scratch: a file to be used. Raises QmpError."""
    # The guest stands still meanwhile: it may itself be between the two steps of setting a register.
    line.call("stop")
    try:
        start = _start(line)
        line.call("pmemsave", val=_MEMORY_AT, size=_MEMORY_BYTES, filename=str(scratch))
    finally:
        line.call("cont")
    memory = scratch.read_bytes()
    scratch.unlink()
    return _rows(memory, start)


def _rows(memory: bytes, start: int) -> str:
    """The text in the card's memory, from this cell on."""
    at = start * 2 % len(memory)
    # Each cell is a letter and its colours. Behind the end the memory begins again.
    letters = (memory[at:] + memory[:at])[: _COLUMNS * _ROWS * 2 : 2].decode("cp437").replace("\0", " ")
    if any(letter < " " or letter == "\x7f" for letter in letters):
        return ""
    rows = [letters[at : at + _COLUMNS].rstrip() for at in range(0, len(letters), _COLUMNS)]
    return "\n".join(rows).strip("\n")


def _start(line: Qmp) -> int:
    selected = _port(line, f"i /b {_INDEX:#x}")
    values = []
    for register in (_START_HIGH, _START_LOW):
        _port(line, f"o /b {_INDEX:#x} {register}")
        values.append(_port(line, f"i /b {_DATA:#x}"))
    _port(line, f"o /b {_INDEX:#x} {selected}")
    return values[0] << 8 | values[1]


def _port(line: Qmp, order: str) -> int:
    """Read from a port, or write to one, by an order of QEMU's own monitor, which has the only words for that."""
    answer = str(line.call("human-monitor-command", **{"command-line": order}))
    match = re.search(r"= (0x[0-9a-f]+)", answer)
    return int(match[1], 16) if match else 0
