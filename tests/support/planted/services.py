"""Leftovers of the table `services`, planted: (code, path, content)."""

from __future__ import annotations

SERVICES: tuple[tuple[str, str, str | bytes], ...] = ()
