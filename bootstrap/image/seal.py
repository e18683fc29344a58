"""The gate: an image is sealed when nothing is found. Looks, cleans what may be cleaned, and looks again."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.image import look as looked
from bootstrap.image import ready, secrets
from bootstrap.image.clean import Cleaned, clean
from bootstrap.image.finding import Allowed, Finding, Severity
from bootstrap.image.leftovers import LEFTOVERS
from bootstrap.image.running import Running
from bootstrap.image.tree import Tree
from bootstrap.runner.baked.program import BUILDER

VERSION = 1


@dataclass(frozen=True)
class Sealed:
    """What came of it. unused: --allow patterns that met nothing; failed: what could not be cleaned, in words."""

    root: str
    findings: tuple[Finding, ...]
    cleaned: tuple[Cleaned, ...] = ()
    failed: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.findings if finding.severity is severity]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is refused."""
        return not self.of(Severity.ERROR)

    def as_json(self) -> dict[str, object]:
        """The same, for `--json`."""
        return {
            "version": VERSION,
            "root": self.root,
            "sealed": self.is_clean,
            "findings": [finding.as_json() for finding in self.of(Severity.ERROR)],
            "warnings": [finding.as_json() for finding in self.of(Severity.WARNING)],
            "allowed": [finding.as_json() for finding in self.of(Severity.ALLOWED)],
            "cleaned": [one.as_json() for one in self.cleaned],
            "not_cleaned": list(self.failed),
            "unused_allow": list(self.unused),
        }


def seal(
    root: Path,
    *,
    require: tuple[str, ...] = (),
    trigger: str = "auto",
    runner: bool = True,
    allow: tuple[str, ...] = (),
    mounts: tuple[str, ...] = (),
    mend: bool = False,
    access: bool = False,
    this_machine: bool = False,
) -> Sealed:
    """Judge an image, and with mend clean it first. this_machine: mend also where ROOT is the running system.

    runner: whether a baked runner must be there. Raises UsageError when ROOT is no root, or may not be cleaned.
    """
    accepted = tuple(_accepted(text) for text in allow)
    tree = Tree(root, mounts)
    try:
        if tree.look("/etc") is None or tree.look("/usr") is None:
            raise UsageError(
                f"{root} has no etc and usr: it is no root file system", hint="name the folder that the image is in"
            )
        if mend:
            _may_mend(tree, root, this_machine=this_machine)

        own = Running(tree.real_path, looked.homes(tree))

        def look() -> list[Finding]:
            tree.unreadable.clear()
            missing = ready.needs(tree, require=require, trigger=trigger, runner=runner)
            return [_allowed(own.spared(finding), accepted) for finding in [*looked.leftovers(tree), *missing]]

        found = look()
        cleaned, failed = list[Cleaned](), list[str]()
        if mend:
            mended = (one for one in _errors(found) if not own.goes_last(one.path))
            cleaned, failed = clean(tree, mended, access=access)
            found = look()
            left = _errors(found)
            # While there is more to mend, who mends it wants the zipapp again. After this no module can be imported.
            if left and all(own.goes_last(one.path) for one in left):
                done, kept = clean(tree, left, access=access)
                cleaned, failed, found = cleaned + done, failed + kept, look()
        unused = [one.text for one in accepted if not any(one.covers(finding) for finding in found)]
        return Sealed(str(root), tuple(found), tuple(cleaned), tuple(failed), tuple(unused))
    finally:
        tree.close()


def codes() -> list[str]:
    """Every code that a finding may have; NAME stands for an account."""
    tables = [rule.code for rule in (*LEFTOVERS, *secrets.SECRETS, *secrets.NAMES)]
    return list(dict.fromkeys([*tables, *looked.CODES, *ready.CODES]))


def _accepted(text: str) -> Allowed:
    """One --allow. Raises UsageError for a code that nothing has: it would accept nothing, in silence."""
    accepted = Allowed.parse(text)
    known = codes()
    if not any(
        fnmatchcase(code, accepted.code) or accepted.code.startswith(("account.password.", "account.open."))
        for code in known
    ):
        near = difflib.get_close_matches(accepted.code, known, 1)
        mend = f"did you mean {near[0]}?" if near else "a path begins with /; the codes are in docs/reference/seal.md"
        raise UsageError(f"--allow {text}: no finding has this code", hint=mend)
    return accepted


def _errors(findings: list[Finding]) -> list[Finding]:
    """Those that are refused; a warning is nothing to act on."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _allowed(finding: Finding, accepted: tuple[Allowed, ...]) -> Finding:
    if any(one.covers(finding) for one in accepted):
        return replace(finding, severity=Severity.ALLOWED)
    return finding


def _may_mend(tree: Tree, root: Path, *, this_machine: bool) -> None:
    if tree.is_read_only:
        raise UsageError(f"{root} is mounted read-only: nothing can be cleaned", hint="mount it with -o remount,rw")
    # Whoever forgets to name the image must not lose the keys and the logs of the machine at hand.
    if tree.is_this_machine and not this_machine and tree.look(BUILDER) is None:
        raise UsageError(
            "ROOT is this running machine, and bake has not marked it as a builder",
            hint="--this-machine cleans it all the same: its host keys, logs and histories go",
        )
