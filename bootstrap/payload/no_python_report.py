"""The report of a host without Python: the only one, signed when the bundle is made.

Such a host has no program of ours that could sign, and openssl, if it is there, would show the key in the process list.
So the one event that it could have to report is signed beforehand. It is `waiting` for python3, never an end: once
there is a Python, the runner's own journal takes over.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from bootstrap import resources
from bootstrap.payload.bundle import without_comments
from bootstrap.runner.contract import REPORT_VERSION, signature
from bootstrap.runner.defaults import PLAN

JOURNAL = "no-python"
MISSING = {"path": "python3", "why": "no usable Python 3.6 or newer"}
# The URL stands in a command line, which every user of the host can list, and between double quotes of sh. So it may
# hold no user name, password or token, and no character that sh would expand.
_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?")
_LONGEST_URL = 512
# The head of a bundle has got as far as its report only without a Python. An admin's verb is no first boot.
IN_HEAD = '[ "${2:-tick}" = tick ]'


def script(plan: dict[str, Any], when: str = IN_HEAD) -> str:
    """Return sh text that sends the report with curl or wget; "" when there is nothing to send.

    plan: the host plan. when: the sh test that decides whether to send it; by itself that of a bundle's head.
    Nothing is sent for groups, since only the host knows its own name; to a collector with a CA of its own, which
    neither tool knows; and to a URL with more than host, port and path.
    """
    report = plan.get("report")
    if report is None or "group" in plan or "ca" in report:
        return ""
    url = report["url"]
    if len(url) > _LONGEST_URL or not _URL.fullmatch(url):
        return ""
    server, deploy_id = plan["server"], plan["deploy_id"]
    # The time is 0, since it is signed now and sent at a time that nobody knows.
    event = {"seq": 1, "at": 0, "uptime_s": 0, "type": "waiting", "missing": [MISSING]}
    body = json.dumps(
        {
            "version": REPORT_VERSION, "server": server, "deploy_id": deploy_id, "journal": JOURNAL,
            "state": "waiting", "deadline_s": plan.get("deadline_s", PLAN["deadline_s"]), "events": [event],
        },
        separators=(",", ":"),
    )  # fmt: skip
    identity = f"{server}/{deploy_id}/{JOURNAL}/1"
    signed = signature(base64.b64decode(report["key"]), identity, "1", body.encode())
    text = without_comments(resources.text("files/bundle/tell.sh"))
    for name, value in (("WHEN", when), ("BODY", body), ("ID", identity), ("SIGNATURE", signed), ("URL", url)):
        text = text.replace(f"@{name}@", value)
    return text
