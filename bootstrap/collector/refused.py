"""Remembers refused reports and their reasons, for the admin and for those who wait for a server. Bounded.

Everything here is a claim of a stranger: nothing of it is proven, and it is used for hints only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_REPORTS = 200  # by server, deploy and reason; the oldest gives way
MAX_NAMES = 32  # that are logged, of reports and of other requests each; a stranger can make up any number of names
MAX_QUOTED_HOST = 100

# Only a host name of this form stands in a command that people copy; any other is a stranger's text.
_HOST = re.compile(r"[A-Za-z0-9._-]{1,100}|\[[0-9A-Fa-f:.]{2,50}\]", re.ASCII)


@dataclass
class RefusedReport:
    """The last of several alike reports. server, deploy_id: as it claims; times: the number of them."""

    server: str
    deploy_id: str
    code: str
    message: str
    peer: str
    times: int = 0
    last_at: float = 0.0


class Refusals:
    """The refused reports and unknown names since the collector was started."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str, str, str], RefusedReport] = {}
        self._names: dict[str, bool] = {}

    def note(self, report: RefusedReport, now: float) -> None:
        """Keep a refused report, or count one more like it."""
        key = (report.server, report.deploy_id, report.code, report.message)
        # Taken out and put in again: the order of the dict is then the order of the last refusals.
        alike = self._reports.pop(key, report)
        alike.times, alike.last_at, alike.peer = alike.times + 1, now, report.peer
        self._reports[key] = alike
        if len(self._reports) > MAX_REPORTS:
            del self._reports[next(iter(self._reports))]

    def name_warning(self, host: str, peer: str, server: str | None) -> str | None:
        """A line for the log about an unknown name: once for each name, and None after too many names.

        server: the sender of a report under that name; None: any other request, perhaps of a scanner of addresses.
        """
        host, is_report = host[:MAX_QUOTED_HOST], server is not None
        # Reports are counted apart from other requests, so that a scanner cannot silence the warning about a host.
        logged = sum(kind == is_report for kind in self._names.values())
        if host in self._names or logged > MAX_NAMES:
            return None
        self._names[host] = is_report
        if logged == MAX_NAMES:
            return "refused (421): there are more unknown names; no more of them are listed"
        sender = f"{server} at {peer} reports" if is_report else f"{peer} asks"
        return f"refused (421): {sender} under the name {host!a}, {unknown_name(host)}"

    def newest_first(self) -> list[dict[str, str | int | float]]:
        """The reports, the last one first."""
        return [dict(vars(report)) for report in reversed(self._reports.values())]


def unknown_name(host: str) -> str:
    """A clause that says what is wrong with a name and how to allow it."""
    # A shell reads square brackets as a pattern, so an IPv6 address is quoted.
    safe = _HOST.fullmatch(host)
    name = "NAME" if safe is None else f"'{host}'" if host.startswith("[") else host
    return f"which is not a name of this collector; to allow it: bootstrap serve --allow-host {name}"
