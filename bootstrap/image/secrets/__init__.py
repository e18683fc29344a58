"""Secrets that `seal` looks for by content and by name, wherever they lie: keys, tokens, leftovers of tools.

A file that holds one is only listed: nobody but its owner knows what it is for.
"""

from __future__ import annotations

from bootstrap.image.secrets.assignments import ASSIGNED, IN_URL
from bootstrap.image.secrets.binaries import DER_KEY
from bootstrap.image.secrets.names import NAMES
from bootstrap.image.secrets.places import MOST_BYTES, SEARCHED, UNSEARCHED
from bootstrap.image.secrets.texts import BY_PATTERN

# In the order of the reference page.
SECRETS = (*BY_PATTERN, DER_KEY, ASSIGNED, IN_URL)

__all__ = ["MOST_BYTES", "NAMES", "SEARCHED", "SECRETS", "UNSEARCHED"]
