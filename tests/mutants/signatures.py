"""Mutants that take what is not signed as it should be, or sign more than they should."""

from __future__ import annotations

from mutants.mutant import Mutant, of_runner

SIGNED = "tests/integration/test_baked_signed.py::"
VERBS = "tests/unit/cli/test_render_signed.py::"
KEYS = "tests/unit/payload/test_sign.py::"

MUTANTS = [
    of_runner(
        "baked/signed", "an unsigned bundle is taken",
        "    if signature is None:\n", '    if signature is None:\n        return "x"\n    if signature is None:\n',
        SIGNED + "test_unsigned",
    ),
    of_runner(
        "baked/signed", "a signed bundle that differs from its digest is taken",
        "    if hashlib.sha256(body).hexdigest() != match.group(4).decode():", "    if False:",
        SIGNED + "test_no_byte_of_a_signed_bundle_can_be_changed",
    ),
    of_runner(
        "baked/signed", "what ssh-keygen says of a signature does not count",
        "    if code:\n        if not fitting:", "    if False:\n        if not fitting:",
        SIGNED + "test_a_part_that_was_altered", SIGNED + "test_a_signature_of_another_bundle",
    ),
    of_runner(
        "baked/signed", "a key that has expired counts",
        "        and now <= seconds(", "        and 0 <= seconds(", SIGNED + "test_the_times_of_a_key",
    ),
    of_runner(
        "baked/signed", "a key counts before its time",
        'seconds(line.options.get("valid-after", "19700101z")) <= now\n',
        'seconds(line.options.get("valid-after", "19700101z")) <= 1e12\n', SIGNED + "test_the_times_of_a_key",
    ),
    of_runner(
        "baked/signed", "a time without Z is that of UTC",
        "(calendar.timegm if utc else time.mktime)", "(calendar.timegm)",
        SIGNED + "test_a_time_without_z_is_that_of_the_hosts_zone",
    ),
    of_runner(
        "baked/signed", "a list that others can write is believed",
        "signers_file[1].st_uid or signers_file[1].st_mode & 0o022", "signers_file[1].st_uid",
        SIGNED + "test_a_list_that_is_not_there_or_not_roots_allows_nobody",
    ),
    of_runner(
        "baked/signed", "the namespaces that a key is for are not passed on",
        """    options += ['namespaces="%s"'""", """    options += [] and ['namespaces="%s"'""",
        SIGNED + "test_a_key_that_may_sign_other_things_only",
    ),
    of_runner(
        "baked/signed", "more may stand behind what was signed",
        "match = WHOLE.fullmatch(bundle)", "match = WHOLE.match(bundle)",
        SIGNED + "test_nothing_can_be_put_around_what_was_signed",
    ),
    of_runner(
        "baked/signed", "a signature may be written in many ways",
        "or wrapped(blob) != signature", "", SIGNED + "test_a_signature_written_another_way_is_not_taken",
    ),
    of_runner(
        "baked/signed", "the list and the signature stay where they were checked",
        "            host.remove(scratch + end)", "            pass",
        SIGNED + "test_who_signed_is_named_by_the_list_of_the_image",
    ),
    Mutant(
        "every layout that is tried is signed", "bootstrap/targets/layout.py",
        "sign.stand_in if sign else None", "sign.sign if sign else None",
        (VERBS + "test_only_the_chosen_layout_is_signed",),
    ),
    Mutant(
        "a signature does not count in a limit", "bootstrap/payload/sign.py",
        "digest(size)))", "digest(1)))",
        (KEYS + "test_a_stand_in_is_as_long_as_the_true_signature",),
    ),
    Mutant(
        "show shows what does not verify", "bootstrap/cli/show.py",
        "return verify(bundle.bundle, signers)", "return None",
        (VERBS + "test_show_refuses_what_does_not_verify",),
    ),
    Mutant(
        "a signature by another key is packed", "bootstrap/payload/sign.py",
        "if signed.opened(text) != (self.public, signed.NAMESPACE):", "if False:",
        (KEYS + "test_a_signature_by_another_key_is_not_taken",),
    ),
]  # fmt: skip
