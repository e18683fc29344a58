"""Leftovers of the table `jobs`, planted: (code, path, content)."""

from __future__ import annotations

JOBS: tuple[tuple[str, str, str | bytes], ...] = ()
