"""What `seal` finds: one leftover or one missing need, and what `--clean` may do about it."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bootstrap.image.root import shown


class Mend(enum.Enum):
    """What `--clean` does. The values are what people read."""

    LISTED = "listed only"  # may be somebody's data, or on purpose
    REMOVE = "removed"
    EMPTY = "emptied"
    FILES = "files below it removed"
    ACCESS = "removed with --clean-access"
    BUILDER = "product_uuid taken out"


class Severity(enum.Enum):
    """ERROR is refused, WARNING is only said, ALLOWED was named by --allow."""

    ERROR = "error"
    WARNING = "warning"
    ALLOWED = "allowed"


@dataclass(frozen=True)
class Finding:
    """path: inside the root, "" where nothing is at fault but an absence. linked: reached by a link, so not cleaned."""

    code: str
    path: str
    what: str
    why: str
    mend: str
    clean: Mend = Mend.LISTED
    severity: Severity = Severity.ERROR
    linked: bool = False

    def cleaned_by(self, *, access: bool) -> bool:
        """Whether --clean mends it. access: with --clean-access."""
        return not self.linked and self.clean is not Mend.LISTED and (access or self.clean is not Mend.ACCESS)

    def as_json(self) -> dict[str, object]:
        """The same, for `--json`. The path has `\\xNN` for a byte that is no printable UTF-8."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "path": shown(self.path) or None,
            "what": self.what,
            "why": self.why,
            "mend": self.mend,
            "clean": self.clean.value if not self.linked else Mend.LISTED.value,
        }


@dataclass(frozen=True)
class Allowed:
    """One --allow: PATH, CODE or CODE:PATH, each a pattern in which `*` stands for anything, also `/`."""

    text: str
    code: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """The parts of one --allow."""
        if text.startswith("/"):
            return cls(text, "*", text)
        code, colon, path = text.partition(":")
        return cls(text, code, path if colon else "*")

    def covers(self, finding: Finding) -> bool:
        """Whether it accepts a finding. `*` alone is a pattern: a `[` or a `?` stands for itself, as it is shown."""
        pattern = re.sub(r"[?[]", r"[\g<0>]", self.path)
        return fnmatchcase(finding.code, self.code) and (
            self.path == "*" or fnmatchcase(finding.path, pattern) or fnmatchcase(shown(finding.path), pattern)
        )
