"""Remembers whose reports were refused, and why, for the admin and for those who wait for a server. Bounded.

What is kept here is what strangers claim: nothing of it is proven, and nothing follows from it but a hint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_KEPT = 200  # reports by server, deploy and reason; the oldest gives way
MAX_NAMES = 32  # names that are said aloud, of reports and of other requests; a stranger can make up any number
LONGEST = 100

# What may stand in a command that people copy; anything else is a stranger's text.
_HOST = re.compile(r"[A-Za-z0-9._-]{1,100}|\[[0-9A-Fa-f:.]{2,50}\]", re.ASCII)


@dataclass
class RefusedReport:
    """The last of the alike reports. server, deploy_id: what it claims to be; times: how many there were."""

    server: str
    deploy_id: str
    code: str
    message: str
    peer: str
    times: int = 0
    last_at: float = 0.0


class Refusals:
    """What has been refused since the collector was started."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str, str, str], RefusedReport] = {}
        self._names: dict[str, bool] = {}

    def note(self, report: RefusedReport, now: float) -> None:
        """Keep a refused report, or count one more like it."""
        key = (report.server, report.deploy_id, report.code, report.message)
        kept = self._reports.pop(key, report)
        kept.times, kept.last_at, kept.peer = kept.times + 1, now, report.peer
        self._reports[key] = kept
        if len(self._reports) > MAX_KEPT:
            del self._reports[next(iter(self._reports))]

    def name(self, host: str, peer: str, server: str | None) -> str | None:
        """A line about a name that is not ours, once for each name; None when it was said, or too many others were.

        server: whose report came under that name; None: some other request, which a scanner of addresses may have made.
        """
        host, is_report = host[:LONGEST], server is not None
        named = sum(kind == is_report for kind in self._names.values())
        if host in self._names or named > MAX_NAMES:
            return None
        self._names[host] = is_report
        if named == MAX_NAMES:
            return "refused (421): still more names that are none of this collector's; no more of them are listed"
        who = f"{server} at {peer} reports" if is_report else f"{peer} asks"
        return f"refused (421): {who} under the name {host!a}, {not_ours(host)}"

    def shown(self) -> list[dict[str, str | int | float]]:
        """The reports, the last one first."""
        return [dict(vars(report)) for report in reversed(self._reports.values())]


def not_ours(host: str) -> str:
    """What is wrong with a name that is not ours, and how to fix it."""
    known = _HOST.fullmatch(host)
    name = "NAME" if known is None else f"'{host}'" if host.startswith("[") else host
    return f"which is none of this collector's names; if it should be: bootstrap serve --allow-host {name}"
