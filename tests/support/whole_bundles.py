"""Bundles and runner texts of any size that a collector takes. Nothing in them can run."""

from __future__ import annotations

import hashlib

from bootstrap.runner.form import LAST_LINE, MAGIC


def text_of(content: str) -> tuple[str, bytes]:
    """(SHA-256, a runner text with this content)."""
    text = (MAGIC + content).encode()
    return hashlib.sha256(text).hexdigest(), text


def bundle_of(content: str, size: int = 0) -> tuple[str, bytes]:
    """(SHA-256, a whole bundle with this content), which is filled up to `size` bytes."""
    last = len(LAST_LINE % ("0" * 64))
    body = MAGIC + content + "\n"
    body += "x" * max(0, size - last - len(body) - 1) + "\n"
    bundle = (body + LAST_LINE % hashlib.sha256(body.encode()).hexdigest()).encode()
    return hashlib.sha256(bundle).hexdigest(), bundle
