"""The gate: an image is sealed when nothing is found in it. Looks, cleans as far as is safe, and looks again."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.image import find_leftovers, judges, seal_needs, secrets
from bootstrap.image.accounts import homes
from bootstrap.image.clean import Cleaned, clean_findings
from bootstrap.image.finding import Allowed, Finding, Severity
from bootstrap.image.leftovers import LEFTOVERS
from bootstrap.image.packages import Packaged
from bootstrap.image.running import Running
from bootstrap.image.tree import Tree
from bootstrap.runner.baked.program import BUILDER

VERSION = 1


@dataclass(frozen=True)
class Sealed:
    """The result. unused: --allow patterns that fit no finding; failed: a sentence for each failure of --clean."""

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
            "cleaned": [action.as_json() for action in self.cleaned],
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
    clean: bool = False,
    access: bool = False,
    this_machine: bool = False,
) -> Sealed:
    """Judge an image, and with `clean` clean it first. this_machine: clean it even if ROOT is the running system.

    access: with --clean-access. runner: whether a baked runner must be there. Raises UsageError when ROOT is no root
    file system, or may not be cleaned.
    """
    accepted = tuple(_accepted(text) for text in allow)
    tree = Tree(root, mounts)
    try:
        if tree.look("/etc") is None or tree.look("/usr") is None:
            raise UsageError(
                f"{root} has no etc and usr: it is no root file system", hint="name the folder that holds the image"
            )
        if clean:
            _refuse_to_clean(tree, root, this_machine=this_machine)

        program = Running(tree.real_path, homes(tree))
        # No cleaning changes what packages brought.
        packaged = Packaged(tree)

        def judge() -> list[Finding]:
            # A file that could not be read may be gone after the cleaning.
            tree.unreadable.clear()
            missing = seal_needs.missing(tree, require=require, trigger=trigger, runner=runner)
            leftovers = find_leftovers.find(tree, packaged)
            return [_allowed(program.spared(finding), accepted) for finding in [*leftovers, *missing]]

        findings = judge()
        cleaned, failed = list[Cleaned](), list[str]()
        if clean:
            not_last = (finding for finding in _errors(findings) if not program.goes_last(finding.path))
            cleaned, failed = clean_findings(tree, not_last, access=access)
            # The exit code is about the image as it is now, so it is judged again.
            findings = judge()
            errors = _errors(findings)
            # As long as there is more to fix, people need the zipapp again. After this no module can be imported.
            if errors and all(program.goes_last(finding.path) for finding in errors):
                done, failures = clean_findings(tree, errors, access=access)
                cleaned, failed, findings = cleaned + done, failed + failures, judge()
        unused = [pattern.text for pattern in accepted if not any(map(pattern.covers, findings))]
        return Sealed(str(root), tuple(findings), tuple(cleaned), tuple(failed), tuple(unused))
    finally:
        tree.close()


def codes() -> list[str]:
    """Every code that a finding may have; NAME stands for an account."""
    tables = [rule.code for rule in LEFTOVERS]
    tables += [rule.code for rule in (*secrets.SECRETS, *secrets.NAMES)]
    return list(dict.fromkeys([*tables, *judges.CODES, *find_leftovers.CODES, *seal_needs.CODES]))


def _accepted(text: str) -> Allowed:
    """Read one --allow. Raises UsageError for a code that no finding has: it would accept nothing, without a word."""
    accepted = Allowed.parse(text)
    all_codes = codes()
    # The end of these two codes is the name of an account, which may be any.
    names_an_account = accepted.code.startswith(("account.password.", "account.open."))
    if not names_an_account and not any(fnmatchcase(code, accepted.code) for code in all_codes):
        near = difflib.get_close_matches(accepted.code, all_codes, 1)
        hint = f"did you mean {near[0]}?" if near else "a path begins with /; the codes are in docs/reference/seal.md"
        raise UsageError(f"--allow {text}: no finding has this code", hint=hint)
    return accepted


def _errors(findings: list[Finding]) -> list[Finding]:
    """The findings that refuse the image: --clean leaves warnings, and what --allow names, as they are."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _allowed(finding: Finding, accepted: tuple[Allowed, ...]) -> Finding:
    if any(pattern.covers(finding) for pattern in accepted):
        return replace(finding, severity=Severity.ALLOWED)
    return finding


def _refuse_to_clean(tree: Tree, root: Path, *, this_machine: bool) -> None:
    """Raise UsageError when the root may not be cleaned."""
    if tree.is_read_only:
        raise UsageError(f"{root} is mounted read-only: nothing can be cleaned", hint="mount it with -o remount,rw")
    # A slip in the command line must not cost the keys and the logs of the machine that it is typed on.
    if tree.is_this_machine and not this_machine and tree.look(BUILDER) is None:
        raise UsageError(
            "ROOT is this running machine, and bake has not marked it as a builder",
            hint="--this-machine cleans it all the same, and removes its host keys, logs and histories",
        )
