"""Decides what a report may do: who signed it, whether it is well formed, and what it adds to what is known. Pure."""

from __future__ import annotations

import fnmatch
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bootstrap.collector.body import loads
from bootstrap.collector.model import Event, Expected, Journal, Kept, Report, Run, View
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.state import ENDED, follow
from bootstrap.runner.contract import NAME_PATTERN, server_key, signature

MAX_PARKED = 400  # events beyond a gap that are kept until it closes; the host sends the rest again
MAX_JOURNALS = 16  # of one server and deploy: more is somebody with an old key filling the disk
MAX_LATE = 1_000
MAX_SEQ = 100_000  # a retry every minute for the week that hosts keep trying is a fifth of it

_ID = re.compile(rf"({NAME_PATTERN})/({NAME_PATTERN})/({NAME_PATTERN})/(\d{{1,15}})", re.ASCII)
_TIMESTAMP = re.compile(r"\d{1,20}", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,62}", re.ASCII)


@dataclass(frozen=True)
class Signed:
    """What the signature headers claim. Nothing of it is true before `by` has been asked.

    group: whose key has proven it, where that was not the server's own.
    """

    server: str
    deploy_id: str
    journal: str
    first: int
    webhook_id: str
    timestamp: str
    signatures: tuple[str, ...]
    group: str | None = None

    def by(self, secret: bytes, name: str, body: bytes) -> bool:
        """Whether the body was signed with the key of this name (a server's or a group's) in this deploy.

        The timestamp is signed but not judged: clocks are wrong at first boot, and replays are told by their numbers.
        """
        wanted = signature(server_key(secret, name, self.deploy_id), self.webhook_id, self.timestamp, body).encode()
        return any(hmac.compare_digest(wanted, given.encode()) for given in self.signatures)


def read_headers(headers: Mapping[str, str]) -> Signed:
    """The signature headers of a request. Raises Refusal 401 when one is missing or not of the agreed form."""
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    found = _ID.fullmatch(webhook_id)
    signatures = tuple(headers.get("webhook-signature", "").split(" ")[:4])
    if found is None or _TIMESTAMP.fullmatch(timestamp) is None or not any(signatures):
        raise Refusal(
            401, "forged", "the webhook-id, webhook-timestamp or webhook-signature header is missing or malformed"
        )
    server, deploy_id, journal, first = found.groups()
    return Signed(server, deploy_id, journal, int(first), webhook_id, timestamp, signatures)


def authenticate(secret: bytes, headers: Mapping[str, str], body: bytes) -> Signed:
    """The signed claims, proven by the server's own key or that of a group that the body names. Raises Refusal 401."""
    claims = read_headers(headers)
    if claims.by(secret, claims.server, body):
        return claims
    group = _group_of(body)
    if group and in_group(claims.server, group) and claims.by(secret, group, body):
        return replace(claims, group=group)
    raise Refusal(401, "forged", f"the signature is not that of {claims.server} in deploy {claims.deploy_id}")


def in_group(server: str, group: str) -> bool:
    """Whether a server's name is one of a group's (`web-*`)."""
    return _GROUP.fullmatch(group) is not None and fnmatch.fnmatchcase(server, group)


def _group_of(body: bytes) -> str | None:
    # Looked at before the signature is proven, so only ever after a cheap test, and nothing else of it is used.
    if b'"group"' not in body:
        return None
    try:
        raw = loads(body)
    except Refusal:
        return None
    group = raw.get("group") if isinstance(raw, dict) else None
    return group if isinstance(group, str) else None


@dataclass(frozen=True)
class Taken:
    """What one report does: the run after it, how far its journal is known, what to keep, whether anything changed."""

    run: Run
    acked: int
    kept: tuple[Kept, ...] = ()
    changed: bool = False


