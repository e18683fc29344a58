"""Names one roll-out, so that ids sort by the time they were made."""

from __future__ import annotations

import secrets
import time


def new_deploy_id() -> str:
    """`20261120T120000-ab12cd`: UTC and six random hex digits."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + secrets.token_hex(3)
