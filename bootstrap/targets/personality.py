"""Target `personality`: the list of injected files that a server-create call takes (Nova, Rackspace, libcloud)."""

from __future__ import annotations

import base64
import json

from bootstrap.payload.model import Payload


def items(payload: Payload) -> list[dict[str, str]]:
    """`[{"path": …, "contents": base64}]` in the order in which they should arrive: the trigger is last.

    A mode cannot be carried here: Nova refuses unknown keys, and what a file gets depends on who writes it.
    """
    return [{"path": file.path, "contents": base64.b64encode(file.content).decode("ascii")} for file in payload.files]


def text(payload: Payload) -> str:
    """The same as JSON, as `personality.json` holds it."""
    return json.dumps(items(payload), indent=1) + "\n"
