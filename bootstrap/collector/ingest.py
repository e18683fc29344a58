"""Decides what a report may do: it is authenticated, and its events are added to the run of their server. Pure."""

from __future__ import annotations

import fnmatch
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bootstrap.collector.body import loads
from bootstrap.collector.model import Event, Expected, Journal, Report, Run, StoredEvent, View
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.state import ENDED, follow
from bootstrap.runner.contract import NAME_PATTERN, server_key, signature

MAX_PARKED = 400  # events beyond a gap that are stored until it closes; the host sends the others again
MAX_JOURNALS = 16  # of one server and deploy: more is somebody with an old key filling the disk
MAX_LATE = 1_000
MAX_SEQ = 100_000  # a retry every minute for the week that hosts keep trying is a fifth of it

_ID = re.compile(rf"({NAME_PATTERN})/({NAME_PATTERN})/({NAME_PATTERN})/(\d{{1,15}})", re.ASCII)
_TIMESTAMP = re.compile(r"\d{1,20}", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,62}", re.ASCII)


@dataclass(frozen=True)
class Signed:
    """The claims of the signature headers. None of them is proven before `by` has confirmed the signature.

    group: the group whose key has proven them; None: the server's own key has.
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

        The timestamp is signed but not judged: clocks are wrong at a first boot, and sequence numbers reveal replays.
        """
        expected = signature(server_key(secret, name, self.deploy_id), self.webhook_id, self.timestamp, body).encode()
        return any(hmac.compare_digest(expected, sent.encode()) for sent in self.signatures)


def read_headers(headers: Mapping[str, str]) -> Signed:
    """The signature headers of a request. Raises Refusal 401 when one is missing or not of the agreed form."""
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    ids = _ID.fullmatch(webhook_id)
    # Standard Webhooks allow several signatures, for the change of a key. A bound keeps strangers' headers cheap.
    signatures = tuple(headers.get("webhook-signature", "").split(" ")[:4])
    if ids is None or _TIMESTAMP.fullmatch(timestamp) is None or not any(signatures):
        raise Refusal(
            "forged", "the webhook-id, webhook-timestamp or webhook-signature header is missing or malformed"
        )
    server, deploy_id, journal, first = ids.groups()
    return Signed(server, deploy_id, journal, int(first), webhook_id, timestamp, signatures)


def authenticate(secret: bytes, headers: Mapping[str, str], body: bytes) -> Signed:
    """The claims, proven by the server's own key or by the key of the group that the body names. Raises Refusal 401."""
    claims = read_headers(headers)
    if claims.by(secret, claims.server, body):
        return claims
    group = _group_of(body)
    if group and in_group(claims.server, group) and claims.by(secret, group, body):
        return replace(claims, group=group)
    raise Refusal("forged", f"the signature is not that of {claims.server} in deploy {claims.deploy_id}")


def in_group(server: str, group: str) -> bool:
    """Whether the name of a server belongs to a group (`web-*`)."""
    # Not fnmatch.fnmatch, which ignores case on some systems: names of servers differ by case.
    return _GROUP.fullmatch(group) is not None and fnmatch.fnmatchcase(server, group)


def _group_of(body: bytes) -> str | None:
    # The body is not proven yet: a cheap test comes before it is parsed, and nothing but the group is used of it.
    if b'"group"' not in body:
        return None
    try:
        raw = loads(body)
    except Refusal:
        return None
    group = raw.get("group") if isinstance(raw, dict) else None
    return group if isinstance(group, str) else None


@dataclass(frozen=True)
class Effect:
    """The effect of one report: the run after it, and the events to store. acked: the progress of its journal."""

    run: Run
    acked: int
    events: tuple[StoredEvent, ...] = ()
    changed: bool = False