def take(run: Run, report: Report, now: float) -> Taken:
    """Add a report to a run. Replays change nothing; order is restored; after the end everything is late.

    Raises Refusal 401 when a group's key speaks for a server that is none of its members, or the other way round, and
    429 when one server and deploy takes more room than any honest host needs.
    """
    if report.group != run.group and (run.current is not None or run.expected_at is not None):
        # A group's pattern covers names of others too: whose key a server reports with is settled when it first speaks.
        own = f"as a member of {run.group}" if run.group else "with a key of its own"
        raise Refusal(401, "forged", f"{report.server} reports in this deploy {own}")
    journal = run.journals.get(report.journal)
    is_new = journal is None
    journal = journal or Journal()
    fresh = [e for e in report.events if e["seq"] > journal.acked and str(e["seq"]) not in journal.parked]
    if not fresh:
        return Taken(run, journal.acked)
    if is_new and len(run.journals) >= MAX_JOURNALS:
        raise Refusal(
            429, "full", f"{report.server} has {MAX_JOURNALS} journals in this deploy already", retry_after_s=3600
        )
    if fresh[-1]["seq"] > MAX_SEQ or run.late > MAX_LATE:
        raise Refusal(
            429, "full", f"{report.server} has sent more events than are kept of one deploy", retry_after_s=3600
        )
    journal, ready = _in_order(journal, fresh)
    # What a host without a Python says was signed before there was an hour to sign: it has the one at which it came.
    ready = [event if event["at"] else {**event, "at": now} for event in ready]
    after = replace(run, journals={**run.journals, report.journal: journal})
    if run.closed:
        kept = tuple(Kept(report.journal, e["seq"], True, e) for e in ready)
        return Taken(replace(after, late=run.late + len(kept)), journal.acked, kept, changed=True)
    if is_new:
        after = replace(after, current=report.journal, view=View())
    if after.current != report.journal:
        # An older journal has gone on after a newer one took over: two hosts speak with one key.
        both = {*after.conflict, report.journal, after.current or ""}
        kept = tuple(Kept(report.journal, e["seq"], False, e) for e in ready)
        return Taken(replace(after, conflict=tuple(sorted(both))), journal.acked, kept, changed=True)
    after, kept = _read(after, report, ready)
    return Taken(_stamp(after, report, now), journal.acked, kept, changed=True)


def _in_order(journal: Journal, fresh: list[Event]) -> tuple[Journal, list[Event]]:
    """The journal with these events, and those whose turn has come: no event has an effect before the one before it."""
    waiting = {**journal.parked, **{str(e["seq"]): e for e in fresh}}
    acked, ready = journal.acked, []
    while str(acked + 1) in waiting:
        acked += 1
        ready.append(waiting.pop(str(acked)))
    parked = dict(sorted(waiting.items(), key=lambda item: int(item[0]))[:MAX_PARKED])
    return Journal(acked, parked), ready


def _read(run: Run, report: Report, ready: list[Event]) -> tuple[Run, tuple[Kept, ...]]:
    view, kept, late = run.view, [], 0
    for event in ready:
        kept.append(Kept(report.journal, event["seq"], view.final, event))
        if view.final:
            late += 1
        else:
            view = follow(view, event, report.state)
    if report.state and not view.told and view.state not in ENDED and not run.journals[report.journal].parked:
        # A host that has said nothing in an event yet still says its state in every report.
        view = replace(view, state=report.state)
    return replace(run, view=view, closed=view.final, late=run.late + late), tuple(kept)


def _stamp(run: Run, report: Report, now: float) -> Run:
    return replace(
        run,
        revision=report.revision or run.revision,
        instance_id=report.instance_id or run.instance_id,
        boot_id=report.boot_id or run.boot_id,
        group=report.group,
        first_seen=run.first_seen if run.first_seen is not None else now,
        last_seen=now,
        deadline_at=now + report.deadline_s if report.deadline_s is not None else run.deadline_at,
    )


def expect(run: Run, manifest: Expected, now: float) -> Run:
    """Note that a server has been announced. The first registration stands; a server that has spoken needs none."""
    if run.expected_at is not None:
        return run
    heard = run.current is not None
    return replace(
        run,
        expected_at=now,
        revision=run.revision or manifest.revision,
        deadline_at=run.deadline_at if heard else now + manifest.deadline_s,
    )
