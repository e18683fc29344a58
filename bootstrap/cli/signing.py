"""The key of `--sign`: opened before the work, named after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bootstrap.payload.sign import Signer


def open_key(file: Path | None) -> Signer | None:
    """Open the key of `--sign`; None without one. A request to touch a security key is printed to stderr."""
    if file is None:
        # Most renders sign nothing, and the signing code takes time to import.
        return None
    from bootstrap.payload.sign import signer

    return signer(file, lambda line: click.echo(line, err=True))


def print_signer(key: Signer | None) -> None:
    """Print the key that has signed, below the table of a verb."""
    if key is not None:
        click.echo(f"signed by {key.kind} {key.fingerprint}")