def take(run: Run, report: Report, now: float) -> Effect:
    """Add a report to a run. Replays change nothing; order is restored; after the end everything is late.

    Raises Refusal 401 when a group's key signs for a server that reports with its own, or the other way round, and 429
    when one server in one deploy takes more room than any honest host needs.
    """
    if report.group != run.group and (run.current is not None or run.expected_at is not None):
        # The pattern of a group covers names of other servers too, so the first report or announcement settles which
        # key counts: a member of the group could otherwise report as a server that has a key of its own.
        manner = f"as a member of {run.group}" if run.group else "with a key of its own"
        raise Refusal("forged", f"{report.server} reports in this deploy {manner}")
    journal = run.journals.get(report.journal)
    is_new = journal is None
    journal = journal or Journal()
    fresh = [e for e in report.events if e["seq"] > journal.acked and str(e["seq"]) not in journal.parked]
    # Replays are answered before the limits are applied: a host must learn that its events are stored.
    if not fresh:
        return Effect(run, journal.acked)
    if is_new and len(run.journals) >= MAX_JOURNALS:
        raise Refusal(
            "full", f"{report.server} has {MAX_JOURNALS} journals in this deploy already", retry_after_s=3600
        )
    if fresh[-1]["seq"] > MAX_SEQ or run.late > MAX_LATE:
        raise Refusal(
            "full", f"{report.server} has sent more events than are stored of one deploy", retry_after_s=3600
        )
    journal, ready = _in_order(journal, fresh)
    # The report of a host without a Python was signed when its bundle was made, and has no time: the time of arrival
    # is the best that is known.
    ready = [event if event["at"] else {**event, "at": now} for event in ready]
    after = replace(run, journals={**run.journals, report.journal: journal})
    if run.closed:
        events = tuple(StoredEvent(report.journal, e["seq"], True, e) for e in ready)
        return Effect(replace(after, late=run.late + len(events)), journal.acked, events, changed=True)
    # A new journal is a new run on the host, so nothing of the old view may remain.
    if is_new:
        after = replace(after, current=report.journal, view=View())
    if after.current != report.journal:
        # An older journal has gone on after a newer one took over: two hosts report with one key.
        both = {*after.conflict, report.journal, after.current or ""}
        events = tuple(StoredEvent(report.journal, e["seq"], False, e) for e in ready)
        return Effect(replace(after, conflict=tuple(sorted(both))), journal.acked, events, changed=True)
    after, events = _read(after, report, ready)
    return Effect(_stamp(after, report, now), journal.acked, events, changed=True)


def _in_order(journal: Journal, fresh: list[Event]) -> tuple[Journal, list[Event]]:
    """The journal with these events, and the events that come next: none has an effect before its predecessor."""
    waiting = {**journal.parked, **{str(e["seq"]): e for e in fresh}}
    acked, ready = journal.acked, []
    while str(acked + 1) in waiting:
        acked += 1
        ready.append(waiting.pop(str(acked)))
    # The lowest numbers are parked: they close the gap, and the host sends the others again.
    parked = dict(sorted(waiting.items(), key=lambda item: int(item[0]))[:MAX_PARKED])
    return Journal(acked, parked), ready


def _read(run: Run, report: Report, ready: list[Event]) -> tuple[Run, tuple[StoredEvent, ...]]:
    view, stored, late = run.view, [], 0
    for event in ready:
        stored.append(StoredEvent(report.journal, event["seq"], view.final, event))
        if view.final:
            late += 1
        else:
            view = follow(view, event, report.state)
    if report.state and not view.explicit and view.state not in ENDED and not run.journals[report.journal].parked:
        # Every report carries the state of its host, also before the first `state` event.
        view = replace(view, state=report.state)
    return replace(run, view=view, closed=view.final, late=run.late + late), tuple(stored)


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
    """Note that a server was announced. The first announcement stands; a server that has reported needs no deadline."""
    if run.expected_at is not None:
        return run
    has_reported = run.current is not None
    return replace(
        run,
        expected_at=now,
        revision=run.revision or manifest.revision,
        deadline_at=run.deadline_at if has_reported else now + manifest.deadline_s,
    )
