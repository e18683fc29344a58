"""Mutants that write to a host what the plan of a verified bundle does not list, or lose what it does."""

from __future__ import annotations

from mutants.mutant import Mutant, of_runner

FILES = "tests/integration/test_baked_files.py::"
PLANNED = "tests/unit/runner/baked/test_planned.py::"

MUTANTS: list[Mutant] = [
    of_runner(
        "baked/sources", "a drive's file counts that has other bytes than its plan names",
        "elif len(data) != size or sha256(data).hexdigest() != digest:", "elif False:",
        FILES + "test_a_file_that_is_not_the_plans_is_never_written_and_said",
    ),
    of_runner(
        "baked/planned", "a file of the bundle's inside may come from the drive",
        'for f in plan["files"] if f.get("deliver") == "inject"', 'for f in plan["files"] if "size" in f',
        PLANNED + "test_what_is_to_be_injected_travels_beside_and_so_may_the_units",
    ),
    of_runner(
        "baked/planned", "the trigger comes from the drive",
        "for path in expected if path not in OWN", "for path in expected",
        PLANNED + "test_what_the_bundle_writes_itself_does_not", FILES + "test_the_trigger_is_never_copied",
    ),
    of_runner(
        "baked/planned", "a file that another hand has put there is replaced",
        "(present[0] != data and is_torn(present[0], data))", "present[0] != data",
        FILES + "test_only_what_is_absent_or_torn_is_written",
    ),
    of_runner(
        "baked/planned", "a torn file stays",
        "present is None or (present[0] != data and is_torn(present[0], data))", "present is None",
        FILES + "test_only_what_is_absent_or_torn_is_written",
    ),
    of_runner(
        "baked/planned", "a plan is unpacked without bound",
        "work.decompress(decode(parts[1]), MOST_UNPACKED)", "work.decompress(decode(parts[1]))",
        PLANNED + "test_neither_plan_nor_code_grows_beyond_its_bound",
    ),
    of_runner(
        "baked/program", "the bundle is started before the files beside it are there",
        'if not bring(host, about.get("files", {}), BROUGHT, log):', "if False:",
        FILES + "test_from_a_service",
    ),
    of_runner(
        "baked/program", "a file that could not be read in time is given up",
        '                return False\n            line += beside["summary"]',
        '                beside = {"files": {}, "summary": ""}\n            line += beside["summary"]',
        FILES + "test_a_service_that_fails_in_between_is_asked_again_before_anything_starts",
    ),
]  # fmt: skip
