"""Fetches from S3 with the role of an instance: the sh text for hosts, and the s3:// addresses that it takes."""

from __future__ import annotations

import functools
import re
from urllib.parse import parse_qsl, urlsplit

from bootstrap import resources
from bootstrap.payload import pack

SCHEME = "s3://"
# The address of a bucket may be given with a region and an endpoint, for buckets and services that are elsewhere.
_ADDRESS = re.compile(r"s3://[a-z0-9.-]{3,63}/[A-Za-z0-9._~:/@!$&()*+,;=%-]+(\?[A-Za-z0-9._~:/?@!$&()*+,;=%\[\]-]+)?")
_BUCKET = re.compile(r"[a-z0-9.-]{3,63}")
_OPTIONS = {
    "region": re.compile(r"[a-z0-9-]+"),
    "endpoint": re.compile(r"https://[^?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?/?"),
}


def fault(address: str) -> str | None:
    """Return why an s3:// address cannot be fetched, None if it can."""
    bucket, _, key = address.split("?")[0].removeprefix(SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket):
        return f"a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, and {bucket!r} is none"
    if not key:
        return "it names a bucket, and no object in it"
    if not _ADDRESS.fullmatch(address):
        return "it is not s3://BUCKET/KEY of letters, digits and the marks of a URL"
    options = parse_qsl(urlsplit(address).query, keep_blank_values=True, strict_parsing=False)
    for name, value in options:
        if name not in _OPTIONS:
            return f"it has an option {name!r}, and only region and endpoint mean something there"
        if not _OPTIONS[name].fullmatch(value):
            return f"{value!r} is no {name}" + (", which begins with https://" if name == "endpoint" else "")
    return None


@functools.cache
def fetcher(target: str) -> str:
    """Return a sh command that reads an s3:// address from its input and fetches the object to the file `target`.

    target: a path for sh, which may be a variable ($f). The command holds neither a secret nor a backslash, and writes
    one line to stderr when it fails. It needs python3, which every bundle needs.
    """
    # One program for all hosts: what differs comes by its input, where no process list shows it.
    imports, body = pack.flatten(resources.text("files/stub/s3.py"))
    modules = ",".join(line.removeprefix("import ") for line in imports)
    program = f"import {modules}\n{body.strip()}"
    if set(program) & {"'", "\\"} or not program.isascii():
        raise AssertionError("files/stub/s3.py has a quote, a backslash or a letter that sh would read")
    return f"timeout 300 python3 -Ic '{program}' {target}"
