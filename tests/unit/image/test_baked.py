"""The text of the program that an image carries."""

from __future__ import annotations

import ast

from bootstrap.image import baked


def test_the_program_is_one_file_that_every_python_of_the_floor_reads() -> None:
    text = baked.text()
    ast.parse(text, feature_version=(3, 6))
    assert "bootstrap." not in "\n".join(line for line in text.splitlines() if "import " in line)
