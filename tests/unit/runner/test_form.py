"""The form of a bundle: what writes it and the three that read it agree, and its constants hold what they promise."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from handmade import payload, stage, whole_code

from bootstrap.payload import pack
from bootstrap.payload.bundle import reader, unpack
from bootstrap.runner import bundle, form

PAGE = Path(__file__).parents[3] / "docs/reference/bundle.md"
with whole_code():
    PAYLOAD = payload([stage("one", "true")])
READER = ast.parse(reader())


def undo_of_the_reader() -> Callable[[str], bytes]:
    names: dict = {}
    function = next(node for node in READER.body if isinstance(node, ast.FunctionDef) and node.name == "undo")
    exec(ast.unparse(function), names)
    return names["undo"]


def strings_of_the_reader() -> set[object]:
    return {node.value for node in ast.walk(READER) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("size", [0, 1, 12, 13, 14, 403, 404, 5000])
def test_the_reader_in_a_bundle_decodes_as_everybody_does(size: int) -> None:
    text = form.encode(os.urandom(size))
    assert undo_of_the_reader()(text) == form.decode(text) == bundle.undo(text)


def test_the_reader_knows_every_letter() -> None:
    digits = [form.LETTERS.index(letter) for letter in form.LETTERS]
    assert digits == list(range(91))
    for letter in form.LETTERS:
        text = "!" * 15 + letter
        assert undo_of_the_reader()(text)[-1] == form.LETTERS.index(letter)


def test_the_reader_repeats_the_glue_the_last_line_and_the_separators() -> None:
    # A backquote stands for a quote there.
    glue = (form.GLUE % (form.PURPOSE, "%s", "%s", "%s")).replace("'", "`")
    assert {glue, form.LAST_LINE, form.SEPARATOR, form.PARTING[0], form.SEAM[0]} <= strings_of_the_reader()


def test_no_name_of_the_reader_is_taken_for_one_of_the_runner() -> None:
    """The runner's modules share its namespace, and `later` compiles a module when a name is missing."""
    names = set(pack.top_level_names(reader())) | {"data", "body", "expected", "module"}
    assert names.isdisjoint(name for part in pack.sources() for name in pack.top_level_names(part))
    assert names >= {"TEXT", "PARTS", "HOT", "COLD", "SEAM", "undo"}


def test_the_pattern_of_a_whole_bundle_finds_its_parts_in_any_version() -> None:
    match = form.WHOLE.fullmatch(PAYLOAD.bundle)
    assert match is not None and b"".join(match.groups()[:3]) + b'_bundle %s "$@"\n' % match[4] == PAYLOAD.bundle
    assert [len(part) for part in match[2].decode().split(form.SEPARATOR)] == [
        unpack(PAYLOAD.bundle).sizes[name] for name in ("code", "plan", "files")
    ]
    assert form.WHOLE.fullmatch(PAYLOAD.bundle.replace(form.PURPOSE.encode(), b"this server up twice.", 1))


@pytest.mark.parametrize("text", ["!" * 15, "{" * 16, "'" * 16, "\u00e9" * 16, "~" * 16, "! " * 8])
def test_other_letters_and_torn_groups_are_refused(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        form.decode(text)


def test_no_packed_part_has_a_line_like_the_separator() -> None:
    for size in 0, 1, 403, 404, 4030:
        assert form.SEPARATOR not in f"\n{form.encode(os.urandom(size))}\n"
        assert {len(line) % 4 for line in form.encode(os.urandom(size)).split("\n")} == {0}


def test_code_holds_a_seam_before_each_module_that_its_first_line_names() -> None:
    seam = form.SEAM.decode()
    modules = [part.split(seam) for part in pack.sources()]
    assert [[text.split("\n")[0] for text in part] for part in modules] == [
        ["#imports", *(f"#{name}.py" for name in names)] for names in (pack.HOT, pack.COLD)
    ]


def test_the_reference_page_shows_the_letters_in_the_order_of_their_values() -> None:
    assert f"\n{form.LETTERS}\n" in PAGE.read_text(encoding="utf-8")
