"""`bootstrap secret`: makes the secret that report keys are derived from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(file: Path) -> None:
    """Write a new secret to FILE (32 random bytes in base64, mode 0600).

    Give the same file to `bootstrap render --secret-file` and `bootstrap serve --secret-file`. Each server signs its
    reports with a key that is derived from this secret, the server's name and the deploy id. An existing file is never
    overwritten. In CI, the text of the file may be given in BOOTSTRAP_SECRET instead.
    """
    from bootstrap.secret import make_secret

    make_secret(file)
    click.echo(f"wrote {file} (mode 0600); whoever can read it can speak for every server", err=True)
