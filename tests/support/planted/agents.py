"""Leftovers of the table `agents`, planted: (code, path, content)."""

from __future__ import annotations

AGENTS: tuple[tuple[str, str, str | bytes], ...] = ()
