"""Mutants of what hosts fetch from the collector: the runner's text by its digest, and bundles by signed URLs."""

from __future__ import annotations

from mutants.mutant import Mutant

URLS = "tests/unit/collector/test_bundles.py::"
TEXTS = "tests/unit/collector/test_texts.py::"
SHELF = "tests/integration/test_collector_shelf.py::"
HTTP = "tests/integration/test_collector_fetches.py::"
UPLOADS = "tests/unit/client/test_uploads.py::"
BUNDLES = "bootstrap/collector/bundles.py"

MUTANTS: list[Mutant] = [
    Mutant(
        "a bundle comes without a signature", BUNDLES,
        "    if not genuine or", "    if",
        (URLS + "test_a_signature_is_of_one_secret_digest_and_end",
         HTTP + "test_a_url_that_the_collector_has_not_signed_opens_nothing"),
    ),
    Mutant(
        "a signature does not cover the digest", BUNDLES,
        'f"{sha256}\\n{expires}".encode', 'f"{expires}".encode',
        (URLS + "test_a_signature_is_of_one_secret_digest_and_end",),
    ),
    Mutant(
        "a signature does not cover the end", BUNDLES,
        'f"{sha256}\\n{expires}".encode', 'f"{sha256}".encode',
        (URLS + "test_a_signature_is_of_one_secret_digest_and_end",),
    ),
    Mutant(
        "a URL is good for ever", BUNDLES,
        "    if int(expires) <= now:\n", "    if False:\n",
        (URLS + "test_a_url_is_good_until_its_end_and_at_no_later_moment",
         HTTP + "test_after_its_end_a_url_opens_nothing_and_the_hour_is_named"),
    ),
    Mutant(
        "a body of another digest is stored", BUNDLES,
        "    if (digest := hashlib.sha256(content).hexdigest()) != sha256:\n",
        "    if (digest := hashlib.sha256(content).hexdigest()) == '':\n",
        (HTTP + "test_a_body_of_another_digest_is_refused",),
    ),
    Mutant(
        "a bundle that is cut off is stored", BUNDLES,
        "    if last + b", "    if False and last + b",
        (HTTP + "test_what_is_no_whole_bundle_is_refused",),
    ),
    Mutant(
        "a text goes while its deploy is stored (SQLite)", "bootstrap/collector/shelf_sqlite.py",
        "                   AND sha256 NOT IN (SELECT sha256 FROM runner_refs)", "",
        (SHELF + "test_a_text_stays_as_long_as_its_deploy[sqlite]",
         HTTP + "test_a_text_outlives_the_toolkit_as_long_as_its_deploy"),
    ),
    Mutant(
        "a text goes while its deploy is stored (PostgreSQL)", "bootstrap/collector/shelf_postgres.py",
        "                   AND sha256 NOT IN (SELECT sha256 FROM runner_refs)", "",
        (SHELF + "test_a_text_stays_as_long_as_its_deploy[postgres]",),
    ),
    Mutant(
        "an announced server names no text", "bootstrap/collector/body.py",
        "tuple(filter(None, runners))", "()",
        (HTTP + "test_a_text_outlives_the_toolkit_as_long_as_its_deploy",),
    ),
    Mutant(
        "the text of the toolkit is not stored", "bootstrap/collector/texts.py",
        "        if self.own is not None:\n", "        if False:\n",
        (HTTP + "test_a_text_is_stored_before_the_first_host_is_answered",),
    ),
    Mutant(
        "the own text goes when it is old", "bootstrap/collector/texts.py",
        "await self._shelf.sweep(self.own, UNUSED_TEXT_S)", "await self._shelf.sweep(None, UNUSED_TEXT_S)",
        (TEXTS + "test_a_text_that_the_sweep_may_not_take_is_the_own_one",),
    ),
    Mutant(
        "a damaged text is served", "bootstrap/collector/texts.py",
        "        if hashlib.sha256(content).hexdigest() != sha256:\n", "        if False:\n",
        (TEXTS + "test_a_text_that_is_damaged_in_the_store_is_not_served",),
    ),
    Mutant(
        "each host of a crowd asks the store", "bootstrap/collector/texts.py",
        "        if read is None:\n", "        if True:\n",
        (TEXTS + "test_a_crowd_asks_the_store_once",),
    ),
    Mutant(
        "a host gets a bundle whose upload has not ended", "bootstrap/collector/shelf_sqlite.py",
        "WHERE sha256 = ? AND whole AND number = 0", "WHERE sha256 = ? AND number = 0",
        (SHELF + "test_no_host_gets_a_bundle_whose_upload_has_not_ended[sqlite]",),
    ),
    Mutant(
        "two replicas fill the same room", "bootstrap/collector/shelf_postgres.py",
        '    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)\n', "    pass\n",
        (SHELF + "test_two_replicas_of_postgres_count_the_room_together",),
    ),
    Mutant(
        "an answer may name the URL of another object", "bootstrap/client/uploads.py",
        'not url.startswith(path + "?") or', "",
        (UPLOADS + "test_an_answer_that_names_no_url_of_this_bundle_is_refused",),
    ),
]  # fmt: skip
