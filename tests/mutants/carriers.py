"""Mutants of what a carrier does on its host: digests, durability, order, and whom it trusts."""

from __future__ import annotations

from mutants.mutant import Mutant

CARRIER = "tests/integration/test_carrier.py::"
TROUBLE = "tests/integration/test_carrier_faults.py::"
SOURCES = "tests/integration/test_carrier_sources.py::"
PROGRAM = "files/carrier/program.sh"

MUTANTS: list[Mutant] = [
    Mutant(
        "a carrier takes any text", PROGRAM,
        'have() { [ "$(sha256sum <$t)" = "$r  -" ]; } 2>/dev/null', "have() { [ -s $t ]; }",
        (CARRIER + "test_a_source_that_answers_wrongly_is_named_and_the_next_one_is_asked",), (150,),
    ),
    Mutant(
        "a carrier runs whatever it has put together", PROGRAM,
        '[ "$(sha256sum <$f)" = "$b  -" ] || {', "false && {",
        (TROUBLE + "test_a_bundle_that_is_not_the_one_it_names_is_not_run",),
    ),
    Mutant(
        "a carrier does not prove itself", "files/carrier/carrier.sh",
        '[ "$(echo "$c" | sha256sum)" = "$d  -" ] && eval "$c"', 'eval "$c"',
        (CARRIER + "test_altered_at_any_of_fifty_places_it_runs_nothing_or_the_very_bundle",),
    ),
    Mutant(
        "a carrier writes no entry that starts it again", PROGRAM,
        " && sync && mv $w.entry $e ||", " && sync ||",
        (CARRIER + "test_started_once_it_is_tried_again_until_the_source_answers",), (149,),
    ),
    Mutant(
        "a carrier's entry is on disk before its stub", PROGRAM,
        "mv $w.new $w && sync && mv $w.entry $e", "mv $w.entry $e && mv $w.new $w",
        (TROUBLE + "test_the_entry_that_starts_it_is_on_disk_after_all_that_it_starts",),
    ),
    Mutant(
        "a carrier syncs nothing at the end", PROGRAM,
        "rm -f $w.new $w.entry\nsync\n", "rm -f $w.new $w.entry\n",
        (TROUBLE + "test_the_entry_that_starts_it_is_on_disk_after_all_that_it_starts",),
    ),
    Mutant(
        "two carriers work beside each other", PROGRAM,
        "flock -n 9\n[ $? = 1 ] && exit\n", "",
        (TROUBLE + "test_two_that_start_at_the_same_moment_ask_their_source_once",),
    ),
    Mutant(
        "a carrier trusts the host's authorities alone", "bootstrap/payload/split.py",
        'authority = plan.get("report", {}).get("ca") if sources else None', "authority = None",
        (SOURCES + "test_a_collector_with_an_authority_of_its_own",),
    ),
    Mutant(
        "a carrier's Python follows a redirect to plain http", "files/carrier/fetch.sh",
        "q.HTTPRedirectHandler.redirect_request=lambda*a:None\n", "",
        (SOURCES + "test_a_redirect_to_plain_http_is_not_followed",),
    ),
    Mutant(
        "a carrier's curl follows a redirect to plain http", "files/carrier/fetch.sh",
        " --proto-redir =https", "",
        (SOURCES + "test_a_redirect_to_plain_http_is_not_followed",),
    ),
    Mutant(
        "a carrier shows its URL in the process list", "files/carrier/fetch.sh",
        "-i- -O$t", "-O$t $u",
        (SOURCES + "test_a_presigned_url_shows_its_query_to_nobody",),
    ),
    Mutant(
        "a carrier's message shows the query of a URL", "files/carrier/fetch.sh",
        "${u%%[?]*}", "$u",
        (SOURCES + "test_a_presigned_url_shows_its_query_to_nobody",),
    ),
    Mutant(
        "a waiting carrier can be read by all", PROGRAM,
        "umask 77\nexec 9>", "exec 9>",
        (SOURCES + "test_a_stub_that_waits_with_a_presigned_url_is_readable_by_root_alone",),
    ),
    Mutant(
        "a carrier does not use the proxy of its spec", "bootstrap/payload/split.py",
        'plan.get("proxy", {})), "REST"', '{}), "REST"',
        (SOURCES + "test_a_proxy_is_used",),
    ),
    Mutant(
        "a carrier reports a full disk as a missing Python", "bootstrap/payload/split.py",
        '"[ $x = 75 ]")', '"true")',
        (SOURCES + "test_a_host_whose_state_cannot_be_written_is_not_reported_as_one_without_python",),
    ),
    Mutant(
        "a carrier replaces a payload that came while it was fetching", PROGRAM,
        "[ $e = /0 ] || grep -qs $d $e ||", "true ||",
        (TROUBLE + "test_a_payload_that_comes_while_the_text_is_fetched_is_not_replaced",),
    ),
    Mutant(
        "an old boothook with a carrier replaces a newer deploy", PROGRAM,
        'echo >"$0.on"\n', "",
        (TROUBLE + "test_an_old_boothook_that_never_had_the_text_gives_way_to_a_newer_deploy",),
    ),
    Mutant(
        "a carrier that has begun begins again", PROGRAM,
        "[ $# = 0 ] && grep -qsF '@MARK@' @STATE@/journal* && ! grep -qs $d $e && exit\n", "",
        (TROUBLE + "test_an_old_one_that_starts_after_a_newer_one_has_begun_does_nothing",),
    ),
    Mutant(
        "a carrier leaves a deploy alone whose bundle has not taken over", PROGRAM,
        " && ! grep -qs $d $e && exit\n", " && exit\n",
        (TROUBLE + "test_a_newer_one_takes_over_from_a_run_that_is_going_on",),
    ),
    Mutant(
        "a carrier gives a host with cron units of systemd", "bootstrap/payload/split.py",
        'for path in CRONS) if is_auto else ""', 'for path in ()) if is_auto else ""',
        (TROUBLE + "test_a_host_with_cron_gets_no_units_and_one_without_gets_those_of_its_bundle",),
    ),
    Mutant(
        "a full disk is called an altered carrier", PROGRAM,
        '} >$f || { s "cannot write $f"; exit 75; }', "} >$f",
        (TROUBLE + "test_a_full_run_is_said_as_such_and_made_up_for",),
    ),
]  # fmt: skip
