"""Leftovers of the table `shared_keys`, planted: (code, path, content)."""

from __future__ import annotations

SHARED_KEYS: tuple[tuple[str, str, str | bytes], ...] = ()
