"""The story of one seed: what was done in which order, as text that is the same byte for byte at every replay."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Story:
    """One run. lines: what was done, where it is told; calls, kills: how many; broken: the rule that did not hold."""

    seed: int
    is_told: bool = True
    lines: list[str] = field(default_factory=list)
    clock: float = 0.0
    calls: int = 0
    kills: int = 0
    endings: list[int] = field(default_factory=list)
    broken: str | None = None

    def tell(self, *words: str) -> None:
        """Add one line, at the clock of the world."""
        if self.is_told:
            self.lines.append(f"{self.clock:9.2f}  {' '.join(words)}")

    @property
    def text(self) -> str:
        """The whole story."""
        verdict = f"broken: {self.broken}" if self.broken else "no rule was broken"
        codes = ", ".join(map(str, self.endings)) or "none"
        end = f"{self.calls} calls, {self.kills} kills, exit codes: {codes}; {verdict}"
        return "\n".join([f"seed {self.seed}", *self.lines, end, ""])
