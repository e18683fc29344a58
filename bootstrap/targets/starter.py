"""The starter: user-data of one screen that starts a bundle brought by other means, pinned by its digest.

cloud-init writes the files of a config drive with mode 0660, and cron ignores what a group may write. The starter is a
boothook: cloud-init runs it at every boot, after those files are there. It starts the bundle, which writes the trigger
again from its own plan; without a whole bundle it does nothing.
"""

from __future__ import annotations

import hashlib

from bootstrap import resources
from bootstrap.payload.model import Payload
from bootstrap.runner.host import STATE

NAME = "starter"
# cloud-init goes by this first line, and runs the rest.
BOOTHOOK = "#cloud-boothook\n"


def text(payload: Payload) -> str:
    """Return the starter of a payload whose bundle or carrier travels as files: LF, ASCII, about 500 bytes."""
    # The pieces are named one by one: agents leave copies beside them, which a pattern of sh would match.
    filled = resources.text("files/cloud/starter.sh").replace("@FILES@", " ".join(payload.brought))
    digest = payload.digest if payload.carrier is None else hashlib.sha256(payload.carrier).hexdigest()
    filled = filled.replace("@SHA256@", digest)
    if payload.carrier is not None:
        filled = in_background(filled.encode(), payload.deploy_id).decode()
    return BOOTHOOK + filled


def in_background(script: bytes, deploy_id: str) -> bytes:
    """Return a script that fetches as a boothook: cloud-init starts it early in every boot, and nothing waits for it.

    Once a run of this deploy has begun, a bundle and a trigger are on the disk, and it does nothing: what a URL leads
    to may be gone by then.
    """
    # The boothook has a first line of its own, and the script stands inside it.
    body = script.decode("ascii").removeprefix("#!/bin/sh\n").removesuffix("\n")
    hook = resources.text("files/stub/boothook.sh").replace("@STATE@", STATE).replace("@DEPLOY_ID@", deploy_id)
    return hook.replace("@STUB@", body).encode("ascii")
