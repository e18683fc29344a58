"""Puts the bundle of a carrier together: with the runner's text of this image, else with one from a URL that it names.

The text is the same for all servers of a toolkit version, and no secret. Its SHA-256 is in the carrier, that of the
whole bundle too, so that it does not matter where the text comes from.
"""

import re
from hashlib import sha256

from bootstrap.runner.baked.sources import read_some, request
from bootstrap.runner.baked.unwrapping import Nothing
from bootstrap.runner.form import RUNNERS

TEXT_S = 60  # for one URL


def text_on_disk(host, digest):
    """The runner's text of this image that has a SHA-256. Raises Nothing."""
    path = "%s/%s" % (RUNNERS, digest)
    try:
        file = read_some(host, path)
    except OSError as error:
        raise Nothing("%s cannot be read: %s" % (path, error.strerror))
    if file is None:
        # Twelve digits tell versions apart, and the line stays short enough for a console.
        present = [name[:12] for name in host.list(RUNNERS) if re.match("[0-9a-f]{64}$", name)]
        has = "the runner " + ", ".join(present) if present else "no runner's text"
        raise Nothing("this image has %s, the payload needs %s" % (has, digest[:12]))
    if sha256(file[0]).hexdigest() != digest:
        raise Nothing("%s is damaged" % path)
    return file[0]


def text_from(url, digest, authority):
    """The runner's text at a URL, if it has this SHA-256. Raises Nothing, and what request() raises."""
    text = request("GET", url, authority=authority)
    if text is None:
        raise Nothing("answer 404")
    if sha256(text).hexdigest() != digest:
        raise Nothing("other bytes than the carrier names: SHA-256 %s" % sha256(text).hexdigest())
    return text


def put_together(text, rest, digest):
    """The whole bundle, if it has this SHA-256. Raises Nothing."""
    if sha256(text + rest).hexdigest() != digest:
        raise Nothing("a carrier that makes another bundle than it names")
    return text + rest
