"""The text of a screen is read from where the card begins to show it, and nothing from a graphics mode."""

from __future__ import annotations

from bootstrap.trial import vga

BLANK = b" \x07"


def cells(text: str) -> bytes:
    return b"".join(bytes([letter, 7]) for letter in text.encode("cp437"))


def memory(*rows: tuple[int, str]) -> bytes:
    """The card's memory with texts from these cells on."""
    content = bytearray(BLANK * 0x4000)
    for cell, text in rows:
        for at, value in enumerate(cells(text)):
            content[(cell * 2 + at) % len(content)] = value
    return bytes(content)


def test_rows_begin_at_the_cell_that_is_shown_first() -> None:
    content = memory((0, "gone"), (80, "first"), (160, "second \xfc"), (80 * 25, "last"), (80 * 26, "not yet"))
    assert vga._rows(content, 80) == "first\nsecond \xfc" + "\n" * 23 + "last"
    assert vga._rows(memory((0x4000 - 80, "at the end"), (0, "at the beginning")), 0x4000 - 80) == (
        "at the end\nat the beginning"
    )


def test_a_graphics_mode_has_no_text() -> None:
    assert vga._rows(b"\x01\x02" * 0x4000, 0) == ""
    assert vga._rows(bytes(0x8000), 0) == ""
