"""What a host without Python tells the collector: one report, signed when the bundle is made.

Such a host has nothing of ours that could sign, and what else it may have would show the key in the process list. So
the one thing that it could have to say is signed beforehand. It says `waiting` for python3, never an end: once there is
a Python, the runner's own journal takes over.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from bootstrap import resources
from bootstrap.runner.contract import REPORT_VERSION, signature
from bootstrap.runner.defaults import PLAN

JOURNAL = "no-python"
MISSING = {"path": "python3", "why": "no usable Python 3.6 or newer"}
# In a command line, and in quotes of sh: no name, password or token, nothing that sh would read.
_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?")
_LONGEST_URL = 512


def script(plan: dict[str, Any]) -> str:
    """sh text for the bundle's head: it sends the report with curl or wget, where there is one. Else, nothing ("").

    plan: the host plan. Nothing is told of groups, whose servers' names only the host knows; to a collector with an
    authority of its own, which neither tool knows; and to a URL with more than host, port and path.
    """
    report = plan.get("report")
    if report is None or "group" in plan or "ca" in report:
        return ""
    url = report["url"]
    if len(url) > _LONGEST_URL or not _URL.fullmatch(url):
        return ""
    server, deploy_id = plan["server"], plan["deploy_id"]
    # The hour is 0, since nothing could sign for the right one.
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
    text = resources.text("files/bundle/tell.sh").strip()
    for name, value in (("BODY", body), ("ID", identity), ("SIGNATURE", signed), ("URL", url)):
        text = text.replace(f"@{name}@", value)
    return text
