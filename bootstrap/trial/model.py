"""What goes into the trial of an image, and what comes out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from bootstrap.payload.sign import Signer

VERSION = 1


@dataclass(frozen=True)
class Settings:
    """The options of `bootstrap try`. Times in seconds.

    source: as `bake` names it, None for the image's own first one; spec: None for a payload that does nothing; require:
    units that must be active; clones: how many servers are made of the image, one after the other; power_cut: whether
    the power goes off during a stage; keep: where the disk and the console of a failed trial stay.
    """

    image: Path
    source: str | None = None
    spec: Path | None = None
    overrides: tuple[str, ...] = ()
    values_files: tuple[Path, ...] = ()
    require: tuple[str, ...] = ()
    clones: int = 1
    power_cut: bool = False
    deadline_s: float = 600.0
    memory_mib: int = 1024
    signer: Signer | None = field(default=None, repr=False)
    keep: Path | None = None


@dataclass(frozen=True)
class Judgement:
    """One thing that was judged. severity: ok, warning or error; reason: why it is wrong; fix: what people can do."""

    code: str
    subject: str
    severity: str = "ok"
    reason: str = ""
    fix: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it makes the trial fail."""
        return self.severity == "error"

    def as_json(self) -> dict[str, str]:
        """The same, for `--json`, with the keys of seal's findings."""
        return {
            "code": self.code, "severity": self.severity, "what": self.subject, "why": self.reason, "mend": self.fix,
        }  # fmt: skip


def ok(code: str, subject: str) -> Judgement:
    """Something that is as it should be."""
    return Judgement(code, subject)


def error(code: str, subject: str, reason: str, fix: str) -> Judgement:
    """Something that makes the trial fail."""
    return Judgement(code, subject, "error", reason, fix)


def warning(code: str, subject: str, reason: str, fix: str) -> Judgement:
    """Something that people should know."""
    return Judgement(code, subject, "warning", reason, fix)


def lines(findings: Iterable[Judgement]) -> list[str]:
    """The judgements for people: a good one is a line, the others have their reason and their fix."""
    rows = []
    for finding in findings:
        if finding.severity == "ok":
            rows.append(f"ok[{finding.code}]: {finding.subject}")
        else:
            rows += [
                f"{finding.severity}[{finding.code}]: {finding.subject}; {finding.reason}",
                f"  fix: {finding.fix}",
            ]
    return rows


@dataclass(frozen=True)
class Clone:
    """One server that was made of the image.

    verdict: good, failed or late; facts: what its judge handed back; seconds: from power on to each step; log: the end
    of the log of the stage that failed; console: its last lines, of a clone that is not good.
    """

    server: str
    verdict: str
    findings: tuple[Judgement, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    log: str = ""
    console: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same, for `--json`."""
        from bootstrap.trial.identities import host_keys

        return {
            "server": self.server,
            "verdict": self.verdict,
            "system": self.facts.get("system"),
            "machine_id": self.facts.get("machine_id"),
            "boot_id": self.facts.get("boot_id"),
            "address": self.facts.get("address"),
            "host_keys": [key.fingerprint for key in host_keys(self.facts)],
            "seconds": dict(self.seconds),
            "findings": [finding.as_json() for finding in self.findings],
            "log": self.log,
            "console_tail": list(self.console),
        }


@dataclass(frozen=True)
class Outcome:
    """The result of a trial. findings: those about all clones together."""

    image: str
    source: str
    clones: tuple[Clone, ...]
    findings: tuple[Judgement, ...] = ()
    kept: str | None = None

    @property
    def verdict(self) -> str:
        """good, failed or late: the worst of its clones."""
        verdicts = {clone.verdict for clone in self.clones}
        if "late" in verdicts:
            return "late"
        return "failed" if "failed" in verdicts or any(finding.is_error for finding in self.findings) else "good"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of `bootstrap try`."""
        return {"good": ExitCode.GOOD, "failed": ExitCode.FAILED, "late": ExitCode.TIMEOUT}[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """The same, for `--json`. seconds, console_tail and the first findings are those of the last clone."""
        last = self.clones[-1]
        every = [*(finding for clone in self.clones for finding in clone.findings), *self.findings]
        return {
            "version": VERSION,
            "image": self.image,
            "source": self.source,
            "verdict": self.verdict,
            "seconds": dict(last.seconds),
            "clones": [clone.as_json() for clone in self.clones],
            "findings": [finding.as_json() for finding in every if finding.severity != "ok"],
            "console_tail": list(last.console),
            "kept": self.kept,
        }
