"""The words in braces that a probe of a deploy file may contain, and their values for one server.

Any other brace is text, so that a probe may look for JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES = ("address", "port", "server", "revision", "deploy_id")
# An answer that contains one of these comes from this server, or from one of this roll-out.
PROOFS = ("server", "revision", "deploy_id")
_WORD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def names_in(text: str) -> tuple[str, ...]:
    """Every word that stands alone in braces, known or not, in the order of the text."""
    return tuple(match[1] for match in _WORD.finditer(text))


def fill(text: str, values: Mapping[str, object]) -> str:
    """The text with the value of each placeholder in its place. A word that has no value stays as it is."""
    # One pass: a value that itself looks like a placeholder stays as it is. An IPv6 address in a URL is in brackets.
    return _WORD.sub(lambda match: str(values.get(match[1], match[0])), text)


def address_in_url(address: str) -> str:
    """An address as a URL has it: one of IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address
