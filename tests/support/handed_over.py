"""Every form in which a target, a cloud or a person hands over a script as user-data."""

from __future__ import annotations

import base64
import gzip
import textwrap
from email.message import EmailMessage

from bootstrap.payload.model import Payload
from bootstrap.targets import cloud_config, mime

BESIDE = ("#cloud-config\npackages: [curl]\n", "#!/bin/sh\n# initialrunner-like\necho\n")


def indented(script: bytes, depth: int) -> bytes:
    """A cloud-config with the script as a block."""
    return b"#cloud-config\nwrite_files:\n- content: |\n" + textwrap.indent(script.decode(), " " * depth).encode()


def message(script: bytes, kind: str) -> bytes:
    """A message as `cloud-init devel make-mime` and Python's own library compose one."""
    one = EmailMessage()
    one.set_content("#cloud-config\n{}\n", subtype="cloud-config")
    one.add_attachment(script, maintype="text", subtype="x-shellscript", filename="b", cte=kind)
    return one.as_bytes()


def wrapped(data: bytes) -> bytes:
    """Base64 in lines."""
    return base64.encodebytes(data)


def forms(payload: Payload) -> dict[str, bytes]:
    """The script of a payload, its bundle or its carrier, in each form."""
    script = payload.script
    composed = mime.compose(script, mime.read(list(BESIDE)))
    config = cloud_config.text(payload).encode()
    return {
        "plain": script,
        "with a line before": b"\n" + script,
        "with lines behind": script + b"\n# more\n",
        "without its last newline": script.rstrip(b"\n"),
        "with carriage returns": script.replace(b"\n", b"\r\n"),
        "gzip": gzip.compress(script),
        "base64 in one line": base64.b64encode(script),
        "base64 in lines": wrapped(script),
        "base64 of gzip": wrapped(gzip.compress(script)),
        "gzip of base64": gzip.compress(wrapped(script)),
        "our MIME message": composed,
        "our MIME message, gzip": gzip.compress(composed),
        "our MIME message, base64 of gzip": base64.b64encode(gzip.compress(composed)),
        "a message in base64": message(script, "base64"),
        "a message in quoted-printable": message(script, "quoted-printable"),
        "our cloud-config": config,
        "our cloud-config, gzip": gzip.compress(config),
        "our cloud-config, carriage returns": config.replace(b"\n", b"\r\n"),
        "a block of two": indented(script, 2),
        "a block of seven": indented(script, 7),
        "a cloud-config with gz+b64": b"#cloud-config\nwrite_files:\n- encoding: gz+b64\n  content: "
        + base64.b64encode(gzip.compress(script)) + b"\n  permissions: '0600'\n",
        "a cloud-config with !!binary": b"#cloud-config\nwrite_files:\n- content: !!binary |\n"
        + textwrap.indent(wrapped(script).decode(), "    ").encode() + b"  path: /x\n",
        "a cloud-config with a quoted text": b'#cloud-config\nwrite_files: [{"content": "'
        + script.replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"}]\n',
    }  # fmt: skip
