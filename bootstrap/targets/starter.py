"""The starter: user-data of one screen that starts a bundle brought by other means, pinned by its digest.

cloud-init writes the files of a config drive with mode 0660, and cron ignores what a group may write. The starter is a
boothook: cloud-init runs it at every boot, after those files are there. It starts the bundle, which writes the trigger
again from its own plan; without a whole bundle it does nothing.
"""

from __future__ import annotations

from bootstrap import resources
from bootstrap.payload.model import Payload

NAME = "starter"
# cloud-init goes by this first line, and runs the rest.
BOOTHOOK = "#cloud-boothook\n"


def text(payload: Payload) -> str:
    """Return the starter of a payload whose bundle travels as files: LF, ASCII, about 500 bytes."""
    # The pieces are named one by one: agents leave copies beside them, which a pattern of sh would match.
    filled = BOOTHOOK + resources.text("files/cloud/starter.sh").replace("@FILES@", " ".join(payload.pieces))
    return filled.replace("@SHA256@", payload.digest)
