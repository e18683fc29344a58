"""Leftovers of the table `disks`, planted: (code, path, content)."""

from __future__ import annotations

DISKS: tuple[tuple[str, str, str | bytes], ...] = ()
