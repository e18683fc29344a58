"""Target `cloud-config`: write_files for the bundle and what goes with it, and one runcmd that starts it."""

from __future__ import annotations

import base64
import json
import re

from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.runner.host import BUNDLE, STUB
from bootstrap.targets import user_data
from bootstrap.targets.model import Output, Packed, Request

# A literal block keeps these texts byte for byte: printable ASCII, LF, no blanks at a line's end, a first line that
# shows the block's depth and one newline at the end. cloud-init decodes UTF-8 and rewrites CR LF, so that everything
# else travels as base64.
_PLAIN = re.compile(rb"(?![ \n])(?:(?:[!-~ ]*[!-~])?\n)+(?<!\n\n)")


def pack(request: Request) -> Packed:
    """Pack the files into write_files."""
    payload = request.build(units=request.units)
    return user_data.packed_as(request, payload, text(payload).encode())


def output(packed: Packed) -> Output:
    """Return the document, which is user-data, as a file."""
    return user_data.output(packed)


def text(payload: Payload) -> str:
    """Return the `#cloud-config` document. Files come in the payload's order, so the trigger is written last.

    write_files is not atomic and writes before it sets a mode; the trigger checks the digest of what it starts, so a
    half-written bundle is waited for. runcmd starts the bundle where no cron and no rc.local does.
    """
    lines = ["#cloud-config", "write_files:"]
    # write_files keeps this order, on which the trigger relies: it must not name a file that is not there yet.
    for file in payload.files:
        lines += _entry(file)
    # As a list, so that cloud-init starts it without a shell of its own.
    lines += ["runcmd:", f"- [sh, {BUNDLE if payload.carrier is None else STUB}]"]
    return "\n".join(lines) + "\n"


def _entry(file: InjectedFile) -> list[str]:
    # JSON strings are YAML strings. Modes are quoted: cloud-init reads a number without quotes as decimal.
    lines = [
        f"- path: {json.dumps(file.path, ensure_ascii=False)}",
        "  owner: root:root",
        f'  permissions: "{file.mode:04o}"',
    ]
    if _PLAIN.fullmatch(file.content):
        block = file.content.decode("ascii").removesuffix("\n").split("\n")
        return [*lines, "  content: |", *(f"    {line}" if line else "" for line in block)]
    # Quoted, so that an empty file is a string and not null, which the schema refuses.
    return [*lines, "  encoding: b64", f'  content: "{base64.b64encode(file.content).decode("ascii")}"']
