"""The answers of OpenStack's services as faults: one table for Nova, Octavia and Keystone.

No fault is decided by the text of an answer alone, except that a 403 is a quota when its text says so: no service has
a field for that.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.deploy.faults import Broken, Busy, Denied, Fault, Gone, Quota, Throttled, Unknown

# nova/quota.py, nova/compute/api.py and nova/limit/utils.py have these sentences since 2012, 2012 and 2022.
_COUNTED = re.compile(r"exceeded for ([\w, ]+): Requested (-?\d+)[\d, ]*, but already used (-?\d+)[\d, ]* of (-?\d+)")
_UNIFIED = re.compile(r"Resource (?:class:)?(\w+) is over limit of (-?\d+) due to current usage (\d+) and delta (\d+)")
_ABOUT_QUOTA = re.compile(r"quota|exceed|over limit|over a limit|maximum number", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """One answer. body: its JSON, empty where there is none; after, date: the headers Retry-After and Date."""

    status: int
    body: Mapping[str, Any]
    text: str = ""
    after: str | None = None
    date: str | None = None

    @property
    def now(self) -> float:
        """The time of the service that answered, in seconds since 1970; that of this machine where it gives none."""
        try:
            return email.utils.parsedate_to_datetime(self.date or "").timestamp()
        except (TypeError, ValueError):
            return time.time()

    @property
    def message(self) -> str:
        """The service's own words, on one line.

        Nova has {"KIND": {"message"}}, Keystone {"error": {"message"}}, Octavia {"faultstring"}.
        """
        texts = [self.body.get("faultstring"), self.body.get("message")]
        texts += [part.get("message") for part in self.body.values() if isinstance(part, Mapping)]
        words = next((text for text in texts if isinstance(text, str) and text), self.text[:300])
        return " ".join(words.split()) or f"status {self.status} without a message"


def fault(answer: Answer, call: str) -> Fault:
    """The fault that an answer of 400 or more stands for. call: what was asked, for people."""
    status, message = answer.status, f"{call}: {answer.message} (status {answer.status})"
    is_about_quota = status in (403, 413) and bool(_ABOUT_QUOTA.search(answer.message))
    if is_about_quota and answer.after is None:
        return _quota(answer.message, message)
    if status in (413, 429):
        return Throttled(message, _seconds(answer))
    kinds: dict[int, type[Fault]] = {401: Denied, 403: Denied, 404: Gone, 408: Unknown, 409: Busy, 501: Broken}
    return kinds.get(status, Broken if status < 500 else Unknown)(message)


def _quota(words: str, message: str) -> Quota:
    """The refusal with its numbers, where the words have them; have: what is left of the limit."""
    if match := _COUNTED.search(words):
        resources, want, used, limit = match.groups()
        return Quota(message, resources.split(",")[0].strip(), max(0, int(limit) - int(used)), int(want))
    if match := _UNIFIED.search(words):
        resource, limit, used, want = match.groups()
        return Quota(message, resource, max(0, int(limit) - int(used)), int(want))
    return Quota(message)


def _seconds(answer: Answer) -> float | None:
    """The time until the next try: in the header as seconds or as a date, or in the body of an old Nova."""
    text = answer.after
    if text is None:
        told = [part.get("retryAfter") for part in answer.body.values() if isinstance(part, Mapping)]
        text = next((str(value) for value in told if value is not None), "")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
