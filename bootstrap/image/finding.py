"""A finding of `seal`: one leftover or one missing need, and what `--clean` may do about it."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bootstrap.image.root import shown


class Cleaning(enum.Enum):
    """The action of `--clean` on a finding. The values are printed, and part of the JSON."""

    LISTED = "listed only"  # it may be somebody's data, or be there on purpose
    REMOVE = "removed"
    EMPTY = "emptied"
    FILES = "files below it removed"
    ACCESS = "removed with --clean-access"
    BUILDER = "product_uuid taken out"
    LINES = "lines taken out"


class Severity(enum.Enum):
    """ERROR refuses the image, WARNING is only printed, ALLOWED was named by --allow."""

    ERROR = "error"
    WARNING = "warning"
    ALLOWED = "allowed"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with an image. Printed as `PATH: SUBJECT; REASON`, then the fix.

    path: inside the root, "" where something is missing that has no place. subject: what is there or missing; reason:
    why that is wrong in an image; fix: what people can do. linked: reached by a link, so --clean leaves it alone.
    lines: for LINES, a pattern of the lines that --clean takes out; a line that it matches anywhere goes whole.
    """

    code: str
    path: str
    subject: str
    reason: str
    fix: str
    clean: Cleaning = Cleaning.LISTED
    severity: Severity = Severity.ERROR
    linked: bool = False
    lines: bytes | None = None

    def cleaned_by(self, *, access: bool) -> bool:
        """Whether --clean fixes it. access: with --clean-access."""
        return not self.linked and self.clean is not Cleaning.LISTED and (access or self.clean is not Cleaning.ACCESS)

    def as_json(self) -> dict[str, object]:
        """The same, for `--json`. The path has `\\xNN` for a byte that is no printable UTF-8."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "path": shown(self.path) or None,
            "what": self.subject,
            "why": self.reason,
            "mend": self.fix,
            "clean": self.clean.value if not self.linked else Cleaning.LISTED.value,
        }


@dataclass(frozen=True)
class Allowed:
    """One --allow: PATH, CODE or CODE:PATH, each a pattern in which `*` stands for anything, also `/`."""

    text: str
    code: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """Read the text of one --allow."""
        if text.startswith("/"):
            return cls(text, "*", text)
        code, colon, path = text.partition(":")
        return cls(text, code, path if colon else "*")

    def covers(self, finding: Finding) -> bool:
        """Whether it accepts a finding. Only `*` is special: a `[` or a `?` stands for itself, as paths are printed."""
        pattern = re.sub(r"[?[]", r"[\g<0>]", self.path)
        return fnmatchcase(finding.code, self.code) and (
            self.path == "*" or fnmatchcase(finding.path, pattern) or fnmatchcase(shown(finding.path), pattern)
        )
