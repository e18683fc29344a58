"""Mutants that put a bundle together from parts that were not checked, or keep a text that nobody can use."""

from __future__ import annotations

from mutants.mutant import Mutant, of_runner

CARRIED = "tests/unit/runner/baked/test_carried.py::"
UNWRAPPED = "tests/unit/runner/baked/test_unwrapping_carriers.py::"
INJECTED = "tests/unit/runner/baked/test_sources_injected.py::"
PROGRAM = "tests/unit/runner/baked/test_program.py::"
BAKED = "tests/unit/image/test_runner_texts.py::"
SEALED = "tests/unit/image/test_seal_needs.py::"

MUTANTS: list[Mutant] = [
    of_runner(
        "baked/carried", "a damaged text of the image counts",
        "    if sha256(file[0]).hexdigest() != digest:", "    if False:",
        CARRIED + "test_the_text_of_the_image_counts_only_with_the_right_digest",
    ),
    of_runner(
        "baked/carried", "any text that a URL gives counts",
        "    if sha256(text).hexdigest() != digest:", "    if False:",
        CARRIED + "test_a_text_from_a_url_counts_only_with_the_right_digest",
    ),
    of_runner(
        "baked/carried", "a bundle that was put together is not checked",
        "    if sha256(text + rest).hexdigest() != digest:", "    if False:",
        CARRIED + "test_parts_that_do_not_belong_together_make_nothing",
    ),
    of_runner(
        "baked/unwrapping", "an altered carrier counts as whole",
        'if sha256(program.group(1).encode("latin-1") + b"\\n").hexdigest() != program.group(2):', "if False:",
        UNWRAPPED + "test_a_changed_digest_of_the_runner_is_called_damage_and_not_another_version",
    ),
    of_runner(
        "baked/sources", "an injected carrier needs no trigger that names it",
        "        pinned(trigger(), *carrier.names)\n", "",
        INJECTED + "test_an_injected_carrier_must_be_the_one_that_its_trigger_names",
    ),
    of_runner(
        "baked/sources", "the authority of a carrier's collector is not trusted",
        'options["context"].load_verify_locations(cadata=authority)', "pass",
        CARRIED + "test_the_authority_of_the_carrier_is_trusted_and_no_other",
    ),
    of_runner(
        "baked/program", "the URLs of a carrier are asked at every look",
        'self.complete(answer["carrier"], answer["missing"]), FETCH_AGAIN_S',
        'self.complete(answer["carrier"], answer["missing"]), 0',
        PROGRAM + "test_the_urls_of_a_carrier_are_not_asked_at_every_look",
    ),
    Mutant(
        "a bake leaves damaged texts of the runner in the image", "bootstrap/image/bake.py",
        "changes += [_removed(writer, path) for path in damaged]", "pass",
        (BAKED + "test_the_text_of_another_toolkit_version_stays_and_a_damaged_one_goes",),
    ),
    Mutant(
        "an image whose text of the runner is damaged is sealed", "bootstrap/image/seal_needs.py",
        "        if not text.is_whole:\n", "        if False:\n",
        (SEALED + "test_the_text_of_the_runner",),
    ),
    Mutant(
        "an image whose text of the runner is missing is sealed", "bootstrap/image/seal_needs.py",
        'if "runner" in image and path not in (text.path for text in texts):', "if False:",
        (SEALED + "test_the_text_of_the_runner",),
    ),
]  # fmt: skip
