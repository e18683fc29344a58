"""Tells braces that are meant as text from a mistake in a template, and says how to write them."""

from __future__ import annotations

import re

from bootstrap.plan.model import Text

# The words of Go's templates, which docker, kubectl and helm read.
_GO_WORDS = "end|else|range|with|define|template|block|break|continue"
_GO = re.compile(rf"-?\s*(?:(?:{_GO_WORDS})\b|\.|.*[\s(][.$])")


def written_for_others(line: str, name: str) -> bool:
    """Whether the braces around a name on this line are for another program: GitHub's `${{ }}`, a Go template."""
    for match in re.finditer(r"(\$?)\{\{(.*?)\}\}", line):
        if re.search(rf"\b{re.escape(name)}\b", match[2]) and (match[1] or _GO.match(match[2])):
            return True
    return False


def ways_out(text: Text, key: str) -> str:
    """A hint that says how to write braces as text. key: the place in the spec, such as `stages[1]`."""
    hint = "if the braces are text, write {% raw %}...{% endraw %} around them"
    script = re.fullmatch(r"(?:stages|every_boot)\[\d+\]", key)
    if script:
        return f"{hint}, or use script: instead of {'run' if text.file is None else 'template'}:"
    if re.fullmatch(r"files\[\d+\]", key):
        return f"{hint}, or use source: instead of {'content' if text.file is None else 'template'}:"
    return hint
